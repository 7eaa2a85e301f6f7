// Which indexes to make: Extend (Schlosser, Kossmann, Boissier: "Efficient Scalable Multi-attribute Index Selection
// Using Recursive Strategies", ICDE 2019) over our candidates. Step by step the index, or the extension of a chosen
// one, that saves most per byte; what it saves is read cost minus what the writes of the recording pay for it.
// Evaluated lazily: a candidate's gain only shrinks as others are chosen, so an old gain is an upper bound.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analyzer/advisor/cost_model.h"
#include "analyzer/advisor/write_cost.h"

namespace pgassay::advisor {

struct SelectionOptions {
  int64_t budget_bytes = -1;         // -1: none
  double min_workload_share = 0.01;  // of all cost, that an index has to save
  double min_query_share = 0.1;      // or of one statement's cost, where it is below that
};

struct Selection {
  std::vector<size_t> chosen;              // candidates, ascending
  std::vector<Cost> before, after;         // by query
  double cost_before = 0, cost_after = 0;  // weighted, writes not counted
  uint64_t plans = 0;                      // asked for
};

Selection Select(const Workload& workload, std::span<const Candidate> candidates, CostModel& model,
                 const SelectionOptions& options);

}  // namespace pgassay::advisor
