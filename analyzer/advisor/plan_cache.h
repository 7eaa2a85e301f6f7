// Plan footprints: a plan asked under a set of indexes that used only some of them is also the plan under every set in
// between. So a plan is only asked again when an index that the statement could use, and that its last plans leave
// open, came or went. Wraps a CostModel; borrows it.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "analyzer/advisor/cost_model.h"

namespace pgassay::advisor {

class PlanCache {
 public:
  PlanCache(CostModel& model, std::span<const Candidate> candidates, size_t queries);

  // `set`: ascending. Candidates that were not made for the statement and are on other tables are left out of it.
  const Cost& CostOf(size_t query, std::span<const size_t> set);
  // Candidates on the statement's tables, ascending.
  std::span<const size_t> Relevant(size_t query) const { return relevant_[query]; }
  uint64_t asked() const { return asked_; }

 private:
  struct Known {
    std::vector<size_t> set;
    Cost cost;
  };
  CostModel& model_;
  std::vector<std::vector<size_t>> relevant_;
  std::vector<std::deque<Known>> known_;  // answers are borrowed: they stay where they are
  uint64_t asked_ = 0;
};

}  // namespace pgassay::advisor
