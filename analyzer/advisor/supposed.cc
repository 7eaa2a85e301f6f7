#include "analyzer/advisor/supposed.h"

#include <algorithm>
#include <vector>

#include "analyzer/advisor/size_model.h"
#include "analyzer/catalog/hypopg_cost.h"

namespace pgassay::advisor {

Result<catalog::PlannedCost> PlanWith(catalog::Planner& planner, const catalog::Sample& sample,
                                      std::span<const Candidate* const> candidates, catalog::PlanOptions options) {
  std::vector<catalog::IndexSpec> specs;
  for (const Candidate* candidate : candidates) specs.push_back(candidate->spec);
  auto cost = planner.Plan(sample, specs, options);
  const bool built = std::ranges::any_of(
      specs, [&](const auto& spec) { return planner.CanTry(spec) == catalog::Hypothetical::kSandbox; });
  if (!cost || built) return cost;
  std::vector<catalog::SupposedTree> trees;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = *candidates[i];
    const TableSize size = SizeOf(planner.snapshot(), *candidate.relation);
    if (candidate.spec.access_method != "btree" || !size.known) continue;
    const double pages = static_cast<double>(candidate.bytes) / 8192;
    trees.push_back({.name = candidate.spec.name,
                     .pages = pages,
                     .levels = TreeLevels(pages),
                     .rows = size.rows * candidate.predicate_share,
                     .supposed_pages = static_cast<double>(cost->hypothetical_bytes.at(i)) / 8192});
  }
  if (trees.empty()) return cost;
  catalog::CorrectCost(*cost, trees, catalog::Prices(planner.snapshot()));
  cost->how += ", HypoPG's index with the levels and pages that it will have";
  return cost;
}

}  // namespace pgassay::advisor
