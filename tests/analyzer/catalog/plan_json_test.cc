#include "analyzer/catalog/plan_json.h"

#include <gtest/gtest.h>

namespace pgassay::catalog {
namespace {

constexpr std::string_view kPlan = R"json([{"Plan": {
  "Node Type": "Nested Loop", "Startup Cost": 0.5, "Total Cost": 20.25, "Plan Rows": 3, "Output": ["a.secret || 'canary'"],
  "Join Filter": "((a.note)::text = 'canary'::text)",
  "Plans": [
    {"Node Type": "Seq Scan", "Schema": "x'; drop table t;--", "Relation Name": "Order", "Alias": "a",
     "Filter": "((a.status = 'canary'::text) AND (a.id > 4711))"},
    {"Node Type": "Bitmap Heap Scan", "Schema": "public", "Relation Name": "b", "Recheck Cond": "(b.id = $1)",
     "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "<13556>btree_b", "Index Cond": "(b.id = $1)"}]},
    {"Node Type": "Index Scan", "Schema": "public", "Relation Name": "b", "Index Name": "b_pkey",
     "Order By": "(b.at <-> '(4711,4711)'::point)"},
    {"Node Type": "Sort", "Sort Key": ["(COALESCE(b.note, 'canary'::text)) DESC", "b.id"], "Something New": "canary"}
  ]}, "Planning Time": 0.2}])json";

TEST(PlanFromJson, ReadsCostsAndScansAndShowsOurNames) {
  const auto plan = PlanFromJson(kPlan, {{"<13556>btree_b", "b_by_id"}});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->total_cost, 20.25);
  EXPECT_EQ(plan->rows, 3);
  EXPECT_EQ(plan->indexes, (std::vector<std::string>{"<13556>btree_b", "b_pkey"}));
  EXPECT_EQ(plan->sequential_scans, (std::vector<std::string>{"\"x'; drop table t;--\".\"Order\""}));
  EXPECT_TRUE(plan->json.contains("\"Index Name\":\"b_by_id\""));
}

TEST(PlanFromJson, KeepsNoValue) {
  const auto plan = PlanFromJson(kPlan);
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->json.contains("canary")) << plan->json;
  EXPECT_FALSE(plan->json.contains("4711")) << plan->json;
  EXPECT_TRUE(plan->json.contains("(a.status = $1::text) AND (a.id > $2)")) << plan->json;
  EXPECT_TRUE(plan->json.contains("(b.id = $1)"));
}

TEST(PlanFromJson, RefusesWhatIsNoPlan) {
  for (const char* text : {"", "{}", "[]", "[1]", R"([{"Plan": 1}])", R"(["Utility Statement"])"}) {
    EXPECT_FALSE(PlanFromJson(text)) << text;
  }
  std::string deep = R"({"Node Type": "Result"})";
  for (int i = 0; i < 2000; ++i) deep = R"({"Plans": [)" + deep + "]}";
  EXPECT_FALSE(PlanFromJson(R"([{"Plan": )" + deep + "}]"));
}

TEST(PlanFromJson, TakesValuesOfTheWrongTypeForNone) {
  const auto plan = PlanFromJson(R"([{"Plan": {"Node Type": 1, "Index Name": [], "Total Cost": "x"}}])");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->total_cost, 0);
  EXPECT_TRUE(plan->indexes.empty());
}

}  // namespace
}  // namespace pgassay::catalog
