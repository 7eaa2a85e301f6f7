// One line on a terminal that says how the recording goes: at the bottom where nobody else writes, or in the terminal's
// title where a command shares it, whose output must stay as it is (a pseudo-terminal in between would not leave it
// so). It is there only while Update() is called, and is taken away before anything else is printed: Say() and
// WriteOutput() call ClearShown(). Threads: one; at most one StatusLine per process. Source of the title: xterm's
// control sequences (OSC 2; the title before is pushed and popped).
#pragma once

#include <cstdint>
#include <string>

#include "cli/live_findings.h"
#include "proxy/base/shared_totals.h"

namespace pgassay::cli {

class StatusLine {
 public:
  enum class Place : uint8_t { kNowhere, kBottom, kTitle };
  // On stderr. REQUIRES: a terminal, unless kNowhere.
  explicit StatusLine(Place place);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  // Draws at most every 250 ms.
  void Update(const SharedTotals& totals, LiveFindings& findings, int64_t now_ns);
  static void ClearShown();

 private:
  Place place_;
  std::string title_;     // as it stands
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
