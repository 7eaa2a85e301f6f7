// Indexes that could help a workload: from the conditions, joins, orders and columns of its statements, by the rules of
// ARCHITECTURE.md, "Index advice". What an index of the catalogue already does makes no candidate. Pure; candidates
// come in a fixed order: by relation, then by definition.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyzer/advisor/workload.h"

namespace pgassay::advisor {

enum class Kind : uint8_t { kPlain, kExpression, kPartial, kCovering, kPattern, kGin, kTrigram, kBrin };
std::string_view KindName(Kind kind);  // "plain", "partial", …

struct Candidate {
  catalog::IndexSpec spec;
  const catalog::Relation* relation = nullptr;
  Kind kind = Kind::kPlain;
  std::vector<size_t> queries;  // of Workload::queries: those it was made for, ascending
  double predicate_share = 1;   // of the rows, that are in it
  int64_t bytes = 0;            // size model
};

// `tight`: there is a budget, for which block ranges may stand for a B-tree also in look-ups and in smaller tables.
std::vector<Candidate> MakeCandidates(const Workload& workload, bool tight = false);

}  // namespace pgassay::advisor
