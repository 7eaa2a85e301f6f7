#include "analyzer/advisor/plan_filters.h"

#include <gtest/gtest.h>

#include "tests/analyzer/advisor/shop_catalog.h"

namespace pgassay::advisor {
namespace {

using Names = std::vector<std::string>;

TEST(EqualColumns, AreThoseThatAreComparedWithAValueUnderAnd) {
  EXPECT_EQ(EqualColumns("(invoice.tenant = (current_setting($1))::integer)"), (Names{"tenant"}));
  EXPECT_EQ(EqualColumns("((o.state = $1) AND ((o.kind)::text = ($2)::text) AND (o.total > $3))"),
            (Names{"state", "kind"}));
  EXPECT_EQ(EqualColumns("(o.\"User Id\" = $1)"), (Names{"User Id"}));
  EXPECT_EQ(EqualColumns("(t.owner = CURRENT_USER)"), (Names{"owner"}));
}

TEST(EqualColumns, AreNoneOfOrNotJoinsAndExpressions) {
  for (const char* condition :
       {"", "((o.state = $1) OR (o.kind = $2))", "(NOT (o.a = $1))", "(o.user_id = u.id)", "(lower(o.a) = $1)",
        "(o.a = ANY ($1))", "(o.a <> $1)", "((o.a + $1) = $2)", "(o.a = (o.b)::text)", "(o.flag)"}) {
    EXPECT_EQ(EqualColumns(condition), Names{}) << condition;
  }
}

TEST(PlanFilters, MakeCandidatesOfWhatNoStatementSays) {
  tests::ShopCatalog shop = tests::OrdersShop();
  const int64_t id = shop.Ran("SELECT id, total FROM orders", 100, 2000);
  trace::PlanRow row{.statement_id = id};
  row.plan_json = R"json([{"Plan": {"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "orders",
    "Alias": "orders", "Total Cost": 31000, "Plan Rows": 20,
    "Filter": "(orders.user_id = (current_setting($1))::bigint)"}}])json";
  const auto lines = [&](const std::vector<trace::PlanRow>& plans) {
    const Workload workload = MakeWorkload(shop.statements, shop.slots, shop.snapshot, plans);
    Names made;
    for (const Candidate& candidate : MakeCandidates(workload)) made.push_back(shop.Line(candidate.spec));
    return made;
  };
  EXPECT_EQ(lines({}), Names{});
  EXPECT_EQ(lines({row}), (Names{"public.orders USING btree (user_id)"}));
  row.database = "another";
  EXPECT_EQ(lines({row}), Names{});
}

// Two scans of one table are two mentions of it: what one filters by says nothing of the other.
TEST(PlanFilters, AreThoseOfTheMentionThatTheyStandAt) {
  tests::ShopCatalog shop = tests::OrdersShop();
  const int64_t id = shop.Ran("SELECT a.id FROM orders a JOIN orders b ON b.id = a.total", 100, 2000);
  trace::PlanRow row{.statement_id = id};
  row.plan_json = R"json([{"Plan": {"Node Type": "Hash Join", "Total Cost": 70000, "Plan Rows": 20, "Plans": [
    {"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "orders", "Alias": "a", "Total Cost": 31000,
     "Filter": "(a.user_id = (current_setting($1))::bigint)"},
    {"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "orders", "Alias": "b", "Total Cost": 31000,
     "Filter": "(b.status = $2)"}, {"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "orders",
     "Alias": "orders_1", "Total Cost": 31000, "Filter": "(orders_1.created_at = $3)"}]}}])json";
  const Workload workload = MakeWorkload(shop.statements, shop.slots, shop.snapshot, {&row, 1});
  const auto& tables = workload.queries.at(0).tables;
  ASSERT_EQ(tables.size(), 2U);
  ASSERT_EQ(tables[0].conditions.size(), 1U);
  EXPECT_EQ(tables[0].conditions[0].attnum, 2);
  ASSERT_EQ(tables[1].conditions.size(), 1U);
  EXPECT_EQ(tables[1].conditions[0].attnum, 3);
}

TEST(PlanFilters, TellWhatIsComparedWithASubquerysValue) {
  for (const std::string value : {"$0", "(InitPlan 1).col1"}) {
    tests::ShopCatalog shop = tests::OrdersShop();
    const int64_t id =
        shop.Ran("SELECT total FROM orders WHERE user_id = (SELECT id FROM users WHERE email = $1)", 100, 2000);
    trace::PlanRow row{.statement_id = id};
    row.plan_json = R"json([{"Plan": {"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "orders",
      "Alias": "orders", "Total Cost": 31000, "Filter": "(orders.user_id = )json" +
                    value + R"json()"}}])json";
    const Workload workload = MakeWorkload(shop.statements, shop.slots, shop.snapshot, {&row, 1});
    EXPECT_EQ(workload.queries.at(0).tables.at(0).conditions.at(0).use, Use::kEqual) << value;
  }
}

}  // namespace
}  // namespace pgassay::advisor
