#include <algorithm>
#include <iterator>
#include <utility>

#include "analyzer/lineage/unit_assignment.h"

namespace pgassay::lineage {
namespace {

void CutSavepoints(SessionState& session, const std::string& name, bool release) {
  const auto found = std::ranges::find(session.savepoints.rbegin(), session.savepoints.rend(), name);
  if (found == session.savepoints.rend()) return;
  session.savepoints.erase(release ? std::prev(found.base()) : found.base(), session.savepoints.end());
}

}  // namespace

bool UnitAssignment::InTransaction(SessionState& session, const Execution& execution) {
  const bool says_open = execution.transaction_before == 'T' || execution.transaction_before == 'E';
  if (execution.transaction_before == 'I' && session.in_transaction && !execution.pipelined &&
      execution.ready_before_ns > session.transaction_begin_ns) {
    EndTransaction(session, false);  // its end was not seen
  }
  if (says_open && !session.in_transaction) BeginTransaction(session, units_.Find(session.unit), execution.sent_ns);
  return session.in_transaction;
}

void UnitAssignment::BeginTransaction(SessionState& session, UnitState* unit, int64_t time_ns) {
  session.in_transaction = true;
  session.transaction = ++next_transaction_;
  session.transaction_begin_ns = time_ns;
  session.transaction_unit = unit == nullptr ? 0 : unit->row.unit_id;
  session.transaction_statements = 0;
  session.transaction_pinged = false;
  session.savepoints.clear();
  session.sub_units.clear();
  if (unit != nullptr) ++unit->open_in_sessions;
}

void UnitAssignment::EndTransaction(SessionState& session, bool committed) {
  if (!session.in_transaction) return;
  session.in_transaction = false;
  UnitState* main = units_.Find(session.transaction_unit);
  if (main != nullptr && main->open_in_sessions > 0) --main->open_in_sessions;
  for (const int64_t id : session.sub_units) {
    UnitState* sub_unit = units_.Find(id);
    if (sub_unit == nullptr) continue;
    sub_unit->open_in_sessions = 0;
    // Savepoints of the application's own: one unit after all. Rolled back, it was a test's wrapper, and the tests
    // stay apart.
    const bool apart = main == nullptr || main->row.scope_id != 0 || main->row.phase != sub_unit->row.phase;
    if (committed && !apart && sub_unit != main) {
      units_.Join(*main, *sub_unit);
      continue;
    }
    sub_unit->deferred.clear();
  }
  if (committed && main != nullptr) {
    for (const DeferredClaim& claim : std::exchange(main->deferred, {})) {
      edges_.Add(*main, claim);
    }
  } else if (main != nullptr) {
    main->deferred.clear();
  }
  if (committed && main != nullptr && !session.sub_units.empty()) session.unit = main->row.unit_id;
  // What follows a wrapper that was rolled back is none of its tests, however empty the last of them was: a driver
  // asks the catalogue under a savepoint, rolls back, and the application's first transaction comes next.
  if (!committed && !session.sub_units.empty()) session.unit = 0;
  session.savepoints.clear();
  session.sub_units.clear();
  if (session.transaction_pinged && session.transaction_statements == 0)
    session.boundary = session.has_boundaries = true;
  session.transaction_unit = 0;
  session.transaction = 0;
}

void UnitAssignment::Apply(SessionState& session, UnitState& unit, const Execution& execution) {
  if (!execution.completed) return;
  using enum sql::Operation;
  const std::string name = execution.statement.facts != nullptr ? execution.statement.facts->name : std::string();
  switch (execution.statement.operation) {
    case kBegin:
      if (!session.in_transaction) BeginTransaction(session, &unit, execution.done_ns);
      return;
    case kCommit:
      EndTransaction(session, true);
      return;
    case kRollback:
      if (session.in_transaction)
        EndTransaction(session, false);
      else
        session.boundary = session.has_boundaries = true;
      return;
    case kSavepoint:
      session.savepoints.push_back(name);
      return;
    case kReleaseSavepoint:
      CutSavepoints(session, name, true);
      return;
    case kRollbackToSavepoint:
      CutSavepoints(session, name, false);
      return;
    default:
      break;
  }
  ApplyBoundary(session, execution);
}

void UnitAssignment::ApplyBoundary(SessionState& session, const Execution& execution) {
  const Boundary boundary = BoundaryOf(execution);
  if (session.in_transaction) {
    if (boundary == Boundary::kBeginsUnit && execution.statement.operation == sql::Operation::kSelect)
      session.transaction_pinged = true;
    else if (!IsHousekeeping(execution))
      ++session.transaction_statements;
  } else if (boundary == Boundary::kEndsUnit) {
    session.boundary = session.has_boundaries = true;
  } else if (boundary == Boundary::kBeginsUnit) {
    session.has_boundaries = true;
  }
}

}  // namespace pgassay::lineage
