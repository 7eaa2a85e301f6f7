#include "analyzer/gate/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/analyzer/gate/observations.h"

namespace pgassay::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::Clean;
using tests::kList;
using tests::kOrdersOfUser;
using tests::Lazy;

trace::Totals Whole() {
  trace::Totals totals;
  totals.complete = true;
  return totals;
}

Verdict JudgeWith(const Observation& now, const Observation& baseline, const Policy& policy = {}) {
  return Judge(now, baseline, Whole(), policy, "2026-11-25");
}

// "new failure", "growth warning", …
std::vector<std::string> Kinds(const Verdict& verdict) {
  std::vector<std::string> kinds;
  for (const Entry& entry : verdict.entries)
    kinds.push_back(std::string(EntryKindName(entry.kind)) + " " + std::string(LevelName(entry.level)));
  return kinds;
}

Observation LazyAt(std::set<std::string> routes, std::set<std::string> sites) {
  Observation observation = Lazy();
  observation.findings.at("85bb98d5ceb7").routes = std::move(routes);
  observation.findings.at("85bb98d5ceb7").sites = std::move(sites);
  return observation;
}

TEST(Judge, PassesWhatTheBaselineShows) {
  const Verdict verdict = JudgeWith(Lazy(), Lazy());
  EXPECT_EQ(verdict.outcome, Outcome::kPass);
  EXPECT_THAT(verdict.entries, IsEmpty());
  EXPECT_EQ(verdict.known_findings, 1U);
}

TEST(Judge, FailsOnANewFindingWithItsGrowthUnderIt) {
  Policy policy;
  policy.new_statements = Action::kOff;
  const Verdict verdict = JudgeWith(Lazy(), Clean(), policy);
  EXPECT_EQ(verdict.outcome, Outcome::kFail);
  ASSERT_THAT(Kinds(verdict), ElementsAre("new failure"));
  EXPECT_EQ(verdict.entries[0].scope, kList);
  EXPECT_THAT(verdict.entries[0].sentence, HasSubstr("48 queries where the baseline has 0"));
  ASSERT_THAT(verdict.entries[0].explained, SizeIs(1));
  EXPECT_EQ(verdict.entries[0].explained[0].statement, kOrdersOfUser);
}

TEST(Judge, OnlyWarnsOfWhatIsLikely) {
  Observation now = Lazy();
  now.findings.at("85bb98d5ceb7").confidence = Confidence::kLikely;
  Policy policy;
  policy.growth = policy.new_statements = Action::kOff;
  const Verdict verdict = JudgeWith(now, Clean(), policy);
  EXPECT_EQ(verdict.outcome, Outcome::kPass);
  EXPECT_THAT(Kinds(verdict), ElementsAre("new warning"));
}

TEST(Judge, FailsOnAKnownFindingAtANewRouteOrLine) {
  const Observation known = LazyAt({"GET /users"}, {"app/views.py:10"});
  EXPECT_THAT(Kinds(JudgeWith(LazyAt({"GET /users", "GET /admin"}, {"app/views.py:10"}), known)),
              ElementsAre("spread failure"));
  EXPECT_THAT(Kinds(JudgeWith(LazyAt({"GET /users"}, {"app/views.py:10", "app/admin.py:4"}), known)),
              ElementsAre("spread failure"));
  EXPECT_THAT(Kinds(JudgeWith(LazyAt({"GET /users"}, {"app/views.py:10", "app/views.py:90"}), known)),
              ElementsAre("spread failure"));
}

TEST(Judge, ALineThatMovedIsNotNew) {
  EXPECT_THAT(JudgeWith(LazyAt({}, {"app/views.py:12"}), LazyAt({}, {"app/views.py:10"})).entries, IsEmpty());
}

TEST(Judge, ANewTestOfAKnownFindingOnlyWarns) {
  Observation now = Lazy();
  tests::Count(now, "tests/test_users.py::test_new", kOrdersOfUser, 48);
  now.findings.at("85bb98d5ceb7").tests.insert("tests/test_users.py::test_new");
  const Verdict verdict = JudgeWith(now, Lazy());
  EXPECT_EQ(verdict.outcome, Outcome::kPass);
  EXPECT_THAT(Kinds(verdict), ElementsAre("spread warning"));
}

TEST(Judge, SaysFixedOnlyOfWhatRan) {
  EXPECT_THAT(Kinds(JudgeWith(Clean(), Lazy())), ElementsAre("fixed note"));
  Observation other;
  tests::Count(other, "tests/test_other.py::test_other", tests::kUsers, 2);
  Observation known = Lazy();
  tests::Count(known, "tests/test_other.py::test_other", tests::kUsers, 2);
  const Verdict verdict = JudgeWith(other, known);
  EXPECT_EQ(verdict.outcome, Outcome::kPass);
  for (const Entry& entry : verdict.entries) EXPECT_EQ(entry.kind, EntryKind::kNotExercised) << entry.sentence;
}

TEST(Judge, FailsOnGrowthThatNoFindingExplains) {
  Observation now = Clean();
  now.scopes[kList].statements[tests::kUsers].queries = {40, 40};
  EXPECT_THAT(Kinds(JudgeWith(now, Clean())), ElementsAre("growth failure"));
  now.scopes[kList].statements[tests::kUsers].queries = {9, 9};
  EXPECT_THAT(JudgeWith(now, Clean()).entries, IsEmpty());
}

TEST(Judge, AStatementThatGotAnotherColumnIsNoGrowth) {
  Observation known, now;
  tests::Count(known, kList, "SELECT orders where orders.user_id", 40);
  tests::Count(now, kList, "SELECT orders where orders.is_deleted, orders.user_id", 40);
  Policy policy;
  policy.new_statements = Action::kOff;
  EXPECT_THAT(JudgeWith(now, known, policy).entries, IsEmpty());
}

TEST(Judge, WarnsOfAScopeThatReadsManyMoreRowsOrBytes) {
  Observation now = Clean(), known = Clean();
  known.scopes[kList].rows = 600;
  now.scopes[kList].rows = 1599;
  EXPECT_THAT(JudgeWith(now, known).entries, IsEmpty());
  now.scopes[kList].rows = 1600;
  EXPECT_THAT(Kinds(JudgeWith(now, known)), ElementsAre("volume warning"));
  now.scopes[kList].bytes = 2'000'000;
  EXPECT_THAT(Kinds(JudgeWith(now, known)), ElementsAre("volume warning", "volume warning"));
}

TEST(Judge, WarnsOfAResultThatGrewThoughNoScopeIsChargedForIt) {
  Observation now = Clean(), known = Clean();
  for (Observation* observation : {&now, &known}) observation->scopes[kList].statements.clear();
  now.largest = {{tests::kUsers, {{kList, 5000}, {"a new test", 9000}}}};
  Verdict verdict = JudgeWith(now, known);
  EXPECT_THAT(Kinds(verdict), ElementsAre("volume warning"));
  EXPECT_EQ(verdict.entries[0].scope, kList);
  EXPECT_EQ(verdict.entries[0].sentence,
            "SELECT users has 5 000 rows at a time in tests/test_users.py::test_list, where the baseline has fewer "
            "than 100.");
  known.largest = {{tests::kUsers, {{"", 2500}}}};
  EXPECT_THAT(JudgeWith(now, known).entries, IsEmpty());
  known.largest.clear();
  known.tells_largest = false;
  EXPECT_THAT(JudgeWith(now, known).entries, IsEmpty());
}

TEST(Judge, HoldsBudgets) {
  Observation now = Clean();
  now.scopes[kList].queries = 12;
  Policy policy;
  policy.budgets.push_back({.scopes = "tests/*", .queries = 10, .rows = {}, .bytes = {}});
  EXPECT_THAT(Kinds(JudgeWith(now, Clean(), policy)), ElementsAre("budget failure"));
  now.scopes[kList].queries = 10;
  EXPECT_THAT(JudgeWith(now, Clean(), policy).entries, IsEmpty());
}

TEST(Judge, PathsLowerWhatScopesDoWhateverItsAction) {
  Observation now = Clean();
  now.scopes[kList].statements[tests::kUsers].queries = {40, 40};
  now.scopes[kList].queries = 40;
  Policy policy;
  policy.budgets.push_back({.scopes = "tests/*", .queries = 10, .rows = {}, .bytes = {}});
  EXPECT_THAT(Kinds(JudgeWith(now, Clean(), policy)), ElementsAre("growth failure", "budget failure"));
  policy.budget = Action::kNote;
  policy.growth = Action::kWarn;
  EXPECT_THAT(Kinds(JudgeWith(now, Clean(), policy)), ElementsAre("growth warning", "budget note"));
  policy.paths = {{"tests/*", Action::kOff}};
  EXPECT_THAT(JudgeWith(now, Clean(), policy).entries, IsEmpty());
}

TEST(Judge, SuppressionsNameAReasonAndExpire) {
  Policy policy;
  policy.new_statements = Action::kOff;
  policy.suppressions.push_back(
      {.id = "85bb98d5ceb7", .scope = "", .reason = "three rows", .owner = "orders team", .expires = "2026-12-31"});
  EXPECT_THAT(Kinds(JudgeWith(Lazy(), Clean(), policy)), ElementsAre("suppressed note"));
  EXPECT_EQ(JudgeWith(Lazy(), Clean(), policy).outcome, Outcome::kPass);
  EXPECT_THAT(Kinds(JudgeWith(Clean(), Clean(), policy)), ElementsAre("stale-suppression warning"));
  policy.suppressions[0].expires = "2026-11-24";
  EXPECT_THAT(Kinds(JudgeWith(Lazy(), Clean(), policy)), ElementsAre("new failure", "stale-suppression warning"));
}

TEST(Judge, IsInconclusiveWhereAnythingIsMissing) {
  const auto outcome = [](const trace::Totals& totals, const Observation& now) {
    return Judge(now, Lazy(), totals, {}, "2026-11-25");
  };
  trace::Totals opaque = Whole(), dropped = Whole(), unfinished = Whole();
  opaque.opaque_sessions = 1;
  dropped.dropped_events = 1;
  unfinished.complete = false;
  for (const trace::Totals& totals : {opaque, dropped, unfinished}) {
    EXPECT_EQ(outcome(totals, Lazy()).outcome, Outcome::kInconclusive);
    EXPECT_THAT(outcome(totals, Lazy()).reasons, SizeIs(1));
  }
  EXPECT_EQ(outcome(Whole(), {}).outcome, Outcome::kInconclusive);
  Policy empty_is_well;
  empty_is_well.pass_when_empty = true;
  EXPECT_EQ(Judge({}, {}, Whole(), empty_is_well, "2026-11-25").outcome, Outcome::kPass);
  EXPECT_EQ(Judge(Lazy(), Clean(), dropped, {}, "2026-11-25").outcome, Outcome::kFail);  // what failed has failed
}

TEST(Judge, CombinesServicesToTheWorst) {
  const Verdict all = Combine({JudgeWith(Lazy(), Lazy()), JudgeWith(Lazy(), Clean())});
  EXPECT_EQ(all.outcome, Outcome::kFail);
  EXPECT_EQ(all.known_findings, 1U);
}

}  // namespace
}  // namespace pgassay::gate
