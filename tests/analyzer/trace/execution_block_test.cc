#include "analyzer/trace/execution_block.h"

#include <gtest/gtest.h>

#include <limits>
#include <string_view>
#include <vector>

#include "tests/analyzer/trace/trace_fixture.h"

namespace pgassay::trace {
namespace {

TimelineInsert Insert(int64_t execution_no, int64_t sent_ns, std::string_view sqlstate) {
  TimelineInsert insert{.execution_no = execution_no,
                        .session_id = 2,
                        .unit_id = 3,
                        .statement_id = 4,
                        .sent_ns = sent_ns,
                        .first_ns = -1,
                        .duration_ns = 6,
                        .waited_ns = 7,
                        .rows = 8,
                        .bytes = 9,
                        .flags = 10,
                        .sqlstate = "",
                        .parameters_hash = (uint64_t{1} << 63) + 11,
                        .result_hash = 12};
  sqlstate.copy(insert.sqlstate, sizeof insert.sqlstate - 1);
  return insert;
}

TEST(ExecutionBlock, NumbersAndTimesCountFromTheFirst) {
  const std::vector<TimelineInsert> executions{Insert(100, 5000, ""), Insert(103, 4000, "40P01")};
  std::string json = "what an earlier block left";
  EncodeBlock(executions, json);
  EXPECT_EQ(json, R"([[0,2,3,4,0,-1,6,7,8,9,10,11,12],[3,2,3,4,-1000,-1,6,7,8,9,10,11,12,"40P01"]])");
}

TEST(ExecutionBlock, WhatAServerMakesUpCannotLeaveItsString) {
  const std::vector<TimelineInsert> executions{Insert(1, 1, "\"],\"x"), Insert(2, 1, "42")};
  std::string json;
  EncodeBlock(executions, json);
  EXPECT_EQ(json, R"([[0,2,3,4,0,-1,6,7,8,9,10,11,12,"?????"],[1,2,3,4,0,-1,6,7,8,9,10,11,12,"?????"]])");
}

TEST(ExecutionBlock, TheLargestNumbersFit) {
  constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const TimelineInsert largest{0,       kLowest, kLowest, kLowest,    0,       kLowest, kLowest,
                               kLowest, kMost,   kMost,   0xFFFFFFFF, "ZZZZZ", kMost,   kMost};
  std::string json;
  EncodeBlock(std::vector<TimelineInsert>(kBlockExecutions, largest), json);
  const std::string lowest = ",-9223372036854775808";
  const std::string hash = ",281474976710655";
  const std::string one = "[0" + lowest + lowest + lowest + ",0" + lowest + lowest + lowest + ",-1,-1,4294967295" +
                          hash + hash + ",\"ZZZZZ\"]";
  std::string expected = "[" + one;
  for (size_t i = 1; i < kBlockExecutions; ++i) expected += "," + one;
  EXPECT_EQ(json, expected + "]");
}

using ABlock = TraceTest;

TEST_F(ABlock, OfAForeignHandIsAnError) {
  auto recorder = MustOpen(Options(path_));
  Record(*recorder, 3);
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
  ASSERT_EQ(Trace::Open(path_)->Timeline(1, 10)->size(), 3U);
  auto db = Database::Open(path_, SQLITE_OPEN_READWRITE);
  ASSERT_TRUE(db->Run("UPDATE execution_block SET executions = '[[1,2'").has_value());
  const auto timeline = Trace::Open(path_)->Timeline(1, 10);
  ASSERT_FALSE(timeline.has_value());
  EXPECT_EQ(timeline.error().message, path_ + " is damaged: malformed JSON");
}

}  // namespace
}  // namespace pgassay::trace
