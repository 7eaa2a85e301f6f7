#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "analyzer/detectors/registry.h"
#include "tests/analyzer/lineage/scenarios.h"

namespace pgassay::detectors {
namespace {

using namespace lineage::testing;  // NOLINT(google-build-using-namespace): the scenarios are this test's vocabulary

TraceView ViewOf(const Traffic& traffic, const Collected& collected) {
  TraceView view;
  for (const Query& query : traffic.queries()) {
    trace::StatementRow row;
    row.statement_id = query.id;
    row.sql = query.sql;
    row.facts = query.facts;
    row.driver = query.facts.catalog_only;
    view.statements.push_back(row);
  }
  for (const auto& [id, unit] : collected.units) view.units.push_back(unit);
  for (const auto& [key, row] : collected.unit_statements) view.unit_statements.push_back(row);
  for (const auto& [key, edge] : collected.edges) view.edges.push_back(edge);
  for (const auto& [key, repeat] : collected.repeats) view.repeats.push_back(repeat);
  ResolveJoinedUnits(view);
  return view;
}

std::vector<Finding> FindingsOf(Traffic& traffic) {
  Collected collected;
  traffic.Play(collected);
  return kNPlusOne.detect(ViewOf(traffic, collected), {});
}

struct Outcome {
  std::vector<Finding> findings;
  std::vector<std::string> expected;
};

Outcome Make(const NamedFamily& family, uint64_t seed, Style style = {}) {
  Traffic traffic(seed);
  Outcome outcome;
  outcome.expected = family.make(traffic, style).expected;
  outcome.findings = FindingsOf(traffic);
  return outcome;
}

uint64_t Seeds() {
  const char* seeds = std::getenv("PGASSAY_SIMULATOR_SEEDS");
  return seeds == nullptr ? 25 : std::strtoull(seeds, nullptr, 10);
}

TEST(NPlusOne, ProvesWhatIsThereAndNothingElse) {
  uint64_t expected = 0, proven = 0, likely = 0, false_proven = 0, false_likely = 0, hints = 0;
  for (const NamedFamily& family : Families()) {
    uint64_t family_expected = 0, family_proven = 0, family_likely = 0, family_false_proven = 0,
             family_false_likely = 0, family_hints = 0;
    for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
      const Outcome outcome = Make(family, seed);
      const std::set<std::string> truth(outcome.expected.begin(), outcome.expected.end());
      family_expected += truth.size();
      for (const Finding& finding : outcome.findings) {
        const bool right = truth.contains(finding.title);
        if (!right && std::getenv("PGASSAY_SIMULATOR_VERBOSE") != nullptr)
          std::printf("%s, seed %lu: %s\n", family.name.data(), seed, finding.summary.c_str());
        if (finding.confidence == Confidence::kProven) {
          ++(right ? family_proven : family_false_proven);
        } else if (finding.confidence == Confidence::kLikely) {
          ++(right ? family_likely : family_false_likely);
        } else {
          ++family_hints;
        }
        if (!right && finding.confidence == Confidence::kProven) {
          ADD_FAILURE() << family.name << ", seed " << seed << ": falsely proven: " << finding.title;
        }
      }
    }
    if (family.positive) {
      EXPECT_EQ(family_proven, family_expected) << family.name;
    }
    std::printf("%-36s expected %4lu  proven %4lu  likely %4lu  false proven %3lu  false likely %3lu  hints %3lu\n",
                family.name.data(), family_expected, family_proven, family_likely, family_false_proven,
                family_false_likely, family_hints);
    expected += family_expected;
    proven += family_proven;
    likely += family_likely;
    false_proven += family_false_proven;
    false_likely += family_false_likely;
    hints += family_hints;
  }
  std::printf("recall %.4f (with likely %.4f)  precision %.4f (with likely %.4f)  hints %lu\n",
              static_cast<double>(proven) / static_cast<double>(expected),
              static_cast<double>(proven + likely) / static_cast<double>(expected),
              static_cast<double>(proven) / static_cast<double>(proven + false_proven),
              static_cast<double>(proven + likely) / static_cast<double>(proven + likely + false_proven + false_likely),
              hints);
  EXPECT_EQ(false_proven, 0U);
}

std::vector<std::string> Summaries(const std::vector<Finding>& findings) {
  std::vector<std::string> lines;
  for (const Finding& finding : findings) {
    std::string line = finding.id + " " + finding.title + " " + std::to_string(static_cast<int>(finding.confidence)) +
                       " " + std::to_string(finding.executions) + " " + std::to_string(finding.round_trips_saved);
    for (const FindingStep& step : finding.steps) line += "; " + step.edge + " " + std::to_string(step.executions);
    lines.push_back(std::move(line));
  }
  return lines;
}

TEST(NPlusOne, IsTheSameHoweverSlowTheLoopsBodyIs) {
  for (const NamedFamily& family : Families()) {
    const auto at_once = Summaries(Make(family, 11, {.body_ns = 0}).findings);
    for (const int64_t body_ns : {50 * kMs, 300 * kMs}) {
      EXPECT_EQ(Summaries(Make(family, 11, {.body_ns = body_ns}).findings), at_once) << family.name << ", " << body_ns;
    }
  }
}

TEST(NPlusOne, ShowsAChainAsOneFindingUnderItsOutermostEdge) {
  Traffic traffic(5);
  Chain(traffic, {});
  const auto findings = FindingsOf(traffic);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].title, "products.id <- order_items.product_id");
  ASSERT_EQ(findings[0].steps.size(), 1U);
  EXPECT_EQ(findings[0].steps[0].edge, "categories.id <- products.category_id");
  EXPECT_EQ(findings[0].steps[0].executions, findings[0].executions);
}

TEST(NPlusOne, ShowsATreeAsOneFinding) {
  Traffic traffic(5);
  Nested(traffic, {});
  const auto findings = FindingsOf(traffic);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].title, "orders.user_id <- users.id");
  ASSERT_EQ(findings[0].steps.size(), 1U);
  EXPECT_GT(findings[0].steps[0].executions, findings[0].executions);
}

TEST(NPlusOne, CreditsFourLoadsOfEachOfFiveHundredParents) {
  Traffic traffic(5);
  const Scenario scenario = FourLoads(traffic, {});
  const auto findings = FindingsOf(traffic);
  ASSERT_EQ(findings.size(), 4U);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.executions, 500U);
    EXPECT_EQ(finding.round_trips_saved, 499U);
    EXPECT_EQ(finding.confidence, Confidence::kProven);
    ASSERT_TRUE(finding.parent.has_value());
    EXPECT_EQ(finding.parent->rows, 500U);
    EXPECT_EQ(finding.parent->column, "users.id");
    EXPECT_EQ(finding.evidence[0].text.substr(0, 55), "every $1 is users.id of that result: 500 of 500, in row");
  }
}

// users with ten orders loaded one by one; `extra` columns in every model.
std::vector<Finding> Loaded(const std::vector<std::string>& extra, bool driver = false, bool schema_change = false,
                            uint64_t rows = 10) {
  Traffic traffic(1);
  Connection& connection = traffic.Connect(1);
  std::vector<std::string> user = {"users.id"}, order = {"orders.id", "orders.user_id"};
  for (const std::string& column : extra) {
    user.insert(user.begin(), "users." + column);
    order.push_back("orders." + column);
  }
  Query& users = traffic.Select(user);
  Query& orders = traffic.Select(order, {"orders.user_id"});
  orders.facts.catalog_only = driver;
  traffic.Begin(connection);
  if (schema_change) traffic.Run(connection, traffic.Control(sql::Operation::kDdl));
  Rows list;
  for (uint64_t i = 1; i <= rows; ++i) {
    Row row(user.size(), 900 + static_cast<int64_t>(i));
    row.back() = static_cast<int64_t>(i);
    list.push_back(row);
  }
  traffic.Run(connection, users, {}, list);
  for (const Row& row : list) traffic.Run(connection, orders, {row.back()}, {{5000 + row.back(), row.back()}});
  traffic.Commit(connection);
  return FindingsOf(traffic);
}

TEST(NPlusOne, KeepsItsIdWhenEveryModelGainsAColumn) {
  const auto before = Loaded({}), after = Loaded({"nickname", "note"});
  ASSERT_EQ(before.size(), 1U);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(before[0].id, after[0].id);
  EXPECT_EQ(before[0].id_text, "n-plus-one/1 SELECT orders.user_id <- users.id");
}

TEST(NPlusOne, IgnoresDriversMigrationsAndPairs) {
  EXPECT_EQ(Loaded({}).size(), 1U);
  EXPECT_TRUE(Loaded({}, true).empty());
  EXPECT_TRUE(Loaded({}, false, true).empty());
  EXPECT_TRUE(Loaded({}, false, false, 2).empty());
}

TEST(NPlusOne, NamesTheUpdateThatALoopRepeats) {
  Traffic traffic(3);
  UpdateLoop(traffic, {});
  const auto findings = FindingsOf(traffic);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].id_text, "n-plus-one/1 UPDATE orders.id <- orders.id");
}

TEST(NPlusOne, IsAtMostLikelyWhereTheProcessIsGuessed) {
  Traffic traffic(1);
  Connection& a = traffic.Connect(0);
  Connection& b = traffic.Connect(0);
  Query& users = traffic.Select({"users.id"});
  Query& orders = traffic.Select({"orders.id", "orders.user_id"}, {"orders.user_id"});
  Rows list;
  for (int64_t id = 1; id <= 20; ++id) list.push_back({id});
  traffic.Run(a, users, {}, list);
  b.now_ns = a.now_ns;
  for (int64_t id = 1; id <= 20; ++id) traffic.Run(b, orders, {id}, {{900 + id, id}});
  const auto findings = FindingsOf(traffic);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].confidence, Confidence::kLikely);
}

// Requests that each load one row, not by its key, and its detail.
std::vector<Finding> SmallLoads(int requests, int64_t largest_parent) {
  Traffic traffic(1);
  Connection& connection = traffic.Connect(1);
  Query& newest = traffic.Select({"posts.id", "posts.rank"});
  Query& comments = traffic.Select({"comments.id", "comments.post_id"}, {"comments.post_id"});
  int64_t id = 0;
  for (int i = 0; i < requests; ++i) {
    Rows list;
    for (int64_t k = 0; k <= i % largest_parent; ++k) list.push_back({++id, 3});
    traffic.Begin(connection, 600 * kMs);
    traffic.Run(connection, newest, {}, list);
    for (const Row& row : list) traffic.Run(connection, comments, {row[0]}, {{7000 + row[0], row[0]}});
    traffic.Commit(connection);
  }
  return FindingsOf(traffic);
}

TEST(NPlusOne, HintsAtLoadsThatAreTooSmallToTell) {
  const auto findings = SmallLoads(30, 1);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].confidence, Confidence::kHint);
  EXPECT_TRUE(SmallLoads(5, 1).empty());
}

TEST(NPlusOne, PromotesSmallLoadsThatGrowWithTheirParents) {
  const auto findings = SmallLoads(30, 2);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].confidence, Confidence::kLikely);
}

}  // namespace
}  // namespace pgassay::detectors
