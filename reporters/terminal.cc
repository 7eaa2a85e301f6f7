// The report for people: the most costly findings, each readable without a manual, then what they stand on.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "analyzer/detectors/words.h"
#include "reporters/finding_text.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

constexpr size_t kShownFindings = 10;
constexpr size_t kShownScopes = 3;
constexpr size_t kBodyIndent = 4;
constexpr size_t kLabelWidth = 6;  // "more" and a gap

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

void WriteSteps(const Finding& finding, Page& page) {
  size_t count_width = 0;
  for (const FindingStep& step : finding.steps)
    count_width = std::max(count_width, FormatCount(step.executions).size());
  for (const FindingStep& step : finding.steps) {
    const std::string head = fmt::format("└ then {} × ", PadLeft(FormatCount(step.executions), count_width));
    page.Write(kBodyIndent + 2,
               fmt::format("{} {} · {}", head, WithArrows(step.edge), FormatDuration(step.database_ns)), Ink::kPlain,
               2);
  }
}

void WriteOne(const Report& report, const Finding& finding, size_t number, size_t label_width, Page& page) {
  const size_t sql_width = page.width() - kBodyIndent;
  const std::string head = fmt::format("{:>2}  {}  ", number, PadRight(RuleLabel(finding), label_width));
  page.WriteHeading(head + WithArrows(finding.title), head.size(), ConfidenceName(finding.confidence),
                    InkOf(finding.confidence));
  if (!finding.statement.sql.empty())
    page.Write(kBodyIndent, ShortenSql(finding.statement.sql, sql_width), Ink::kPlain, 4);
  if (finding.parent) {
    const std::string ran = fmt::format("ran {} × after ", FormatCount(finding.executions));
    const size_t taken = 2 + DisplayWidth(ran) + 1;
    page.Write(kBodyIndent + 2, fmt::format("{} {}", ran, ShortenSql(finding.parent->statement.sql, sql_width - taken)),
               Ink::kPlain, 4);
  }
  for (const Evidence& evidence : finding.evidence)
    page.Write(kBodyIndent + 2, WithArrows(evidence.text), Ink::kPlain, 2);
  WriteSteps(finding, page);
  if (finding.executions > 0) {
    page.Write(kBodyIndent, PriceText(finding, page.style().round_trip_ms), Ink::kBold, 2);
    page.WriteLabelled(kBodyIndent, "in", kLabelWidth, WhereText(finding, kShownScopes));
  }
  std::string_view label = "fix";
  for (const std::string& line : FixLines(finding, sql_width - kLabelWidth)) {
    page.WriteLabelled(kBodyIndent, label, kLabelWidth, line, Ink::kFix);
    label = "";
  }
  const std::string path = TracePathOf(report, finding);
  if (!path.empty()) {
    page.WriteLabelled(kBodyIndent, "more", kLabelWidth,
                       fmt::format("pgassay show {} {}", path, ShortId(report, finding)), Ink::kDim);
  }
  page.Blank();
}

// One line, also at 80 columns.
std::string CleanText(const trace::Totals& totals) {
  return fmt::format("{} · {} of work · {} in the database · nothing found",
                     detectors::Counted(totals.executions, "query"), detectors::Counted(totals.units, "unit"),
                     FormatDuration(totals.database_ns));
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
  constexpr size_t kToolWidth = 10;
  const bool clean = report.findings.empty() && report.totals.executions > 0;
  page.WriteLabelled(0, "pgassay", kToolWidth, clean ? CleanText(report.totals) : TotalsText(report.totals));
  if (!report.findings.empty()) page.Blank();

  const std::vector<const Finding*> shown = Shown(report.findings, style);
  size_t label_width = 0;
  for (const Finding* finding : shown) label_width = std::max(label_width, RuleLabel(*finding).size());
  for (size_t i = 0; i < shown.size(); ++i) WriteOne(report, *shown[i], i + 1, label_width, page);
  if (!shown.empty()) page.Write(1, CountsText(report, shown.size()), Ink::kBold);
  for (const std::string& warning : report.warnings) page.WriteLabelled(1, "!", 2, warning, Ink::kWarning);
  if (!report.findings.empty() || !report.warnings.empty()) page.Blank();
  page.Write(1, AccountingText(report), Ink::kDim);
}

}  // namespace pgassay::reporters
