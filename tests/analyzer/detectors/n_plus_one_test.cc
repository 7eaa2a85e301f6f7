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

std::set<std::string> Titles(const std::vector<Finding>& findings, Confidence at_least) {
  std::set<std::string> titles;
  for (const Finding& finding : findings) {
    if (finding.confidence >= at_least) titles.insert(finding.title);
  }
  return titles;
}

TEST(NPlusOne, ProvesWhatIsThereAndNothingElse) {
  uint64_t expected = 0, proven = 0, likely = 0, false_proven = 0, false_likely = 0, hints = 0;
  for (const NamedFamily& family : Families()) {
    uint64_t family_expected = 0, family_proven = 0, family_likely = 0, family_false_proven = 0, family_false_likely = 0, family_hints = 0;
    for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
      const Outcome outcome = Make(family, seed);
      const std::set<std::string> truth(outcome.expected.begin(), outcome.expected.end());
      family_expected += truth.size();
      for (const Finding& finding : outcome.findings) {
        const bool right = truth.contains(finding.title);
        if (!right && std::getenv("PGASSAY_SIMULATOR_VERBOSE") != nullptr) std::printf("%s, seed %lu: %s\n", family.name.data(), seed, finding.summary.c_str());
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
    std::printf("%-36s expected %4lu  proven %4lu  likely %4lu  false proven %3lu  false likely %3lu  hints %3lu\n", family.name.data(),
                family_expected, family_proven, family_likely, family_false_proven, family_false_likely, family_hints);
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
              static_cast<double>(proven + likely) / static_cast<double>(proven + likely + false_proven + false_likely), hints);
  EXPECT_EQ(false_proven, 0U);
}

}  // namespace
}  // namespace pgassay::detectors
