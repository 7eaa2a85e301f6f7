#include "analyzer/advisor/plan_cache.h"

#include <algorithm>

namespace pgassay::advisor {

PlanCache::PlanCache(CostModel& model, std::span<const Candidate> candidates, size_t queries)
    : model_(model), relevant_(queries), known_(queries) {
  for (size_t i = 0; i < candidates.size(); ++i) {
    for (const size_t query : candidates[i].queries) relevant_[query].push_back(i);
  }
}

const Cost& PlanCache::CostOf(size_t query, std::span<const size_t> set) {
  std::vector<size_t> own;
  std::ranges::set_intersection(set, relevant_[query], std::back_inserter(own));
  for (const Known& known : known_[query]) {
    const bool superset = std::ranges::includes(known.set, own);
    if (superset && std::ranges::includes(own, known.cost.used)) return known.cost;
  }
  ++asked_;
  Cost cost = model_.CostOf(query, own);
  known_[query].push_back({std::move(own), std::move(cost)});
  return known_[query].back().cost;
}

}  // namespace pgassay::advisor
