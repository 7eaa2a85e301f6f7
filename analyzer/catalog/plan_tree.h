// A plan as it stands in the trace (plan_json.h), as a tree: for rules and for drawing. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.h"

namespace pgassay::catalog {

// What came of a node that was executed.
struct Actual {
  double rows = 0, ms = 0;  // over all runs; the time with the nodes below
  double runs = 0;          // 0: it was never reached
};

struct PlanNode {
  std::string type = {};  // "Seq Scan"
  std::string schema = {}, relation = {}, alias = {}, index = {};
  std::vector<std::pair<std::string, std::string>> conditions = {};  // "Filter" -> "(a = $1)", in the plan's order
  double total_cost = 0, rows = 0;                                   // of one run of the node, the nodes below included
  bool repeated = false;                                             // runs for each of several rows of the node above
  std::optional<Actual> actual = {};                                 // of EXPLAIN ANALYZE
  double own_cost = 0;  // over all runs that the planner expects, without the nodes below; adds up to the plan's
  std::vector<PlanNode> children = {};

  std::string_view Condition(std::string_view name) const;  // "" if it has none of this name
};

// Of several plans (rules) the first. An error with a sentence for what is no plan.
Result<PlanNode> PlanTree(std::string_view plan_json);
// The node that costs most by itself, by the planner's figures. Borrows.
const PlanNode& MostExpensive(const PlanNode& plan);
// Every node, from the top.
template <class Visit>
void ForEachNode(const PlanNode& node, Visit visit) {
  visit(node);
  for (const PlanNode& child : node.children) ForEachNode(child, visit);
}

}  // namespace pgassay::catalog
