// What the rules of the second and third normal form share: columns that by their name repeat what another table says,
// what was measured of them, and whether the copy is meant. Pure.
//
// Functional dependencies are judged by pair agreement, corrected for chance: with p = P(two rows of equal a have equal
// b) over the groups of two rows and more, and p0 = the sum of the squared frequencies of b, (p - p0) / (1 - p0) is 1
// for a dependency and 0 for independent columns. (The degree of PostgreSQL's extended statistics calls independent
// columns a third dependent, because every group of one counts as a proof.)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyzer/detectors/schema.h"

namespace pgassay::detectors {

struct CopyCandidate {
  const catalog::Column* reference = nullptr;  // product_id
  const catalog::Column* copy = nullptr;       // product_name
  Reference target;                            // products.id; relation null: no such table
  const catalog::Column* original = nullptr;   // products.name; null: no such column
  bool part_of_key = false;                    // the reference is one column of a composite key
};
// By names, types and statistics alone: what is worth measuring.
std::vector<CopyCandidate> CopyCandidates(const Table& table, const References& references);

struct CopyOptions {
  double min_groups = 200;  // groups of two rows and more that agreement was taken over
  double min_agreement = 0.999;
  double min_equal = 0.99;  // of the joined rows in which copy and original are equal
};

enum class CopyVerdict : uint8_t {
  kNone,        // no dependency, not enough measured, or deliberate by a comment or its name
  kSnapshot,    // looks like a deliberate snapshot of the day
  kDependency,  // it holds, and nothing shows that it hurts
  kLockStep,    // the trace shows that the copies are updated when the original is
};
struct CopyJudgement {
  CopyVerdict verdict = CopyVerdict::kNone;
  double agreement = 0, groups = 0, rows = 0, equal = 0;  // equal: of rows; both 0 if there is no original
  uint64_t updates = 0;                                   // executions in lock-step
  Use use;                                                // of the copy
};
CopyJudgement Judge(const TraceView& view, const Table& table, const CopyCandidate& candidate,
                    const CopyOptions& options);

// What both rules do: the candidates for which `wanted` holds, judged.
std::vector<Finding> DetectCopies(const RuleInfo& rule, const TraceView& view, const CopyOptions& options,
                                  bool (*wanted)(const CopyCandidate& candidate));

}  // namespace pgassay::detectors
