#include "reporters/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pgassay::reporters {
namespace {

using testing::SizeIs;

// One execution per letter; capitals failed.
std::vector<TimelineBlock> Folded(std::string_view letters) {
  std::vector<trace::TimelineRow> rows;
  for (const char letter : letters) {
    trace::TimelineRow row;
    const bool failed = letter >= 'A' && letter <= 'Z';
    row.statement_id = failed ? letter - 'A' + 'a' : letter;
    row.sent_ns = 1000 + static_cast<int64_t>(rows.size()) * 10;
    row.busy_ns = 3;
    row.rows = 2;
    row.sqlstate = failed ? "40001" : "";
    rows.push_back(std::move(row));
  }
  return FoldTimeline(rows);
}

std::string Text(std::string_view letters) {
  std::string text;
  for (const TimelineBlock& block : Folded(letters)) {
    text += text.empty() ? "" : " ";
    if (block.times > 1) text += std::to_string(block.times) + "(";
    for (const TimelineStep& step : block.steps)
      text += static_cast<char>(step.statement_id) + std::to_string(step.executions);
    if (block.times > 1) text += ")";
  }
  return text;
}

TEST(FoldTimeline, FoldsRunsOfOneStatement) {
  EXPECT_EQ(Text(""), "");
  EXPECT_EQ(Text("abbbbc"), "a1 b4 c1");
}

TEST(FoldTimeline, FoldsCyclesOfSeveral) {
  EXPECT_EQ(Text("uoioioi"), "u1 3(o3i3)");
  EXPECT_EQ(Text("uoiiioiioii"), "u1 3(o3i7)");
  EXPECT_EQ(Text("xabcdabcdabcdy"), "x1 3(a3b3c3d3) y1");
}

TEST(FoldTimeline, LeavesALongRunBeforeACycleAlone) { EXPECT_EQ(Text("bbbbbbbbbbbbabababab"), "b12 4(a4b4)"); }

TEST(FoldTimeline, AddsUpWhatItFolds) {
  const std::vector<TimelineBlock> blocks = Folded("aBbb");
  ASSERT_THAT(blocks, SizeIs(2));
  const TimelineStep& step = blocks[1].steps[0];
  EXPECT_EQ(step.from_ns, 10);
  EXPECT_EQ(step.busy_ns, 9);
  EXPECT_EQ(step.rows, 6U);
  EXPECT_EQ(step.errors, 1U);
}

TEST(FoldTimeline, CountsEveryExecutionOnce) {
  for (const std::string_view letters : {"abcabcab", "aabbaabb", "abababacab", "zyxzyxzyxzzzz"}) {
    uint64_t executions = 0;
    for (const TimelineBlock& block : Folded(letters)) {
      for (const TimelineStep& step : block.steps) executions += step.executions;
    }
    EXPECT_EQ(executions, letters.size()) << letters;
  }
}

}  // namespace
}  // namespace pgassay::reporters
