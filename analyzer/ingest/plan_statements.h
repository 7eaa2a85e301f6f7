// Asks for the plans of a database's costliest statements: with the values that were kept, generically where there are
// none or the statement is a named one, and with sequential scans off where it has one. Blocking.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "analyzer/catalog/planner.h"
#include "analyzer/ingest/samples.h"
#include "analyzer/trace/plan_row.h"

namespace pgassay::ingest {

// In the order given, until `budget` is used up. `upstream` and `database` of the rows are the caller's to fill.
std::vector<trace::PlanRow> PlanStatements(catalog::Planner& planner, std::span<const StatementToPlan> statements,
                                           std::chrono::milliseconds budget);

}  // namespace pgassay::ingest
