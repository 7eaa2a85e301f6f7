// A statement's plan as the recorder asked for it at the end of a recording, or when the last session of its database
// had closed. No value is in it (catalog/plan_json.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgassay::trace {

enum class PlanKind : uint8_t {
  kValues,             // with the values of executions
  kGeneric,            // without
  kNoSequentialScans,  // as the first of these that there is, with enable_seqscan = off: what no index serves
  kExecuted,           // with the values of one execution, and what came of it: EXPLAIN ANALYZE, where it was asked for
};
constexpr std::string_view PlanKindName(PlanKind kind) {
  switch (kind) {
    case PlanKind::kValues:
      return "values";
    case PlanKind::kGeneric:
      return "generic";
    case PlanKind::kNoSequentialScans:
      return "no sequential scans";
    case PlanKind::kExecuted:
      return "executed";
  }
  return "";
}

struct PlanRow {
  std::string upstream = {}, database = {};
  int64_t statement_id = 0;
  PlanKind kind = PlanKind::kValues;
  std::string how = {};                            // catalog::PlannedCost::how
  uint64_t executions = 0;                         // whose values were planned; 0: generic
  double total_cost = 0;                           // the planner's units, mean over these
  double rows = 0;                                 // as expected, of the plan that is kept
  std::vector<std::string> indexes = {};           // of the plan that is kept, the most expensive
  std::vector<std::string> sequential_scans = {};  // "schema.relation"
  std::string plan_json = {};                      // EXPLAIN (FORMAT JSON), redacted
  std::string problem = {};                        // why there is no plan; "" if there is one
  friend bool operator==(const PlanRow&, const PlanRow&) = default;
};

}  // namespace pgassay::trace
