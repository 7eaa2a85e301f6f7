#include "analyzer/lineage/lineage.h"

#include <gtest/gtest.h>

#include "tests/analyzer/lineage/scenarios.h"

namespace pgassay::lineage {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the traffic is this test's vocabulary

Rows Column(int64_t from, int64_t to) {
  Rows rows;
  for (int64_t i = from; i <= to; ++i) rows.push_back({i});
  return rows;
}

struct Fixture {
  Traffic t;
  Connection& c = t.Connect(1);
  Query& users = t.Select({"users.id", "users.age"});
  Query& user = t.Select({"users.id", "users.age"}, {"users.id"});
  Query& orders = t.Select({"orders.id", "orders.user_id"}, {"orders.user_id"});
  Query& addresses = t.Select({"addresses.id", "addresses.user_id"}, {"addresses.user_id"});
  Collected said;

  Edge OnlyEdge(const Query& parent, const Query& child) {
    const auto edges = said.Edges(parent.id, child.id);
    EXPECT_EQ(edges.size(), 1U);
    return edges.empty() ? Edge{} : edges[0];
  }
  uint64_t Units() const {
    uint64_t n = 0;
    for (const auto& [id, unit] : said.units) n += unit.joined_to == 0 && unit.statements > 0 ? 1 : 0;
    return n;
  }
};

TEST(Claims, CreditTheResultThatHeldTheValue) {
  Fixture f;
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  for (int64_t id = 1; id <= 20; ++id) f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}});
  f.t.Play(f.said);
  const Edge edge = f.OnlyEdge(f.users, f.orders);
  EXPECT_EQ(edge.children, 20U);
  EXPECT_EQ(edge.distinct_values, 20U);
  EXPECT_EQ(edge.child_distinct_values, 20U);
  EXPECT_EQ(edge.contained_values, 20U);
  EXPECT_EQ(edge.parent_rows, 20U);
  EXPECT_EQ(edge.parent_distinct, 20U);
  EXPECT_EQ(edge.parent_executions, 1U);
  EXPECT_EQ(edge.max_distinct_per_parent, 20U);
  EXPECT_EQ(edge.values_as_often, 20U);
  EXPECT_EQ(edge.holes, 0U);
  EXPECT_EQ(edge.same_connection, 20U);
  EXPECT_DOUBLE_EQ(edge.order_tau, 1);
  EXPECT_EQ(edge.parent_column.relation, "users");
  EXPECT_EQ(edge.parent_column.column, "id");
  EXPECT_EQ(edge.parent_no, 1);
  EXPECT_EQ(edge.first_child_no, 2);
  EXPECT_EQ(edge.last_child_no, 21);
}

TEST(Claims, NeverGoToAResultThatCameLater) {
  Fixture f;
  Connection& other = f.t.Connect(1);
  f.t.Run(other, f.users, {}, Column(1, 20),
          {.duration_ns = 100 * kMs});  // reaches the client after the children were sent
  for (int64_t id = 1; id <= 20; ++id) f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}});
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
}

TEST(Claims, GoToTheLatestResultAndToTheRelatedOneFirst) {
  Fixture f;
  Query& older = f.t.Select({"users.id", "users.name"});
  Query& products = f.t.Select({"products.id"});
  f.t.Run(f.c, older, {}, Column(1, 20));
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  f.t.Run(f.c, products, {}, Column(1, 20));
  for (int64_t id = 1; id <= 20; ++id) f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}});
  f.t.Play(f.said);
  EXPECT_EQ(f.OnlyEdge(f.users, f.orders).children, 20U);
  EXPECT_TRUE(f.said.Edges(older.id, f.orders.id).empty());
  EXPECT_TRUE(f.said.Edges(products.id, f.orders.id).empty());
}

TEST(Claims, ARowOfTheSameRequestExplainsItsDetailAway) {
  Fixture f;
  Connection& dashboard = f.t.Connect(1);
  f.t.Run(dashboard, f.users, {}, Column(1, 20));
  f.c.now_ns = dashboard.now_ns + 10 * kMs;
  for (int64_t id = 1; id <= 10; ++id) {
    f.t.Begin(f.c, 20 * kMs);
    f.t.Run(f.c, f.user, {id + 100}, {{id + 100, 30}});  // of the request: not in the list
    f.t.Run(f.c, f.orders, {id + 100}, {{1000 + id, id + 100}});
    f.t.Commit(f.c);
  }
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
  for (const Edge& edge : f.said.Edges(f.user.id, f.orders.id)) EXPECT_EQ(edge.from_outside, edge.children);
}

TEST(Claims, AnEchoIsNoSourceSoBothLoadsOfARowHaveOneParent) {
  Fixture f;
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  for (int64_t id = 1; id <= 20; ++id) {
    f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}, {2000 + id, id}});
    f.t.Run(f.c, f.addresses, {id}, {{3000 + id, id}});
  }
  f.t.Play(f.said);
  EXPECT_EQ(f.OnlyEdge(f.users, f.orders).children, 20U);
  EXPECT_EQ(f.OnlyEdge(f.users, f.addresses).children, 20U);
  EXPECT_TRUE(f.said.Edges(f.orders.id, f.addresses.id).empty());
}

TEST(Claims, EchoesReachOverJoins) {
  Fixture f;
  Query& joined = f.t.Select({"orders.id", "users.id"}, {"orders.user_id"});
  joined.facts.joins.push_back({{0, "user_id"}, {1, "id"}});
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  for (int64_t id = 1; id <= 20; ++id) {
    f.t.Run(f.c, joined, {id}, {{1000 + id, id}});
    f.t.Run(f.c, f.addresses, {id}, {{3000 + id, id}});
  }
  f.t.Play(f.said);
  EXPECT_EQ(f.OnlyEdge(f.users, f.addresses).children, 20U);
  EXPECT_TRUE(f.said.Edges(joined.id, f.addresses.id).empty());
}

TEST(Claims, OneRowResultsLinkAChainToItsTop) {
  Fixture f;
  Query& items = f.t.Select({"order_items.id", "order_items.product_id"});
  Query& product = f.t.Select({"products.id", "products.category_id"}, {"products.id"});
  Query& category = f.t.Select({"categories.id"}, {"categories.id"});
  f.t.Run(f.c, items, {}, {{1, 21}, {2, 22}, {3, 23}, {4, 24}});
  for (int64_t i = 21; i <= 24; ++i) {
    f.t.Run(f.c, product, {i}, {{i, 100 + i}});
    f.t.Run(f.c, category, {100 + i}, {{100 + i}});
  }
  f.t.Play(f.said);
  EXPECT_EQ(f.OnlyEdge(items, product).max_distinct_per_parent, 4U);
  const Edge inner = f.OnlyEdge(product, category);
  EXPECT_EQ(inner.max_distinct_per_parent, 1U);
  EXPECT_EQ(inner.max_distinct_per_ancestor, 4U);
  EXPECT_EQ(inner.parent_executions_claimed, 4U);
  EXPECT_DOUBLE_EQ(inner.order_tau, 1);
}

TEST(Claims, OnlyTheSameProcessMayBeAParentOverConnections) {
  for (const int64_t process : {1, 2}) {
    Fixture f;
    Connection& other = f.t.Connect(process);
    f.t.Run(other, f.users, {}, Column(1, 20));
    f.c.now_ns = other.now_ns;
    for (int64_t id = 1; id <= 20; ++id) f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}});
    f.t.Play(f.said);
    if (process == 1) {
      const Edge edge = f.OnlyEdge(f.users, f.orders);
      EXPECT_EQ(edge.same_process, 20U);
      EXPECT_EQ(edge.same_connection, 0U);
    } else {
      EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
    }
  }
}

TEST(Claims, OfAnUnknownProcessAreMarked) {
  Fixture f;
  Connection& a = f.t.Connect(0);
  Connection& b = f.t.Connect(0);
  f.t.Run(a, f.users, {}, Column(1, 20));
  b.now_ns = a.now_ns;
  for (int64_t id = 1; id <= 20; ++id) f.t.Run(b, f.orders, {id}, {{1000 + id, id}});
  f.t.Play(f.said);
  const Edge edge = f.OnlyEdge(f.users, f.orders);
  EXPECT_EQ(edge.children, 20U);
  EXPECT_EQ(edge.same_process + edge.same_connection, 0U);
}

TEST(Claims, DoNotMixTypeClasses) {
  Fixture f;
  f.users.columns[0].type_oid = kText;
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  for (int64_t id = 1; id <= 20; ++id) f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}});
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
}

TEST(Claims, TakeAnUntypedParameterForWhatItsColumnHolds) {
  Fixture f;
  f.users.columns[0].type_oid = kText;
  f.t.Run(f.c, f.user, {5}, {{5, 30}}, {.parameter_type = 0});
  f.t.Run(f.c, f.orders, {99}, {{77, 99}}, {.parameter_type = 0});  // teaches that user_id is an integer
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  for (int64_t id = 1; id <= 20; ++id) f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}}, {.parameter_type = 0});
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
}

TEST(Claims, SkipColumnsOfFewValuesThatAreNoKeys) {
  Fixture f;
  Query& levels = f.t.Select({"tickets.level"});
  Query& by_level = f.t.Select({"rules.id"}, {"rules.level"});
  Rows rows;
  for (int64_t i = 0; i < 100; ++i) rows.push_back({1 + i % 4});
  f.t.Run(f.c, levels, {}, rows);
  for (int64_t i = 1; i <= 4; ++i) f.t.Run(f.c, by_level, {i}, {{50 + i}});
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.Edges(levels.id, by_level.id).empty());
}

TEST(Claims, RangesAndBatchesAreNoSinks) {
  Fixture f;
  Query& after = f.t.Select({"orders.id"}, {"orders.id"});
  after.facts.comparisons[0].comparator = sql::Comparator::kRange;
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  for (int64_t id = 1; id <= 10; ++id) f.t.Run(f.c, after, {id}, {{1000 + id}});
  f.t.Run(f.c, f.orders, {1, 2, 3, 4}, {{901, 1}, {902, 2}}, {.list_length = 4});
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.Edges(f.users.id, after.id).empty());
  EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
  const UnitStatement row = f.said.unit_statements.at({1, f.orders.id});
  EXPECT_EQ(row.batches, 1U);
  EXPECT_EQ(row.batch_elements, 4U);
}

TEST(Claims, FindRowsOfAStatementThatStillRuns) {
  Traffic t;
  Streamed(t, {});
  Collected said;
  t.Play(said);
  uint64_t children = 0;
  for (const auto& [key, edge] : said.edges) children += edge.parent_column.relation == "users" ? edge.children : 0;
  EXPECT_EQ(children, 40U);
}

TEST(Claims, CountNestedChildrenPerParent) {
  Fixture f;
  Query& items = f.t.Select({"order_items.id", "order_items.order_id"}, {"order_items.order_id"});
  f.t.Run(f.c, f.users, {}, Column(1, 5));
  for (int64_t id = 1; id <= 5; ++id) {
    f.t.Run(f.c, f.orders, {id}, {{100 * id, id}, {100 * id + 1, id}});
    f.t.Run(f.c, items, {100 * id}, {{5000 + id, 100 * id}});
    f.t.Run(f.c, items, {100 * id + 1}, {{6000 + id, 100 * id + 1}});
  }
  f.t.Play(f.said);
  const Edge edge = f.OnlyEdge(f.orders, items);
  EXPECT_EQ(edge.children, 10U);
  EXPECT_EQ(edge.parent_executions, 5U);
  EXPECT_EQ(edge.parent_executions_claimed, 5U);
  EXPECT_EQ(edge.max_children_per_parent, 2U);
}

TEST(Claims, CountRepeatedValuesAgainstTheParentsRows) {
  Fixture f;
  Query& list = f.t.Select({"orders.id", "orders.user_id"});
  f.t.Run(f.c, list, {}, {{1, 51}, {2, 51}, {3, 52}, {4, 53}});
  for (const int64_t user : {51, 51, 52, 52, 52, 53}) f.t.Run(f.c, f.user, {user}, {{user, 30}});
  f.t.Play(f.said);
  const Edge edge = f.OnlyEdge(list, f.user);
  EXPECT_EQ(edge.distinct_values, 3U);
  EXPECT_EQ(edge.values_as_often, 2U);  // 51 twice as in the rows, 53 once; 52 three times is too often
}

TEST(Claims, OfLargeResultsAreSampledWithoutBias) {
  Fixture f;
  Rows rows = Column(1, 4000);
  f.t.Begin(f.c);
  f.t.Run(f.c, f.users, {}, rows);
  f.t.Run(f.c, f.users, {}, Column(4001, 8000));
  for (int64_t id = 1; id <= 2000; ++id) f.t.Run(f.c, f.orders, {id * 4}, {{100'000 + id, id * 4}});
  f.t.Commit(f.c);
  f.t.Play(f.said);
  const Edge edge = f.OnlyEdge(f.users, f.orders);
  EXPECT_TRUE(edge.truncated);
  EXPECT_GT(edge.children, 150U);  // between an eighth and a quarter lies below the cut-off
  EXPECT_LT(edge.children, 600U);
  EXPECT_EQ(edge.children + edge.untested, 2000U);
  EXPECT_EQ(edge.contained_values, edge.child_distinct_values);
}

TEST(Claims, CreditAllOfFiveHundredParentsWithFourLoadsEach) {
  Traffic t;
  FourLoads(t, {});
  Collected said;
  t.Play(said);
  uint64_t edges = 0;
  for (const auto& [key, edge] : said.edges) {
    if (edge.children != 500) continue;
    ++edges;
    EXPECT_EQ(edge.contained_values, 500U);
  }
  EXPECT_EQ(edges, 4U);
}

TEST(Claims, StayCorrectWhenMemoryIsBounded) {
  Fixture f;
  f.t.Begin(f.c);
  for (int64_t k = 0; k < 400; ++k) {  // 400 statements of 4 000 rows: far above 64 MiB of sets
    Query& big = f.t.Select({"t" + std::to_string(k) + ".id", "t" + std::to_string(k) + ".ref"});
    Rows rows;
    for (int64_t i = 0; i < 4000; ++i) rows.push_back({1'000'000 + k * 10'000 + i, 50'000'000 + k * 10'000 + i});
    f.t.Run(f.c, big, {}, rows);
  }
  f.t.Run(f.c, f.users, {}, Column(1, 20));
  for (int64_t id = 1; id <= 20; ++id) f.t.Run(f.c, f.orders, {id}, {{1000 + id, id}});
  f.t.Commit(f.c);
  f.t.Play(f.said);
  EXPECT_EQ(f.OnlyEdge(f.users, f.orders).children, 20U);
}

TEST(Claims, ATupleIsOneSinkAndNeedsOneRow) {
  Fixture f;
  Query& list = f.t.Select({"order_items.order_id", "order_items.product_id"});
  Query& child = f.t.Select({"shipments.id"}, {"shipments.order_id", "shipments.product_id"});
  for (auto& comparison : child.facts.comparisons) comparison.tuple = 0;
  f.t.Run(f.c, list, {}, {{1, 71}, {2, 72}, {3, 73}, {4, 74}});
  for (int64_t i = 1; i <= 4; ++i) f.t.RunTuple(f.c, child, {i, 70 + i}, {{900 + i}});
  f.t.RunTuple(f.c, child, {1, 72}, {{990}});  // both values, but of two rows
  f.t.Play(f.said);
  EXPECT_EQ(f.OnlyEdge(list, child).children, 4U);
}

TEST(Claims, AreTheSameHoweverOftenTheyAreFlushed) {
  for (const NamedFamily& family : Families()) {
    std::vector<std::map<std::tuple<int64_t, int64_t, int32_t, int64_t, int32_t>, Edge>> edges;
    for (const int64_t flush : {5 * kMs, 200 * kMs, 3600 * kS}) {
      Traffic t(7);
      family.make(t, {});
      Collected said;
      t.Play(said, flush);
      std::erase_if(said.edges, [](const auto& entry) { return entry.second.children == 0; });
      edges.push_back(said.edges);
    }
    for (size_t i = 1; i < edges.size(); ++i) {
      ASSERT_EQ(edges[i].size(), edges[0].size()) << family.name;
      for (const auto& [key, edge] : edges[i]) {
        const Edge& other = edges[0].at(key);
        EXPECT_EQ(edge.children, other.children) << family.name;
        EXPECT_EQ(edge.contained_values, other.contained_values) << family.name;
        EXPECT_EQ(edge.order_tau, other.order_tau) << family.name;
        EXPECT_EQ(edge.parent_rows, other.parent_rows) << family.name;
        EXPECT_EQ(edge.holes, other.holes) << family.name;
      }
    }
  }
}

TEST(Units, EndAtAnIdleGap) {
  Fixture f;
  for (int i = 0; i < 30; ++i) f.t.Run(f.c, f.user, {i + 1}, {{i + 1, 1}}, {.think_ns = 200 * kUs});
  f.t.Run(f.c, f.user, {50}, {{50, 1}}, {.think_ns = 4 * kMs});    // below 5 ms
  f.t.Run(f.c, f.user, {51}, {{51, 1}}, {.think_ns = 6 * kMs});    // above it and above ten medians
  f.t.Run(f.c, f.user, {52}, {{52, 1}}, {.think_ns = 300 * kMs});  // above any
  f.t.Play(f.said);
  EXPECT_EQ(f.Units(), 3U);
}

TEST(Units, ATransactionIsNeverSplit) {
  Fixture f;
  f.t.Begin(f.c);
  f.t.Run(f.c, f.users, {}, Column(1, 9));
  for (int64_t id = 1; id <= 9; ++id) f.t.Run(f.c, f.orders, {id}, {{100 + id, id}}, {.think_ns = 2 * kS});
  f.t.Commit(f.c);
  f.t.Play(f.said);
  EXPECT_EQ(f.Units(), 1U);
  EXPECT_EQ(f.said.units.at(1).kind, UnitKind::kTransaction);
  EXPECT_EQ(f.OnlyEdge(f.users, f.orders).same_transaction, 9U);
}

TEST(Units, AClaimWithARelationJoinsWhatAGapParted) {
  Fixture f;
  f.t.Run(f.c, f.users, {}, Column(1, 9));
  for (int64_t id = 1; id <= 9; ++id) f.t.Run(f.c, f.orders, {id}, {{100 + id, id}}, {.think_ns = 300 * kMs});
  f.t.Play(f.said);
  EXPECT_EQ(f.Units(), 1U);
  const Edge edge = f.OnlyEdge(f.users, f.orders);
  EXPECT_EQ(edge.children, 9U);
  EXPECT_EQ(edge.rejoined, 9U);
  EXPECT_EQ(edge.unit_id, 1);
  uint64_t statements = 0;
  for (const auto& [id, unit] : f.said.units) statements += unit.statements;
  EXPECT_EQ(statements, 10U);
}

// A pool grows for the loop: what its new connection takes is no pause of the application's, what comes before and
// after it is.
TEST(Units, ToConnectIsNoPauseBeforeTheFirstChild) {
  for (const int64_t login : {700 * kMs, 2700 * kMs}) {
    Fixture f;
    f.t.Run(f.c, f.users, {}, Column(1, 9));
    Connection& grown = f.t.Connect(1, f.c.now_ns + 3 * kMs, "app", login);
    f.t.Run(grown, f.user, {1000}, {{1000, 1}}, {.think_ns = 4 * kMs, .duration_ns = 90 * kMs});
    for (int64_t id = 1; id <= 9; ++id) f.t.Run(grown, f.orders, {id}, {{100 + id, id}}, {.think_ns = 5 * kMs});
    f.t.Play(f.said);
    const Edge edge = f.OnlyEdge(f.users, f.orders);
    EXPECT_EQ(edge.children, 9U);
    EXPECT_EQ(edge.first_child_delay_ns, 12 * kMs);
  }
}

TEST(Units, OneOrTwoClicksJoinNothing) {
  Fixture f;
  f.t.Run(f.c, f.users, {}, Column(1, 9));
  for (const int64_t id : {4, 7, 4}) f.t.Run(f.c, f.orders, {id}, {{100 + id, id}}, {.think_ns = 400 * kMs});
  f.t.Play(f.said);
  EXPECT_EQ(f.Units(), 4U);
  EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
}

TEST(Units, SourcesOutliveTheirUnitByTwoSeconds) {
  for (const int64_t pause : {1500 * kMs, 2500 * kMs}) {
    Fixture f;
    f.t.Run(f.c, f.users, {}, Column(1, 9));
    for (int64_t id = 1; id <= 3; ++id) f.t.Run(f.c, f.orders, {id}, {{100 + id, id}}, {.think_ns = pause});
    f.t.Play(f.said);
    EXPECT_EQ(f.said.Edges(f.users.id, f.orders.id).size(), pause < 2 * kS ? 1U : 0U);
  }
}

TEST(Units, PoolBoundariesPart) {
  for (const auto boundary : {sql::Operation::kDiscard, sql::Operation::kReset, sql::Operation::kRollback}) {
    Fixture f;
    f.t.Run(f.c, f.user, {1}, {{1, 1}});
    f.t.Run(f.c, f.t.Control(boundary));
    f.t.Run(f.c, f.user, {2}, {{2, 1}});
    f.t.Play(f.said);
    EXPECT_EQ(f.Units(), 2U) << static_cast<int>(boundary);
    EXPECT_EQ(f.said.units.rbegin()->second.kind, UnitKind::kPool);
  }
}

TEST(Units, ThePingOfAPoolBeginsOne) {
  Fixture f;
  Query& ping = f.t.Select({""});
  ping.facts.outputs[0].kind = sql::Output::Kind::kExpression;
  for (int64_t i = 1; i <= 3; ++i) {
    f.t.Run(f.c, ping, {}, {{1}});
    f.t.Run(f.c, f.user, {i}, {{i, 1}});
  }
  f.t.Play(f.said);
  EXPECT_EQ(f.Units(), 3U);
}

TEST(Units, FollowATraceparentOverConnections) {
  Fixture f;
  Connection& other = f.t.Connect(2);  // another process: only the trace tells
  const std::vector<sql::Tag> tags = {{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
  f.t.Run(f.c, f.users, {}, Column(1, 9), {.tags = tags});
  other.now_ns = f.c.now_ns;
  for (int64_t id = 1; id <= 9; ++id) f.t.Run(other, f.orders, {id}, {{100 + id, id}}, {.tags = tags});
  f.t.Play(f.said);
  EXPECT_EQ(f.Units(), 1U);
  EXPECT_EQ(f.said.units.at(1).kind, UnitKind::kTraceparent);
  EXPECT_EQ(f.said.units.at(1).trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(f.OnlyEdge(f.users, f.orders).children, 9U);
}

TEST(Units, TagsOfACachedStatementAreStale) {
  Fixture f;
  const std::vector<sql::Tag> first = {{"route", "/a"}}, stale = {{"route", "/a"}}, second = {{"route", "/b"}};
  f.t.Run(f.c, f.user, {1}, {{1, 1}}, {.tags = first});
  f.t.Run(f.c, f.users, {}, Column(1, 3), {.tags = second});
  f.t.Run(f.c, f.user, {77}, {{77, 1}}, {.first_execution = false, .tags = stale});
  f.t.Play(f.said);
  EXPECT_EQ(f.Units(), 2U);
  EXPECT_EQ(f.said.units.at(1).statements, 1U);
  EXPECT_EQ(f.said.units.at(2).statements, 2U);
  EXPECT_EQ(f.said.units.at(2).label, "/b");
  EXPECT_EQ(f.said.units.at(2).kind, UnitKind::kTag);
}

TEST(Units, ClaimsNeverCrossRoutes) {
  Fixture f;
  f.t.Run(f.c, f.users, {}, Column(1, 9), {.tags = {{"route", "/users"}}});
  for (int64_t id = 1; id <= 9; ++id) f.t.Run(f.c, f.user, {id}, {{id, 1}}, {.tags = {{"route", "/users/:id"}}});
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.Edges(f.users.id, f.user.id).empty());
}

void PlaySavepoints(Fixture& f, bool commit) {
  f.t.Begin(f.c);
  f.t.Run(f.c, f.users, {}, Column(1, 9));
  for (int64_t id = 1; id <= 9; ++id) {
    f.t.Run(f.c, f.t.Control(sql::Operation::kSavepoint, "s"));
    f.t.Run(f.c, f.orders, {id}, {{100 + id, id}});
    f.t.Run(f.c, f.t.Control(sql::Operation::kReleaseSavepoint, "s"));
  }
  if (commit)
    f.t.Commit(f.c);
  else
    f.t.Rollback(f.c);
  f.t.Play(f.said);
}

TEST(Units, SavepointsOfACommittedTransactionAreItsOwn) {
  Fixture f;
  PlaySavepoints(f, true);
  EXPECT_EQ(f.Units(), 1U);
  EXPECT_EQ(f.OnlyEdge(f.users, f.orders).children, 9U);
}

TEST(Units, SavepointsOfARolledBackWrapperAreTestsOfTheirOwn) {
  Fixture f;
  PlaySavepoints(f, false);
  EXPECT_EQ(f.Units(), 10U);
  EXPECT_TRUE(f.said.Edges(f.users.id, f.orders.id).empty());
}

TEST(Units, ATaggedSavepointNamesWhatItOpensAndNotTheFixturesBefore) {
  Fixture f;
  const std::vector<sql::Tag> route = {{"route", "/orders"}};
  f.t.Begin(f.c);
  f.t.Run(f.c, f.t.Control(sql::Operation::kSavepoint, "s"));
  f.t.Run(f.c, f.users, {}, Column(1, 9));
  f.t.Run(f.c, f.t.Control(sql::Operation::kReleaseSavepoint, "s"));
  f.t.Run(f.c, f.t.Control(sql::Operation::kSavepoint, "s"), {}, {}, {.tags = route});
  f.t.Run(f.c, f.orders, {1}, {{101, 1}}, {.tags = route});
  f.t.Rollback(f.c);
  f.t.Play(f.said);
  EXPECT_EQ(f.said.units.at(1).label, "");
  EXPECT_EQ(f.said.units.at(2).label, "");
  EXPECT_EQ(f.said.units.at(3).label, "/orders");
}

// As psycopg 3 begins: the catalogue is asked under a savepoint, and rolled back.
TEST(Units, ADriversSavepointWrapsNothingOfTheApplications) {
  Fixture f;
  f.t.Begin(f.c);
  f.t.Run(f.c, f.t.Control(sql::Operation::kSavepoint, "s"));
  f.t.Run(f.c, f.t.Control(sql::Operation::kShow));
  f.t.Run(f.c, f.t.Control(sql::Operation::kReleaseSavepoint, "s"));
  f.t.Rollback(f.c);
  f.t.Begin(f.c);
  f.t.Run(f.c, f.users, {}, Column(1, 9));
  for (int64_t id = 1; id <= 9; ++id) {
    if (id > 1) f.t.Begin(f.c);
    f.t.Run(f.c, f.orders, {id}, {{100 + id, id}});
    f.t.Commit(f.c);
  }
  f.t.Play(f.said);
  EXPECT_EQ(f.OnlyEdge(f.users, f.orders).children, 9U);
}

TEST(Units, OneTransactionPerRowIsStillOne) {
  Traffic t;
  TransactionPerRow(t, {});
  Collected said;
  t.Play(said);
  uint64_t edges = 0;
  for (const auto& [key, edge] : said.edges) edges += edge.children >= 5 ? 1 : 0;
  EXPECT_EQ(edges, 1U);
}

TEST(Units, MigrationsAreMarked) {
  Fixture f;
  f.t.Run(f.c, f.t.Control(sql::Operation::kDdl));
  f.t.Run(f.c, f.users, {}, Column(1, 3));
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.units.at(1).schema_change);
}

TEST(Repeats, NeedTheSameResultAndNoWriteBetween) {
  Fixture f;
  Query& update = f.t.Update("users.id");
  f.t.Begin(f.c);
  for (int i = 0; i < 4; ++i) f.t.Run(f.c, f.user, {1}, {{1, 30}});
  f.t.Run(f.c, update, {1});
  for (int i = 0; i < 2; ++i) f.t.Run(f.c, f.user, {1}, {{1, 30}});
  f.t.Run(f.c, f.user, {1}, {{1, 31}});
  f.t.Commit(f.c);
  f.t.Play(f.said);
  ASSERT_EQ(f.said.repeats.size(), 1U);
  EXPECT_EQ(f.said.repeats.begin()->second.executions, 4U);
  EXPECT_EQ(f.said.repeats.begin()->second.rows, 3U);
  EXPECT_FALSE(f.said.repeats.begin()->second.regular_interval);
}

TEST(Repeats, AtARegularIntervalArePolling) {
  Fixture f;
  f.t.Begin(f.c);
  for (int i = 0; i < 6; ++i) f.t.Run(f.c, f.user, {1}, {{1, 30}}, {.think_ns = 500 * kMs});
  f.t.Commit(f.c);
  f.t.Play(f.said);
  EXPECT_TRUE(f.said.repeats.begin()->second.regular_interval);
}

TEST(UnitStatements, CountWhatNobodyClaimed) {
  Fixture f;
  f.t.Begin(f.c);
  for (const int64_t id : {11, 12, 13, 11}) f.t.Run(f.c, f.orders, {id}, {{100 + id, id}});
  f.t.Commit(f.c);
  f.t.Play(f.said);
  const UnitStatement row = f.said.unit_statements.at({1, f.orders.id});
  EXPECT_EQ(row.calls, 4U);
  EXPECT_EQ(row.unclaimed, 4U);
  EXPECT_EQ(row.unclaimed_distinct, 3U);
  EXPECT_EQ(row.unclaimed_max_repeat, 2U);
  EXPECT_EQ(row.distinct_parameters, 3U);
}

}  // namespace
}  // namespace pgassay::lineage
