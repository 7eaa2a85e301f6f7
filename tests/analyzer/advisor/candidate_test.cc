// Which indexes are thought of, and which are not: each case a statement and the whole list.
#include "analyzer/advisor/candidate.h"

#include <gtest/gtest.h>

#include "analyzer/advisor/index_match.h"
#include "tests/analyzer/advisor/shop_catalog.h"

namespace pgassay::advisor {
namespace {

using tests::OrdersShop;
using tests::ShopCatalog;
using Lines = std::vector<std::string>;

bool Has(const Lines& lines, std::string_view line) { return std::ranges::find(lines, line) != lines.end(); }

TEST(Candidates, PutEqualitiesBeforeTheOrder) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT 10");
  EXPECT_EQ(shop.Candidates(),
            (Lines{"public.orders USING btree (user_id)", "public.orders USING btree (user_id, created_at)"}));
}

TEST(Candidates, PutOneRangeLast) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE status = $1 AND created_at > $2 AND total > $3");
  EXPECT_EQ(shop.Candidates(),
            (Lines{"public.orders USING brin (created_at)", "public.orders USING btree (status)",
                   "public.orders USING btree (status, created_at)", "public.orders USING btree (status, total)"}));
}

TEST(Candidates, PutSharedColumnsFirst) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE status = $1 AND user_id = $2");
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (user_id, status)"));
  shop.Ran("SELECT * FROM orders WHERE status = $1");
  shop.Ran("SELECT count(*) FROM orders WHERE status = $1");
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (status, user_id)"));
}

TEST(Candidates, TakeAListAsARangeWhereAnOrderIsWanted) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = ANY ($1) ORDER BY created_at LIMIT 10");
  const Lines lines = shop.Candidates();
  EXPECT_TRUE(Has(lines, "public.orders USING btree (user_id)"));
  EXPECT_TRUE(Has(lines, "public.orders USING btree (created_at)"));
  EXPECT_FALSE(Has(lines, "public.orders USING btree (user_id, created_at)"));
}

TEST(Candidates, KeepMixedDirectionsAndTurnWhollyDescendingOnes) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders ORDER BY total DESC, created_at DESC LIMIT 10");
  shop.Ran("SELECT * FROM orders ORDER BY total DESC, created_at LIMIT 10");
  EXPECT_EQ(shop.Candidates(), (Lines{"public.orders USING btree (total DESC, created_at)",
                                      "public.orders USING btree (total, created_at)"}));
}

TEST(Candidates, AreNoneWhereAnIndexServesAlready) {
  ShopCatalog shop = OrdersShop();
  shop.AddIndex(shop.snapshot.relations[0], "by_user", {"user_id", "created_at"});
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT 10");
  shop.Ran("SELECT * FROM orders WHERE user_id = $1");
  shop.Ran("SELECT * FROM orders WHERE id = $1 AND status = $2 AND user_id = $3");
  EXPECT_EQ(shop.Candidates(), Lines{});
}

TEST(Candidates, AreNoneWhereAPartialIndexMayServeAValueThatIsNotKnown) {
  ShopCatalog shop = OrdersShop();
  shop.AddIndex(shop.snapshot.relations[0], "pending", {"created_at"}).predicate = "((status)::text = 'pending'::text)";
  const int64_t id = shop.Ran("SELECT * FROM orders WHERE status = 'pending' ORDER BY created_at LIMIT 10");
  EXPECT_EQ(shop.Candidates(), Lines{});
  shop.Values(id, "status");
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (status, created_at)")) << "many values";
  shop.slots.clear();
  shop.Ran("SELECT * FROM orders WHERE status = $1 AND user_id = $2");
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (status, user_id)")) << "other rows";
}

TEST(Candidates, AreMadeForASecondKeyColumnAskedAlone) {
  ShopCatalog shop = OrdersShop();
  shop.AddIndex(shop.snapshot.relations[0], "by_user", {"user_id", "status"});
  shop.Ran("SELECT * FROM orders WHERE status = $1");
  EXPECT_EQ(shop.Candidates(), (Lines{"public.orders USING btree (status)"}));
}

TEST(Candidates, AreNoneForConditionsThatNeedNotHold) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 OR status = $2");
  shop.Ran("SELECT * FROM orders WHERE NOT (user_id = $1)");
  shop.Ran("SELECT * FROM orders WHERE user_id <> $1");
  EXPECT_EQ(shop.Candidates(), Lines{});
}

TEST(Candidates, ArePartialOnSoftDeletes) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 AND deleted_at IS NULL");
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (user_id) WHERE deleted_at IS NULL"));
  for (int i = 0; i < 4; ++i) shop.Ran("SELECT * FROM orders WHERE total = " + std::to_string(i));
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (user_id) WHERE deleted_at IS NULL") ==
              (shop.snapshot.relations[0].columns[5].null_fraction <= 0.2))
      << "five templates, one of which tests the column";
}

TEST(Candidates, ArePartialOnAConstantThatIsALiteral) {
  ShopCatalog shop = OrdersShop();
  const int64_t id = shop.Ran("SELECT * FROM orders WHERE status = 'pending' ORDER BY created_at LIMIT 10");
  trace::SlotRow& values = shop.Values(id, "status");
  values.top_executions = values.literals = 100;
  values.constant = "'pending'";
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (created_at) WHERE status = 'pending'"));
}

// A recording that asks for one user alone says nothing of the others.
TEST(Candidates, AreNotPartialOnAConstantOfAColumnOfManyValues) {
  ShopCatalog shop = OrdersShop();
  const int64_t id = shop.Ran("SELECT * FROM orders WHERE user_id = 77 ORDER BY created_at LIMIT 10");
  trace::SlotRow& values = shop.Values(id, "user_id");
  values.top_executions = values.literals = 100;
  values.constant = "77";
  for (const std::string& line : shop.Candidates()) EXPECT_EQ(line.find("WHERE"), std::string::npos) << line;
}

TEST(Candidates, AreNotPartialOnAParameterOfANamedStatement) {
  ShopCatalog shop = OrdersShop();
  const int64_t id = shop.Ran("SELECT * FROM orders WHERE status = $1 ORDER BY created_at LIMIT 10");
  trace::SlotRow& values = shop.Values(id, "status");
  values.top_executions = values.named = 100;
  for (const std::string& line : shop.Candidates()) EXPECT_EQ(line.find("WHERE"), std::string::npos) << line;
}

TEST(Candidates, AreExpressionsOfImmutableFunctionsOnly) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM users WHERE lower(email) = $1");
  EXPECT_EQ(shop.Candidates(), (Lines{"public.users USING btree ((lower(email)))"}));
  shop.statements.clear();
  shop.Ran("SELECT * FROM users WHERE lower(trim(email)) = $1");  // another expression than lower(email)
  shop.Ran("SELECT * FROM orders WHERE date(created_at) = $1");   // depends on the time zone
  shop.Ran("SELECT * FROM users WHERE coalesce(email, name) = $1");
  EXPECT_EQ(shop.Candidates(), Lines{});
}

TEST(Candidates, CoverWhereTheTableIsVisibleAndNothingIncludedIsUpdated) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT total FROM orders WHERE user_id = $1");
  EXPECT_FALSE(Has(shop.Candidates(), "public.orders USING btree (user_id) INCLUDE (total)"));
  shop.snapshot.relations[0].all_visible_pages = shop.snapshot.relations[0].pages;
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING btree (user_id) INCLUDE (total)"));
  shop.Ran("UPDATE orders SET total = $1 WHERE id = $2", 100, 100);
  EXPECT_FALSE(Has(shop.Candidates(), "public.orders USING btree (user_id) INCLUDE (total)"));
}

TEST(Candidates, AreGinForDocumentsAndArrays) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM users WHERE metadata @> $1");
  shop.Ran("SELECT * FROM users WHERE labels && $1");
  shop.Ran("SELECT * FROM users WHERE $1 = ANY (labels)");  // no index serves this
  EXPECT_EQ(shop.Candidates(),
            (Lines{"public.users USING gin (labels)", "public.users USING gin (metadata jsonb_path_ops)"}));
  shop.Ran("SELECT * FROM users WHERE metadata ? $1");
  EXPECT_EQ(shop.Candidates(), (Lines{"public.users USING gin (labels)", "public.users USING gin (metadata)"}));
}

TEST(Candidates, AreTrigramsForInfixPatternsOfThreeCharacters) {
  ShopCatalog shop = OrdersShop();
  const int64_t id = shop.Ran("SELECT * FROM users WHERE name ILIKE $1");
  EXPECT_EQ(shop.Candidates(), Lines{}) << "nothing is known of the patterns";
  trace::SlotRow& values = shop.Values(id, "name");
  values.patterns = values.leading_wildcards = 100;
  values.literal_part = 2;
  EXPECT_EQ(shop.Candidates(), Lines{});
  values.literal_part = 3;
  EXPECT_EQ(shop.Candidates(), (Lines{"public.users USING gin (name gin_trgm_ops)"}));
}

TEST(Candidates, HavePatternClassesForPrefixesUnlessTheCollationIsC) {
  ShopCatalog shop = OrdersShop();
  const int64_t id = shop.Ran("SELECT * FROM users WHERE name LIKE $1");
  shop.Values(id, "name").patterns = 100;
  EXPECT_EQ(shop.Candidates(), (Lines{"public.users USING btree (name text_pattern_ops)"}));
  shop.snapshot.relations[1].columns[2].collation_is_c = true;
  EXPECT_EQ(shop.Candidates(), (Lines{"public.users USING btree (name)"}));
}

TEST(Candidates, AreBlockRangesForLargeTablesInOrder) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT sum(total) FROM orders WHERE created_at BETWEEN $1 AND $2");
  EXPECT_TRUE(Has(shop.Candidates(), "public.orders USING brin (created_at)"));
  shop.snapshot.relations[0].pages = 5000;
  EXPECT_FALSE(Has(shop.Candidates(), "public.orders USING brin (created_at)"));
  const Workload workload = shop.Workload();
  const auto is_brin = [](const Candidate& candidate) { return candidate.kind == Kind::kBrin; };
  EXPECT_TRUE(std::ranges::any_of(MakeCandidates(workload, true), is_brin)) << "where there is a budget";
}

TEST(Candidates, BindJoinColumnsFromTheOtherSide) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT orders.total FROM users JOIN orders ON orders.user_id = users.id WHERE users.email = $1");
  const Lines lines = shop.Candidates();
  EXPECT_TRUE(Has(lines, "public.orders USING btree (user_id)"));
  EXPECT_TRUE(Has(lines, "public.users USING btree (email)"));
}

TEST(Candidates, FoldPartitionsToTheirRoot) {
  ShopCatalog shop = OrdersShop();
  catalog::Relation& root = shop.Table("events", -1, 0, {{"id", "bigint"}, {"kind", "text", 30}});
  root.kind = 'p';
  const uint32_t root_oid = root.oid;
  catalog::Relation& part = shop.Table("events_2026", 500'000, 8000, {{"id", "bigint"}, {"kind", "text", 30}});
  part.partition = true;
  part.parent_oid = root_oid;
  shop.Ran("SELECT * FROM events_2026 WHERE kind = $1");
  EXPECT_EQ(shop.Candidates(), (Lines{"public.events USING btree (kind)"}));
}

TEST(Serves, ToldByKeysPredicateClassAndDirection) {
  ShopCatalog shop = OrdersShop();
  const catalog::Relation& orders = shop.snapshot.relations[0];
  const catalog::Index index = shop.AddIndex(orders, "by_user", {"user_id", "created_at"});
  catalog::IndexSpec spec{
      .relation_oid = orders.oid, .keys = {{.attnum = 2}}, .included = {}, .predicate = "", .name = ""};
  EXPECT_TRUE(Serves(index, spec));
  spec.keys.push_back({.attnum = 5});
  EXPECT_TRUE(Serves(index, spec));
  spec.keys[1].descending = spec.keys[1].nulls_first = true;
  EXPECT_FALSE(Serves(index, spec));
  spec.keys = {{.attnum = 5}};
  EXPECT_FALSE(Serves(index, spec)) << "not its first key";
  spec.keys = {{.attnum = 2}};
  catalog::Index partial = index;
  partial.predicate = "((status)::text = 'pending'::text)";
  EXPECT_FALSE(Serves(partial, spec));
  spec.predicate = "status = 'pending'";
  EXPECT_TRUE(Serves(partial, spec));
  spec.included = {4};
  EXPECT_FALSE(Serves(partial, spec));
}

}  // namespace
}  // namespace pgassay::advisor
