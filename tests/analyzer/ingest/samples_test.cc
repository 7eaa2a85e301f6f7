#include "analyzer/ingest/samples.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgassay::ingest {
namespace {

void Execute(Samples& samples, int64_t statement, const std::string& sql, int64_t ns = 1, uint64_t rows = 0) {
  if (!samples.Wants(statement, Samples::Values::kInText, ns, rows)) return;
  samples.Keep(statement, {.sample = {.sql = sql, .database_ns = ns, .rows = rows}, .values_known = true});
}

TEST(Samples, DrawEvenlyOverAllExecutions) {
  constexpr int kRuns = 4000, kExecutions = 40;
  std::vector<int> drawn(kExecutions);
  Samples samples;
  for (int64_t run = 0; run < kRuns; ++run) {
    for (int i = 0; i < kExecutions; ++i) Execute(samples, run, std::to_string(i));
  }
  for (const StatementToPlan& statement : samples.Costliest(kRuns)) {
    ASSERT_GE(statement.executions.size(), Samples::kDrawn);
    for (size_t i = 0; i < Samples::kDrawn; ++i) {
      ++drawn[static_cast<size_t>(std::stoi(statement.executions[i].sample.sql))];
    }
  }
  const double expected = double{kRuns} * Samples::kDrawn / kExecutions;  // standard deviation: 25
  for (const int count : drawn) EXPECT_NEAR(count, expected, 150);
}

TEST(Samples, KeepTheSlowestAndTheLargest) {
  Samples samples;
  for (int i = 0; i < 1000; ++i) {
    Execute(samples, 1, i == 500 ? "slow" : i == 700 ? "large" : "other", i == 500 ? 9 : 1, i == 700 ? 9 : 1);
  }
  const auto statements = samples.Costliest(10);
  ASSERT_EQ(statements.size(), 1U);
  const auto has = [&](const std::string& sql) {
    return std::ranges::any_of(statements[0].executions, [&](const Planning& p) { return p.sample.sql == sql; });
  };
  EXPECT_TRUE(has("slow"));
  EXPECT_TRUE(has("large"));
  EXPECT_EQ(statements[0].calls, 1000U);
  EXPECT_LE(statements[0].executions.size(), Samples::kDrawn + 2);
}

TEST(Samples, ValuesTakeThePlaceOfAnExecutionWithoutAndAreDrawnOnce) {
  Samples samples;
  ASSERT_TRUE(samples.Wants(1, Samples::Values::kUnknown, 1, 0));
  samples.Keep(1, {.sample = {.sql = "without"}});
  EXPECT_FALSE(samples.Wants(1, Samples::Values::kUnknown, 1, 0));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(samples.Wants(1, Samples::Values::kDrawn, 1, 0));  // the draw was the relay's
    samples.Keep(1, {.sample = {.sql = "with", .database_ns = 1}, .values_known = true});
  }
  const auto statements = samples.Costliest(1);
  ASSERT_EQ(statements.size(), 1U);
  EXPECT_TRUE(std::ranges::all_of(statements[0].executions, &Planning::values_known));
  EXPECT_GE(statements[0].executions.size(), Samples::kDrawn);
}

TEST(Samples, GiveAnExecutionOnce) {
  Samples samples;
  Execute(samples, 1, "only", 9, 9);
  EXPECT_EQ(samples.Costliest(1).at(0).executions.size(), 1U);
}

TEST(Samples, AnswerTheCostliestFirst) {
  Samples samples;
  Execute(samples, 1, "a", 5);
  Execute(samples, 2, "b", 9);
  Execute(samples, 3, "c", 7);
  const auto statements = samples.Costliest(2);
  ASSERT_EQ(statements.size(), 2U);
  EXPECT_EQ(statements[0].statement_id, 2);
  EXPECT_EQ(statements[1].statement_id, 3);
}

TEST(Samples, StayWithinTheirMemory) {
  Samples samples;
  const std::string large(8000, 'x');
  size_t kept = 0;
  for (int64_t statement = 0; statement < 3000; ++statement) {
    for (int i = 0; i < 4; ++i) Execute(samples, statement, large);
  }
  for (const StatementToPlan& statement : samples.Costliest(3000)) kept += statement.executions.size();
  EXPECT_LT(kept * large.size(), size_t{40} << 20);
  EXPECT_GT(kept, 1000U);
}

TEST(SlotUse, CountsTheMostFrequentValueNeverTooHigh) {
  SlotUse use;
  for (uint64_t i = 0; i < 1000; ++i) use.Count(i % 50 == 0 ? 1000 + i : 7);
  EXPECT_EQ(use.executions, 1000U);
  EXPECT_LE(use.top(), 980U);
  EXPECT_GE(use.top(), 950U);
  SlotUse spread;
  for (uint64_t i = 0; i < 1000; ++i) spread.Count(i);
  EXPECT_LE(spread.top(), 10U);
}

}  // namespace
}  // namespace pgassay::ingest
