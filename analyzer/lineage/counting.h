// What one execution adds to its unit's own rows: Unit, UnitStatement and Repeat.
#pragma once

#include <vector>

#include "analyzer/lineage/claims.h"
#include "analyzer/lineage/columns.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/unit_state.h"

namespace pgassay::lineage {

void CountExecution(const SessionState& session, UnitState& unit, const Execution& execution);
void CountStatement(const SessionState& session, UnitState& unit, const Execution& execution,
                    const std::vector<SinkOutcome>& outcomes, const Columns& columns);
void CountRepeat(UnitState& unit, const Execution& execution);

}  // namespace pgassay::lineage
