#include "analyzer/lineage/sources.h"

#include <iterator>
#include <memory>
#include <tuple>

namespace pgassay::lineage {
namespace {

constexpr size_t kBudgetBytes = size_t{64} << 20;  // of all value sets

}  // namespace

void Sources::EnterGroup(SessionState& session, std::string name) {
  session.group = &groups_[name];
  session.group->name = std::move(name);
  session.group->sessions.push_back(session.info.session_id);
}

void Sources::LeaveGroup(SessionState& session) {
  Group& group = *session.group;
  group.streaming -= std::min(group.streaming, session.pending.size());
  session.pending.clear();
  std::erase(group.sessions, session.info.session_id);
  ForgetIfUnused(group);
}

void Sources::ForgetIfUnused(Group& group) {
  if (group.sessions.empty() && group.sources == 0) groups_.erase(groups_.find(group.name));
}

Source& Sources::For(UnitState& unit, int64_t statement_id, const ColumnLayout& column, uint32_t hashed_index,
                     const SessionState& session) {
  const SourceKey key{statement_id, column.position};
  if (Source* known = unit.FindSource(key, session.info.session_id)) return *known;
  auto source = std::make_unique<Source>();
  source->key = key;
  source->unit = &unit;
  source->session_id = session.info.session_id;
  source->column = column.column;
  source->column_id = column.column_id;
  source->type_class = column.type_class;
  source->key_like = column.key_like;
  source->hashed_index = hashed_index;
  Group& group = *session.group;
  const auto of_column = std::ranges::find(group.columns, column.column_id, &Group::Column::column_id);
  source->group = &group;
  source->group_column = static_cast<size_t>(of_column - group.columns.begin());
  if (of_column == group.columns.end()) group.columns.push_back({column.column_id, {}});
  auto& sources = group.columns[source->group_column].sources;
  source->group_index = sources.size();
  sources.push_back(source.get());
  ++group.sources;
  unit.sources.push_back(std::move(source));
  return *unit.sources.back();
}

void Sources::Keep(Source& source, int64_t time_ns) {
  const size_t bytes = source.values.bytes();
  total_bytes_ += bytes - source.counted_bytes;
  source.counted_bytes = bytes;
  source.touched_ns = std::max(source.touched_ns, time_ns);
  auto& sources = source.group->columns[source.group_column].sources;
  Source* last = sources.back();
  std::swap(sources[source.group_index], sources.back());
  std::swap(last->group_index, source.group_index);
}

void Sources::Drop(Source& source) {
  total_bytes_ -= source.counted_bytes;
  source.counted_bytes = 0;
  --source.group->sources;
  auto& sources = source.group->columns[source.group_column].sources;
  sources.back()->group_index = source.group_index;
  sources[source.group_index] = sources.back();
  sources.pop_back();
  ForgetIfUnused(*source.group);
}

void Sources::MarkClaimed(Source& source) {
  source.last_claim_ns = latest_ns_;
  ++source.claims;
}

// Frees a quarter of the budget: first what claimed nothing for two seconds, longest untouched first; last of all a
// column that lately claimed and has values left that it has not.
void Sources::EvictSome() {
  if (total_bytes_ <= kBudgetBytes) return;
  std::vector<Source*> victims;
  for (auto& [name, group] : groups_) {
    for (const Group::Column& column : group.columns) {
      std::ranges::copy_if(column.sources, std::back_inserter(victims),
                           [](const Source* source) { return !source->values.evicted(); });
    }
  }
  const auto value = [this](const Source* source) {
    const bool claims = source->last_claim_ns > latest_ns_ - kOutlive && source->claims > 0;
    return std::tuple(!claims ? 0 : source->claims >= source->values.distinct() ? 1 : 2, source->touched_ns);
  };
  std::ranges::sort(victims, {}, value);
  for (Source* source : victims) {
    if (total_bytes_ <= kBudgetBytes / 4 * 3) break;
    total_bytes_ -= source->counted_bytes;
    source->counted_bytes = 0;
    source->values.Evict();
  }
}

}  // namespace pgassay::lineage
