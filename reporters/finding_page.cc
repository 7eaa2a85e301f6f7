// `pgassay show TRACE ID` of a finding: all that is known of it, nothing shortened.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "analyzer/detectors/words.h"
#include "reporters/finding_text.h"
#include "reporters/json_parts.h"
#include "reporters/plan_text.h"
#include "reporters/timeline.h"

namespace pgassay::reporters {
namespace {

std::string SqlOf(const Report& report, int64_t statement_id) {
  const auto found = std::ranges::find(report.statements, statement_id, &trace::StatementRow::statement_id);
  return found == report.statements.end() ? fmt::format("s{}", statement_id) : found->sql;
}

void WriteFigures(const Evidence& evidence, Page& page) {
  std::string text;
  for (const auto& [name, value] : evidence.figures) {
    std::string label = name;
    std::ranges::replace(label, '_', ' ');
    text += fmt::format("{}{} {:.6g}", text.empty() ? "" : " · ", label, value);
  }
  if (!text.empty()) page.Write(6, text, Ink::kDim, 0);
}

void WriteTimeline(const Report& report, const Finding& finding, std::span<const trace::TimelineRow> timeline,
                   Page& page) {
  if (timeline.empty()) return;
  page.Blank();
  page.Write(1, fmt::format("timeline of one unit of work ({})", detectors::Counted(timeline.size(), "execution")),
             Ink::kBold);
  const std::vector<TimelineBlock> blocks = FoldTimeline(timeline);
  size_t at_width = 2, took_width = 4, rows_width = 4, times_width = 1;
  for (const TimelineBlock& block : blocks) {
    for (const TimelineStep& step : block.steps) {
      at_width = std::max(at_width, FormatDuration(step.from_ns).size());
      took_width = std::max(took_width, FormatDuration(step.busy_ns).size());
      rows_width = std::max(rows_width, FormatCount(step.rows).size());
      times_width = std::max(times_width, FormatCount(step.executions).size());
    }
  }
  const auto columns = [&](const std::string& at, const std::string& took, const std::string& rows,
                           const std::string& times) {
    return fmt::format("   {}  {}  {}  {}  ", PadLeft(at, at_width), PadLeft(took, took_width),
                       PadLeft(rows, rows_width), PadLeft(times, times_width + 2));
  };
  page.WriteLine(columns("at", "took", "rows", ""), Ink::kDim);
  for (const TimelineBlock& block : blocks) {
    for (size_t i = 0; i < block.steps.size(); ++i) {
      const TimelineStep& step = block.steps[i];
      const std::string times = step.executions > 1 ? "× " + PadLeft(FormatCount(step.executions), times_width) : "";
      const std::string head = page.Shown(
          columns(FormatDuration(step.from_ns), FormatDuration(step.busy_ns), FormatCount(step.rows), times));
      const bool cycle = block.times > 1;
      const std::string_view bracket = !cycle ? "" : i + 1 == block.steps.size() ? "└ " : "│ ";
      const size_t room = page.width() - DisplayWidth(head) - DisplayWidth(bracket);
      const bool concerned = step.statement_id == finding.statement.statement_id;
      std::string sql = ShortenSql(SqlOf(report, step.statement_id), room);
      if (step.errors > 0) sql += fmt::format(" ({} failed)", FormatCount(step.errors));
      page.WriteLabelled(0, head + page.Shown(bracket), DisplayWidth(head) + DisplayWidth(bracket), sql,
                         concerned ? Ink::kBold : Ink::kPlain);
    }
  }
}

}  // namespace

void WriteFinding(const Report& report, const Finding& finding, std::span<const trace::TimelineRow> timeline,
                  const ReportStyle& style, std::ostream& out) {
  Page page(style, out);
  const std::string head = RuleLabel(finding) + "  ";
  page.WriteHeading(head + WithArrows(finding.title), head.size(), ConfidenceName(finding.confidence),
                    InkOf(finding.confidence));
  page.Write(1, finding.summary);
  page.Blank();
  if (!finding.statement.sql.empty()) page.WriteLabelled(1, "query", 10, finding.statement.sql);
  if (finding.parent) {
    page.WriteLabelled(1, "fed by", 10, finding.parent->statement.sql);
    std::string column = finding.parent->column.empty() ? "an expression" : finding.parent->column;
    page.WriteLabelled(1, "", 10, fmt::format("{} of its {}", column, detectors::Counted(finding.parent->rows, "row")),
                       Ink::kDim);
  }
  for (const FindingStep& step : finding.steps) {
    page.WriteLabelled(1, "then", 10, step.statement.sql);
    page.WriteLabelled(1, "", 10,
                       fmt::format("{} · {} · {}", WithArrows(step.edge), detectors::Counted(step.executions, "time"),
                                   FormatDuration(step.database_ns)),
                       Ink::kDim);
  }
  page.Blank();
  page.WriteLine(" evidence", Ink::kBold);
  for (const Evidence& evidence : finding.evidence) {
    page.Write(4, WithArrows(evidence.text), Ink::kPlain, 2);
    WriteFigures(evidence, page);
  }
  WriteTimeline(report, finding, timeline, page);
  WritePlans(report, finding.statement.statement_id, page);
  WritePlanChanges(finding, page);
  page.Blank();
  if (finding.executions > 0) page.WriteLabelled(1, "price", 10, PriceText(finding, style.round_trip_ms));
  page.WriteLabelled(1, "severity", 10, SeverityName(finding.severity));
  if (finding.executions > 0) page.WriteLabelled(1, "in", 10, WhereText(finding, finding.scopes.size()));
  page.Blank();
  page.WriteLabelled(1, "fix", 10, finding.fix.advice.empty() ? finding.fix.sql : finding.fix.advice, Ink::kFix);
  if (!finding.fix.advice.empty() && !finding.fix.sql.empty())
    page.WriteLabelled(1, "", 10, finding.fix.sql, Ink::kFix);
  for (const auto& [orm, idiom] : finding.fix.orm)
    page.WriteLabelled(1, "", 10, fmt::format("{}: {}", orm, idiom), Ink::kFix);
  page.Blank();
  page.WriteLabelled(1, "rule", 10, fmt::format("pgassay rules {}", finding.rule), Ink::kDim);
  page.WriteLabelled(1, "id", 10, fmt::format("{} · {}", finding.id, WithArrows(finding.id_text)), Ink::kDim);
}

void WriteFindingJson(const Report& report, const Finding& finding, std::span<const trace::TimelineRow> timeline,
                      std::ostream& out) {
  Json json = JsonHead(report);
  json["finding"] = JsonFinding(finding, detectors::kDefaultRoundTripMs);
  json["plans"] = JsonPlans(report, finding.statement.statement_id);
  json["plan_changes"] = JsonPlanChanges(finding);
  json["timeline"] = Json::array();
  for (const TimelineBlock& block : FoldTimeline(timeline)) {
    Json steps = Json::array();
    for (const TimelineStep& step : block.steps) {
      steps.push_back({{"statement_id", fmt::format("s{}", step.statement_id)},
                       {"sql", SqlOf(report, step.statement_id)},
                       {"executions", step.executions},
                       {"at_ms", Milliseconds(step.from_ns)},
                       {"database_ms", Milliseconds(step.busy_ns)},
                       {"rows", step.rows},
                       {"errors", step.errors}});
    }
    json["timeline"].push_back({{"times", block.times}, {"steps", std::move(steps)}});
  }
  DumpJson(json, out);
}

}  // namespace pgassay::reporters
