#include <algorithm>
#include <unordered_map>
#include <utility>

#include "analyzer/lineage/unit_state.h"

namespace pgassay::lineage {
namespace {

void AbsorbEdges(UnitState& unit, UnitState& other, LineageSink& sink) {
  std::unordered_map<uint32_t, uint32_t> renumbered;
  for (auto& [key, from] : other.edges) {
    Edge old = from.row;
    old.unit_id = other.row.unit_id;
    old.children = old.child_ns = 0;
    if (other.emitted) sink.OnEdge(old);
    const auto [at, fresh] = unit.edges.try_emplace(key, std::move(from));
    EdgeState& into = at->second;
    into.dirty = true;
    if (fresh) continue;
    renumbered[from.number] = into.number;
    into.related |= from.related;
    into.row.children += from.row.children;
    into.row.same_connection += from.row.same_connection;
    into.row.same_process += from.row.same_process;
    into.row.same_transaction += from.row.same_transaction;
    into.row.rejoined += from.row.rejoined;
    into.row.from_outside += from.row.from_outside;
    into.row.pipelined += from.row.pipelined;
    into.row.holes += from.row.holes;
    into.row.child_ns += from.row.child_ns;
    into.row.child_rows += from.row.child_rows;
    into.row.child_bytes += from.row.child_bytes;
    into.row.first_child_no = std::min(into.row.first_child_no, from.row.first_child_no);
    into.row.last_child_no = std::max(into.row.last_child_no, from.row.last_child_no);
    into.row.truncated |= from.row.truncated;
    const size_t room = kMaxKept - std::min(kMaxKept, into.claims.size());
    into.claims.insert(into.claims.end(), from.claims.begin(),
                       from.claims.begin() + static_cast<std::ptrdiff_t>(std::min(room, from.claims.size())));
    std::ranges::stable_sort(into.claims, {}, &Claim::sent_ns);
  }
  for (auto& [key, from] : other.sinks) {
    SinkState& into = unit.sinks[key];
    into.column_id = from.column_id;
    into.executions += from.executions;
    into.unclaimed += from.unclaimed;
    from.values.ForEach([&](uint64_t value, const SinkState::Value& state) {
      SinkState::Value* merged = into.values.InsertUpTo(kMaxKept, value);
      if (merged == nullptr) return;
      merged->count += state.count;
      const auto number = renumbered.find(state.related_edge);
      if (state.related_edge != 0)
        merged->related_edge = number == renumbered.end() ? state.related_edge : number->second;
    });
  }
}

void AbsorbStatements(UnitState& unit, UnitState& other, LineageSink& sink) {
  for (auto& [id, from] : other.statements_by_id) {
    UnitStatement old;
    old.unit_id = other.row.unit_id;
    old.statement_id = id;
    if (other.emitted) sink.OnUnitStatement(old);
    const auto [at, fresh] = unit.statements_by_id.try_emplace(id, std::move(from));
    StatementState& into = at->second;
    into.dirty = true;
    if (fresh) continue;
    UnitStatement& row = into.row;
    row.calls += from.row.calls;
    row.errors += from.row.errors;
    row.rows += from.row.rows;
    row.bytes += from.row.bytes;
    row.pipelined += from.row.pipelined;
    row.batches += from.row.batches;
    row.batch_elements += from.row.batch_elements;
    row.unclaimed += from.row.unclaimed;
    row.database_ns += from.row.database_ns;
    row.first_no = std::min(row.first_no, from.row.first_no);
    row.last_no = std::max(row.last_no, from.row.last_no);
    into.untested += from.untested;
    into.parameters.Merge(from.parameters);
    from.unclaimed_values.ForEach([&](uint64_t value, uint32_t count) {
      uint32_t& sum = *into.unclaimed_values.Insert(value).first;
      row.unclaimed_max_repeat = std::max<uint64_t>(row.unclaimed_max_repeat, sum += count);
    });
    if (into.last_session == from.last_session && into.last_done_ns > 0) {
      into.gaps.push_back(std::max<int64_t>(from.last_done_ns - into.last_done_ns, 0));
    }
    into.gaps.insert(into.gaps.end(), from.gaps.begin(), from.gaps.end());
    into.durations.insert(into.durations.end(), from.durations.begin(), from.durations.end());
    into.last_done_ns = std::max(into.last_done_ns, from.last_done_ns);
    into.last_busy_ns = std::max(into.last_busy_ns, from.last_busy_ns);
  }
}

void AbsorbRepeat(UnitState& unit, int64_t statement_id, uint64_t parameters_hash, LastSeen from, UnitState& other) {
  const auto [into, fresh] = unit.last_seen[statement_id].Insert(parameters_hash);
  if (fresh) {
    ++unit.last_seen_count;
    *into = from;
    if (from.repeat == kNobody) return;
    into->repeat = static_cast<uint32_t>(unit.repeats.size());
    unit.repeats.push_back(std::move(other.repeats[from.repeat]));
    unit.repeats.back().dirty = false;  // it stood in the other unit's list
    unit.MarkRepeatDirty(into->repeat);
    return;
  }
  RepeatState& repeat = unit.RepeatOf(statement_id, parameters_hash, *into);
  const RepeatState& absorbed = other.RepeatOf(statement_id, parameters_hash, from);
  const bool continues = into->result_hash == from.result_hash && unit.writes.empty() && other.writes.empty();
  if (repeat.current.executions > repeat.longest.executions) repeat.longest = repeat.current;
  if (continues) {
    const Repeat before = repeat.current;
    repeat.current = absorbed.current;
    repeat.current.executions += before.executions;
    repeat.current.rows += before.rows + before.rows / std::max<uint64_t>(before.executions - 1, 1);
    repeat.current.bytes += before.bytes;
    repeat.current.repeat_ns += before.repeat_ns;
    repeat.current.first_no = std::min(repeat.current.first_no, before.first_no);
    if (from.last_sent_ns > into->last_sent_ns) repeat.gaps.push_back(from.last_sent_ns - into->last_sent_ns);
    repeat.gaps.insert(repeat.gaps.end(), absorbed.gaps.begin(), absorbed.gaps.end());
  } else {
    if (absorbed.longest.executions > repeat.longest.executions) repeat.longest = absorbed.longest;
    repeat.current = absorbed.current;
    into->result_hash = from.result_hash;
    repeat.gaps = absorbed.gaps;
  }
  into->last_sent_ns = from.last_sent_ns;
  unit.MarkRepeatDirty(into->repeat);
}

void AbsorbRepeats(UnitState& unit, UnitState& other, LineageSink& sink) {
  for (const RepeatState& state : other.repeats) {
    if (!other.emitted) break;
    Repeat old;
    old.unit_id = other.row.unit_id;
    old.statement_id = state.current.statement_id;
    old.parameters_hash = state.current.parameters_hash;
    sink.OnRepeat(old);
  }
  for (const auto& [statement_id, seen] : other.last_seen) {
    seen.ForEach([&, id = statement_id](uint64_t parameters_hash, const LastSeen& from) {
      AbsorbRepeat(unit, id, parameters_hash, from, other);
    });
  }
  for (const auto& [relation, count] : other.writes) unit.writes[relation] += count;
}

}  // namespace

void Absorb(UnitState& unit, UnitState& other, LineageSink& sink) {
  AbsorbStatements(unit, other, sink);
  AbsorbEdges(unit, other, sink);
  AbsorbRepeats(unit, other, sink);
  for (auto& source : other.sources) {
    source->unit = &unit;
    unit.sources.push_back(std::move(source));
  }
  unit.parents.insert(unit.parents.end(), other.parents.begin(), other.parents.end());
  for (auto& [key, from] : other.reaching) {
    ReachingClaims& into = unit.reaching[key];
    into.established |= from.established;
    into.values.merge(from.values);
    into.waiting.insert(into.waiting.end(), from.waiting.begin(), from.waiting.end());
  }
  unit.deferred.insert(unit.deferred.end(), other.deferred.begin(), other.deferred.end());
  unit.row.schema_change |= other.row.schema_change;
  unit.row.shared_connection |= other.row.shared_connection;
  unit.row.transaction_conflict |= other.row.transaction_conflict;
  if (unit.row.label.empty()) unit.row.label = other.row.label;
  if (unit.row.trace_id.empty()) unit.row.trace_id = other.row.trace_id;
  if (other.row.statements > 0) {
    if (unit.last_done_ns > 0)
      unit.AddPause(other.row.begin_ns, std::max<int64_t>(other.row.begin_ns - unit.last_done_ns, 0));
    for (const auto& [end_ns, length_ns] : other.pauses) unit.AddPause(end_ns, length_ns);
    unit.last_done_ns = std::max(unit.last_done_ns, other.last_done_ns);
    unit.last_session_id = other.last_session_id;
  }
  unit.row.begin_ns = std::min(unit.row.begin_ns, other.row.begin_ns);
  unit.row.end_ns = std::max(unit.row.end_ns, other.row.end_ns);
  unit.row.statements += other.row.statements;
  unit.row.round_trips += other.row.round_trips;
  unit.row.rows += other.row.rows;
  unit.row.bytes += other.row.bytes;
  unit.row.database_ns += other.row.database_ns;
  unit.row.think_ns += other.row.think_ns;
  unit.statements += other.statements;
  unit.open_in_sessions += other.open_in_sessions;
  unit.last_activity_ns = std::max(unit.last_activity_ns, other.last_activity_ns);
  if (unit.row.kind == UnitKind::kTransaction && unit.transaction != other.transaction) {
    unit.row.kind = UnitKind::kGap;
    unit.transaction = 0;
  }
  unit.dirty = true;
  const Unit row = other.row;
  other = UnitState{};
  other.row = row;
  other.row.joined_to = unit.row.unit_id;
  other.row.statements = other.row.round_trips = other.row.rows = other.row.bytes = 0;
  other.row.database_ns = other.row.think_ns = 0;
}

}  // namespace pgassay::lineage
