// Asks a server what it would do with the advised indexes: by HypoPG, or built and rolled back, as the planner's owner
// allows. What the planner does not take is no candidate any more, and what is advised then is tried too, so that a
// later Advise() over the same recording finds a trial for what it chooses. Blocking, until `budget` is used up.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "analyzer/advisor/workload.h"
#include "analyzer/catalog/planner.h"
#include "analyzer/trace/trial_row.h"

namespace pgassay::advisor {

// `samples`: executions to plan, by statement. `upstream` and `database` of the rows are those of the snapshot. No rows
// where the server can try nothing.
std::vector<trace::TrialRow> TryAdvice(const Workload& workload, catalog::Planner& planner,
                                       std::span<const catalog::WorkloadStatement> samples,
                                       std::chrono::milliseconds budget);

}  // namespace pgassay::advisor
