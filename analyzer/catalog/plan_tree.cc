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

// Rows of the node above start it anew: the inner side of a nested loop, a subplan that is not kept as a hash table.
bool IsRepeated(const PlanNode& parent, std::string_view relationship) {
  if (relationship == "Inner") return parent.type == "Nested Loop";
  const auto is_hashed = [](const auto& condition) { return condition.second.contains("hashed SubPlan"); };
  return relationship == "SubPlan" && std::ranges::none_of(parent.conditions, is_hashed);
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
  if (json.contains("Actual Loops")) {
    const double runs = NumberAt(json, "Actual Loops");
    node.actual = Actual{
        .rows = runs * NumberAt(json, "Actual Rows"), .ms = runs * NumberAt(json, "Actual Total Time"), .runs = runs};
  }
  for (const auto& [key, value] : json.items()) {
    if (!IsCondition(key)) continue;
    if (std::string text = Joined(value); !text.empty()) node.conditions.emplace_back(key, std::move(text));
  }
  const auto plans = json.find("Plans");
  if (plans == json.end() || !plans->is_array()) return true;
  return std::ranges::all_of(*plans, [&](const Json& json_of_child) {
    PlanNode& child = node.children.emplace_back();
    if (!Read(json_of_child, depth + 1, child)) return false;
    child.repeated = IsRepeated(node, TextAt(json_of_child, "Parent Relationship"));
    return true;
  });
}

// What a node costs beyond what is below it and runs once goes to what is repeated; where a node stops before what is
// below it has ended (LIMIT), that costs its part alone. So the nodes' own costs add up to the cost of the plan.
void SpreadCost(PlanNode& node, double runs) {
  double once = 0, repeated = 0;
  for (const PlanNode& child : node.children) (child.repeated ? repeated : once) += child.total_cost;
  const double times = repeated > 0 ? std::max(1.0, (node.total_cost - once) / repeated) : 1;
  const double below = once + times * repeated;
  const double part = below > node.total_cost ? node.total_cost / below : 1;
  for (PlanNode& child : node.children) SpreadCost(child, runs * part * (child.repeated ? times : 1));
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
