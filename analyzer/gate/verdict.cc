#include "analyzer/gate/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analyzer/detectors/words.h"

namespace pgassay::gate {
namespace {

// What a headline counts, in this order: what failed, then what was mended.
struct Counting {
  EntryKind kind;
  std::string_view noun;  // in the singular
};
constexpr Counting kFailures[] = {
    {EntryKind::kNewFinding, "new finding"},
    {EntryKind::kSpread, "spread finding"},
    {EntryKind::kGrowth, "grown query count"},
    {EntryKind::kVolume, "grown result"},
    {EntryKind::kBudget, "exceeded budget"},
    {EntryKind::kNewStatement, "new statement"},
    {EntryKind::kStaleSuppression, "stale suppression"},
};

std::vector<std::string> CountsAt(const Verdict& verdict, Level level) {
  std::vector<std::string> parts;
  for (const Counting& counting : kFailures) {
    const auto count = std::ranges::count_if(
        verdict.entries, [&](const Entry& entry) { return entry.kind == counting.kind && entry.level == level; });
    if (count > 0) parts.push_back(detectors::Counted(static_cast<uint64_t>(count), counting.noun));
  }
  return parts;
}

uint64_t CountOf(const Verdict& verdict, EntryKind kind) {
  return static_cast<uint64_t>(std::ranges::count(verdict.entries, kind, &Entry::kind));
}

}  // namespace

std::string_view EntryKindName(EntryKind kind) {
  switch (kind) {
    case EntryKind::kNewFinding:
      return "new";
    case EntryKind::kSpread:
      return "spread";
    case EntryKind::kGrowth:
      return "growth";
    case EntryKind::kVolume:
      return "volume";
    case EntryKind::kBudget:
      return "budget";
    case EntryKind::kNewStatement:
      return "statement";
    case EntryKind::kFixed:
      return "fixed";
    case EntryKind::kNotExercised:
      return "not-exercised";
    case EntryKind::kSuppressed:
      return "suppressed";
    case EntryKind::kStaleSuppression:
      return "stale-suppression";
  }
  return "unknown";
}

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kNote:
      return "note";
    case Level::kWarning:
      return "warning";
    case Level::kFailure:
      return "failure";
  }
  return "unknown";
}

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass:
      return "pass";
    case Outcome::kFail:
      return "fail";
    case Outcome::kInconclusive:
      return "inconclusive";
  }
  return "unknown";
}

std::string Headline(const Verdict& verdict) {
  if (verdict.outcome == Outcome::kInconclusive) {
    return fmt::format("inconclusive: {}", verdict.reasons.empty() ? "" : verdict.reasons.front());
  }
  if (verdict.outcome == Outcome::kFail) {
    return fmt::format("fail: {}", fmt::join(CountsAt(verdict, Level::kFailure), ", "));
  }
  std::vector<std::string> parts = CountsAt(verdict, Level::kWarning);
  if (!parts.empty()) parts.front() = "warnings: " + parts.front();
  if (parts.empty()) parts.emplace_back("nothing new");
  if (const uint64_t fixed = CountOf(verdict, EntryKind::kFixed); fixed > 0)
    parts.push_back(fmt::format("{} fixed", detectors::Count(fixed)));
  if (verdict.known_findings > 0) parts.push_back(fmt::format("{} known", detectors::Count(verdict.known_findings)));
  return fmt::format("pass: {}", fmt::join(parts, ", "));
}

}  // namespace pgassay::gate
