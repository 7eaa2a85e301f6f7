#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "cli/commands.h"
#include "cli/index_rules.h"

namespace pgassay::cli {

namespace {

constexpr uint64_t kTimelineRows = 1000;  // repeats are folded; the unit's whole timeline is in the trace
constexpr size_t kShortestPrefix = 2;     // shorter ones are statement numbers or typing mistakes

std::vector<const Finding*> FindingsNamed(const Report& report, const std::string& id) {
  std::vector<const Finding*> found;
  if (id.size() < kShortestPrefix) return found;
  for (const Finding& finding : report.findings) {
    if (finding.id == id) return {&finding};
    if (finding.id.starts_with(id)) found.push_back(&finding);
  }
  return found;
}

// A statement's id as `queries` prints it (s12), its bare number, or the start of its fingerprint.
std::vector<const trace::StatementRow*> StatementsNamed(const Report& report, const std::string& id) {
  std::vector<const trace::StatementRow*> found;
  for (const trace::StatementRow& statement : report.statements) {
    const std::string number = fmt::format("{}", statement.statement_id);
    if (id == number || id == "s" + number) return {&statement};
    if (id.size() >= kShortestPrefix && statement.fingerprint.starts_with(id)) found.push_back(&statement);
  }
  return found;
}

struct Page {
  const Report& report;
  const reporters::ReportStyle& style;
  bool json;

  Result<std::string> Of(const Finding& finding) const {
    const auto trace = trace::Trace::Open(report.trace_paths.front());
    if (!trace) return std::unexpected(trace.error());
    const auto timeline = trace->Timeline(finding.exemplar_unit_id, kTimelineRows);
    if (!timeline) return std::unexpected(timeline.error());
    std::ostringstream text;
    if (json) {
      reporters::WriteFindingJson(report, finding, *timeline, text);
    } else {
      reporters::WriteFinding(report, finding, *timeline, style, text);
    }
    return text.str();
  }

  Result<std::string> Of(const trace::StatementRow& statement) const {
    const auto trace = trace::Trace::Open(report.trace_paths.front());
    if (!trace) return std::unexpected(trace.error());
    const auto examples = trace->Examples(statement.statement_id);
    if (!examples) return std::unexpected(examples.error());
    std::ostringstream text;
    if (json) {
      reporters::WriteStatementJson(report, statement, *examples, text);
    } else {
      reporters::WriteStatement(report, statement, *examples, style, text);
    }
    return text.str();
  }

  Result<std::string> Named(const std::string& id) const {
    const auto findings = FindingsNamed(report, id);
    const auto statements = StatementsNamed(report, id);
    if (findings.size() == 1) return Of(*findings.front());
    if (findings.empty() && statements.size() == 1) return Of(*statements.front());
    const std::string& path = report.trace_paths.front();
    if (findings.empty() && statements.empty()) {
      return Fail(
          fmt::format("{} has no finding and no statement {} (pgassay report {} and pgassay queries {} list them)",
                      path, id, path, path));
    }
    std::vector<std::string> names;
    names.reserve(findings.size() + statements.size());
    for (const Finding* finding : findings) names.push_back(finding->id);
    for (const trace::StatementRow* statement : statements)
      names.push_back(fmt::format("s{}", statement->statement_id));
    return Fail(fmt::format("{} could be any of {}", id, fmt::join(names, ", ")));
  }
};

}  // namespace

int RunShow(const Invocation& invocation) {
  const std::string format = invocation.settings.Text("format");
  if (const auto checked = CheckPageFormat(format); !checked) return Trouble(checked.error().message);
  const std::string &path = invocation.operands[0], &id = invocation.operands[1];
  auto report = BuildReport({path}, {.rules = invocation.settings.rules()});
  if (report && FindingsNamed(*report, id).empty() && StatementsNamed(*report, id).empty())
    report = BuildReport({path}, {.rules = IndexRulesOnly(invocation.settings.rules())});  // `advise` printed it
  if (!report) return Trouble(report.error().message);
  const reporters::ReportStyle style = StyleFor(invocation.terminal, false);
  const auto text = Page{.report = *report, .style = style, .json = format == "json"}.Named(id);
  if (!text) return Trouble(text.error().message);
  const auto written = WriteOutput("", *text);
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
