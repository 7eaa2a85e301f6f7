#include "analyzer/trace/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace pgassay::trace {
namespace {

TEST(Histogram, QuantilesAreWithinOnePercent) {
  std::mt19937_64 random(1);
  for (const double spread : {0.1, 1.0, 3.0}) {
    std::lognormal_distribution<double> durations(12, spread);
    Histogram histogram;
    std::vector<int64_t> values;
    for (int i = 0; i < 20'000; ++i) {
      values.push_back(static_cast<int64_t>(durations(random)));
      histogram.Add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double quantile : {0.5, 0.95, 0.99, 0.999}) {
      const auto rank = static_cast<size_t>(std::ceil(quantile * 20'000)) - 1;
      const auto exact = static_cast<double>(values[rank]);
      EXPECT_NEAR(static_cast<double>(histogram.Quantile(quantile)), exact, std::max(exact * 0.01, 0.5)) << quantile;
    }
  }
}

TEST(Histogram, EveryValueIsWithinOnePercentOfItsBucket) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100'000; ++i) {
    const auto value = static_cast<int64_t>((random() >> 1) >> (random() % 63));
    Histogram histogram;
    histogram.Add(value);
    const double off = std::abs(static_cast<double>(histogram.Quantile(0.5)) - static_cast<double>(value));
    ASSERT_LE(off, static_cast<double>(value) * 0.01) << value;
  }
}

TEST(Histogram, TakesTheWholeRange) {
  Histogram histogram;
  histogram.Add(INT64_MIN);
  EXPECT_EQ(histogram.Quantile(1), 0);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_GT(histogram.Quantile(1), INT64_MAX / 100 * 99);
  const auto decoded = Histogram::Decode(histogram.Encode());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->Quantile(1), histogram.Quantile(1));
}

TEST(Histogram, CoarseBucketsHoldEveryValueInOrder) {
  Histogram histogram;
  for (const int64_t value : {0, 1, 2, 3, 1000, 1100, 1600, 5'000'000}) histogram.Add(value);
  using Bucket = std::pair<int64_t, uint64_t>;
  const std::vector<Bucket> expected = {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {768, 1}, {1024, 1}, {1536, 1}, {4194304, 1}};
  EXPECT_EQ(histogram.Coarse(), expected);
  EXPECT_TRUE(Histogram().Coarse().empty());
}

TEST(Histogram, MergingIsTheSameAsRecordingBoth) {
  std::mt19937_64 random(3);
  Histogram all;
  Histogram parts[2];
  for (int i = 0; i < 5000; ++i) {
    const auto value = static_cast<int64_t>(random() >> (20 + random() % 40));
    all.Add(value);
    parts[i % 2].Add(value);
  }
  parts[0].Merge(parts[1]);
  EXPECT_EQ(parts[0].Encode(), all.Encode());
  EXPECT_EQ(parts[0].count(), 5000U);
}

TEST(Histogram, ComesBackFromItsBlob) {
  Histogram histogram;
  for (int64_t value = 1; value < 1'000'000'000; value = value * 3 + 1)
    histogram.Add(value, static_cast<uint64_t>(value));
  const auto decoded = Histogram::Decode(histogram.Encode());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->Encode(), histogram.Encode());
  EXPECT_EQ(decoded->count(), histogram.count());
  EXPECT_EQ(Histogram::Decode(Histogram().Encode())->count(), 0U);
}

TEST(Histogram, RefusesBlobsThatItDidNotWrite) {
  using namespace std::string_view_literals;
  for (const auto blob :
       {""sv, "\x02"sv, "\x01\x05"sv, "\x01\x05\x80"sv, "\x01\x05\x00"sv, "\x01\xFF\xFF\xFF\x7F\x01"sv,
        "\x01\x05\x01\x00\x01"sv, "\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01"sv}) {
    EXPECT_FALSE(Histogram::Decode(blob).has_value());
  }
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    std::string noise = "\x01";
    for (uint64_t bytes = random() % 40; bytes > 0; --bytes) noise += static_cast<char>(random());
    if (const auto decoded = Histogram::Decode(noise)) {
      EXPECT_EQ(Histogram::Decode(decoded->Encode())->count(), decoded->count());
    }
  }
}

}  // namespace
}  // namespace pgassay::trace
