// What changed between two runs, each a trace or a baseline. Where a side is a baseline, both are counted as it counts:
// by its tests' queries. Pure; the order is fixed: the largest change first, then by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyzer/gate/observation.h"
#include "analyzer/gate/verdict.h"

namespace pgassay::gate {

enum class DiffKind : uint8_t { kNew, kGrown, kShrunk, kFixed, kNotExercised };
std::string_view DiffKindName(DiffKind kind);  // "new", "grown", "shrunk", "fixed", "not-exercised"

struct FindingChange {
  DiffKind kind = DiffKind::kNew;
  std::string rule, id, title, scope;
  Change change;  // "round_trips" that a fix saves, per run
};

struct ScopeChange {
  std::string label;
  std::vector<Change> changes;  // "queries", "round_trips", "rows", "bytes": those that differ
};

struct Diff {
  std::vector<FindingChange> findings;                           // by kind
  std::vector<ScopeChange> scopes;                               // of both sides
  std::vector<std::string> only_a, only_b;                       // scopes
  std::vector<std::string> new_statements, vanished_statements;  // skeletons
  uint64_t fixed = 0, fixed_round_trips = 0;                     // per run
  uint64_t added = 0, added_round_trips = 0;                     // of new findings
};

struct DiffSide {
  Observation observation;  // warm-up left out
  bool is_baseline = false;
};

Diff Compare(const DiffSide& a, const DiffSide& b);

// "fixed 12: -4 310 round trips per run, -4.3 s at 1 ms"; what is new likewise; "nothing fixed, nothing new".
std::string ManagersLine(const Diff& diff, double round_trip_ms);

}  // namespace pgassay::gate
