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
    {"Node Type": "Index Scan", "Parent Relationship": "Inner", "Relation Name": "inner", "Total Cost": 8.1}]}}])");
  ASSERT_TRUE(plan);
  EXPECT_EQ(MostExpensive(*plan).relation, "inner");
  EXPECT_NEAR(MostExpensive(*plan).own_cost, 810, 0.01);
  EXPECT_NEAR(plan->own_cost, 0, 0.01);
}

TEST(PlanTree, CountsASubplanForEachRowButOneThatIsHashedOnce) {
  const auto per_row =
      PlanTree(R"([{"Plan": {"Node Type": "Seq Scan", "Relation Name": "a", "Total Cost": 80100, "Plans": [
    {"Node Type": "Result", "Parent Relationship": "InitPlan", "Total Cost": 100},
    {"Node Type": "Seq Scan", "Parent Relationship": "SubPlan", "Relation Name": "b", "Total Cost": 80}]}}])");
  ASSERT_TRUE(per_row);
  EXPECT_EQ(MostExpensive(*per_row).relation, "b");
  EXPECT_NEAR(MostExpensive(*per_row).own_cost, 80000, 0.01);
  const auto hashed = PlanTree(R"json([{"Plan": {"Node Type": "Seq Scan", "Relation Name": "a", "Total Cost": 1000,
    "Filter": "(NOT (hashed SubPlan 1))",
    "Plans": [{"Node Type": "Seq Scan", "Parent Relationship": "SubPlan", "Relation Name": "b", "Total Cost": 80}]}}])json");
  ASSERT_TRUE(hashed);
  EXPECT_EQ(MostExpensive(*hashed).relation, "a");
  EXPECT_NEAR(hashed->own_cost, 920, 0.01);
}

TEST(PlanTree, ALimitPaysForItsPartOfWhatIsBelow) {
  const auto plan = PlanTree(R"([{"Plan": {"Node Type": "Limit", "Total Cost": 50, "Plans": [
    {"Node Type": "Nested Loop", "Parent Relationship": "Outer", "Total Cost": 1000, "Plans": [
      {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "a", "Total Cost": 200},
      {"Node Type": "Index Scan", "Parent Relationship": "Inner", "Relation Name": "b", "Total Cost": 8}]}]}}])");
  ASSERT_TRUE(plan);
  double whole = 0;
  ForEachNode(*plan, [&](const PlanNode& node) { whole += node.own_cost; });
  EXPECT_NEAR(whole, 50, 0.01);
  EXPECT_EQ(MostExpensive(*plan).relation, "b");
  EXPECT_NEAR(MostExpensive(*plan).own_cost, 40, 0.01);
}

TEST(PlanTree, CountsWhatCameOverAllRuns) {
  const auto plan = PlanTree(R"([{"Plan": {"Node Type": "Nested Loop", "Actual Rows": 6, "Actual Loops": 1,
    "Actual Total Time": 1.5, "Plans": [
    {"Node Type": "Index Scan", "Actual Rows": 2, "Actual Loops": 3, "Actual Total Time": 0.25},
    {"Node Type": "Seq Scan", "Actual Rows": 0, "Actual Loops": 0, "Actual Total Time": 0},
    {"Node Type": "Seq Scan"}]}}])");
  ASSERT_TRUE(plan && plan->actual);
  EXPECT_EQ(plan->actual->rows, 6);
  EXPECT_EQ(plan->children[0].actual->rows, 6);
  EXPECT_EQ(plan->children[0].actual->ms, 0.75);
  EXPECT_EQ(plan->children[1].actual->runs, 0);
  EXPECT_FALSE(plan->children[2].actual);
}

TEST(PlanTree, RefusesWhatIsNoPlan) {
  for (const char* text : {"", "[]", "{}", "[1]", R"([{"Plan": []}])", R"([{"Plan": {"Plans": [1]}}])"}) {
    EXPECT_FALSE(PlanTree(text)) << text;
  }
}

}  // namespace
}  // namespace pgassay::catalog
