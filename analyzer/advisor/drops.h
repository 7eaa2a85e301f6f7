// Indexes that could go. Pure. Never an index that keeps a promise: unique, primary, of a constraint, the replica
// identity, or attached to a partitioned index.
#pragma once

#include <vector>

#include "analyzer/advisor/workload.h"

namespace pgassay::advisor {

enum class DropReason : uint8_t {
  kDuplicate,  // another one has the same definition
  kPrefix,     // another one begins with the same keys, on the same rows, in the same order
  kUnused,     // no scan since statistics were reset, two weeks ago or more, and no statement of the trace could use it
};

struct Drop {
  const catalog::Index* index = nullptr;
  const catalog::Relation* relation = nullptr;
  DropReason reason = DropReason::kDuplicate;
  const catalog::Index* other = nullptr;  // that does its work
};

std::vector<Drop> FindDrops(const Workload& workload);  // by relation, index

// A foreign key whose columns no index begins with.
struct BareForeignKey {
  const catalog::ForeignKey* key = nullptr;
  const catalog::Relation *relation = nullptr, *referenced = nullptr;
  double deletes = 0;       // of referenced rows, and updates of their keys, in the trace
  double joins = 0;         // executions that compare or join the columns
  catalog::IndexSpec spec;  // what would serve it
};
std::vector<BareForeignKey> FindBareForeignKeys(const Workload& workload);

}  // namespace pgassay::advisor
