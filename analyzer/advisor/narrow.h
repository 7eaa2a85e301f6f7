// Selects of all columns as they would be with those alone that the database itself needs: the key, and what the
// statement compares and sorts by. Asks the planner whether an index, of the catalogue or a covering candidate, would
// answer that without the table, which is worth knowing where most pages are all-visible. Blocking, until `budget` is
// used up. Source: PostgreSQL manual, "Index-Only Scans and Covering Indexes".
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "analyzer/advisor/workload.h"
#include "analyzer/catalog/planner.h"
#include "analyzer/trace/trial_row.h"

namespace pgassay::advisor {

// One row per statement for which it holds and at least halves the cost; TrialRow::columns are set. `samples`: by
// statement. `upstream` and `database` of the rows are those of the snapshot.
std::vector<trace::TrialRow> TryNarrowed(const Workload& workload, catalog::Planner& planner,
                                         std::span<const catalog::WorkloadStatement> samples,
                                         std::chrono::milliseconds budget);

}  // namespace pgassay::advisor
