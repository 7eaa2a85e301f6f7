// How large an index will be. Own model, because HypoPG's estimate knows no deduplication and refuses GIN. Of B-trees
// it is within about 10 % of real builds (bench/advisor); of the others the order of magnitude. Pure; bytes.
#pragma once

#include "analyzer/advisor/workload.h"

namespace pgassay::advisor {

inline constexpr double kRangePages = 128;  // of a block range, as BRIN has it by default

// `share`: of the rows that are in it.
int64_t IndexBytes(const catalog::IndexSpec& spec, const catalog::Relation& relation, double share,
                   const catalog::Snapshot& snapshot);
// Of a B-tree of so many pages, above its leaves.
double TreeLevels(double pages);
// Distinct combinations of these keys among `rows` rows.
double DistinctKeys(const std::vector<catalog::IndexKey>& keys, const catalog::Relation& relation, double rows);

}  // namespace pgassay::advisor
