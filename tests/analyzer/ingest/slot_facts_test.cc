#include "analyzer/ingest/slot_facts.h"

#include <gtest/gtest.h>

#include "analyzer/sql/slot_literals.h"

namespace pgassay::ingest {
namespace {

struct PatternCase {
  const char* pattern;
  bool wildcard, leading;
  uint64_t literal_part;
};

TEST(Pattern, HasWildcardsAndLiteralParts) {
  const PatternCase cases[] = {
      {"abc", false, false, 3},    {"abc%", true, false, 3},  {"%abc%", true, true, 3},
      {"a%bcd_e", true, false, 3}, {"_x", true, true, 1},     {"", false, false, 0},
      {"100\\%", false, false, 4}, {"\\%a%", true, false, 2}, {"%\xc3\xa4\xc3\xb6%", true, true, 2},
  };
  for (const PatternCase& each : cases) {
    const PatternParts parts = ReadPattern(each.pattern);
    EXPECT_EQ(parts.wildcard, each.wildcard) << each.pattern;
    EXPECT_EQ(parts.leading, each.leading) << each.pattern;
    EXPECT_EQ(parts.literal_part, each.literal_part) << each.pattern;
  }
}

TEST(SlotLiterals, AreInTheOrderOfTheSlotsOfTheShape) {
  const std::string sql = "SELECT 1 FROM t WHERE 'x''y' = a AND b = $2 AND c IN (1, 2) AND d = NULL";
  const auto literals = sql::ReadSlotLiterals(sql);
  std::vector<std::string> lines;
  for (const sql::SlotLiteral& literal : literals)
    lines.push_back(std::to_string(literal.slot) + " " + std::string(literal.text) + " " + literal.value);
  EXPECT_EQ(lines, (std::vector<std::string>{"0 1 1", "1 'x''y' x'y", "2 $2 ", "3 1 1", "3 2 2", "4 NULL "}));
}

class Facts : public testing::Test {
 protected:
  // `values`: "" for literals in `sql`.
  std::vector<SlotFact> Read(const std::vector<std::string>& texts, const std::vector<std::string>& values,
                             bool named) {
    static sql::Analyzer analyzer;
    const auto scanned = sql::Scan(HashKey::ForTests(7), texts.front());
    facts_ = analyzer.Analyze(texts.front(), scanned.front());
    StatementUse use{.statement_id = 1, .facts = &facts_, .calls = texts.size()};
    const bool compares = facts_.comparisons.front().comparator == sql::Comparator::kEqual;
    if (compares) use.slots.push_back({.slot = facts_.comparisons.front().slot, .max_elements = 1});
    StatementToPlan statement{.statement_id = 1};
    for (size_t i = 0; i < texts.size(); ++i) {
      if (compares) use.slots.front().Count(std::hash<std::string>()(texts[i] + values[i]));
      Planning& planning = statement.executions.emplace_back();
      planning.sample.sql = texts[i];
      planning.sample.named = named;
      planning.values_known = true;
      if (!values[i].empty()) planning.sample.binds = {{.value = values[i]}};
    }
    return ReadSlotFacts({&statement, 1}, {&use, 1});
  }
  sql::Facts facts_;
};

TEST_F(Facts, KeepALiteralThatMostExecutionsHave) {
  const std::string text = "SELECT id FROM jobs WHERE status = 'pending'";
  const auto facts = Read(std::vector(12, text), std::vector<std::string>(12), false);
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].row.constant, "'pending'");
  EXPECT_EQ(facts[0].constant_value, "pending");
  EXPECT_EQ(facts[0].row.literals, 12U);
  EXPECT_EQ(facts[0].row.top_executions, 12U);
}

TEST_F(Facts, KeepNoParameter) {
  const std::string text = "SELECT id FROM jobs WHERE status = $1";
  const auto facts = Read(std::vector(12, text), std::vector<std::string>(12, "pending"), true);
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].row.constant, "");
  EXPECT_EQ(facts[0].constant_value, "pending");
  EXPECT_EQ(facts[0].row.literals, 0U);
  EXPECT_EQ(facts[0].row.named, 12U);
}

TEST_F(Facts, ClassifyPatternsOfParametersAndLiterals) {
  const auto bound =
      Read(std::vector<std::string>(3, "SELECT id FROM labels WHERE name LIKE $1"), {"%abcd%", "%xyz", "abc%"}, false);
  ASSERT_EQ(bound.size(), 1U);
  EXPECT_EQ(bound[0].row.patterns, 3U);
  EXPECT_EQ(bound[0].row.leading_wildcards, 2U);
  EXPECT_EQ(bound[0].row.literal_part, 3U);
  EXPECT_EQ(bound[0].row.constant, "");
  const auto written = Read({"SELECT id FROM labels WHERE name LIKE 'abc%'"}, {""}, false);
  EXPECT_EQ(written.at(0).row.patterns, 1U);
  EXPECT_EQ(written.at(0).row.leading_wildcards, 0U);
}

}  // namespace
}  // namespace pgassay::ingest
