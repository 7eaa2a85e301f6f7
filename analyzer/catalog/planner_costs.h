// What the planner counts with, where its costs are computed without it. Source: PostgreSQL manual, Planner Cost
// Constants; selfuncs.c, DEFAULT_PAGE_CPU_MULTIPLIER; costsize.c, index_pages_fetched. Pure.
#pragma once

#include "analyzer/catalog/snapshot.h"

namespace pgassay::catalog {

// The planner's settings, from the snapshot where it has them.
struct Prices {
  double sequential_page = 1, random_page = 4, tuple = 0.01, index_tuple = 0.005, operation = 0.0025;
  Prices() = default;
  explicit Prices(const Snapshot& snapshot);
};

inline constexpr double kDescentOperations = 50;  // of an index, for each page on the way down

// Mackert and Lohman: pages read for `tuples` scattered rows of `pages` that fit the cache.
double PagesFetched(double tuples, double pages);

}  // namespace pgassay::catalog
