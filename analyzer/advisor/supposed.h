// The planner's plan as it would be if candidates existed, at the costs that it will have once they are built: of
// HypoPG's B-trees with the levels and pages of the size model (hypopg_cost.h). Asks the planner; see planner.h.
#pragma once

#include <span>

#include "analyzer/advisor/candidate.h"
#include "analyzer/catalog/planner.h"

namespace pgassay::advisor {

// The candidates' specs have names, each its own.
Result<catalog::PlannedCost> PlanWith(catalog::Planner& planner, const catalog::Sample& sample,
                                      std::span<const Candidate* const> candidates, catalog::PlanOptions options);

}  // namespace pgassay::advisor
