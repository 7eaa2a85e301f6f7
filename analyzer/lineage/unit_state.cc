#include "analyzer/lineage/unit_state.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "analyzer/lineage/order_statistics.h"

namespace pgassay::lineage {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr size_t kMinPollingIntervals = 3;
constexpr int64_t kMinPollingInterval = 200 * kMillisecond;

// Children per group of `key`, and the largest such group's children and distinct values.
template <class KeyOf>
std::pair<uint64_t, uint64_t> LargestGroup(const std::vector<Claim>& claims, KeyOf key_of) {
  std::unordered_map<uint32_t, std::pair<uint64_t, std::unordered_set<uint64_t>>> groups;
  for (const Claim& claim : claims) {
    auto& [children, values] = groups[key_of(claim)];
    ++children;
    values.insert(claim.value);
  }
  uint64_t children = 0, distinct = 0;
  for (const auto& [parent, group] : groups) {
    children = std::max(children, group.first);
    distinct = std::max<uint64_t>(distinct, group.second.size());
  }
  return {children, distinct};
}

// Where a claim's value stands for order: in its parent's rows, or for a chain's one-row results in the rows at the
// chain's top.
std::pair<uint32_t, uint32_t> Anchor(const Claim& claim, const Parents& parents) {
  const ParentExecution& parent = parents[claim.parent];
  if (parent.rows == 1 && parent.ancestor != claim.parent) return {parent.ancestor, parent.ancestor_row};
  return {claim.parent, claim.row};
}

void MeasureOrderInto(Edge& row, const std::vector<Claim>& claims, const Parents& parents) {
  std::map<uint32_t, std::vector<uint32_t>> rows_by_anchor;
  std::unordered_map<uint64_t, std::unordered_set<uint32_t>> seen;
  for (const Claim& claim : claims) {
    const auto [anchor, anchor_row] = Anchor(claim, parents);
    if (seen[anchor].insert(anchor_row).second) rows_by_anchor[anchor].push_back(anchor_row);
  }
  std::vector<std::vector<uint32_t>> groups;
  groups.reserve(rows_by_anchor.size());
  for (auto& [anchor, rows] : rows_by_anchor) groups.push_back(std::move(rows));
  const OrderStatistics order = MeasureOrder(groups);
  row.order_tau = order.tau;
  row.order_values = order.values;
  row.order_log10_p = order.log10_p;
}

void MeasureTimesInto(Edge& row, std::vector<Claim> claims) {
  std::ranges::stable_sort(claims, {}, &Claim::sent_ns);
  std::vector<int64_t> gaps, durations;
  for (size_t i = 0; i < claims.size(); ++i) {
    durations.push_back(claims[i].database_ns);
    if (i == 0) continue;
    const Claim& before = claims[i - 1];
    int64_t gap = claims[i].sent_ns - before.done_ns;
    // What the session spent on other statements in between is no idle time of the loop.
    if (claims[i].session_id == before.session_id)
      gap -= claims[i].busy_before_ns - before.busy_before_ns - before.database_ns;
    gaps.push_back(std::max<int64_t>(gap, 0));
  }
  row.gap_p90_ns = Quantile(std::move(gaps), 0.9);
  row.child_median_ns = Quantile(std::move(durations), 0.5);
  row.first_child_delay_ns = claims.front().pause_ns;
}

void CountParentsInto(Edge& row, const UnitState& unit, const std::vector<Claim>& claims, const Parents& parents,
                      uint32_t hashed_index) {
  std::unordered_set<uint32_t> seen;
  for (const Claim& claim : claims) {
    if (!seen.insert(claim.parent).second) continue;
    const ParentExecution& parent = parents[claim.parent];
    ++row.parent_executions;
    row.parent_executions_claimed += parent.claimed ? 1 : 0;
    row.parent_rows += parent.rows;
    row.parent_distinct += parent.distinct[hashed_index];
  }
  const auto total = unit.statements_by_id.find(row.parent_statement_id);
  row.parent_executions_total = total == unit.statements_by_id.end() ? row.parent_executions : total->second.row.calls;
  row.parent_executions_total = std::max(row.parent_executions_total, row.parent_executions);
}

void CountValuesInto(Edge& row, const std::vector<Claim>& claims) {
  struct Group {
    uint64_t children = 0, multiplicity = 1;
  };
  std::unordered_map<uint64_t, std::unordered_map<uint32_t, Group>> by_value;
  for (const Claim& claim : claims) {
    Group& group = by_value[claim.value][claim.parent];
    ++group.children;
    group.multiplicity = claim.multiplicity;
  }
  row.distinct_values = by_value.size();
  for (const auto& [value, groups] : by_value) {
    const bool as_often = std::ranges::all_of(groups, [](const auto& group) {
      return group.second.children == 1 || group.second.children == group.second.multiplicity;
    });
    row.values_as_often += as_often ? 1 : 0;
    row.values_hash += value * 0x9E3779B97F4A7C15ULL;
  }
}

void MeasureContainmentInto(Edge& row, const UnitState& unit, const EdgeState& edge) {
  const auto sink = unit.sinks.find({row.child_statement_id, row.child_comparison});
  if (sink == unit.sinks.end()) return;
  std::vector<const Source*> sources;
  for (const auto& source : unit.sources) {
    if (source->key == SourceKey{row.parent_statement_id, row.parent_position}) sources.push_back(source.get());
  }
  std::unordered_set<uint64_t> claimed;
  for (const Claim& claim : edge.claims) claimed.insert(claim.value);
  uint64_t tested = 0, contained = 0;
  sink->second.values.ForEach([&](uint64_t value, const SinkState::Value& state) {
    const bool own = claimed.contains(value);
    if (!own && state.related_edge != 0 && state.related_edge != edge.number) return;
    ++row.child_distinct_values;
    const bool testable = own || std::ranges::all_of(sources, [=](const Source* s) { return s->values.Tests(value); });
    if (!testable) return;
    ++tested;
    contained +=
        own || std::ranges::any_of(sources, [=](const Source* s) { return s->values.Contains(value); }) ? 1 : 0;
  });
  // Of a sample the share is what is known; the count is scaled to the whole.
  row.contained_values =
      tested == 0 || tested == row.child_distinct_values ? contained : contained * row.child_distinct_values / tested;
  for (const Source* source : sources) row.truncated |= source->values.sampled();
}

}  // namespace

int64_t Quantile(std::vector<int64_t> sample, double share) {
  if (sample.empty()) return 0;
  const auto at = static_cast<size_t>(std::lround(share * static_cast<double>(sample.size() - 1)));
  std::ranges::nth_element(sample, sample.begin() + static_cast<std::ptrdiff_t>(at));
  return sample[at];
}

RepeatState& UnitState::RepeatOf(int64_t statement_id, uint64_t parameters_hash, LastSeen& seen) {
  if (seen.repeat != kNobody) return repeats[seen.repeat];
  seen.repeat = static_cast<uint32_t>(repeats.size());
  RepeatState& state = repeats.emplace_back();
  state.current.statement_id = statement_id;
  state.current.parameters_hash = parameters_hash;
  state.current.executions = 1;
  state.current.first_no = state.current.last_no = seen.first_no;
  return state;
}

void UnitState::MarkRepeatDirty(uint32_t repeat) {
  if (!std::exchange(repeats[repeat].dirty, true)) dirty_repeats.push_back(repeat);
}

void UnitState::AddPause(int64_t end_ns, int64_t length_ns) {
  constexpr size_t kMaxPauses = 64;
  while (!pauses.empty() && pauses.back().second <= length_ns) pauses.pop_back();
  if (pauses.size() < kMaxPauses) pauses.emplace_back(end_ns, length_ns);
}

int64_t UnitState::LongestPauseSince(int64_t time_ns) const {
  const auto found = std::ranges::upper_bound(pauses, time_ns, {}, &std::pair<int64_t, int64_t>::first);
  return found == pauses.end() ? 0 : found->second;
}

Source* UnitState::FindSource(const SourceKey& key, uint64_t session_id) {
  for (auto source = sources.rbegin(); source != sources.rend(); ++source) {
    if ((*source)->key == key && (*source)->session_id == session_id && !(*source)->values.evicted())
      return source->get();
  }
  return nullptr;
}

StatementState& UnitState::Statement(int64_t statement_id) {
  StatementState& state = statements_by_id[statement_id];
  state.row.statement_id = statement_id;
  return state;
}

SinkState& UnitState::Sink(int64_t statement_id, int32_t comparison) { return sinks[{statement_id, comparison}]; }

Edge MakeEdge(const UnitState& unit, const EdgeState& edge, const Parents& parents, uint64_t sink_domain) {
  Edge row = edge.row;
  row.unit_id = unit.row.unit_id;
  row.sink_domain = sink_domain;
  if (edge.claims.empty()) return row;
  row.parent_no = parents[edge.claims.front().parent].execution_no;
  uint32_t hashed_index = 0;
  for (const auto& source : unit.sources) {
    if (source->key == SourceKey{row.parent_statement_id, row.parent_position}) hashed_index = source->hashed_index;
  }
  const auto statement = unit.statements_by_id.find(row.child_statement_id);
  row.child_executions = statement == unit.statements_by_id.end() ? row.children : statement->second.row.calls;
  row.untested = statement == unit.statements_by_id.end() ? 0 : statement->second.untested;
  row.child_executions = std::max(row.child_executions, row.children);  // some may have stayed in their own units
  CountParentsInto(row, unit, edge.claims, parents, hashed_index);
  CountValuesInto(row, edge.claims);
  MeasureContainmentInto(row, unit, edge);
  MeasureOrderInto(row, edge.claims, parents);
  MeasureTimesInto(row, edge.claims);
  std::tie(row.max_children_per_parent, row.max_distinct_per_parent) =
      LargestGroup(edge.claims, [](const Claim& claim) { return claim.parent; });
  std::tie(row.max_children_per_ancestor, row.max_distinct_per_ancestor) =
      LargestGroup(edge.claims, [&](const Claim& claim) { return Anchor(claim, parents).first; });
  row.truncated |= edge.claims.size() < row.children;
  return row;
}

UnitStatement MakeUnitStatement(const UnitState& unit, const StatementState& state) {
  UnitStatement row = state.row;
  row.unit_id = unit.row.unit_id;
  row.distinct_parameters = state.parameters.Estimate();
  row.unclaimed_distinct = state.unclaimed_values.size();
  row.gap_p90_ns = Quantile(state.gaps, 0.9);
  row.median_ns = Quantile(state.durations, 0.5);
  return row;
}

Repeat MakeRepeat(const UnitState& unit, const RepeatState& state) {
  const bool now = state.current.executions >= state.longest.executions;
  Repeat row = now ? state.current : state.longest;
  row.unit_id = unit.row.unit_id;
  if (!now) return row;
  row.gap_median_ns = Quantile(state.gaps, 0.5);
  if (state.gaps.size() >= kMinPollingIntervals && row.gap_median_ns > kMinPollingInterval) {
    const auto [low, high] = std::ranges::minmax(state.gaps);
    row.regular_interval = high - low < row.gap_median_ns / 4;
  }
  return row;
}

}  // namespace pgassay::lineage
