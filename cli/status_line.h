// One line at the bottom of a terminal's stderr that says how the recording goes. It is there only while Update() is
// called, and is taken away before anything else is printed: Say() and WriteOutput() call ClearShown(). Threads: one;
// at most one StatusLine per process.
#pragma once

#include <cstdint>
#include <string>

#include "cli/live_findings.h"
#include "proxy/base/shared_totals.h"

namespace pgassay::cli {

class StatusLine {
 public:
  // `shown`: stderr is a terminal that nobody else writes to.
  explicit StatusLine(bool shown);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  // Draws at most every 250 ms.
  void Update(const SharedTotals& totals, LiveFindings& findings, int64_t now_ns);
  static void ClearShown();

 private:
  bool enabled_;
  int64_t drawn_ns_ = 0;  // 0: never
  int64_t rate_ns_ = 0;   // when rate_queries_ was read
  uint64_t rate_queries_ = 0;
  double rate_ = 0;  // queries per second
};

// "3 sessions, 1 284 queries/s, 2 findings, 12 041 queries in all", cut to `width` columns.
std::string StatusText(const SharedTotals& totals, double queries_per_second, uint64_t findings, int width);

// Sums over the loops.
uint64_t OpenSessions(const SharedTotals& totals);
uint64_t TotalQueries(const SharedTotals& totals);

}  // namespace pgassay::cli
