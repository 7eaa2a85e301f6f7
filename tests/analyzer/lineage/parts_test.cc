#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "analyzer/lineage/order_statistics.h"
#include "analyzer/lineage/relation_rules.h"
#include "analyzer/lineage/value_source.h"
#include "tests/analyzer/lineage/traffic.h"

namespace pgassay::lineage {
namespace {

using testing::HashOf;

TEST(RelationRules, KnowForeignKeysByTheirNames) {
  RelationRules rules;
  for (const char* relation :
       {"users", "orders", "order_items", "categories", "products", "addresses", "OrderLine", "shop_invoices"}) {
    rules.AddRelation(relation);
  }
  const struct {
    ColumnName source, sink;
    Relationship expected;
  } cases[] = {
      {{"users", "id"}, {"orders", "user_id"}, Relationship::kName},
      {{"orders", "user_id"}, {"users", "id"}, Relationship::kName},
      {{"users", "id"}, {"users", "id"}, Relationship::kSameKey},
      {{"categories", "id"}, {"products", "category_id"}, Relationship::kName},
      {{"categories", "id"}, {"categories", "parent_id"}, Relationship::kName},
      {{"addresses", "id"}, {"orders", "billing_address_id"}, Relationship::kName},
      {{"users", "id"}, {"orders", "userId"}, Relationship::kName},
      {{"OrderLine", "id"}, {"returns", "order_line_id"}, Relationship::kName},
      {{"shop_invoices", "id"}, {"payments", "invoice_id"}, Relationship::kName},
      {{"users", "uuid"}, {"orders", "user_uuid"}, Relationship::kName},
      {{"orders", "user_id"}, {"addresses", "user_id"}, Relationship::kName},
      {{"orders_2024_01", "id"}, {"order_items", "order_id"}, Relationship::kName},
      {{"orders", "id"}, {"orders", "user_id"}, Relationship::kUnrelated},
      {{"products", "id"}, {"orders", "user_id"}, Relationship::kUnrelated},
      {{"products", "id"}, {"users", "id"}, Relationship::kUnrelated},
      {{"users", "id"}, {"orders", "author_id"}, Relationship::kUnknown},
      {{"users", "id"}, {"rules", "level"}, Relationship::kUnknown},
      {{"", ""}, {"users", "id"}, Relationship::kUnknown},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(rules.Judge(c.source, c.sink), c.expected)
        << c.source.relation << "." << c.source.column << " -> " << c.sink.relation << "." << c.sink.column;
  }
}

TEST(RelationRules, BelieveAJoinOfTheTraffic) {
  RelationRules rules;
  rules.AddRelation("users");
  EXPECT_EQ(rules.Judge({"users", "id"}, {"posts", "author_id"}), Relationship::kUnknown);
  const uint64_t before = rules.version();
  rules.AddJoin({"posts", "author_id"}, {"users", "id"});
  EXPECT_GT(rules.version(), before);
  EXPECT_EQ(rules.Judge({"users", "id"}, {"posts", "author_id"}), Relationship::kJoin);
}

TEST(RelationRules, BelieveAForeignKeyEvenWhereNamesPointElsewhere) {
  RelationRules rules;
  for (const char* relation : {"users", "people", "orders"}) rules.AddRelation(relation);
  EXPECT_EQ(rules.Judge({"people", "id"}, {"orders", "user_id"}), Relationship::kUnrelated);
  const uint64_t before = rules.version();
  rules.AddForeignKey({"orders", "user_id"}, {"people", "id"});
  EXPECT_GT(rules.version(), before);
  EXPECT_EQ(rules.Judge({"people", "id"}, {"orders", "user_id"}), Relationship::kForeignKey);
  EXPECT_EQ(rules.Judge({"orders", "user_id"}, {"people", "id"}), Relationship::kForeignKey);
}

TEST(RelationRules, FoldPartitionsAndCase) {
  EXPECT_EQ(FoldName("events_2024_01"), "events");
  EXPECT_EQ(FoldName("events_y2024m01"), "events");
  EXPECT_EQ(FoldName("events_p3"), "events");
  EXPECT_EQ(FoldName("events_default"), "events");
  EXPECT_EQ(FoldName("OrderItem"), "order_item");
  EXPECT_EQ(FoldName("oauth2_tokens"), "oauth2_tokens");
}

double BruteForceTail(size_t n, uint64_t inversions) {
  std::vector<uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0U);
  double total = 0, hits = 0;
  do {
    uint64_t found = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = i + 1; k < n; ++k) found += rows[k] < rows[i] ? 1 : 0;
    }
    ++total;
    hits += found <= inversions ? 1 : 0;
  } while (std::ranges::next_permutation(rows).found);
  return hits / total;
}

TEST(OrderStatistics, AgreeWithCountingAllPermutations) {
  std::mt19937 random(3);
  for (size_t n = 2; n <= 7; ++n) {
    std::vector<uint32_t> rows(n);
    std::iota(rows.begin(), rows.end(), 0U);
    std::ranges::shuffle(rows, random);
    uint64_t inversions = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = i + 1; k < n; ++k) inversions += rows[k] < rows[i] ? 1 : 0;
    }
    const std::vector<std::vector<uint32_t>> groups{rows};
    const OrderStatistics order = MeasureOrder(groups);
    const double pairs = static_cast<double>(n * (n - 1)) / 2;
    EXPECT_NEAR(order.tau, 1 - 2 * static_cast<double>(inversions) / pairs, 1e-12);
    EXPECT_NEAR(order.log10_p, -std::log10(BruteForceTail(n, inversions)), 1e-9);
  }
}

TEST(OrderStatistics, NormalLimitMeetsTheExactTail) {
  std::vector<uint32_t> rows(26);  // 325 pairs: just beyond the exact range
  std::iota(rows.begin(), rows.end(), 0U);
  for (size_t i = 0; i + 4 < rows.size(); i += 3) std::swap(rows[i], rows[i + 4]);
  const std::vector<std::vector<uint32_t>> large{rows};
  rows.resize(24);
  std::erase_if(rows, [](uint32_t row) { return row >= 24; });
  const std::vector<std::vector<uint32_t>> small{rows};
  EXPECT_NEAR(MeasureOrder(large).tau, MeasureOrder(small).tau, 0.1);
  EXPECT_GT(MeasureOrder(large).log10_p, MeasureOrder(small).log10_p * 0.7);
}

TEST(OrderStatistics, PairsAcrossGroupsSayNothing) {
  const std::vector<std::vector<uint32_t>> singles{{5}, {4}, {3}};
  EXPECT_EQ(MeasureOrder(singles).values, 0U);
  EXPECT_EQ(MeasureOrder(singles).log10_p, 0);
  const std::vector<std::vector<uint32_t>> groups{{0, 1, 2}, {0, 1, 2}};
  EXPECT_DOUBLE_EQ(MeasureOrder(groups).tau, 1);
  EXPECT_NEAR(MeasureOrder(groups).log10_p, 2 * std::log10(6.0), 1e-9);
}

TEST(ValueSource, KnowsTheLatestOccurrenceBeforeATime) {
  ValueSource source;
  EXPECT_TRUE(source.Add(HashOf(7), 1, 10, 100));
  EXPECT_FALSE(source.Add(HashOf(7), 1, 11, 100));
  EXPECT_TRUE(source.Add(HashOf(7), 2, 3, 200));
  EXPECT_EQ(source.Latest(HashOf(7), 99), nullptr);
  EXPECT_EQ(source.Latest(HashOf(7), 150)->execution, 1U);
  EXPECT_EQ(source.Latest(HashOf(7), 150)->row, 11U);
  EXPECT_EQ(source.Latest(HashOf(7), 250)->execution, 2U);
  EXPECT_EQ(source.Multiplicity(HashOf(7), 1), 2U);
  EXPECT_TRUE(source.OccursAt(HashOf(7), 1, 10));
  EXPECT_FALSE(source.OccursAt(HashOf(7), 2, 10));
  EXPECT_EQ(source.Latest(HashOf(8), 250), nullptr);
}

TEST(ValueSource, KeepsTheSmallestHashesOfManyAndFindsAllBelowTheCutOff) {
  ValueSource source;
  for (int64_t i = 0; i < 100'000; ++i)
    source.Add(HashOf(i), static_cast<uint32_t>(i / 4000), static_cast<uint32_t>(i % 4000), i);
  EXPECT_TRUE(source.sampled());
  EXPECT_LT(source.bytes(), 300'000U);
  uint64_t tested = 0, found = 0;
  for (int64_t i = 0; i < 100'000; ++i) {
    if (!source.Tests(HashOf(i))) continue;
    ++tested;
    found += source.Contains(HashOf(i)) ? 1 : 0;
  }
  EXPECT_GE(tested, ValueSource::kSampleSize);
  EXPECT_EQ(found, tested);
  EXPECT_NEAR(static_cast<double>(source.distinct_estimate()), 100'000, 12'000);
}

TEST(ValueSource, OfFewValuesKeepsThemAll) {
  ValueSource source;
  for (int64_t i = 0; i < 50'000; ++i)
    source.Add(HashOf(i % 10), static_cast<uint32_t>(i / 100), static_cast<uint32_t>(i % 100), i);
  EXPECT_EQ(source.distinct(), 10U);
  for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(source.Latest(HashOf(i), 1'000'000)->execution, 499U);
  EXPECT_LT(source.bytes(), 300'000U);
}

TEST(ValueSource, EvictedFindsNothing) {
  ValueSource source;
  source.Add(HashOf(1), 1, 1, 1);
  source.Evict();
  EXPECT_FALSE(source.Contains(HashOf(1)));
  EXPECT_FALSE(source.Add(HashOf(2), 1, 1, 1));
  EXPECT_EQ(source.bytes(), 0U);
}

TEST(DistinctSketch, IsExactWhileFewAndCloseWhenMany) {
  DistinctSketch sketch;
  for (int64_t i = 0; i < 300; ++i) sketch.Add(HashOf(i % 100));
  EXPECT_EQ(sketch.Estimate(), 100U);
  for (int64_t i = 0; i < 50'000; ++i) sketch.Add(HashOf(i));
  EXPECT_NEAR(static_cast<double>(sketch.Estimate()), 50'000, 15'000);
}

}  // namespace
}  // namespace pgassay::lineage
