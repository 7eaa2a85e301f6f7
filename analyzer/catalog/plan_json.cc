#include "analyzer/catalog/plan_json.h"

#include <algorithm>
#include <array>

#include "analyzer/catalog/plan_fields.h"
#include "analyzer/catalog/planner.h"
#include "analyzer/sql/statement.h"

namespace pgassay::catalog {
namespace {

using Json = PlanJson;

// Keys whose text is a name of the catalogue or of the statement, or a word of EXPLAIN's own.
constexpr auto kNames = std::to_array<std::string_view>({"Node Type",
                                                         "Parent Relationship",
                                                         "Join Type",
                                                         "Strategy",
                                                         "Partial Mode",
                                                         "Operation",
                                                         "Command",
                                                         "Scan Direction",
                                                         "Index Name",
                                                         "Relation Name",
                                                         "Schema",
                                                         "Alias",
                                                         "CTE Name",
                                                         "Subplan Name",
                                                         "Function Name",
                                                         "Tuplestore Name",
                                                         "Conflict Resolution",
                                                         "Conflict Arbiter Indexes",
                                                         "Cache Mode",
                                                         "Sampling Method",
                                                         "Custom Plan Provider"});
// Keys of conditions, keys and calls.
constexpr auto kExpressions = std::to_array<std::string_view>({"Filter",
                                                               "Index Cond",
                                                               "Recheck Cond",
                                                               "TID Cond",
                                                               "Join Filter",
                                                               "Hash Cond",
                                                               "Merge Cond",
                                                               "One-Time Filter",
                                                               "Run Condition",
                                                               "Conflict Filter",
                                                               "Order By",
                                                               "Sort Key",
                                                               "Presorted Key",
                                                               "Group Key",
                                                               "Group Keys",
                                                               "Hash Key",
                                                               "Hash Keys",
                                                               "Cache Key",
                                                               "Window",
                                                               "Function Call",
                                                               "Table Function Call",
                                                               "Sampling Parameters",
                                                               "Repeatable Seed"});

enum class Text : uint8_t { kName, kExpression, kUnknown };

Text KindOf(std::string_view key) {
  if (std::ranges::find(kNames, key) != kNames.end()) return Text::kName;
  return std::ranges::find(kExpressions, key) != kExpressions.end() ? Text::kExpression : Text::kUnknown;
}

void AddOnce(std::vector<std::string>& to, std::string text) {
  if (std::ranges::find(to, text) == to.end()) to.push_back(std::move(text));
}

class Reading {
 public:
  Reading(ReadPlan& plan, const std::map<std::string, std::string>& shown) : plan_(plan), shown_(shown) {}

  // Redacts in place; false: nested too deeply.
  bool Node(Json& node, int depth) {
    if (depth > kMaxPlanDepth) return false;
    node.erase("Output");
    Note(node);
    for (auto& [key, value] : node.items()) {
      if (!Value(value, KindOf(key), depth)) return false;
    }
    return true;
  }

 private:
  bool Value(Json& value, Text kind, int depth) {
    if (value.is_object()) return Node(value, depth + 1);
    if (value.is_string() && kind == Text::kExpression) value = sql::RedactExpression(value.get<std::string>());
    if (value.is_string() && kind == Text::kUnknown) value = "…";
    if (!value.is_array()) return true;
    return depth < kMaxPlanDepth &&
           std::ranges::all_of(value, [&](Json& element) { return Value(element, kind, depth + 1); });
  }

  void Note(Json& node) {
    if (const std::string index = TextAt(node, "Index Name"); !index.empty()) {
      AddOnce(plan_.indexes, index);
      if (const auto shown = shown_.find(index); shown != shown_.end()) node["Index Name"] = shown->second;
    }
    if (TextAt(node, "Node Type") == "Seq Scan") {
      const Relation relation{.schema = TextAt(node, "Schema"), .name = TextAt(node, "Relation Name")};
      AddOnce(plan_.sequential_scans, QualifiedName(relation));
    }
    if (NumberAt(node, "Subplans Removed") > 0) plan_.partitions_removed = true;
  }

  ReadPlan& plan_;
  const std::map<std::string, std::string>& shown_;
};

}  // namespace

Result<ReadPlan> PlanFromJson(std::string_view json, const std::map<std::string, std::string>& shown) {
  Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_array()) return Fail("the server's plan is no JSON");
  const auto plans = [](const Json& query) {  // a rule's NOTIFY has none
    return query.is_object() && query.contains("Plan") && query["Plan"].is_object();
  };
  std::erase_if(parsed.get_ref<Json::array_t&>(), [&](const Json& query) { return !plans(query); });
  if (parsed.empty()) return Fail("the server made no plan");
  ReadPlan plan;
  for (Json& query : parsed) {
    const Json& top = query["Plan"];
    plan.total_cost += NumberAt(top, "Total Cost");
    plan.rows = NumberAt(top, "Plan Rows");
    if (!Reading(plan, shown).Node(query, 0)) return Fail("the plan is nested too deeply");
  }
  plan.json = parsed.dump(-1, ' ', false, Json::error_handler_t::replace);
  return plan;
}

}  // namespace pgassay::catalog
