#include "analyzer/lineage/unit_assignment.h"

#include <algorithm>

namespace pgassay::lineage {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMaxTaggedPause = kSecond;      // in one request; the next one of the same route is another
constexpr int64_t kMaxUnitLength = 10 * kSecond;  // of a unit that nothing but idle gaps delimits
constexpr uint64_t kMaxUnitExecutions = 10'000;

bool StartsAnew(const SessionState& session, const UnitState& current, const Execution& execution, const WorkTags& tags,
                int64_t gap) {
  const Boundary boundary = BoundaryOf(execution);
  if (boundary == Boundary::kBeginsUnit && current.statements > 0) return true;
  if (session.boundary && current.statements > 0) return true;
  if (session.shared && tags.label.empty()) return true;
  if (!tags.label.empty() && !current.row.label.empty()) {
    return tags.label != current.row.label || gap > kMaxTaggedPause;
  }
  const bool finer_split = session.has_boundaries || !current.row.label.empty();
  if (session.EndsUnit(gap, finer_split)) return true;
  const bool bounded =
      current.row.kind == UnitKind::kGap || current.row.kind == UnitKind::kPool || current.row.kind == UnitKind::kTag;
  return bounded &&
         (current.row.statements >= kMaxUnitExecutions || execution.sent_ns - current.row.begin_ns > kMaxUnitLength);
}

}  // namespace

UnitState& UnitAssignment::Assign(SessionState& session, const Execution& execution) {
  const bool in_transaction = InTransaction(session, execution);
  WorkTags tags;
  if (execution.simple_protocol || execution.first_execution_of_parse) tags = ReadWorkTags(execution.tags);
  const Scopes::Place place = scopes_.At(session.info, execution.sent_ns);
  ambiguous_executions_ += place.ambiguous ? 1 : 0;
  if (place.scope_id != 0) return scopes_.UnitOf(session, place, tags, execution.sent_ns);
  UnitState& unit = Unscoped(session, execution, tags, in_transaction, place.phase);
  unit.row.phase = place.phase;
  return unit;
}

UnitState& UnitAssignment::Unscoped(SessionState& session, const Execution& execution, const WorkTags& tags,
                                    bool in_transaction, ScopePhase phase) {
  UnitState* current = units_.Find(session.unit);
  if (current != nullptr && (current->row.scope_id != 0 || current->row.phase != phase)) current = nullptr;
  const int64_t gap =
      execution.ready_before_ns > 0 ? std::max<int64_t>(execution.sent_ns - execution.ready_before_ns, 0) : 0;

  if (!tags.trace_id.empty()) return OfTrace(session, execution, tags, current, in_transaction);
  if (in_transaction && current != nullptr) {
    // A savepoint's tag is of what it opens, not of what came before: of the route, not of the test's fixtures.
    UnitState& unit = OfSavepoint(session, *current, execution);
    if (&unit != current && !tags.label.empty()) unit.row.label = tags.label;
    if (unit.row.label.empty()) unit.row.label = tags.label;
    return unit;
  }
  const bool fits = current != nullptr && !StartsAnew(session, *current, execution, tags, gap);
  if (!in_transaction && gap > 0) session.AddGap(gap);
  if (fits) {
    if (!tags.label.empty() && current->row.label.empty()) {
      current->row.label = tags.label;
      if (current->row.kind != UnitKind::kTransaction && current->row.kind != UnitKind::kTraceparent)
        current->row.kind = UnitKind::kTag;
    }
    const bool fresh_transaction = execution.statement.operation == sql::Operation::kBegin;
    if (fresh_transaction && current->statements == 0 && current->row.label.empty()) {
      current->row.kind = UnitKind::kTransaction;
      current->transaction = next_transaction_ + 1;
    } else if (current->row.kind == UnitKind::kTransaction && !IsHousekeeping(execution)) {
      // Work of its own outside the transaction: from here on only gaps hold it together.
      current->row.kind = session.has_boundaries ? UnitKind::kPool : UnitKind::kGap;
      current->transaction = 0;
    } else if (current->row.kind == UnitKind::kTransaction && fresh_transaction) {
      current->row.kind = session.has_boundaries ? UnitKind::kPool : UnitKind::kGap;
      current->transaction = 0;
    }
    return *current;
  }
  return Fresh(session, execution, tags, in_transaction);
}

UnitState& UnitAssignment::Fresh(SessionState& session, const Execution& execution, const WorkTags& tags,
                                 bool in_transaction) {
  UnitKind kind = session.has_boundaries ? UnitKind::kPool : UnitKind::kGap;
  const bool transaction = in_transaction || execution.statement.operation == sql::Operation::kBegin;
  if (transaction) kind = UnitKind::kTransaction;
  if (!tags.label.empty() && !transaction) kind = UnitKind::kTag;
  UnitState& unit = units_.New(session, kind, execution.sent_ns);
  if (transaction) unit.transaction = in_transaction ? session.transaction : next_transaction_ + 1;
  unit.row.label = tags.label;
  return unit;
}

UnitState& UnitAssignment::OfTrace(SessionState& session, const Execution& execution, const WorkTags& tags,
                                   UnitState* current, bool in_transaction) {
  UnitState* known = units_.OfTrace(tags.trace_id);
  UnitState* unit = known;
  // A BEGIN carries no comment: the transaction it opened is the request's own.
  const bool adopts = current != nullptr && current->row.trace_id.empty() && current != known &&
                      (in_transaction || current->statements == 0) && current->wrapper_unit == 0;
  if (adopts && known == nullptr) {
    unit = current;
  } else if (adopts) {
    units_.Join(*known, *current);
  } else if (unit == nullptr) {
    unit = &units_.New(session, UnitKind::kTraceparent, execution.sent_ns);
  }
  unit->row.kind = UnitKind::kTraceparent;
  if (unit->row.label.empty()) unit->row.label = tags.label;
  units_.SetTrace(*unit, tags.trace_id);
  session.unit = unit->row.unit_id;
  session.boundary = false;
  return *unit;
}

// A top-level savepoint may be a test's: its statements are kept apart until the transaction says which it was.
UnitState& UnitAssignment::OfSavepoint(SessionState& session, UnitState& current, const Execution& execution) {
  if (execution.statement.operation != sql::Operation::kSavepoint || !session.savepoints.empty() ||
      session.transaction_unit == 0) {
    return current;
  }
  UnitState& sub_unit = units_.New(session, UnitKind::kTransaction, execution.sent_ns);
  sub_unit.transaction = session.transaction;
  sub_unit.wrapper_unit = session.transaction_unit;
  sub_unit.open_in_sessions = 1;
  sub_unit.row.label = current.row.label;
  session.sub_units.push_back(sub_unit.row.unit_id);
  return sub_unit;
}

}  // namespace pgassay::lineage
