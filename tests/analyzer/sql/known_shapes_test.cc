#include "analyzer/sql/known_shapes.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace pgassay::sql {
namespace {

const HashKey kKey = HashKey::ForTests(1);

Statement Scanned(std::string_view text) {
  std::vector<Statement> statements;
  ScanShapes(kKey, text, statements);
  return statements.empty() ? Statement{} : statements.front();
}

bool LikeLearnt(std::string_view learnt, std::string_view text, Statement& read) {
  KnownShapes shapes(kKey);
  const Statement scanned = Scanned(learnt);
  shapes.Learn(learnt, scanned.shape_hash, scanned.slots, scanned.values);
  return shapes.Read(text, read);
}

void ExpectAsScanned(std::string_view text, const Statement& read) {
  const Statement scanned = Scanned(text);
  EXPECT_EQ(read.shape_hash, scanned.shape_hash) << text;
  ASSERT_EQ(read.slots.size(), scanned.slots.size()) << text;
  for (size_t i = 0; i < read.slots.size(); ++i) {
    EXPECT_EQ(read.slots[i].first_value, scanned.slots[i].first_value) << text;
    EXPECT_EQ(read.slots[i].value_count, scanned.slots[i].value_count) << text;
  }
  ASSERT_EQ(read.values.size(), scanned.values.size()) << text;
  for (size_t i = 0; i < read.values.size(); ++i) {
    EXPECT_EQ(read.values[i].parameter, scanned.values[i].parameter) << text;
    EXPECT_EQ(read.values[i].hash.hash, scanned.values[i].hash.hash) << text;
    EXPECT_EQ(read.values[i].hash.alternate, scanned.values[i].hash.alternate) << text;
    EXPECT_EQ(read.values[i].null, scanned.values[i].null) << text;
  }
}

TEST(KnownShapes, ReadWhatTheScannerReads) {
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"SELECT abalance FROM pgbench_accounts WHERE aid = 1;",
       "SELECT abalance FROM pgbench_accounts WHERE aid = 98765;"},
      {"SELECT a FROM t1 WHERE b = 'x' AND c IN (1, 2, 3)",
       "SELECT a FROM t1 WHERE b = 'it is 5 -- /* $ ' AND c IN (7, 8, 9)"},
      {"SELECT a FROM t WHERE 1 = b AND c = $1 AND d = 2", "SELECT a FROM t WHERE 77 = b AND c = $1 AND d = 3"},
      {"SELECT a FROM t WHERE (b, c) IN ((1, 'x'), (2, 'y'))", "SELECT a FROM t WHERE (b, c) IN ((5, 'p'), (6, 'q'))"},
      {"SELECT a FROM t WHERE b IN ('x', 1, 'y', 2)", "SELECT a FROM t WHERE b IN ('p', 3, 'q', 4)"},
      {"INSERT INTO t (a, b, c) VALUES (1, NULL, 'x'), (2, NULL, 'y')",
       "INSERT INTO t (a, b, c) VALUES (3, NULL, ''), (4, NULL, 'z')"},
      {"UPDATE \"T 1\" SET a = true, b = 5 WHERE c BETWEEN 1 AND 2",
       "UPDATE \"T 1\" SET a = true, b = 6 WHERE c BETWEEN 3 AND 4"},
      {"SELECT a FROM t WHERE b = ARRAY[1, 2] LIMIT 10 OFFSET 20",
       "SELECT a FROM t WHERE b = ARRAY[3, 4] LIMIT 99 OFFSET 0"},
      {"SELECT a - 1, a/2 FROM t WHERE b->>'k' = 'v' AND c::text = '1'",
       "SELECT a - 7, a/9 FROM t WHERE b->>'j' = 'w' AND c::text = '0'"},
      {"DELETE FROM log_20240101 WHERE id = 1", "DELETE FROM log_20240101 WHERE id = 00012"},
      {"SELECT 'a', 'Ärger'", "SELECT 'b', 'Öl'"},
  };
  for (const auto& [learnt, text] : texts) {
    Statement read;
    ASSERT_TRUE(LikeLearnt(learnt, text, read)) << text;
    ExpectAsScanned(text, read);
  }
}

TEST(KnownShapes, LeaveToTheScannerWhatIsNotPlain) {
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 1.5"},
      {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = -1"},
      {"SELECT a FROM t WHERE b = -1", "SELECT a FROM t WHERE b = -2"},
      {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 1e5"},
      {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 0x1F"},
      {"SELECT a FROM t1 WHERE b = 1", "SELECT a FROM t2 WHERE b = 1"},
      {"SELECT a FROM t WHERE b IN (1, 2)", "SELECT a FROM t WHERE b IN (1)"},
      {"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'it''s'"},
      {"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'x\\'"},
      {"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = E'x'"},
      {"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = $$x$$"},
      {"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'x'\n'y'"},
      {"SELECT a FROM t WHERE b = ANY ('{1,2}')", "SELECT a FROM t WHERE b = ANY ('{1,2,3}')"},
      {"SELECT a FROM t WHERE b = ANY ('x')", "SELECT a FROM t WHERE b = ANY (' {1,2}')"},
      {"SELECT a FROM t WHERE b = ANY ('x')", "SELECT a FROM t WHERE b = ANY ('[2:3]={1,2}')"},
      {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 1 -- route='/a'"},
      {"SELECT a FROM t WHERE b = 1", "/* route='/a' */ SELECT a FROM t WHERE b = 1"},
      {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 1; SELECT 1"},
      {"SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = $2"},
      {"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'x"},
      {"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = \x02"},
  };
  for (const auto& [learnt, text] : texts) {
    Statement read;
    EXPECT_FALSE(LikeLearnt(learnt, text, read)) << text;
  }
}

// Where a literal is no value its text is of the shape, and a text like it is of another one.
TEST(KnownShapes, LearnNothingOfALiteralThatIsNoValue) {
  const Statement one = Scanned("SELECT a FROM t WHERE b = 1");
  KnownShapes shapes(kKey);
  shapes.Learn("SELECT a FROM t WHERE b = 1 AND c = 2", one.shape_hash, one.slots, one.values);
  Statement read;
  EXPECT_FALSE(shapes.Read("SELECT a FROM t WHERE b = 1 AND c = 2", read));
}

}  // namespace
}  // namespace pgassay::sql
