// What the planner said of a statement with an index that does not exist, or of fewer of its columns, as the recorder
// asked for it beside the plans (plan_row.h). No value is in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgassay::trace {

enum class TrialKind : uint8_t {
  kHypothetical,  // HypoPG's
  kBuilt,         // in a transaction that was rolled back
};
constexpr std::string_view TrialKindName(TrialKind kind) {
  return kind == TrialKind::kHypothetical ? "hypothetical" : "built";
}

struct TrialRow {
  std::string upstream = {}, database = {};
  int64_t statement_id = 0;
  // CREATE INDEX without a name, as catalog::IndexDefinition writes it; "": none, the question is of `columns`
  std::string index = {};
  // Quoted names: the statement with its select list cut down to them, answered from an index alone; "": as it is
  std::string columns = {};
  TrialKind kind = TrialKind::kHypothetical;
  std::string how = {};  // catalog::PlannedCost::how
  // The table is so small that cost says nothing: planned with enable_seqscan = off, and only `used` counts.
  bool structural = false;
  uint64_t executions = 0;                 // whose values were planned; 0: generic
  bool used = false;                       // by the plan of one of them at least
  double cost_before = 0, cost_after = 0;  // the planner's units, means; beside the other indexes that were advised
  std::string plan_before = {}, plan_after = {};  // EXPLAIN (FORMAT JSON), redacted: of the costliest execution
  std::string problem = {};                       // why it was not tried; "" if it was
  friend bool operator==(const TrialRow&, const TrialRow&) = default;
};

}  // namespace pgassay::trace
