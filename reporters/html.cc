// The report as one page: reporters/web/page.html, which is built from the sources beside it, with the report's data in
// place of its mark. The data are JSON in a script element that no browser runs; what could end that element, or hide
// text, is escaped.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <set>

#include "reporters/finding_text.h"
#include "reporters/json_parts.h"
#include "reporters/listing.h"
#include "reporters/page_text.h"
#include "reporters/plan_text.h"
#include "reporters/registry.h"
#include "reporters/timeline.h"

namespace pgassay::reporters {
namespace {

constexpr std::string_view kMark = "{\"report\":\"here\"}";

// A thousand statements is more than anybody reads; a page is to open at once. Findings' own are always in it.
constexpr size_t kMostStatements = 1000;

Json TimelineOf(const std::vector<trace::TimelineRow>& rows) {
  Json blocks = Json::array();
  for (const TimelineBlock& block : FoldTimeline(rows)) {
    Json steps = Json::array();
    for (const TimelineStep& step : block.steps) {
      steps.push_back({{"statement_id", fmt::format("s{}", step.statement_id)},
                       {"executions", step.executions},
                       {"from_ms", Milliseconds(step.from_ns)},
                       {"until_ms", Milliseconds(step.until_ns)},
                       {"database_ms", Milliseconds(step.busy_ns)},
                       {"rows", step.rows},
                       {"errors", step.errors}});
    }
    blocks.push_back({{"times", block.times}, {"steps", std::move(steps)}});
  }
  return blocks;
}

Json StatementOf(const Report& report, const trace::StatementRow& statement) {
  Json json = JsonStatement(statement);
  json["durations"] = Json::array();
  for (const auto& [lower_ns, count] : statement.durations)
    json["durations"].push_back({static_cast<double>(lower_ns) / 1e6, count});
  json["columns"] = Json::array();
  for (const trace::ColumnRow& column : report.columns) {
    if (column.statement_id != statement.statement_id) continue;
    json["columns"].push_back({{"name", column.name},
                               {"relation", column.column.relation},
                               {"column", column.column.column},
                               {"cells", column.cells},
                               {"nulls", column.nulls},
                               {"bytes", column.bytes}});
  }
  json["plans"] = JsonPlanTrees(report, statement.statement_id);
  return json;
}

Json StatementsOf(const Report& report) {
  std::vector<const trace::StatementRow*> ranked;
  ranked.reserve(report.statements.size());
  for (const trace::StatementRow& statement : report.statements) ranked.push_back(&statement);
  std::ranges::stable_sort(ranked, std::greater{}, &trace::StatementRow::database_ns);
  std::set<int64_t> wanted;
  for (size_t i = 0; i < std::min(kMostStatements, ranked.size()); ++i) wanted.insert(ranked[i]->statement_id);
  for (const Finding& finding : report.findings) wanted.insert(finding.statement.statement_id);
  for (const auto& [id, rows] : report.timelines) {
    for (const trace::TimelineRow& row : rows) wanted.insert(row.statement_id);
  }
  Json statements = Json::array();
  for (const trace::StatementRow* statement : ranked) {
    if (wanted.contains(statement->statement_id)) statements.push_back(StatementOf(report, *statement));
  }
  return statements;
}

Json FindingsOf(const Report& report, double round_trip_ms) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) {
    Json json = JsonFinding(finding, round_trip_ms);
    json["rule_name"] = RuleLabel(finding);
    json["short_id"] = ShortId(report, finding);
    json["trace"] = TracePathOf(report, finding);
    const auto timeline = report.timelines.find(finding.id);
    json["timeline"] = timeline == report.timelines.end() ? Json::array() : TimelineOf(timeline->second);
    findings.push_back(std::move(json));
  }
  return findings;
}

Json ScopesOf(const Report& report) {
  Json scopes = Json::array();
  for (const ScopeRow& scope : report.scopes) {
    scopes.push_back({{"label", scope.label},
                      {"units", scope.units},
                      {"executions", scope.executions},
                      {"round_trips", scope.round_trips},
                      {"rows", scope.rows},
                      {"bytes", scope.bytes},
                      {"database_ms", Milliseconds(scope.database_ns)}});
  }
  return scopes;
}

void EscapeTexts(Json& json) {
  if (json.is_string()) {
    json = EscapeForTerminal(json.get_ref<const std::string&>());
    return;
  }
  if (!json.is_structured()) return;
  for (Json& child : json) EscapeTexts(child);
}

// Valid anywhere in HTML: these signs occur in JSON only within strings.
std::string ForScriptElement(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<' || c == '>' || c == '&') {
      text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void WriteHtml(const Report& report, const ReportStyle& style, std::ostream& out) {
  Json json = JsonHead(report);
  json["headline"] = HeadlineOf(report);
  json["round_trip_ms"] = style.round_trip_ms;
  json["totals"] = JsonTotals(report.totals);
  json["accounting"] = AccountingText(report);
  json["warnings"] = report.warnings;
  json["verdict"] = report.verdict ? JsonVerdict(*report.verdict) : Json(nullptr);
  json["findings"] = FindingsOf(report, style.round_trip_ms);
  json["statements"] = StatementsOf(report);
  json["statements_in_all"] = report.statements.size();
  json["scopes"] = ScopesOf(report);
  EscapeTexts(json);
  const std::string text = ForScriptElement(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  const std::string_view page = PageText();
  const size_t mark = page.find(kMark);
  out << page.substr(0, mark) << text << page.substr(mark + kMark.size());
}

}  // namespace pgassay::reporters
