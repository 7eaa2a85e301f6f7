#include "analyzer/catalog/plan_tree.h"

#include <algorithm>

#include "analyzer/catalog/plan_fields.h"

namespace pgassay::catalog {
namespace {

using Json = PlanJson;

bool IsCondition(std::string_view key) {
  return key.ends_with(" Cond") || key.ends_with("Filter") || key.ends_with(" Key") || key == "Order By";
}

std::string Joined(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string text;
  if (!value.is_array()) return text;
  for (const Json& element : value) {
    if (element.is_string()) text += (text.empty() ? "" : ", ") + element.get<std::string>();
  }
  return text;
}

bool Read(const Json& json, int depth, PlanNode& node) {
  if (!json.is_object() || depth > kMaxPlanDepth) return false;
  node.type = TextAt(json, "Node Type");
  node.schema = TextAt(json, "Schema");
  node.relation = TextAt(json, "Relation Name");
  node.alias = TextAt(json, "Alias");
  node.index = TextAt(json, "Index Name");
  node.total_cost = NumberAt(json, "Total Cost");
  node.rows = NumberAt(json, "Plan Rows");
  for (const auto& [key, value] : json.items()) {
    if (!IsCondition(key)) continue;
    if (std::string text = Joined(value); !text.empty()) node.conditions.emplace_back(key, std::move(text));
  }
  const auto plans = json.find("Plans");
  if (plans == json.end() || !plans->is_array()) return true;
  return std::ranges::all_of(*plans,
                             [&](const Json& child) { return Read(child, depth + 1, node.children.emplace_back()); });
}

// A nested loop runs its inner side for each outer row; what is beyond the outer side's cost is the inner side's.
void SpreadCost(PlanNode& node, double runs) {
  double below = 0;
  for (size_t i = 0; i < node.children.size(); ++i) {
    PlanNode& child = node.children[i];
    double child_runs = 1;
    const bool inner = node.type == "Nested Loop" && i == 1;
    if (inner && child.total_cost > 0) child_runs = std::max(1.0, (node.total_cost - below) / child.total_cost);
    below += child.total_cost * child_runs;
    SpreadCost(child, runs * child_runs);
  }
  node.own_cost = runs * std::max(0.0, node.total_cost - below);
}

}  // namespace

std::string_view PlanNode::Condition(std::string_view name) const {
  const auto found = std::ranges::find(conditions, name, &std::pair<std::string, std::string>::first);
  return found == conditions.end() ? std::string_view{} : found->second;
}

Result<PlanNode> PlanTree(std::string_view plan_json) {
  const Json json = Json::parse(plan_json, nullptr, false);
  PlanNode plan;
  if (!json.is_array() || json.empty() || !json[0].is_object() || !json[0].contains("Plan") ||
      !Read(json[0]["Plan"], 0, plan)) {
    return Fail("the plan in the trace cannot be read");
  }
  SpreadCost(plan, 1);
  return plan;
}

const PlanNode& MostExpensive(const PlanNode& plan) {
  const PlanNode* most = &plan;
  ForEachNode(plan, [&](const PlanNode& node) {
    if (node.own_cost > most->own_cost) most = &node;
  });
  return *most;
}

}  // namespace pgassay::catalog
