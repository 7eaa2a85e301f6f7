#include "analyzer/lineage/result_rows.h"

#include <algorithm>
#include <iterator>

namespace pgassay::lineage {
namespace {

constexpr size_t kMaxParentsPerUnit = 65'536;
constexpr size_t kMaxPendingBatches = 4096;
constexpr size_t kMaxOpenCursors = 32;  // executions per session whose later rows are still placed
constexpr size_t kMaxSpareHashes = 4096;

RowsView View(const PendingRows& pending, const PendingRows::Batch& batch) {
  const size_t hashes = batch.row_count * pending.layout->columns.size();
  return {batch.time_ns, batch.first_row, batch.row_count, std::span(pending.hashes).subspan(batch.first_hash, hashes)};
}

bool OnlyHolds(const PendingRows& pending, size_t column, size_t width, const std::vector<ValueHash>& value) {
  if (value.size() != 1) return false;
  for (const auto& batch : pending.batches) {
    const RowsView rows = View(pending, batch);
    for (size_t at = column; at < rows.hashes.size(); at += width) {
      if (rows.hashes[at] != value[0].hash && rows.hashes[at] != value[0].alternate) return false;
    }
  }
  return true;
}

}  // namespace

void ResultRows::Add(SessionState& session, uint64_t execution_id, int64_t statement_id, const Layout& layout,
                     const RowsView& rows) {
  if (!open_cursors_.empty()) {
    const auto open = open_cursors_.find({session.info.session_id, execution_id});
    if (open != open_cursors_.end()) return Append(open->second, layout, rows, session);
  }
  PendingRows& pending = PendingOf(session, execution_id, statement_id);
  if (pending.layout != nullptr && pending.layout->columns.size() != layout.columns.size()) return;
  if (pending.promoted != kNobody) {
    parents_[pending.promoted].rows += rows.row_count;
    InsertBatch(pending.promoted, layout, rows, {}, session);
    return;
  }
  pending.layout = &layout;
  if (pending.batches.size() >= kMaxPendingBatches) return;
  pending.batches.push_back({rows.time_ns, rows.first_row, rows.row_count, pending.hashes.size()});
  pending.hashes.insert(pending.hashes.end(), rows.hashes.begin(), rows.hashes.end());
}

PendingRows ResultRows::Take(SessionState& session, uint64_t execution_id) {
  const auto found = std::ranges::find(session.pending, execution_id, &PendingRows::execution_id);
  if (found == session.pending.end()) return {};
  PendingRows rows = std::move(*found);
  session.pending.erase(found);
  session.group->streaming -= std::min<size_t>(session.group->streaming, 1);
  return rows;
}

PendingRows& ResultRows::PendingOf(SessionState& session, uint64_t execution_id, int64_t statement_id) {
  const auto found = std::ranges::find(session.pending, execution_id, &PendingRows::execution_id);
  if (found != session.pending.end()) return *found;
  PendingRows& rows = session.pending.emplace_back(std::exchange(spare_rows_, {}));
  rows.execution_id = execution_id;
  rows.statement_id = statement_id;
  ++session.group->streaming;
  return rows;
}

// Its memory serves the next execution with rows.
void ResultRows::Recycle(PendingRows&& rows) {
  if (rows.hashes.capacity() <= spare_rows_.hashes.capacity() || rows.hashes.capacity() > kMaxSpareHashes) return;
  rows.batches.clear();
  rows.hashes.clear();
  spare_rows_ = {.execution_id = 0, .batches = std::move(rows.batches), .hashes = std::move(rows.hashes)};
}

void ResultRows::PromoteStreams(std::unordered_map<uint64_t, SessionState>& sessions, const Group& group,
                                const Execution& execution) {
  if (group.streaming == 0 || execution.sinks.empty()) return;
  for (const uint64_t session_id : group.sessions) {
    SessionState& session = sessions.at(session_id);
    for (PendingRows& pending : session.pending) {
      const bool visible = !pending.batches.empty() && pending.batches.front().time_ns <= execution.sent_ns;
      if (visible && pending.promoted == kNobody) Promote(session, pending);
    }
  }
}

void ResultRows::Promote(SessionState& session, PendingRows& pending) {
  const int64_t first_ns = pending.batches.front().time_ns;
  UnitState& unit = scopes_.StreamUnit(session, first_ns);
  pending.promoted_unit = unit.row.unit_id;
  pending.promoted = NewParent(session, unit, pending.statement_id);
  for (const auto& batch : pending.batches) {
    parents_[pending.promoted].rows += batch.row_count;
    InsertBatch(pending.promoted, *pending.layout, View(pending, batch), {}, session);
  }
  pending.batches.clear();
  pending.hashes.clear();
}

uint32_t ResultRows::NewParent(const SessionState& session, UnitState& unit, int64_t statement_id) {
  uint32_t index = static_cast<uint32_t>(parents_.size());
  if (!free_parents_.empty()) {
    index = free_parents_.back();
    free_parents_.pop_back();
    parents_[index] = ParentExecution{};
  } else {
    parents_.emplace_back();
  }
  ParentExecution& parent = parents_[index];
  parent.session_id = session.info.session_id;
  parent.transaction = session.in_transaction ? session.transaction : 0;
  parent.unit_id = unit.row.unit_id;
  parent.statement_id = statement_id;
  parent.ancestor = index;
  unit.parents.push_back(index);
  return index;
}

void ResultRows::Insert(const SessionState& session, UnitState& unit, const Execution& execution,
                        const PendingRows& pending, const std::vector<SinkOutcome>& outcomes) {
  const Layout* columns = pending.layout;
  uint32_t index = pending.promoted;
  if (index == kNobody) {
    if (columns == nullptr || pending.batches.empty() || unit.parents.size() >= kMaxParentsPerUnit) return;
    index = NewParent(session, unit, execution.statement.statement_id);
  }
  {
    ParentExecution& parent = parents_[index];
    parent.execution_no = execution.execution_no;
    parent.rows = std::max(parent.rows, execution.rows);
  }
  const Candidate* best = nullptr;
  for (const SinkOutcome& outcome : outcomes) {
    if (outcome.claim && !outcome.claim->source->outside && (best == nullptr || outcome.claim->Rank() > best->Rank()))
      best = &*outcome.claim;
  }
  if (best != nullptr) SetAncestor(index, unit, *best);
  if (columns == nullptr) return;
  FindEchoes(session, unit, execution, *columns, pending, outcomes);
  for (const auto& batch : pending.batches) InsertBatch(index, *columns, View(pending, batch), echoes_, session);
  RememberCursor(execution, index);
}

void ResultRows::SetAncestor(uint32_t index, const UnitState& unit, const Candidate& claim) {
  ParentExecution& self = parents_[index];
  self.claimed = true;
  const uint32_t parent = claim.occurrence.execution;
  if (&units_.Root(parents_[parent].unit_id) != &unit) return;
  const bool chained = parents_[parent].rows == 1 && parents_[parent].ancestor != parent;
  self.ancestor = chained ? parents_[parent].ancestor : parent;
  self.ancestor_row = chained ? parents_[parent].ancestor_row : claim.occurrence.row;
}

// A column that the statement's own equality fixes to a parameter is never a new source: it has the parameter's.
// Where nobody claimed the parameter, the request brought the value along, and the echo stands for that.
void ResultRows::FindEchoes(const SessionState& session, const UnitState& unit, const Execution& execution,
                            const Layout& layout, const PendingRows& pending,
                            const std::vector<SinkOutcome>& outcomes) {
  echoes_.assign(layout.columns.size(), Echo::kNo);
  for (size_t i = 0; i < layout.columns.size(); ++i) {
    for (const SinkOutcome& outcome : outcomes) {
      const ColumnLayout& column = layout.columns[i];
      const bool by_name = column.echo_comparison == outcome.sink->comparison;
      const bool unnamed = column.column.relation.empty() && column.echo_comparison < 0;
      if (!by_name && !unnamed) continue;
      if (outcome.sink->elements > 1) {
        if (by_name && BatchIsClaimed(session, unit, execution, outcome)) echoes_[i] = Echo::kInherited;
      } else if (outcome.value != 0 && OnlyHolds(pending, i, layout.columns.size(), outcome.sink->hashes)) {
        echoes_[i] = outcome.claim ? Echo::kInherited : Echo::kOutside;
      }
    }
  }
}

bool ResultRows::BatchIsClaimed(const SessionState& session, const UnitState& unit, const Execution& execution,
                                const SinkOutcome& outcome) {
  constexpr size_t kProbed = 8;
  size_t probed = 0, found = 0;
  bool untested = false;
  for (const ValueHash& value : outcome.sink->hashes) {
    if (value.hash == 0 || probed == kProbed) continue;
    ++probed;
    found += claims_.FindOne(session, unit, execution.sent_ns, outcome.column_id,
                             columns_.TypeOf(*outcome.sink, outcome.column_id), value, &untested)
                 ? 1
                 : 0;
  }
  return probed > 0 && found * 2 > probed;
}

void ResultRows::InsertBatch(uint32_t index, const Layout& layout, const RowsView& batch, std::span<const Echo> echoes,
                             const SessionState& session) {
  UnitState& unit = units_.Root(parents_[index].unit_id);
  unit.last_activity_ns = std::max(unit.last_activity_ns, batch.time_ns);
  const size_t width = layout.columns.size();
  for (size_t i = 0; i < width; ++i) {
    const ColumnLayout& column = layout.columns[i];
    if (column.type_class == TypeClass::kNotComparable) continue;
    // Before an execution ends its parameters are not known; what may be an echo then stays out.
    if (echoes.empty() && column.echo_comparison >= 0) continue;
    if (!echoes.empty() && echoes[i] == Echo::kInherited) continue;
    const bool outside = !echoes.empty() && echoes[i] == Echo::kOutside;
    Source& source = sources_.For(unit, parents_[index].statement_id, column, static_cast<uint32_t>(i), session);
    source.outside = source.values.rows() == 0 ? outside : source.outside && outside;
    for (uint32_t row = 0; row < batch.row_count; ++row) {
      const uint64_t hash = batch.hashes[row * width + i];
      if (hash == 0) continue;
      if (source.values.Add(hash, index, static_cast<uint32_t>(batch.first_row) + row, batch.time_ns))
        ++parents_[index].distinct[i];
      columns_.Domain(column.column_id).Add(hash);
    }
    sources_.Keep(source, batch.time_ns);
  }
  sources_.EvictSome();
}

void ResultRows::RememberCursor(const Execution& execution, uint32_t index) {
  if (!execution.rows_follow) return;
  open_cursors_[{execution.session_id, execution.execution_id}] = {index, echoes_};
  const auto first = open_cursors_.lower_bound({execution.session_id, 0});
  const auto last = open_cursors_.upper_bound({execution.session_id, UINT64_MAX});
  if (static_cast<size_t>(std::distance(first, last)) > kMaxOpenCursors) open_cursors_.erase(first);
}

void ResultRows::Append(const OpenCursor& cursor, const Layout& layout, const RowsView& rows,
                        const SessionState& session) {
  parents_[cursor.parent].rows = std::max<uint64_t>(parents_[cursor.parent].rows, rows.first_row + rows.row_count);
  InsertBatch(cursor.parent, layout, rows, cursor.echoes, session);
}

void ResultRows::ForgetSession(uint64_t session_id) {
  open_cursors_.erase(open_cursors_.lower_bound({session_id, 0}), open_cursors_.lower_bound({session_id + 1, 0}));
}

void ResultRows::Release(uint32_t parent) {
  free_parents_.push_back(parent);
  if (!open_cursors_.empty())
    std::erase_if(open_cursors_, [parent](const auto& entry) { return entry.second.parent == parent; });
}

}  // namespace pgassay::lineage
