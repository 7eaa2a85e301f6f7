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

}  // namespace
}  // namespace pgassay::advisor
