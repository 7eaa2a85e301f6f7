// Which unit of work an execution belongs to, in the order of precedence: scope, trace, transaction, tag, pool, gap;
// and what transactions and savepoints do to units. The assignment reads a session before the execution, Apply changes
// it after. Threads: one owner.
#pragma once

#include <cstdint>
#include <string>

#include "analyzer/lineage/edges.h"
#include "analyzer/lineage/scope_units.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/units.h"

namespace pgassay::lineage {

class UnitAssignment {
 public:
  UnitAssignment(Units& units, ScopeUnits& scopes, Edges& edges) : units_(units), scopes_(scopes), edges_(edges) {}

  UnitState& Assign(SessionState& session, const Execution& execution);
  // After the execution: transactions and savepoints that it began or ended, boundaries that it set.
  void Apply(SessionState& session, UnitState& unit, const Execution& execution);
  void EndTransaction(SessionState& session, bool committed);
  uint64_t ambiguous_executions() const { return ambiguous_executions_; }

 private:
  UnitState& Unscoped(SessionState& session, const Execution& execution, const WorkTags& tags, bool in_transaction,
                      ScopePhase phase);
  UnitState& Fresh(SessionState& session, const Execution& execution, const WorkTags& tags, bool in_transaction);
  UnitState& OfTrace(SessionState& session, const Execution& execution, const WorkTags& tags, UnitState* current,
                     bool in_transaction);
  UnitState& OfSavepoint(SessionState& session, UnitState& current, const Execution& execution);
  bool InTransaction(SessionState& session, const Execution& execution);
  void BeginTransaction(SessionState& session, UnitState* unit, int64_t time_ns);
  void ApplyBoundary(SessionState& session, const Execution& execution);

  Units& units_;
  ScopeUnits& scopes_;
  Edges& edges_;
  uint64_t next_transaction_ = 0;
  uint64_t ambiguous_executions_ = 0;
};

}  // namespace pgassay::lineage
