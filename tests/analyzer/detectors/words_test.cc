#include "analyzer/detectors/words.h"

#include <gtest/gtest.h>

namespace pgassay::detectors {
namespace {

TEST(Words, GroupDigitsByThousands) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1284), "1 284");
  EXPECT_EQ(Count(12345678), "12 345 678");
}

TEST(Words, CountInTheSingularAndThePlural) {
  EXPECT_EQ(Counted(1, "query"), "1 query");
  EXPECT_EQ(Counted(1284, "query"), "1 284 queries");
  EXPECT_EQ(Counted(0, "round trip"), "0 round trips");
}

TEST(Words, ShowDurationsInTheUnitThatFits) {
  EXPECT_EQ(Duration(0), "0 ms");
  EXPECT_EQ(Duration(850), "850 ns");
  EXPECT_EQ(Duration(61'400), "61 us");
  EXPECT_EQ(Duration(999'499), "999 us");
  EXPECT_EQ(Duration(999'600), "1 ms");
  EXPECT_EQ(Duration(4'240'000), "4.2 ms");
  EXPECT_EQ(Duration(9'960'000), "10 ms");
  EXPECT_EQ(Duration(212'000'000), "212 ms");
  EXPECT_EQ(Duration(999'600'000), "1 s");
  EXPECT_EQ(Duration(3'140'000'000), "3.1 s");
  EXPECT_EQ(Duration(125'000'000'000), "2 min 5 s");
  EXPECT_EQ(Duration(7'260'000'000'000), "2 h 1 min");
  EXPECT_EQ(Duration(-5'000'000), "-5 ms");
}

TEST(Words, ShowBytesInDecimalUnits) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(999), "999 B");
  EXPECT_EQ(Bytes(1000), "1 kB");
  EXPECT_EQ(Bytes(48'200'000), "48.2 MB");
  EXPECT_EQ(Bytes(999'400), "999 kB");
  EXPECT_EQ(Bytes(999'600), "1 MB");
  EXPECT_EQ(Bytes(123'400'000), "123 MB");
  EXPECT_EQ(Bytes(2'000'000'000'000), "2 TB");
}

TEST(Words, SayAllAndNothingOnlyWhenItIs) {
  EXPECT_EQ(Percent(0), "0 %");
  EXPECT_EQ(Percent(0.0004), "<0.1 %");
  EXPECT_EQ(Percent(0.004), "0.4 %");
  EXPECT_EQ(Percent(0.93), "93 %");
  EXPECT_EQ(Percent(0.9999), "99 %");
  EXPECT_EQ(Percent(1), "100 %");
}

}  // namespace
}  // namespace pgassay::detectors
