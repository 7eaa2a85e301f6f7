#include "analyzer/catalog/hypopg_cost.h"

#include <gtest/gtest.h>

#include "analyzer/catalog/plan_tree.h"

namespace pgassay::catalog {
namespace {

// Two levels: a descent is 50 * 0.0025 * 3 = 0.375. Of 100 000 rows, 400 pages as HypoPG has it and 300 really.
const SupposedTree kTree = {.name = "ix", .pages = 300, .levels = 2, .rows = 100'000, .supposed_pages = 400};

PlannedCost Corrected(const std::string& plan, const SupposedTree& tree = kTree) {
  const auto parsed = PlanTree(R"([{"Plan": )" + plan + "}]");
  PlannedCost cost{.total_cost = parsed ? parsed->total_cost : 1, .plan_json = R"([{"Plan": )" + plan + "}]"};
  CorrectCost(cost, {&tree, 1}, Prices());
  return cost;
}

double TotalAt(const PlannedCost& cost, std::string_view type) {
  double total = -1;
  const auto plan = PlanTree(cost.plan_json);
  if (!plan) return total;
  ForEachNode(*plan, [&](const PlanNode& node) {
    if (node.type == type) total = node.total_cost;
  });
  return total;
}

TEST(HypoPgCost, ALookUpPaysForItsDescent) {
  const PlannedCost cost = Corrected(R"json({"Node Type": "Index Scan", "Index Name": "ix", "Index Cond": "(a = $1)",
    "Startup Cost": 0.04, "Total Cost": 8.06, "Plan Rows": 1})json");
  EXPECT_NEAR(cost.total_cost, 8.44, 0.006);
  EXPECT_NEAR(TotalAt(cost, "Index Scan"), 8.44, 0.006);
}

TEST(HypoPgCost, OtherIndexesStayAsTheyAre) {
  const PlannedCost cost = Corrected(R"json({"Node Type": "Index Scan", "Index Name": "orders_pkey",
    "Startup Cost": 0.29, "Total Cost": 8.31, "Plan Rows": 1})json");
  EXPECT_EQ(cost.total_cost, 8.31);
  EXPECT_EQ(TotalAt(cost, "Index Scan"), 8.31);
}

// A tenth of the rows: 30 pages instead of 40, at 4 each.
TEST(HypoPgCost, ARangePaysForThePagesThatThereWillBe) {
  const PlannedCost cost = Corrected(R"json({"Node Type": "Aggregate", "Startup Cost": 350, "Total Cost": 350.01,
    "Plan Rows": 1, "Plans": [{"Node Type": "Index Only Scan", "Parent Relationship": "Outer", "Index Name": "ix",
    "Index Cond": "(a > $1)", "Startup Cost": 0.04, "Total Cost": 325, "Plan Rows": 10000}]})json");
  EXPECT_NEAR(TotalAt(cost, "Index Only Scan"), 325 + 0.375 - 40, 0.006);
  EXPECT_NEAR(cost.total_cost, 350.01 + 0.375 - 40, 0.006);
}

// What the filter leaves says nothing of how many rows the condition of the index lets through.
TEST(HypoPgCost, PagesAreLeftAloneWhereTheirNumberIsNotKnown) {
  const PlannedCost cost = Corrected(R"json({"Node Type": "Index Scan", "Index Name": "ix", "Index Cond": "(a > $1)",
    "Filter": "(b = $2)", "Startup Cost": 0.04, "Total Cost": 325, "Plan Rows": 10})json");
  EXPECT_NEAR(cost.total_cost, 325.375, 0.006);
}

// The partial index of rare rows: 2 pages as HypoPG has it, 5 with root and metapage; 20 of 750 rows are read.
TEST(HypoPgCost, ALimitPaysForThePartThatItReads) {
  const SupposedTree small = {.name = "ix", .pages = 5, .levels = 1, .rows = 750, .supposed_pages = 2};
  const PlannedCost cost =
      Corrected(R"json({"Node Type": "Limit", "Startup Cost": 0.03, "Total Cost": 2.04, "Plan Rows": 20,
    "Plans": [{"Node Type": "Index Scan", "Parent Relationship": "Outer", "Index Name": "ix", "Startup Cost": 0.03,
    "Total Cost": 75.38, "Plan Rows": 750}]})json",
                small);
  EXPECT_NEAR(TotalAt(cost, "Index Scan"), 75.38 + 0.25 + 12, 0.006);
  EXPECT_NEAR(cost.total_cost, 2.04 + 0.25 + 12.0 * 20 / 750, 0.01);
}

TEST(HypoPgCost, ASortPaysForAllOfItAlsoUnderALimit) {
  const PlannedCost cost =
      Corrected(R"json({"Node Type": "Limit", "Startup Cost": 400, "Total Cost": 400.02, "Plan Rows": 5,
    "Plans": [{"Node Type": "Sort", "Parent Relationship": "Outer", "Startup Cost": 400, "Total Cost": 425,
    "Plan Rows": 10000, "Plans": [{"Node Type": "Bitmap Heap Scan", "Parent Relationship": "Outer",
    "Startup Cost": 210, "Total Cost": 390, "Plan Rows": 10000, "Plans": [{"Node Type": "Bitmap Index Scan",
    "Parent Relationship": "Outer", "Index Name": "ix", "Index Cond": "(a > $1)", "Startup Cost": 0, "Total Cost": 210,
    "Plan Rows": 10000}]}]}]})json");
  EXPECT_NEAR(cost.total_cost, 400.02 + 0.375 - 40, 0.006);
}

// 50 descents; the second and later pages are found in the cache, more of them in the smaller tree.
TEST(HypoPgCost, ANestedLoopPaysForEachRowOfItsOuterSide) {
  const SupposedTree one_size = {.name = "ix", .pages = 300, .levels = 2, .rows = 100'000, .supposed_pages = 300};
  const std::string plan = R"json({"Node Type": "Nested Loop", "Startup Cost": 0.04, "Total Cost": 420, "Plan Rows": 50,
    "Plans": [{"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Startup Cost": 0, "Total Cost": 20,
    "Plan Rows": 50}, {"Node Type": "Index Scan", "Parent Relationship": "Inner", "Index Name": "ix",
    "Index Cond": "(a = b.a)", "Startup Cost": 0.04, "Total Cost": 8.0, "Plan Rows": 1}]})json";
  EXPECT_NEAR(Corrected(plan, one_size).total_cost, 420 + 50 * 0.375, 0.3);
  EXPECT_LT(Corrected(plan).total_cost, Corrected(plan, one_size).total_cost);
}

TEST(HypoPgCost, WhatIsNoPlanStaysAsItIs) {
  for (const char* text : {"", "{", "[1]", R"([{"Plan": 1}])", R"([{"Plan": {"Plans": [1]}}])"}) {
    PlannedCost cost{.total_cost = 7, .plan_json = text};
    CorrectCost(cost, {&kTree, 1}, Prices());
    EXPECT_EQ(cost.total_cost, 7) << text;
  }
}

}  // namespace
}  // namespace pgassay::catalog
