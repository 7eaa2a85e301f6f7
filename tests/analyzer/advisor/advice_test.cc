// What comes out in the end: what is chosen, what it would cost, and how it is written down.
#include "analyzer/advisor/advice.h"

#include <gtest/gtest.h>

#include "analyzer/advisor/ddl.h"
#include "analyzer/advisor/plan_cache.h"
#include "analyzer/advisor/size_model.h"
#include "analyzer/advisor/trials.h"
#include "tests/analyzer/advisor/shop_catalog.h"

namespace pgassay::advisor {
namespace {

using tests::ColumnLine;
using tests::OrdersShop;
using tests::ShopCatalog;

Advice AdviseOn(const Workload& workload, AdviceOptions options = {}) {
  return Advise(workload, MakePageCostModel, options);
}

std::vector<std::string> Chosen(const ShopCatalog& shop, AdviceOptions options = {}) {
  const Workload workload = shop.Workload();
  std::vector<std::string> lines;
  for (const NewIndex& index : AdviseOn(workload, options).create) lines.push_back(shop.Line(index.candidate.spec));
  return lines;
}
using Lines = std::vector<std::string>;

TEST(Advice, TakesTheIndexThatAlsoSorts) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT 10", 1000, 10'000);
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 1000, 20'000);
  const Lines chosen = Chosen(shop);
  ASSERT_EQ(chosen.size(), 1U);
  EXPECT_TRUE(chosen[0].starts_with("public.orders USING btree (user_id")) << chosen[0];
}

TEST(Advice, IsNothingForWhatReadsMostOfATable) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders", 100, 100'000'000);
  shop.Ran("SELECT * FROM orders WHERE total > $1", 100, 90'000'000);
  EXPECT_EQ(Chosen(shop), Lines{});
}

TEST(Advice, KeepsToTheBudget) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 1000, 20'000);
  shop.Ran("SELECT * FROM users WHERE email = $1", 1000, 1000);
  EXPECT_EQ(Chosen(shop).size(), 2U);
  const Workload workload = shop.Workload();
  int64_t smallest = INT64_MAX;
  for (const Candidate& candidate : MakeCandidates(workload)) smallest = std::min(smallest, candidate.bytes);
  EXPECT_EQ(Chosen(shop, {.selection = {.budget_bytes = smallest, .min_workload_share = 0}}).size(), 1U);
  EXPECT_EQ(Chosen(shop, {.selection = {.budget_bytes = 8192}}), Lines{});
}

TEST(Advice, LeavesRoomInTheBudgetForWhatSavesMost) {
  ShopCatalog shop = OrdersShop(10'000'000);
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 1000, 20'000);
  shop.Ran("SELECT * FROM users WHERE email = $1", 10'000, 10'000);
  const Workload workload = shop.Workload();
  int64_t largest = 0;
  for (const Candidate& candidate : MakeCandidates(workload)) largest = std::max(largest, candidate.bytes);
  // users (email) saves more per byte, but less, and orders (user_id) does not fit beside it.
  EXPECT_EQ(Chosen(shop, {.selection = {.budget_bytes = largest}}), Lines{"public.orders USING btree (user_id)"});
}

TEST(Advice, WithinABudgetTakesSmallTablesForWhatTheyAre) {
  ShopCatalog shop = OrdersShop(1'000'000);
  shop.snapshot.relations[1].pages = 400;
  shop.snapshot.relations[1].rows = 20'000;
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 10, 200);
  shop.Ran("SELECT * FROM users WHERE email = $1", 40, 40);
  const Lines both = {"public.users USING btree (email)", "public.orders USING btree (user_id)"};
  EXPECT_EQ(Chosen(shop), both) << "most saved first, users being taken as grown";
  const Workload workload = shop.Workload();
  int64_t largest = 0;
  for (const Candidate& candidate : MakeCandidates(workload)) largest = std::max(largest, candidate.bytes);
  EXPECT_EQ(Chosen(shop, {.selection = {.budget_bytes = largest}}), Lines{"public.orders USING btree (user_id)"});
}

TEST(Advice, TakesBlockRangesForLookUpsWhereNoMoreFits) {
  ShopCatalog shop = OrdersShop();
  shop.snapshot.relations[0].columns[1].correlation = 0.99;  // inserted user by user
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 1000, 20'000);
  EXPECT_EQ(Chosen(shop), Lines{"public.orders USING btree (user_id)"});
  EXPECT_EQ(Chosen(shop, {.selection = {.budget_bytes = 100'000'000}}), Lines{"public.orders USING btree (user_id)"});
  EXPECT_EQ(Chosen(shop, {.selection = {.budget_bytes = 1'000'000}}), Lines{"public.orders USING brin (user_id)"});
}

TEST(Advice, CopiesNoColumnsForNextToNothing) {
  ShopCatalog shop = OrdersShop();
  shop.snapshot.relations[0].all_visible_pages = shop.snapshot.relations[0].pages;
  shop.Ran("SELECT user_id, total FROM orders WHERE user_id = $1", 1000, 20'000);
  ASSERT_EQ(Chosen(shop), Lines{"public.orders USING btree (user_id) INCLUDE (total)"});
  shop.Ran("SELECT sum(total) FROM orders", 100'000, 100'000);  // beside it the looks are little
  EXPECT_EQ(Chosen(shop, {.selection = {.min_workload_share = 0.001}}), Lines{"public.orders USING btree (user_id)"});
}

TEST(CostModel, LooksUpByTheTablesThatAreJoinedAlready) {
  ShopCatalog shop = OrdersShop();
  shop.Table("items", 3'000'000, 40'000, {{"order_id", "bigint", 1'000'000}, {"price", "bigint", 1000}});
  shop.AddIndex(shop.snapshot.relations[2], "items_order", {"order_id"});
  shop.Ran(
      "SELECT i.price FROM users u JOIN orders o ON o.user_id = u.id JOIN items i ON i.order_id = o.id WHERE u.id = "
      "$1");
  const Workload workload = shop.Workload();
  const auto model = MakePageCostModel(workload, {});
  // orders has to be read whole: its key finds it from items alone, which comes behind it.
  EXPECT_GT(model->CostOf(0, {}).total, static_cast<double>(shop.snapshot.relations[0].pages));
}

TEST(CostModel, GrowsASmallTableThatStandsAlone) {
  ShopCatalog shop = OrdersShop();
  shop.Table("kinds", 200, 4, {{"id", "bigint"}, {"name", "text"}});
  shop.Ran("SELECT * FROM kinds WHERE name = $1");
  shop.Ran("SELECT * FROM kinds JOIN orders ON orders.total = kinds.id WHERE kinds.name = $1");
  const Workload workload = shop.Workload();
  const catalog::Relation& kinds = shop.snapshot.relations[2];
  EXPECT_EQ(Growth(shop.snapshot, workload.queries[0], kinds), kGrownPages / 4);
  EXPECT_EQ(Growth(shop.snapshot, workload.queries[1], kinds), 1);
}

TEST(Advice, WeighsWhatWritesPay) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM users WHERE email = $1", 5, 5);
  EXPECT_EQ(Chosen(shop).size(), 1U);
  shop.Ran("INSERT INTO users (email) VALUES ($1)", 1'000'000, 1'000'000);
  EXPECT_EQ(Chosen(shop), Lines{});
}

TEST(Advice, SaysWhichUpdatesWouldNoLongerBeHeapOnly) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 AND status = $2", 100'000, 100'000);
  shop.Ran("UPDATE orders SET status = $1 WHERE id = $2", 500, 500);
  const Workload workload = shop.Workload();
  for (const Candidate& candidate : MakeCandidates(workload)) {
    const bool has_status = shop.Line(candidate.spec).contains("status");
    EXPECT_EQ(CostOfWrites(candidate, workload).hot_updates_lost, has_status ? 500 : 0) << shop.Line(candidate.spec);
  }
}

TEST(Advice, OnSmallTablesServesSomeExecutions) {
  ShopCatalog shop = OrdersShop(2000);
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 4, 8);
  EXPECT_EQ(Chosen(shop), Lines{});
  EXPECT_EQ(Chosen(shop, {.min_executions = 4}), Lines{"public.orders USING btree (user_id)"});
}

TEST(Advice, OnSmallTablesIsStructuralAndOnTinyOnesNone) {
  ShopCatalog shop = OrdersShop(2000);
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 100, 200);
  const Workload workload = shop.Workload();
  const Advice advice = AdviseOn(workload);
  ASSERT_EQ(advice.create.size(), 1U);
  EXPECT_EQ(advice.create[0].how, How::kStructural);
  ShopCatalog tiny = OrdersShop(80);
  tiny.Ran("SELECT * FROM orders WHERE user_id = $1", 100, 200);
  const Workload tiny_workload = tiny.Workload();
  const Advice none = AdviseOn(tiny_workload);
  EXPECT_TRUE(none.create.empty());
}

TEST(Advice, IsTheSameEveryTime) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 AND status = $2 ORDER BY created_at LIMIT 5");
  shop.Ran("SELECT * FROM users WHERE email = $1");
  EXPECT_EQ(Chosen(shop), Chosen(shop));
}

// Counts what is asked.
class Counting final : public CostModel {
 public:
  explicit Counting(std::unique_ptr<CostModel> model) : model_(std::move(model)) {}
  Cost CostOf(size_t query, std::span<const size_t> set) override { return model_->CostOf(query, set); }
  How HowKnown(size_t candidate) const override { return model_->HowKnown(candidate); }
  uint64_t calls() const override { return model_->calls(); }

 private:
  std::unique_ptr<CostModel> model_;
};

TEST(PlanCache, AnswersForEverySetBetweenAPlanAndItsFootprint) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1 AND total > $2 ORDER BY created_at LIMIT 10", 10, 10);
  const Workload workload = shop.Workload();
  const auto candidates = MakeCandidates(workload);
  ASSERT_GE(candidates.size(), 3U);
  Counting model(MakePageCostModel(workload, candidates));
  PlanCache cache(model, candidates, 1);
  std::vector<size_t> all(candidates.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  const Cost whole = cache.CostOf(0, all);
  EXPECT_EQ(model.calls(), 1U);
  ASSERT_FALSE(whole.used.empty());
  EXPECT_EQ(cache.CostOf(0, whole.used).total, whole.total);
  EXPECT_EQ(model.calls(), 1U) << "known from the footprint";
  cache.CostOf(0, {});
  EXPECT_EQ(model.calls(), 2U);
}

TEST(Advice, TakesThePartialIndexOfAHotStatus) {
  ShopCatalog shop = OrdersShop();
  const int64_t id =
      shop.Ran("SELECT id, total FROM orders WHERE status = 'pending' ORDER BY created_at LIMIT 5", 12, 60);
  trace::SlotRow& values = shop.Values(id, "status");
  values.top_executions = values.literals = values.executions;
  values.constant = "'pending'";
  values.share = 0.01;
  EXPECT_EQ(Chosen(shop), (Lines{"public.orders USING btree (created_at) WHERE status = 'pending'"}));
  values.share = 0.5;
  EXPECT_EQ(Chosen(shop), (Lines{"public.orders USING btree (status, created_at)"}));
}

// Without the index each row of the query around it reads the whole table.
TEST(Advice, TakesTheIndexOfASubqueryThatRunsForEachRow) {
  const char* const scalar = "SELECT u.id, (SELECT sum(o.total) FROM orders o WHERE o.user_id = u.id) FROM users u";
  const char* const lateral =
      "SELECT u.id, x.id FROM users u CROSS JOIN LATERAL (SELECT o.id FROM orders o WHERE o.user_id = u.id LIMIT 1) x";
  for (const char* sql : {scalar, lateral}) {
    ShopCatalog shop = OrdersShop(20'000'000);
    shop.Ran(std::string(sql) + " WHERE u.id < $1", 10, 200);
    const Lines chosen = Chosen(shop);
    EXPECT_TRUE(std::ranges::find(chosen, "public.orders USING btree (user_id)") != chosen.end()) << sql;
  }
}

TEST(Advice, KnowsWhoseAColumnIsWithoutItsTable) {
  for (const char* sql : {"SELECT name FROM users, orders WHERE user_id = users.id AND email = $1",
                          "SELECT name FROM users JOIN orders ON user_id = users.id WHERE email = $1"}) {
    ShopCatalog shop = OrdersShop(20'000'000);
    shop.Ran(sql, 100, 2000);
    EXPECT_EQ(Chosen(shop), (Lines{"public.orders USING btree (user_id)", "public.users USING btree (email)"})) << sql;
  }
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT name FROM users u, (SELECT user_id AS email FROM orders) o WHERE email = $1", 100, 2000);
  EXPECT_EQ(Chosen(shop), Lines{}) << "a subquery has columns of its own";
}

TEST(Advice, TakesTheEndOfAnIndexForAnExtremum) {
  for (const auto& [sql, index] : std::vector<std::pair<std::string, std::string>>{
           {"SELECT max(created_at) FROM orders", "(created_at)"},
           {"SELECT min(total) AS a, max(total) FROM orders", "(total)"},
           {"SELECT max(total) FROM orders WHERE status = $1", "(status, total)"},
           {"SELECT max(total + 1) FROM orders", ""},
           {"SELECT max(id) FROM orders", ""},
           {"SELECT max(total), count(*) FROM orders", ""}}) {
    ShopCatalog shop = OrdersShop();
    shop.Ran(sql, 100, 100);
    EXPECT_EQ(Chosen(shop), index.empty() ? Lines{} : Lines{"public.orders USING btree " + index}) << sql;
  }
}

TEST(Advice, TakesEachBranchOfAUnionByItself) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT id FROM orders WHERE user_id = $1 UNION ALL SELECT id FROM orders WHERE total = $2", 100, 4000);
  EXPECT_EQ(Chosen(shop), (Lines{"public.orders USING btree (total)", "public.orders USING btree (user_id)"}));
}

// Columns of a common table expression are not known to be the table's: two tables that nothing joins.
TEST(Advice, TakesTablesThatNothingJoinsForAJoinByKey) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("WITH mine AS (SELECT id AS o FROM orders WHERE user_id = $1) SELECT name FROM mine JOIN users ON x = o",
           100, 2000);
  EXPECT_EQ(Chosen(shop), (Lines{"public.orders USING btree (user_id)"}));
}

// What is saved on a small table is counted as if it had grown; its part of all cost is today's.
TEST(Advice, SharesAreOfTodaysCost) {
  ShopCatalog shop;
  shop.Table("large", 1'000'000, 20'000, {{"id", "bigint"}, {"owner", "bigint", 50'000, 8}});
  shop.Table("small", 5000, 100, {{"id", "bigint"}, {"owner", "bigint", 2500, 8}});
  shop.Ran("SELECT * FROM large WHERE owner = $1", 100, 2000);
  shop.Ran("SELECT * FROM small WHERE owner = $1", 100, 200);
  const Workload workload = shop.Workload();
  const Advice advice = AdviseOn(workload);
  ASSERT_EQ(advice.create.size(), 2U);
  EXPECT_EQ(advice.create[1].how, How::kStructural);
  EXPECT_NEAR(advice.create[0].share, 0.99, 0.01);
  EXPECT_NEAR(advice.create[1].share, 100.0 / 20'000, 0.002);
}

TEST(Advice, KeepsASmallIndexThatALargeOneHardlyBetters) {
  ShopCatalog shop;
  catalog::Relation& jobs =
      shop.Table("jobs", 30'000, 1430, {{"id", "bigint"}, {"status", "text", 2, 5}, {"created_at", "integer", -1, 4}});
  jobs.columns[1].common_frequencies = {0.99F, 0.01F};
  const int64_t id = shop.Ran("SELECT id FROM jobs WHERE status = 'pending' ORDER BY created_at LIMIT 5", 12, 60);
  trace::SlotRow& values = shop.Values(id, "status");
  values.top_executions = values.literals = values.executions;
  values.constant = "'pending'";
  values.share = 0.01;
  EXPECT_EQ(Chosen(shop), (Lines{"public.jobs USING btree (created_at) WHERE status = 'pending'"}));
}

// What a server said of the index that the shop's one statement wants.
trace::TrialRow TrialOf(const ShopCatalog& shop, double cost_before, double cost_after, bool used) {
  const Workload workload = shop.Workload();
  const Advice advice = AdviseOn(workload);
  const Candidate& candidate = advice.create.at(0).candidate;
  return {.statement_id = 1,
          .index = TrialIndex(candidate.spec, *candidate.relation),
          .executions = 1,
          .used = used,
          .cost_before = cost_before,
          .cost_after = cost_after};
}

TEST(Trials, GiveTheServersCosts) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 1000, 20'000);
  std::vector<trace::TrialRow> trials = {TrialOf(shop, 500, 20, true)};
  const Workload workload = shop.Workload();
  const Advice advice = AdviseOn(workload, {.trials = trials});
  ASSERT_EQ(advice.create.size(), 1U);
  EXPECT_EQ(advice.create[0].how, How::kHypothetical);
  EXPECT_EQ(advice.create[0].helped.at(0).cost_before, 500);
  EXPECT_EQ(advice.create[0].helped.at(0).cost_after, 20);
  trials[0].database = "another";
  EXPECT_EQ(AdviseOn(workload, {.trials = trials}).create.at(0).how, How::kModelled);
}

TEST(Trials, RefuteWhatThePlannerDoesNotTakeOrGainsNothingBy) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 1000, 20'000);
  const Workload workload = shop.Workload();
  for (const auto& trial : {TrialOf(shop, 500, 500, false), TrialOf(shop, 500, 470, true)}) {
    const Advice advice = AdviseOn(workload, {.trials = {&trial, 1}});
    for (const NewIndex& index : advice.create)
      EXPECT_NE(TrialIndex(index.candidate.spec, *index.candidate.relation), trial.index);
  }
}

// HypoPG's plan of an expression has the planner's constant for it, half a percent of the rows.
TEST(Trials, OfAnExpressionThatDoesNotExistYetHaveNoCosts) {
  ShopCatalog shop = OrdersShop(30'000'000);
  shop.Ran("SELECT id, email FROM users WHERE lower(email) = $1", 1000, 1000);
  trace::TrialRow trial = TrialOf(shop, 3000, 2950, true);
  const Workload workload = shop.Workload();
  const Advice hypothetical = AdviseOn(workload, {.trials = {&trial, 1}});
  ASSERT_EQ(hypothetical.create.size(), 1U) << "not refuted by such a cost";
  EXPECT_EQ(hypothetical.create[0].how, How::kHypothetical);
  EXPECT_LT(hypothetical.create[0].helped.at(0).cost_after, 20);
  trial.kind = trace::TrialKind::kBuilt;
  trial.cost_after = 30;
  EXPECT_EQ(AdviseOn(workload, {.trials = {&trial, 1}}).create.at(0).helped.at(0).cost_after, 30);
}

TEST(Advice, TakesAnExpressionsRowsFromWhatWasSeen) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT id, email FROM users WHERE length(email) = $1", 100, 100 * 500);
  const double few = AdviseOn(shop.Workload()).create.at(0).helped.at(0).cost_after;
  shop.statements[0].rows = 100 * 5000;
  EXPECT_GT(AdviseOn(shop.Workload()).create.at(0).helped.at(0).cost_after, 4 * few);
}

TEST(Trials, OfASmallTableSayNothingOfALargeOne) {
  ShopCatalog shop = OrdersShop();
  shop.Ran("SELECT * FROM orders WHERE user_id = $1", 1000, 20'000);
  trace::TrialRow trial = TrialOf(shop, 500, 500, false);
  trial.structural = true;
  const Workload workload = shop.Workload();
  EXPECT_EQ(AdviseOn(workload, {.trials = {&trial, 1}}).create.size(), 1U);
}

TEST(SizeModel, CountsAKeyOnceAndItsRowsBySixBytes) {
  const ShopCatalog shop = OrdersShop();
  const catalog::Relation& orders = shop.snapshot.relations[0];
  const auto bytes = [&](std::vector<int16_t> columns, std::vector<int16_t> included = {}) {
    catalog::IndexSpec spec;
    spec.relation_oid = orders.oid;
    for (const int16_t column : columns) spec.keys.push_back({.attnum = column});
    spec.included = std::move(included);
    return static_cast<double>(IndexBytes(spec, orders, 1, shop.snapshot));
  };
  EXPECT_NEAR(bytes({3}), 1e6 * 6 / 0.9, 1e6 * 0.7);  // five values
  EXPECT_NEAR(bytes({1}), 1e6 * 20 / 0.9, 1e6 * 2);   // all different
  EXPECT_NEAR(bytes({2}), (5e4 * 20 + 1e6 * 6) / 0.9, 1e6);
  EXPECT_GT(bytes({3}, {4}), 2 * bytes({3})) << "INCLUDE forbids deduplication";
}

// Measured on PostgreSQL 15: pg_relation_size after CREATE INDEX.
TEST(SizeModel, IsWithinATenthOfRealBuilds) {
  ShopCatalog shop;
  const auto table = [&](double rows, ColumnLine line) -> catalog::Relation& {
    catalog::Relation& relation = shop.Table("t" + std::to_string(shop.snapshot.relations.size()), rows, 5000, {line});
    if (line.type == "text") relation.columns[0].storage = 'x';
    return relation;
  };
  const auto near = [&](const catalog::Relation& relation, catalog::IndexKey key, double real) {
    const catalog::IndexSpec spec{.relation_oid = relation.oid, .keys = {std::move(key)}};
    EXPECT_NEAR(static_cast<double>(IndexBytes(spec, relation, 1, shop.snapshot)), real, 0.1 * real);
  };
  near(table(300'000, {"pairs", "integer", 150'000, 4}), {.attnum = 1}, 6'094'848);
  near(table(300'000, {"fifteen", "integer", 20'000, 4}), {.attnum = 1}, 2'637'824);
  near(table(20'000, {"sku", "text", -1, 9}), {.attnum = 1}, 557'056);
  near(table(20'000, {"email", "text", -1, 21}), {.expression = "lower(email)"}, 827'392);
}

TEST(Ddl, QuotesHostileNames) {
  ShopCatalog shop;
  const catalog::Relation& table =
      shop.Table("Order\"s", 1'000'000, 20'000,
                 {{"id", "bigint"}, {"select", "text", 100}, {"User Id", "bigint", 5000}}, "x'; drop table t;--");
  catalog::IndexSpec spec;
  spec.relation_oid = table.oid;
  spec.keys = {{.attnum = 3}, {.attnum = 2}};
  std::set<std::string> taken;
  spec.name = IndexName(spec, table, taken);
  EXPECT_EQ(
      CreateStatements(spec, table, shop.snapshot),
      (Lines{
          "CREATE INDEX CONCURRENTLY ix_order_s_user_id_select ON \"x'; drop table t;--\".\"Order\"\"s\" USING btree "
          "(\"User Id\", \"select\");"}));
}

TEST(Ddl, NamesAreUniqueAndShort) {
  const ShopCatalog shop = OrdersShop();
  const catalog::Relation& orders = shop.snapshot.relations[0];
  catalog::IndexSpec spec;
  spec.keys = {{.attnum = 2}};
  std::set<std::string> taken = {"ix_orders_user_id"};
  EXPECT_EQ(IndexName(spec, orders, taken), "ix_orders_user_id_2");
  catalog::Relation long_name = orders;
  long_name.name = std::string(60, 'x');
  EXPECT_LE(IndexName(spec, long_name, taken).size(), 63U);
}

TEST(Ddl, OfAPartitionedTableGoesByPartitions) {
  ShopCatalog shop;
  catalog::Relation& root = shop.Table("events", -1, 0, {{"id", "bigint"}, {"kind", "text", 30}});
  root.kind = 'p';
  const uint32_t root_oid = root.oid;
  // Columns in another order: attached later, as it happens.
  catalog::Relation& part = shop.Table("events_1", 1000, 10, {{"kind", "text", 30}, {"id", "bigint"}});
  part.partition = true;
  part.parent_oid = root_oid;
  catalog::IndexSpec spec;
  spec.relation_oid = root_oid;
  spec.keys = {{.attnum = 2}};
  spec.name = "ix_events_kind";
  EXPECT_EQ(CreateStatements(spec, shop.snapshot.relations[0], shop.snapshot),
            (Lines{"CREATE INDEX ix_events_kind ON ONLY public.events USING btree (kind);",
                   "CREATE INDEX CONCURRENTLY ix_events_1_kind ON public.events_1 USING btree (kind);",
                   "ALTER INDEX public.ix_events_kind ATTACH PARTITION public.ix_events_1_kind;"}));
}

TEST(Ddl, DeclaresTheSameIndexForMappers) {
  const ShopCatalog shop = OrdersShop();
  const catalog::Relation& orders = shop.snapshot.relations[0];
  catalog::IndexSpec spec;
  spec.keys = {{.attnum = 5, .descending = true, .nulls_first = true}};
  spec.predicate = "status = 'pending'";
  spec.name = "ix_orders_pending";
  const auto declared = Declarations(spec, orders);
  EXPECT_EQ(declared[0].second,
            R"(Index("ix_orders_pending", text("created_at DESC"), postgresql_where=text("status = 'pending'")))");
  EXPECT_EQ(
      declared[1].second,
      R"x(AddIndexConcurrently("orders", models.Index(fields=["-created_at"], name="ix_orders_pending", condition=Q(status='pending')))  # in a Migration with atomic = False)x");
  EXPECT_EQ(
      declared[2].second,
      R"x(add_index :orders, [:created_at], order: { created_at: :desc }, where: "status = 'pending'", name: "ix_orders_pending", algorithm: :concurrently  # with disable_ddl_transaction!)x");
  spec.predicate = "";
  EXPECT_EQ(Declarations(spec, orders)[3].second, R"(@@index([created_at(sort: Desc)], map: "ix_orders_pending"))");
}

Lines Drops(const ShopCatalog& shop) {
  Lines lines;
  const Workload workload = shop.Workload();
  for (const Drop& drop : FindDrops(workload))
    lines.push_back(drop.index->name + (drop.other == nullptr ? " unused" : " by " + drop.other->name));
  return lines;
}

TEST(Drops, AreDuplicatesAndPrefixesWithoutAPromise) {
  ShopCatalog shop = OrdersShop();
  const catalog::Relation& orders = shop.snapshot.relations[0];
  shop.AddIndex(orders, "by_user", {"user_id"});
  shop.AddIndex(orders, "by_user_again", {"user_id"});
  shop.AddIndex(orders, "by_user_status", {"user_id", "status"});
  shop.AddIndex(orders, "by_id", {"id"});
  EXPECT_EQ(Drops(shop), (Lines{"by_user by by_user_status", "by_user_again by by_user", "by_id by orders_pkey"}));
}

TEST(Drops, AreNotWhatDiffersInClassPredicateOrDirectionOrKeepsAPromise) {
  ShopCatalog shop = OrdersShop();
  const catalog::Relation& orders = shop.snapshot.relations[0];
  shop.AddIndex(orders, "a", {"user_id"}).keys[0].operator_class = "text_pattern_ops";
  shop.AddIndex(orders, "b", {"user_id"}).predicate = "deleted_at IS NULL";
  shop.AddIndex(orders, "c", {"user_id"}).keys[0].descending = true;
  shop.AddIndex(orders, "d", {"user_id"}, true);
  shop.AddIndex(orders, "e", {"user_id"}).replica_identity = true;
  shop.AddIndex(orders, "f", {"user_id", "status"}).keys[0].collation = "de_DE";
  EXPECT_EQ(Drops(shop), Lines{});
}

TEST(Drops, AreUnusedOnesOnlyAfterTwoWeeksAndIfNoStatementCouldUseThem) {
  ShopCatalog shop = OrdersShop();
  const catalog::Relation& orders = shop.snapshot.relations[0];
  shop.AddIndex(orders, "by_total", {"total"}).scans = 0;
  shop.Ran("SELECT id FROM orders WHERE user_id = $1");
  EXPECT_EQ(Drops(shop), Lines{}) << "statistics were never reset: nobody knows since when they count";
  shop.snapshot.taken_unix_ns = int64_t{20} * 86'400'000'000'000;
  shop.snapshot.statistics_reset_unix_ns = int64_t{10} * 86'400'000'000'000;
  EXPECT_EQ(Drops(shop), Lines{});
  shop.snapshot.statistics_reset_unix_ns = int64_t{5} * 86'400'000'000'000;
  EXPECT_EQ(Drops(shop), (Lines{"by_total unused"}));
  shop.Ran("SELECT id FROM orders WHERE total > $1");
  EXPECT_EQ(Drops(shop), Lines{});
}

TEST(ForeignKeys, AreBareWithoutAnIndexOnTheirFirstColumns) {
  ShopCatalog shop = OrdersShop();
  shop.snapshot.foreign_keys.push_back({.oid = 5000,
                                        .relation_oid = shop.snapshot.relations[0].oid,
                                        .referenced_oid = shop.snapshot.relations[1].oid,
                                        .name = "orders_user_id_fkey",
                                        .columns = {2},
                                        .referenced_columns = {1}});
  shop.Ran("DELETE FROM users WHERE id = $1", 10, 10);
  const Workload workload = shop.Workload();
  const auto bare = FindBareForeignKeys(workload);
  ASSERT_EQ(bare.size(), 1U);
  EXPECT_EQ(bare[0].deletes, 10);
  shop.AddIndex(shop.snapshot.relations[0], "by_user", {"user_id", "status"});
  const Workload indexed = shop.Workload();
  EXPECT_TRUE(FindBareForeignKeys(indexed).empty());
}

}  // namespace
}  // namespace pgassay::advisor
