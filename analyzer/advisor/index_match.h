// Whether an index answers to what is asked of it: keys, predicates and conditions as texts that mean the same. Pure.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/advisor/workload.h"

namespace pgassay::advisor {

// Whether an index that exists does all that `spec` would.
bool Serves(const catalog::Index& index, const catalog::IndexSpec& spec);
// Whether a partial index that exists serves instead of `spec` if a condition's value, of which nothing was recorded,
// is the one in its predicate.
bool MayServe(const catalog::Index& index, const catalog::IndexSpec& spec, const TableUse& use);
// Whether a unique index already finds the one row that these equalities mean.
bool FindsOneRow(const catalog::Snapshot& snapshot, const TableUse& use);

// Without parentheses, spaces and casts: enough to tell whether two texts of simple expressions mean the same.
std::string CanonicalExpression(std::string_view expression);
// What a key is, for comparing: its expression, or its column.
bool SameKey(const catalog::IndexKey& a, const catalog::IndexKey& b);
// Whether the condition is on this key.
bool IsOn(const Condition& condition, const catalog::IndexKey& key);

}  // namespace pgassay::advisor
