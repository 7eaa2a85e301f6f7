// Asks for the plans of a database's costliest statements: with the values that were kept, generically where they take
// parameters, and with sequential scans off where they have one. Blocking.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "analyzer/catalog/planner.h"
#include "analyzer/ingest/samples.h"
#include "analyzer/trace/plan_row.h"

namespace pgassay::ingest {

// Of one database, at most: the costliest.
inline constexpr size_t kPlannedStatements = 200;

// In the order given, until `budget` is used up. `upstream` and `database` of the rows are the caller's to fill.
std::vector<trace::PlanRow> PlanStatements(catalog::Planner& planner, std::span<const StatementToPlan> statements,
                                           std::chrono::milliseconds budget);
// The same by EXPLAIN ANALYZE: executes each statement once more, with the values of its slowest execution that was
// kept, where that changes nothing (catalog/executable.h); where it may not, the row says why. A statement that is
// running when the budget ends may run on for Connection::kStatementLimit.
std::vector<trace::PlanRow> ExecuteStatements(catalog::Planner& planner, std::span<const StatementToPlan> statements,
                                              std::chrono::milliseconds budget);

}  // namespace pgassay::ingest
