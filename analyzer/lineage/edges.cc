#include "analyzer/lineage/edges.h"

#include <algorithm>
#include <utility>

namespace pgassay::lineage {
namespace {

constexpr size_t kLoopValues = 3;  // distinct ones that an edge over units needs
constexpr size_t kMaxWaiting = 64;

}  // namespace

UnitState& Edges::Follow(SessionState& session, UnitState& unit, const Execution& execution,
                         const std::vector<SinkOutcome>& outcomes) {
  const SinkOutcome* best = nullptr;
  for (const SinkOutcome& outcome : outcomes) {
    if (!outcome.claim || !outcome.claim->rejoined) continue;
    if (best == nullptr || outcome.claim->Rank() > best->claim->Rank()) best = &outcome;
  }
  if (best == nullptr) return unit;
  UnitState& source_unit = *best->claim->source->unit;
  const EdgeKey key{best->claim->source->key, execution.statement.statement_id, best->sink->comparison};
  ReachingClaims& reaching = source_unit.reaching[key];
  source_unit.last_activity_ns = std::max(source_unit.last_activity_ns, execution.done_ns);
  if (reaching.values.size() < kLoopValues) reaching.values.insert(best->claim->value);
  if (reaching.values.size() < kLoopValues) return unit;
  if (!std::exchange(reaching.established, true)) JoinWaiting(source_unit, key);
  if (!best->claim->same_session) return source_unit;
  UnitState& child_unit = units_.Root(unit.row.unit_id);
  units_.Join(source_unit, child_unit);
  if (session.in_transaction && source_unit.row.kind == UnitKind::kTransaction) source_unit.row.kind = UnitKind::kGap;
  session.unit = source_unit.row.unit_id;
  return source_unit;
}

void Edges::JoinWaiting(UnitState& source_unit, const EdgeKey& key) {
  for (const ReachingClaims::Entry& entry : std::exchange(source_unit.reaching[key].waiting, {})) {
    const Claim& claim = entry.claim.claim;
    UnitState* child_unit = units_.Find(entry.child_unit);
    if (claim.same_connection && child_unit != nullptr) {
      units_.Join(source_unit, *child_unit);
    } else {
      ++source_unit.Sink(key.child_statement_id, key.child_comparison).values.Insert(claim.value).first->count;
    }
    Add(source_unit, entry.claim);
  }
}

Claim Edges::MakeClaim(const SessionState& session, const UnitState& unit, const Execution& execution,
                       const Candidate& candidate, uint64_t group_unclaimed) const {
  const Source& source = *candidate.source;
  const ParentExecution& parent = parents_[candidate.occurrence.execution];
  Claim claim;
  claim.value = candidate.value;
  claim.parent = candidate.occurrence.execution;
  claim.row = candidate.occurrence.row;
  claim.multiplicity = std::max<uint32_t>(source.values.Multiplicity(candidate.value, claim.parent), 1);
  claim.execution_no = execution.execution_no;
  claim.session_id = session.info.session_id;
  claim.sent_ns = execution.sent_ns;
  claim.done_ns = execution.done_ns;
  claim.database_ns = std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
  claim.busy_before_ns = session.busy_ns;
  claim.pause_ns = unit.LongestPauseSince(candidate.occurrence.time_ns);
  claim.rows = execution.rows;
  claim.bytes = execution.bytes;
  claim.pipelined = execution.pipelined;
  claim.same_connection = candidate.same_session;
  claim.same_process = !candidate.same_session && session.process_known;
  claim.same_transaction = session.in_transaction && parent.transaction == session.transaction;
  claim.rejoined = candidate.rejoined;
  claim.outside = source.outside;
  claim.group_unclaimed = group_unclaimed;
  return claim;
}

void Edges::Record(const SessionState& session, UnitState& unit, const Execution& execution,
                   const SinkOutcome& outcome) {
  if (outcome.value == 0) return;
  SinkState& sink = unit.Sink(execution.statement.statement_id, outcome.sink->comparison);
  sink.column_id = outcome.column_id;
  ++sink.executions;
  uint64_t& unclaimed = session.group->unclaimed[{execution.statement.statement_id, outcome.sink->comparison}];
  if (!outcome.untested && (!outcome.claim || outcome.claim->level < 2)) ++unclaimed;
  SinkState::Value* value = sink.values.InsertUpTo(kMaxKept, outcome.value);
  if (value != nullptr) ++value->count;
  if (!outcome.claim) {
    sink.unclaimed += outcome.untested ? 0 : 1;
    return;
  }
  const Candidate& candidate = *outcome.claim;
  Source& source = *candidate.source;
  sources_.MarkClaimed(source);
  DeferredClaim made{.key = {source.key, execution.statement.statement_id, outcome.sink->comparison},
                     .column = source.column,
                     .child_type_oid = outcome.sink->type_oid,
                     .related = candidate.level == 2,
                     .claim = MakeClaim(session, unit, execution, candidate, unclaimed)};
  if (candidate.crossing) {
    UnitState* main = units_.Find(session.transaction_unit);
    if (main != nullptr && main->deferred.size() < kMaxKept) main->deferred.push_back(std::move(made));
    return;
  }
  if (UnitState& source_unit = *source.unit; candidate.rejoined && &source_unit != &unit) {
    made.claim.pause_ns = session.IdleSince(source_unit.last_done_ns, execution.sent_ns);
    auto& waiting = source_unit.reaching[made.key].waiting;
    if (waiting.size() < kMaxWaiting) waiting.push_back({std::move(made), unit.row.unit_id});
    return;
  }
  Add(unit, made);
}

void Edges::Add(UnitState& unit, const DeferredClaim& deferred) {
  const auto& [key, column, child_type_oid, related, claim] = deferred;
  const auto [at, fresh] = unit.edges.try_emplace(key);
  EdgeState& edge = at->second;
  Edge& row = edge.row;
  SinkState& sink = unit.Sink(key.child_statement_id, key.child_comparison);
  if (fresh) {
    edge.number = ++last_edge_;
    row.parent_statement_id = key.parent.statement_id;
    row.parent_position = key.parent.position;
    row.parent_column = column;
    row.child_statement_id = key.child_statement_id;
    row.child_comparison = key.child_comparison;
    row.first_child_no = claim.execution_no;
  } else {
    // Other connections give their own share: what they ran without a claim in the meantime is not in this unit.
    const uint64_t here = sink.unclaimed - std::min(sink.unclaimed, edge.unclaimed_at_last_claim);
    const uint64_t beside = claim.group_unclaimed - std::min(claim.group_unclaimed, edge.group_unclaimed_at_last_claim);
    row.holes += claim.same_connection ? here : std::max(here, beside);
  }
  edge.unclaimed_at_last_claim = sink.unclaimed;
  edge.group_unclaimed_at_last_claim = claim.group_unclaimed;
  edge.related |= related;
  edge.dirty = true;
  if (child_type_oid != 0) row.child_type_oid = child_type_oid;
  ++row.children;
  row.last_child_no = claim.execution_no;
  row.same_connection += claim.same_connection ? 1 : 0;
  row.same_process += claim.same_process ? 1 : 0;
  row.same_transaction += claim.same_transaction ? 1 : 0;
  row.rejoined += claim.rejoined ? 1 : 0;
  row.from_outside += claim.outside ? 1 : 0;
  row.pipelined += claim.pipelined ? 1 : 0;
  row.child_ns += claim.database_ns;
  row.child_rows += claim.rows;
  row.child_bytes += claim.bytes;
  if (edge.claims.size() < kMaxKept) edge.claims.push_back(claim);
  if (related) {
    if (SinkState::Value* value = sink.values.Find(claim.value); value != nullptr) value->related_edge = edge.number;
  }
  units_.Touch(unit);
}

}  // namespace pgassay::lineage
