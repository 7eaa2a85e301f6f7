// A unit's executions as steps, with what repeats folded: "SELECT … × 48" instead of 48 lines. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analyzer/trace/trace.h"

namespace pgassay::reporters {

struct TimelineStep {
  int64_t statement_id = 0;
  uint64_t executions = 0;
  int64_t from_ns = 0;   // sent, after the first execution of the timeline
  int64_t until_ns = 0;  // done, the last of them, likewise
  int64_t busy_ns = 0;   // of all executions folded into it
  uint64_t rows = 0, errors = 0;
};

// `times` > 1: the steps ran in this order, that often.
struct TimelineBlock {
  uint64_t times = 1;
  std::vector<TimelineStep> steps;
};

// Runs of one statement fold first, then cycles of up to four of them (A B A B … is a block of A and B).
std::vector<TimelineBlock> FoldTimeline(std::span<const trace::TimelineRow> rows);

}  // namespace pgassay::reporters
