// What a statement costs under a set of indexes, in the planner's units, computed from the catalogue's statistics.
// Selection sees this interface only. What a server says of the chosen ones comes beside it (trials.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analyzer/advisor/candidate.h"
#include "analyzer/advisor/workload.h"

namespace pgassay::advisor {

// How it is known that an index helps.
enum class How : uint8_t { kStructural, kModelled, kHypothetical, kBuilt };
std::string_view HowName(How how);  // "structural", "modelled", …

struct Cost {
  double total = 0;
  std::vector<size_t> used;  // candidates that the plan uses, ascending
};

class CostModel {
 public:
  virtual ~CostModel() = default;
  // `set`: positions of candidates, ascending.
  virtual Cost CostOf(size_t query, std::span<const size_t> set) = 0;
  virtual How HowKnown(size_t candidate) const = 0;
  virtual uint64_t calls() const = 0;  // plans asked for
};

// Tables below this many pages are costed as if they had grown: what a plan costs on a small development table
// says nothing of production ("structural").
inline constexpr double kSmallTablePages = 1000;
inline constexpr double kGrownPages = 10'000;
bool IsSmall(const catalog::Snapshot& snapshot, const catalog::Relation& relation);
// How many times its size of today a table is costed as in a query: 1 where it is not small, and where it is known and
// stands beside one that is not: then it is so small also in production.
double Growth(const catalog::Snapshot& snapshot, const Query& query, const catalog::Relation& relation);
// What the query's cost comes down to at today's sizes, 1 being all of it.
double ShareOfToday(const catalog::Snapshot& snapshot, const Query& query);

// Sequential, index, index-only, bitmap and block range scans, nested loops and hash joins, sorts and limits, in the
// manner of the planner: Mackert and Lohman's formula for pages, correlation squared between its extremes. Borrows
// both.
std::unique_ptr<CostModel> MakePageCostModel(const Workload& workload, std::span<const Candidate> candidates);

}  // namespace pgassay::advisor
