#include "cli/status_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "analyzer/detectors/words.h"
#include "cli/terminal.h"
#include "reporters/reporter.h"

namespace pgassay::cli {

namespace {

constexpr int64_t kRedrawNs = 250'000'000;  // four times a second reads as live and costs nothing
constexpr int64_t kRateNs = 1'000'000'000;  // the window of queries/s

bool line_is_shown = false;

}  // namespace

uint64_t OpenSessions(const SharedTotals& totals) {
  uint64_t opened = 0, closed = 0;
  for (const LoopTotals& loop : totals.loops) {
    closed += loop.sessions_closed.load(std::memory_order_relaxed);
    opened += loop.sessions_opened.load(std::memory_order_relaxed);
  }
  return opened - std::min(opened, closed);
}

uint64_t TotalQueries(const SharedTotals& totals) {
  uint64_t queries = 0;
  for (const LoopTotals& loop : totals.loops) queries += loop.queries.load(std::memory_order_relaxed);
  return queries;
}

std::string StatusText(const SharedTotals& totals, double queries_per_second, uint64_t findings, int width) {
  std::vector<std::string> parts = {
      detectors::Counted(OpenSessions(totals), "session"),
      fmt::format("{} queries/s", reporters::FormatCount(static_cast<uint64_t>(std::llround(queries_per_second)))),
      detectors::Counted(findings, "finding"),
      detectors::Counted(TotalQueries(totals), "query") + " in all",
  };
  if (totals.recorder.paused.load(std::memory_order_relaxed) != 0) parts.insert(parts.begin(), "recording is paused");
  std::string text = "pgassay  " + parts.front();
  size_t columns = text.size();
  for (size_t i = 1; i < parts.size(); ++i) {
    columns += 2 + parts[i].size();
    if (columns >= static_cast<size_t>(std::max(width, 1)))
      break;  // the last column is left free: some terminals wrap there
    text += ", " + parts[i];
  }
  return text;
}

StatusLine::StatusLine(Place place) : place_(place) {
  if (place_ == Place::kTitle) WriteToStderr("\033[22;2t");
}

StatusLine::~StatusLine() {
  ClearShown();
  if (place_ == Place::kTitle) WriteToStderr("\033[23;2t");
}

void StatusLine::Update(const SharedTotals& totals, LiveFindings& findings, int64_t now_ns) {
  if (place_ == Place::kNowhere || (drawn_ns_ != 0 && now_ns - drawn_ns_ < kRedrawNs)) return;
  const uint64_t queries = TotalQueries(totals);
  if (rate_ns_ == 0 || now_ns - rate_ns_ >= kRateNs) {
    if (rate_ns_ != 0)
      rate_ = static_cast<double>(queries - rate_queries_) * 1e9 / static_cast<double>(now_ns - rate_ns_);
    rate_ns_ = now_ns;
    rate_queries_ = queries;
  }
  drawn_ns_ = now_ns;
  const int columns = TerminalColumns(STDERR_FILENO);
  const std::string text = StatusText(totals, rate_, findings.Count(), columns > 0 ? columns : 80);
  if (place_ == Place::kTitle) {
    if (text != title_) WriteToStderr("\033]2;" + text + "\007");
    title_ = text;
    return;
  }
  WriteToStderr("\r\033[K" + text + "\r");
  line_is_shown = true;
}

void StatusLine::ClearShown() {
  if (!line_is_shown) return;
  line_is_shown = false;
  WriteToStderr("\r\033[K");
}

}  // namespace pgassay::cli
