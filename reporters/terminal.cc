// The report for people: the most costly findings, each readable without a manual, then what they stand on.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "analyzer/detectors/words.h"
#include "reporters/finding_block.h"
#include "reporters/finding_text.h"
#include "reporters/registry.h"
#include "reporters/verdict_text.h"

namespace pgassay::reporters {
namespace {

constexpr size_t kShownFindings = 10;

// Ranked at the price that the reader asked for; those on one relation stand together, where the most costly of them
// stands.
std::vector<const Finding*> Shown(const std::vector<Finding>& findings, const ReportStyle& style) {
  std::vector<const Finding*> ranked;
  ranked.reserve(findings.size());
  for (const Finding& finding : findings) ranked.push_back(&finding);
  std::ranges::stable_sort(ranked, [&](const Finding* a, const Finding* b) {
    return detectors::WastedNs(*a, style.round_trip_ms) > detectors::WastedNs(*b, style.round_trip_ms);
  });
  if (!style.all && ranked.size() > kShownFindings) ranked.resize(kShownFindings);
  std::vector<const Finding*> grouped;
  for (const Finding* first : ranked) {
    if (std::ranges::find(grouped, first) != grouped.end()) continue;
    std::ranges::copy_if(ranked, std::back_inserter(grouped), [&](const Finding* other) {
      return other == first ||
             (other->relation == first->relation && std::ranges::find(grouped, other) == grouped.end());
    });
  }
  return grouped;
}

// One line, also at 80 columns.
std::string CleanText(const trace::Totals& totals) {
  return fmt::format("{} · {} of work · {} in the database · nothing found",
                     detectors::Counted(totals.executions, "query"), detectors::Counted(totals.units, "unit"),
                     FormatDuration(totals.database_ns));
}

// Of a live look first what was looked at.
std::string HeadText(const Report& report, bool clean) {
  if (report.trace_paths.empty()) return report.subject + (clean ? " · nothing found" : "");
  const std::string text = clean ? CleanText(report.totals) : TotalsText(report.totals);
  return report.subject.empty() ? text : report.subject + " · " + text;
}

std::string CountsText(const Report& report, size_t shown) {
  std::string text = FindingCounts(report.findings);
  if (shown < report.findings.size()) {
    text += fmt::format(" · {} more below the {} shown: --all", FormatCount(report.findings.size() - shown),
                        FormatCount(shown));
  }
  return text;
}

}  // namespace

void WriteTerminal(const Report& report, const ReportStyle& style, std::ostream& out) {
  Page page(style, out);
  if (report.verdict) return WriteVerdict(report, page);
  constexpr size_t kToolWidth = 10;
  const bool clean = report.findings.empty() && (report.totals.executions > 0 || report.trace_paths.empty());
  page.WriteLabelled(0, "pgassay", kToolWidth, HeadText(report, clean));
  if (!report.findings.empty()) page.Blank();

  const std::vector<const Finding*> shown = Shown(report.findings, style);
  size_t label_width = 0;
  for (const Finding* finding : shown) label_width = std::max(label_width, RuleLabel(*finding).size());
  for (size_t i = 0; i < shown.size(); ++i) {
    const std::string head = fmt::format("{:>2}  {}  ", i + 1, PadRight(RuleLabel(*shown[i]), label_width));
    page.WriteHeading(head + WithArrows(shown[i]->title), head.size(), ConfidenceName(shown[i]->confidence),
                      InkOf(shown[i]->confidence));
    WriteFindingBody(report, *shown[i], page);
    page.Blank();
  }
  if (!shown.empty()) page.Write(1, CountsText(report, shown.size()), Ink::kBold);
  for (const std::string& warning : report.warnings) page.WriteLabelled(1, "!", 2, warning, Ink::kWarning);
  if (!report.findings.empty() || !report.warnings.empty()) page.Blank();
  if (!report.trace_paths.empty()) page.Write(1, AccountingText(report), Ink::kDim);
}

}  // namespace pgassay::reporters
