#include "analyzer/lineage/counting.h"

#include <algorithm>
#include <utility>

namespace pgassay::lineage {
namespace {

// Values that merely coincide leave a loop without a known parent.
bool MayFeed(const Candidate& claim, uint32_t column_id, int64_t child_statement_id, const Columns& columns) {
  if (claim.level == 2) return true;
  return claim.level == 1 && claim.source->key.statement_id != child_statement_id && claim.source->key_like &&
         LooksLikeKey(columns.Name(column_id).column);
}

void AddRepeat(UnitState& unit, RepeatState& state, const Execution& execution, bool changed, const LastSeen& seen) {
  Repeat& current = state.current;
  if (changed) {
    if (current.executions > state.longest.executions) state.longest = MakeRepeat(unit, state);
    const Repeat before = std::exchange(current, {});
    current.statement_id = before.statement_id;
    current.parameters_hash = before.parameters_hash;
    current.executions = 1;
    current.first_no = current.last_no = execution.execution_no;
    state.gaps.clear();
    return;
  }
  ++current.executions;
  current.last_no = execution.execution_no;
  current.rows += execution.rows;
  current.bytes += execution.bytes;
  current.repeat_ns += std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
  if (state.gaps.size() < kMaxKept) state.gaps.push_back(execution.sent_ns - seen.last_sent_ns);
  unit.MarkRepeatDirty(seen.repeat);
}

// serialization_failure, deadlock_detected: another transaction was in the way, and the work is done again.
bool IsTransactionConflict(std::string_view sqlstate) { return sqlstate == "40001" || sqlstate == "40P01"; }

}  // namespace

void CountExecution(const SessionState& session, UnitState& unit, const Execution& execution) {
  Unit& row = unit.row;
  ++row.statements;
  row.round_trips += execution.pipelined ? 0 : 1;
  row.rows += execution.rows;
  row.bytes += execution.bytes;
  row.database_ns += std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
  if (unit.last_session_id == session.info.session_id && unit.last_done_ns > 0) {
    row.think_ns += std::max<int64_t>(execution.sent_ns - unit.last_done_ns, 0);
  }
  if (unit.last_done_ns > 0)
    unit.AddPause(execution.sent_ns, std::max<int64_t>(execution.sent_ns - unit.last_done_ns, 0));
  unit.last_session_id = session.info.session_id;
  unit.last_done_ns = std::max(unit.last_done_ns, execution.done_ns);
  row.end_ns = std::max(row.end_ns, execution.done_ns);
  row.begin_ns = std::min(row.begin_ns, execution.sent_ns);
  row.schema_change |= execution.statement.operation == sql::Operation::kDdl;
  row.shared_connection |= session.shared;
  row.transaction_conflict |= IsTransactionConflict(execution.sqlstate);
  unit.last_activity_ns = std::max(unit.last_activity_ns, execution.done_ns);
  unit.statements += IsHousekeeping(execution) ? 0 : 1;
}

void CountStatement(const SessionState& session, UnitState& unit, const Execution& execution,
                    const std::vector<SinkOutcome>& outcomes, const Columns& columns) {
  StatementState& state = unit.Statement(execution.statement.statement_id);
  state.dirty = true;
  UnitStatement& row = state.row;
  const int64_t database_ns = std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
  if (row.calls == 0) row.first_no = execution.execution_no;
  row.last_no = execution.execution_no;
  ++row.calls;
  row.errors += execution.completed ? 0 : 1;
  row.rows += execution.rows;
  row.bytes += execution.bytes;
  row.pipelined += execution.pipelined ? 1 : 0;
  row.database_ns += database_ns;
  if (execution.parameters_hash != 0) state.parameters.Add(execution.parameters_hash);
  if (state.durations.size() < kMaxKept) state.durations.push_back(database_ns);
  if (state.last_done_ns > 0 && state.gaps.size() < kMaxKept) {
    int64_t gap = execution.sent_ns - state.last_done_ns;
    if (state.last_session == session.info.session_id) gap -= session.busy_ns - state.last_busy_ns;
    state.gaps.push_back(std::max<int64_t>(gap, 0));
  }
  state.last_done_ns = execution.done_ns;
  state.last_session = session.info.session_id;
  state.last_busy_ns = session.busy_ns + database_ns;

  bool single = false, claimed = false, untested = false, batch = false;
  uint64_t value = 0;
  for (const SinkOutcome& outcome : outcomes) {
    batch |= outcome.sink->elements > 1;
    row.batch_elements += outcome.sink->elements > 1 ? static_cast<uint64_t>(outcome.sink->elements) : 0;
    if (outcome.value == 0) continue;
    single = true;
    value = value * 31 + outcome.value;
    claimed |= outcome.claim && !outcome.claim->source->outside &&
               MayFeed(*outcome.claim, outcome.column_id, row.statement_id, columns);
    untested |= outcome.untested;
  }
  row.batches += batch ? 1 : 0;
  if (!single || claimed) return;
  if (untested) {
    ++state.untested;
    return;
  }
  ++row.unclaimed;
  uint32_t* const count = state.unclaimed_values.InsertUpTo(kMaxKept, value);
  if (count != nullptr) row.unclaimed_max_repeat = std::max<uint64_t>(row.unclaimed_max_repeat, ++*count);
}

void CountRepeat(UnitState& unit, const Execution& execution) {
  const sql::Facts* facts = execution.statement.facts;
  if (facts == nullptr) return;
  if (facts->writes) {
    if (facts->target >= 0) ++unit.writes[facts->relations[static_cast<size_t>(facts->target)].name];
    return;
  }
  if (facts->operation != sql::Operation::kSelect || facts->locking || facts->volatile_functions ||
      facts->relations.empty() || execution.parameters_hash == 0) {
    return;
  }
  uint32_t writes = 0;
  for (const sql::Relation& relation : facts->relations) {
    if (unit.writes.empty()) break;
    if (const auto found = unit.writes.find(relation.name); found != unit.writes.end())
      writes += static_cast<uint32_t>(found->second);
  }
  const int64_t statement_id = execution.statement.statement_id;
  auto& by_parameters = unit.last_seen[statement_id];
  const size_t room = kMaxKept - std::min(kMaxKept, unit.last_seen_count);
  const size_t before = by_parameters.size();
  LastSeen* seen = by_parameters.InsertUpTo(before + room, execution.parameters_hash);
  if (seen == nullptr) return;
  const bool first = by_parameters.size() > before;
  unit.last_seen_count += first ? 1 : 0;
  const bool changed = first || seen->result_hash != execution.result_hash || seen->writes != writes;
  if (!changed || seen->repeat != kNobody) {
    AddRepeat(unit, unit.RepeatOf(statement_id, execution.parameters_hash, *seen), execution, changed, *seen);
  } else {
    seen->first_no = execution.execution_no;
  }
  seen->result_hash = execution.result_hash;
  seen->writes = writes;
  seen->last_sent_ns = execution.sent_ns;
}

}  // namespace pgassay::lineage
