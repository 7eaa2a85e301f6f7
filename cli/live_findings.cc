#include "cli/live_findings.h"

#include <algorithm>

#include "analyzer/report.h"
#include "proxy/base/clock.h"

namespace pgassay::cli {

namespace {

constexpr int64_t kShortestPauseNs = 2'000'000'000;
constexpr int64_t kPausePerCost = 20;

}  // namespace

uint64_t LiveFindings::Count() {
  const int64_t begin_ns = MonotonicNowNs();
  if (begin_ns < next_ns_) return count_;
  if (const auto report = BuildReport({trace_path_}, {.rules = rules_})) count_ = report->findings.size();
  const int64_t end_ns = MonotonicNowNs();
  next_ns_ = end_ns + std::max(kShortestPauseNs, (end_ns - begin_ns) * kPausePerCost);
  return count_;
}

}  // namespace pgassay::cli
