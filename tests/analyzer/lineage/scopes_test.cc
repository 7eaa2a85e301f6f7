// Scopes: which executions a test, request or job sent.
#include "analyzer/lineage/scopes.h"

#include <gtest/gtest.h>

#include "tests/analyzer/lineage/traffic.h"

namespace pgassay::lineage::testing {
namespace {

using enum ScopePhase;

constexpr int64_t kProcess = 100;
constexpr int32_t kRunner = 100;

class ScopesTest : public ::testing::Test {
 protected:
  // 1 row per id.
  static Rows Ids(const std::vector<int64_t>& ids) {
    Rows rows;
    for (const int64_t id : ids) rows.push_back({id});
    return rows;
  }
  void Play() { traffic.Play(said); }
  // Units that stand for themselves, by scope and phase.
  std::vector<Unit> UnitsIn(int64_t scope_id, ScopePhase phase) const {
    std::vector<Unit> found;
    for (const auto& [id, unit] : said.units) {
      if (unit.joined_to == 0 && unit.scope_id == scope_id && unit.phase == phase) found.push_back(unit);
    }
    return found;
  }

  Traffic traffic;
  Collected said;
  Query& users = traffic.Select({"users.id"});
  Query& orders = traffic.Select({"orders.id", "orders.user_id"}, {"orders.user_id"});
};

TEST_F(ScopesTest, APhaseIsOneUnitOverAllConnectionsOfItsProcess) {
  Connection& first = traffic.Connect(kProcess);
  Connection& second = traffic.Connect(kProcess);
  traffic.Mark(1, kRunner, 1, kSetup, kS);
  traffic.Run(first, users, {}, Ids({1}));
  traffic.Mark(1, kRunner, 1, kCall, kS + 10 * kMs);
  first.now_ns = second.now_ns = kS + 20 * kMs;
  traffic.Run(first, users, {}, Ids({1, 2, 3, 4}));
  second.now_ns = first.now_ns;
  for (const int64_t id : {1, 2, 3, 4}) traffic.Run(second, orders, {id}, {{id * 10, id}}, {.think_ns = 2 * kS});
  traffic.Mark(1, kRunner, 1, kBetween, second.now_ns + kMs);
  Play();
  ASSERT_EQ(UnitsIn(1, kCall).size(), 1u);
  const Unit unit = UnitsIn(1, kCall)[0];
  EXPECT_EQ(unit.kind, UnitKind::kScope);
  EXPECT_EQ(unit.scope, "test 1");
  EXPECT_EQ(unit.scope_file, "tests/test_orders.py");
  EXPECT_EQ(unit.scope_line, 7);
  EXPECT_EQ(unit.statements, 5u);
  EXPECT_EQ(UnitsIn(1, kSetup).at(0).statements, 1u);
  ASSERT_EQ(said.Edges(users.id, orders.id).size(), 1u);
  EXPECT_EQ(said.Edges(users.id, orders.id)[0].children, 4u);  // over a pause of seconds and another connection
  EXPECT_EQ(said.scopes.at(1).outcome, ScopeOutcome::kPassed);
  EXPECT_GT(said.scopes.at(1).end_ns, said.scopes.at(1).begin_ns);
}

TEST_F(ScopesTest, AScopeThatSentNothingIsStillThere) {
  traffic.Mark(1, kRunner, 1, kCall, kS);
  traffic.Mark(1, kRunner, 1, kBetween, 2 * kS);
  Play();
  ASSERT_EQ(said.scopes.size(), 1u);
  EXPECT_EQ(said.scopes.at(1).name, "test 1");
  EXPECT_TRUE(said.units.empty());
}

TEST_F(ScopesTest, NothingIsClaimedFromAnotherTestOrPhase) {
  Connection& on = traffic.Connect(kProcess);
  traffic.Mark(1, kRunner, 1, kSetup, kS);
  traffic.Run(on, users, {}, Ids({1, 2, 3, 4}));
  traffic.Mark(1, kRunner, 1, kCall, on.now_ns);
  for (const int64_t id : {1, 2, 3, 4}) traffic.Run(on, orders, {id}, {{id * 10, id}});
  traffic.Mark(1, kRunner, 1, kBetween, on.now_ns);
  traffic.Mark(1, kRunner, 2, kCall, on.now_ns + 1);
  for (const int64_t id : {1, 2, 3, 4}) traffic.Run(on, orders, {id}, {{id * 10, id}});
  Play();
  EXPECT_TRUE(said.Edges(users.id, orders.id).empty());
  EXPECT_EQ(UnitsIn(1, kCall).at(0).statements, 4u);
  EXPECT_EQ(UnitsIn(2, kCall).at(0).statements, 4u);
}

TEST_F(ScopesTest, ASavepointDoesNotCutATest) {
  Connection& on = traffic.Connect(kProcess);
  traffic.Mark(1, kRunner, 1, kSetup, kS);
  traffic.Begin(on);
  traffic.Mark(1, kRunner, 1, kCall, on.now_ns);
  traffic.Run(on, users, {}, Ids({1, 2, 3}));
  for (const int64_t id : {1, 2, 3}) {
    traffic.Run(on, traffic.Control(sql::Operation::kSavepoint, "s"));
    traffic.Run(on, orders, {id}, {{id * 10, id}});
    traffic.Run(on, traffic.Control(sql::Operation::kReleaseSavepoint, "s"));
  }
  traffic.Mark(1, kRunner, 1, kTeardown, on.now_ns);
  traffic.Rollback(on);
  Play();
  ASSERT_EQ(said.Edges(users.id, orders.id).size(), 1u);
  EXPECT_EQ(said.Edges(users.id, orders.id)[0].children, 3u);
  EXPECT_EQ(UnitsIn(1, kCall).size(), 1u);
  EXPECT_EQ(UnitsIn(1, kTeardown).at(0).statements, 1u);
}

// A test that asks for a list and then for each of its members loops itself: no request does.
TEST_F(ScopesTest, RequestsOfOneTestThatSayTheirNameStayApart) {
  Connection& on = traffic.Connect(kProcess);
  traffic.Mark(1, kRunner, 1, kCall, kS);
  traffic.Run(on, users, {}, Ids({1, 2, 3, 4}), {.tags = {{"route", "GET /users"}}});
  for (const int64_t id : {1, 2, 3, 4})
    traffic.Run(on, orders, {id}, {{id * 10, id}}, {.tags = {{"route", "GET /users/id"}}});
  Play();
  EXPECT_TRUE(said.Edges(users.id, orders.id).empty());
  ASSERT_EQ(UnitsIn(1, kCall).size(), 2u);
  EXPECT_EQ(UnitsIn(1, kCall)[1].label, "GET /users/id");
}

TEST_F(ScopesTest, WhatARunnerDoesBetweenTestsIsNoTest) {
  Connection& on = traffic.Connect(kProcess);
  traffic.Mark(1, kRunner, 0, kBetween, kS / 2);
  traffic.Run(on, users, {}, Ids({1}));
  traffic.Mark(1, kRunner, 1, kCall, on.now_ns);
  traffic.Run(on, users, {}, Ids({1}));
  Play();
  ASSERT_EQ(UnitsIn(0, kBetween).size(), 1u);
  EXPECT_EQ(UnitsIn(1, kCall).at(0).statements, 1u);
}

TEST_F(ScopesTest, AnExecutionBelongsToTheMomentItWasSent) {
  Connection& on = traffic.Connect(kProcess);
  traffic.Mark(1, kRunner, 1, kCall, kS);
  traffic.Run(on, users, {}, Ids({1}), {.duration_ns = kS});
  traffic.Mark(1, kRunner, 1, kBetween, kS + 500 * kMs);  // before the reply
  traffic.Mark(1, kRunner, 2, kCall, kS + 600 * kMs);
  Play();
  EXPECT_EQ(UnitsIn(1, kCall).size(), 1u);
  EXPECT_TRUE(UnitsIn(2, kCall).empty());
}

TEST_F(ScopesTest, ParallelWorkersAreToldApartByProcess) {
  Connection& first = traffic.Connect(100);
  Connection& second = traffic.Connect(200);
  Connection& child = traffic.Connect(300);
  traffic.SetParents({250, 200, 1});
  traffic.Mark(1, 100, 1, kCall, kS);
  traffic.Mark(2, 200, 2, kCall, kS);
  traffic.Run(first, users, {}, Ids({1}));
  traffic.Run(second, users, {}, Ids({1}));
  traffic.Run(child, users, {}, Ids({1}));
  Play();
  EXPECT_EQ(UnitsIn(1, kCall).at(0).statements, 1u);
  EXPECT_EQ(UnitsIn(2, kCall).at(0).statements, 2u);
  EXPECT_EQ(traffic.ambiguous_executions, 0u);
}

TEST_F(ScopesTest, AnApplicationNameGoesBeforeProcesses) {
  Connection& on = traffic.Connect(0, kS, "worker-2");
  traffic.Mark(1, 100, 1, kCall, kS, "worker-1");
  traffic.Mark(2, 200, 2, kCall, kS, "worker-2");
  traffic.Run(on, users, {}, Ids({1}));
  Play();
  EXPECT_EQ(UnitsIn(2, kCall).size(), 1u);
}

TEST_F(ScopesTest, AnUnknownProcessBelongsToTheOnlyRunner) {
  Connection& on = traffic.Connect(0);
  traffic.Mark(1, 100, 1, kCall, kS);
  traffic.Run(on, users, {}, Ids({1}));
  Play();
  EXPECT_EQ(UnitsIn(1, kCall).size(), 1u);
}

TEST_F(ScopesTest, WhatNobodyCanTellIsCountedAndBelongsToNoTest) {
  Connection& container = traffic.Connect(0);
  Connection& threads = traffic.Connect(100);
  Connection& stranger = traffic.Connect(999);
  traffic.Mark(1, 100, 1, kCall, kS);
  traffic.Mark(2, 200, 2, kCall, kS);
  traffic.Mark(3, 100, 3, kCall, kS);
  traffic.Run(container, users, {}, Ids({1}));
  traffic.Run(threads, users, {}, Ids({1}));
  traffic.Run(stranger, users, {}, Ids({1}));
  Play();
  for (const int64_t scope : {1, 2, 3}) EXPECT_TRUE(UnitsIn(scope, kCall).empty());
  EXPECT_EQ(traffic.ambiguous_executions, 2u);
  EXPECT_EQ(UnitsIn(0, kNone).size(), 1u);  // the stranger
}

TEST_F(ScopesTest, ARunnerThatIsGoneClaimsNothingAnyMore) {
  Connection& on = traffic.Connect(kProcess);
  traffic.Mark(1, kRunner, 1, kCall, kS);
  traffic.Mark(1, kRunner, 1, kNone, kS + kMs);
  on.now_ns = kS + 10 * kMs;
  traffic.Run(on, users, {}, Ids({1}));
  Play();
  EXPECT_EQ(said.scopes.at(1).outcome, ScopeOutcome::kUnknown);
  EXPECT_EQ(UnitsIn(0, kNone).size(), 1u);
}

}  // namespace
}  // namespace pgassay::lineage::testing
