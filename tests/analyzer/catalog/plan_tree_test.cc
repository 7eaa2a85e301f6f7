#include "analyzer/catalog/plan_tree.h"

#include <gtest/gtest.h>

namespace pgassay::catalog {
namespace {

TEST(PlanTree, ReadsNodesAndWhatTheyCompare) {
  const auto plan = PlanTree(R"json([{"Plan": {"Node Type": "Sort", "Total Cost": 30, "Plan Rows": 2,
    "Sort Key": ["a.x DESC", "a.y"], "Plans": [{"Node Type": "Index Scan", "Index Name": "a_pkey", "Schema": "public",
    "Relation Name": "a", "Alias": "a1", "Index Cond": "(a1.id = $1)", "Filter": "(a1.x > $2)", "Total Cost": 8}]}}])json");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->type, "Sort");
  EXPECT_EQ(plan->Condition("Sort Key"), "a.x DESC, a.y");
  EXPECT_EQ(plan->Condition("Filter"), "");
  ASSERT_EQ(plan->children.size(), 1U);
  EXPECT_EQ(plan->children[0].index, "a_pkey");
  EXPECT_EQ(plan->children[0].conditions.size(), 2U);
  EXPECT_EQ(plan->own_cost, 22);
  EXPECT_EQ(&MostExpensive(*plan), &*plan);
}

TEST(PlanTree, CountsTheInnerSideOfANestedLoopForEachOuterRow) {
  const auto plan = PlanTree(R"([{"Plan": {"Node Type": "Nested Loop", "Total Cost": 1010, "Plans": [
    {"Node Type": "Seq Scan", "Relation Name": "outer", "Total Cost": 200},
    {"Node Type": "Index Scan", "Relation Name": "inner", "Total Cost": 8.1}]}}])");
  ASSERT_TRUE(plan);
  EXPECT_EQ(MostExpensive(*plan).relation, "inner");
  EXPECT_NEAR(MostExpensive(*plan).own_cost, 810, 0.01);
  EXPECT_NEAR(plan->own_cost, 0, 0.01);
}

TEST(PlanTree, RefusesWhatIsNoPlan) {
  for (const char* text : {"", "[]", "{}", "[1]", R"([{"Plan": []}])", R"([{"Plan": {"Plans": [1]}}])"}) {
    EXPECT_FALSE(PlanTree(text)) << text;
  }
}

}  // namespace
}  // namespace pgassay::catalog
