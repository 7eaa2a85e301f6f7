#include "reporters/timeline.h"

#include <algorithm>
#include <utility>

namespace pgassay::reporters {
namespace {

constexpr size_t kLongestCycle = 4;
constexpr uint64_t kFewestTimes = 2;

// How often the `length` steps from `at` follow one another.
uint64_t Times(const std::vector<TimelineStep>& steps, size_t at, size_t length) {
  uint64_t times = 1;
  for (size_t next = at + length; next + length <= steps.size(); next += length) {
    for (size_t i = 0; i < length; ++i) {
      if (steps[next + i].statement_id != steps[at + i].statement_id) return times;
    }
    ++times;
  }
  return times;
}

// A run much longer than the one that follows it in the cycle is a loop of its own.
bool StandsAlone(const std::vector<TimelineStep>& runs, size_t at, size_t cycle) {
  return at + cycle < runs.size() && runs[at].executions > 2 + 2 * runs[at + cycle].executions;
}

}  // namespace

std::vector<TimelineBlock> FoldTimeline(std::span<const trace::TimelineRow> rows) {
  std::vector<TimelineStep> runs;
  for (const trace::TimelineRow& row : rows) {
    if (runs.empty() || runs.back().statement_id != row.statement_id) {
      runs.push_back({.statement_id = row.statement_id, .from_ns = row.sent_ns - rows.front().sent_ns});
    }
    TimelineStep& step = runs.back();
    ++step.executions;
    step.until_ns =
        std::max(step.until_ns, row.sent_ns - rows.front().sent_ns + std::max(row.duration_ns, row.busy_ns));
    step.busy_ns += row.busy_ns;
    step.rows += row.rows;
    step.errors += row.sqlstate.empty() ? 0 : 1;
  }

  std::vector<TimelineBlock> blocks;
  for (size_t at = 0; at < runs.size();) {
    size_t length = 1;
    uint64_t times = 1;
    for (size_t cycle = 2; cycle <= kLongestCycle; ++cycle) {
      if (StandsAlone(runs, at, cycle)) continue;
      const uint64_t found = Times(runs, at, cycle);
      if (found >= kFewestTimes && found * cycle > times * length) {
        length = cycle;
        times = found;
      }
    }
    TimelineBlock block{
        times, {runs.begin() + static_cast<ptrdiff_t>(at), runs.begin() + static_cast<ptrdiff_t>(at + length)}};
    for (size_t i = length; i < length * times; ++i) {
      TimelineStep& step = block.steps[i % length];
      step.executions += runs[at + i].executions;
      step.until_ns = std::max(step.until_ns, runs[at + i].until_ns);
      step.busy_ns += runs[at + i].busy_ns;
      step.rows += runs[at + i].rows;
      step.errors += runs[at + i].errors;
    }
    blocks.push_back(std::move(block));
    at += length * times;
  }
  return blocks;
}

}  // namespace pgassay::reporters
