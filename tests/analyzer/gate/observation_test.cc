#include "analyzer/gate/observation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pgassay::gate {
namespace {

using detectors::TraceView;
using lineage::ScopeOutcome;
using lineage::ScopePhase;
using lineage::UnitKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;

constexpr int64_t kOrders = 1;
constexpr const char* kOrdersSkeleton = "SELECT orders";

// A trace of units that ask for orders.
class View {
 public:
  View() { Statement(kOrders, "orders"); }

  void Statement(int64_t statement_id, std::string relation) {
    trace::StatementRow row;
    row.statement_id = statement_id;
    row.sql = "SELECT * FROM " + relation;
    row.facts.parsed = true;
    row.facts.operation = sql::Operation::kSelect;
    row.facts.relations.push_back({.schema = "", .name = std::move(relation), .alias = ""});
    view_.statements.push_back(std::move(row));
  }

  lineage::Unit& Unit(UnitKind kind, std::string label, uint64_t calls, int64_t statement_id = kOrders) {
    lineage::Unit unit;
    unit.unit_id = static_cast<int64_t>(view_.units.size()) + 1;
    unit.kind = kind;
    unit.label = std::move(label);
    unit.statements = calls;
    view_.unit_statements.push_back({.unit_id = unit.unit_id, .statement_id = statement_id, .calls = calls});
    return view_.units.emplace_back(std::move(unit));
  }

  int64_t Test(std::string name, ScopeOutcome outcome = ScopeOutcome::kPassed) {
    trace::ScopeRow scope;
    scope.scope_id = static_cast<int64_t>(view_.scopes.size()) + 1;
    scope.name = std::move(name);
    scope.outcome = outcome;
    scope.end_ns = 1;
    view_.scopes.push_back(scope);
    return scope.scope_id;
  }

  // Of that test, in that phase.
  lineage::Unit& UnitOf(int64_t scope_id, ScopePhase phase, uint64_t calls) {
    lineage::Unit& unit = Unit(UnitKind::kScope, "", calls);
    unit.scope_id = scope_id;
    unit.phase = phase;
    return unit;
  }

  Observation Observed(const ObserveOptions& options = {}) const { return Observe(view_, options); }

 private:
  TraceView view_;
};

uint64_t Queries(const Observation& observation, const std::string& scope) {
  return observation.scopes.at(scope).statements.at(kOrdersSkeleton).queries.max;
}

TEST(Observation, JudgesOnlyWhatHasABoundaryOfItsOwn) {
  View view;
  view.Unit(UnitKind::kGap, "", 7);
  view.Unit(UnitKind::kPool, "", 5);
  view.Unit(UnitKind::kTransaction, "", 3);
  const Observation observation = view.Observed();
  EXPECT_EQ(observation.executions, 15U);
  EXPECT_EQ(observation.judged_executions, 3U);
  EXPECT_THAT(observation.statements, ElementsAre(kOrdersSkeleton));
  EXPECT_THAT(observation.scopes, IsEmpty());  // a transaction without a label is no scope
}

TEST(Observation, CountsATestsCallOverAllItsConnectionsAndNoFixture) {
  View view;
  const int64_t test = view.Test("test_list");
  view.UnitOf(test, ScopePhase::kSetup, 100);
  view.UnitOf(test, ScopePhase::kCall, 4);
  view.UnitOf(test, ScopePhase::kCall, 2);
  view.UnitOf(test, ScopePhase::kTeardown, 50);
  EXPECT_EQ(Queries(view.Observed(), "test_list"), 6U);
}

TEST(Observation, HasTheFewestAndTheMostOfRunsOfOneRoute) {
  View view;
  for (const uint64_t calls : {3U, 9U, 5U}) view.Unit(UnitKind::kTransaction, "GET /orders", calls);
  const Observation observation = view.Observed();
  const Range queries = observation.scopes.at("GET /orders").statements.at(kOrdersSkeleton).queries;
  EXPECT_EQ(queries, (Range{3, 9}));
  EXPECT_TRUE(observation.scopes.at("GET /orders").route);
}

// How often it was tried again is chance; what is left of the scope is not comparable.
TEST(Observation, LeavesOutWhatEndedInAConflict) {
  View view;
  view.Unit(UnitKind::kTransaction, "POST /orders", 40).transaction_conflict = true;
  const Observation alone = view.Observed();
  EXPECT_THAT(alone.scopes, IsEmpty());
  EXPECT_THAT(alone.unfinished, ElementsAre("POST /orders"));
  EXPECT_EQ(alone.judged_executions, 0U);
  view.Unit(UnitKind::kTransaction, "POST /orders", 2);
  const Observation again = view.Observed();
  EXPECT_EQ(Queries(again, "POST /orders"), 2U);
  EXPECT_THAT(again.unfinished, IsEmpty());
}

TEST(Observation, LeavesOutMigrations) {
  View view;
  view.Unit(UnitKind::kTransaction, "migrate", 40).schema_change = true;
  EXPECT_EQ(view.Observed().judged_executions, 0U);
  EXPECT_THAT(view.Observed().scopes, IsEmpty());
}

TEST(Observation, ATestThatFailedOrWasSkippedIsUnfinished) {
  View view;
  view.UnitOf(view.Test("test_fails", ScopeOutcome::kFailed), ScopePhase::kCall, 4);
  view.UnitOf(view.Test("test_skips", ScopeOutcome::kSkipped), ScopePhase::kCall, 4);
  view.UnitOf(view.Test("test_passes"), ScopePhase::kCall, 4);
  const Observation observation = view.Observed();
  EXPECT_THAT(observation.unfinished, ElementsAre("test_fails", "test_skips"));
  EXPECT_THAT(observation.scopes, ElementsAre(Key("test_passes")));
}

TEST(Observation, TablesOfWarmUpAreNeverCounted) {
  View view;
  view.Statement(2, "feature_flags");
  view.Unit(UnitKind::kTransaction, "GET /", 30, 2);
  EXPECT_THAT(view.Observed({.rules = {}, .warm_up = {"feature_flags"}}).scopes.at("GET /").statements, IsEmpty());
  EXPECT_EQ(view.Observed().scopes.at("GET /").statements.size(), 1U);
}

}  // namespace
}  // namespace pgassay::gate
