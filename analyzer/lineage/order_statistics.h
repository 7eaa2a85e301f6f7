// Kendall's tau of the order in which children came against the order of the rows they came from, over one or more
// groups (one group per parent execution: pairs across groups say nothing), and how improbable that order is by chance.
// Source: Kendall's rank correlation; inversions of a random permutation (Mahonian numbers) for small groups, normal
// limit else.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pgassay::lineage {

struct OrderStatistics {
  double tau = 0;       // (concordant - discordant) / pairs; 0 without pairs
  uint64_t values = 0;  // in groups of two or more
  double log10_p = 0;   // -log10 of P(at least this many concordant pairs)
};

// Per group the rows in the order their children came; no row twice in a group.
OrderStatistics MeasureOrder(std::span<const std::vector<uint32_t>> groups);

}  // namespace pgassay::lineage
