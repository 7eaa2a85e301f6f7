#include "reporters/finding_block.h"

#include <fmt/format.h>

#include <algorithm>

#include "reporters/finding_text.h"

namespace pgassay::reporters {
namespace {

constexpr size_t kShownScopes = 3;
constexpr size_t kBodyIndent = 4;
constexpr size_t kLabelWidth = 6;  // "more" and a gap

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

}  // namespace

void WriteFindingBody(const Report& report, const Finding& finding, Page& page) {
  const size_t sql_width = page.width() - kBodyIndent;
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
  if (!path.empty() && report.subject.empty()) {  // a live look is in no file
    page.WriteLabelled(kBodyIndent, "more", kLabelWidth,
                       fmt::format("pgassay show {} {}", path, ShortId(report, finding)), Ink::kDim);
  }
}

}  // namespace pgassay::reporters
