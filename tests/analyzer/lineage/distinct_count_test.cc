#include "analyzer/lineage/distinct_count.h"

#include <gtest/gtest.h>

#include <random>

namespace pgassay::lineage {
namespace {

DistinctCount CountOf(uint64_t from, uint64_t to) {
  std::mt19937_64 hashes(7);
  DistinctCount count;
  for (uint64_t i = 0; i < to; ++i) {
    const uint64_t hash = hashes();
    if (i < from) continue;
    count.Add(hash);
    count.Add(hash);
  }
  return count;
}

TEST(DistinctCount, IsExactWhileSmall) {
  EXPECT_EQ(CountOf(0, 0).Estimate(), 0u);
  EXPECT_EQ(CountOf(0, 1).Estimate(), 1u);
  EXPECT_EQ(CountOf(0, 2047).Estimate(), 2047u);
}

TEST(DistinctCount, EstimatesWithinATenthWhenLarge) {
  for (const uint64_t n : {2'048, 5'000, 100'000}) {
    EXPECT_NEAR(static_cast<double>(CountOf(0, n).Estimate()), static_cast<double>(n), static_cast<double>(n) * 0.1);
  }
}

TEST(DistinctCount, MergesToWhatOneWouldHaveCounted) {
  DistinctCount merged = CountOf(0, 30'000);
  merged.Merge(CountOf(20'000, 50'000));
  EXPECT_NEAR(static_cast<double>(merged.Estimate()), 50'000, 5'000);
  DistinctCount small = CountOf(0, 10);
  small.Merge(CountOf(5, 20));
  EXPECT_EQ(small.Estimate(), 20u);
}

}  // namespace
}  // namespace pgassay::lineage
