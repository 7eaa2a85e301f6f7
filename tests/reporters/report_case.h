// A Report from a case's report.json. Keys are the fields' names, times in ms; what is missing has the field's default.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "analyzer/report.h"
#include "tests/support/golden.h"

namespace pgassay::tests {

using Json = nlohmann::json;

inline int64_t Ns(const Json& json, const char* key) { return std::llround(json.value(key, 0.0) * 1e6); }

inline StatementText TextOf(const Json& json) {
  return {json.value("id", int64_t{0}), json.value("sql", ""), json.value("fingerprint", "")};
}

inline Finding FindingOf(const Json& json) {
  Finding finding;
  finding.rule = json.value("rule", "n-plus-one");
  finding.id = json.value("id", "000000000000");
  finding.id_text = json.value("id_text", "");
  const std::string confidence = json.value("confidence", "proven");
  finding.confidence = confidence == "proven"   ? Confidence::kProven
                       : confidence == "likely" ? Confidence::kLikely
                                                : Confidence::kHint;
  const std::string severity = json.value("severity", "warning");
  finding.severity = severity == "error"     ? Severity::kError
                     : severity == "warning" ? Severity::kWarning
                                             : Severity::kInfo;
  finding.title = json.value("title", "");
  finding.relation = json.value("relation", "");
  finding.summary = json.value("summary", "");
  finding.statement = TextOf(json.at("statement"));
  if (json.contains("parent")) {
    const Json& parent = json["parent"];
    finding.parent = FindingParent{TextOf(parent), parent.value("column", ""), parent.value("rows", uint64_t{0})};
  }
  for (const Json& step : json.value("steps", Json::array())) {
    finding.steps.push_back(
        {TextOf(step), step.value("edge", ""), step.value("executions", uint64_t{0}), Ns(step, "database_ms")});
  }
  finding.executions = json.value("executions", uint64_t{0});
  finding.units = json.value("units", uint64_t{1});
  finding.database_ns = Ns(json, "database_ms");
  finding.unit_database_ns = Ns(json, "unit_database_ms");
  if (json.contains("wasted_ms")) finding.wasted_ns = Ns(json, "wasted_ms");
  finding.round_trips_saved = json.value("round_trips_saved", uint64_t{0});
  finding.wasted_bytes = json.value("wasted_bytes", uint64_t{0});
  for (const Json& item : json.value("evidence", Json::array())) {
    Evidence evidence{item.at("text").get<std::string>(), {}};
    for (const Json& figure : item.value("figures", Json::array())) {
      evidence.figures.emplace_back(figure.at(0).get<std::string>(), figure.at(1).get<double>());
    }
    finding.evidence.push_back(std::move(evidence));
  }
  const Json fix = json.value("fix", Json::object());
  finding.fix.sql = fix.value("sql", "");
  finding.fix.advice = fix.value("advice", "");
  for (const Json& orm : fix.value("orm", Json::array())) {
    finding.fix.orm.emplace_back(orm.at(0).get<std::string>(), orm.at(1).get<std::string>());
  }
  finding.scopes = json.value("scopes", std::vector<std::string>{});
  finding.sites = json.value("sites", std::vector<std::string>{});
  return finding;
}

inline trace::StatementRow StatementOf(const Json& json) {
  trace::StatementRow row;
  row.statement_id = json.at("id").get<int64_t>();
  row.sql = json.value("sql", "");
  row.fingerprint = json.value("fingerprint", "");
  row.facts.parsed = true;
  row.facts.operation = sql::Operation::kSelect;
  for (const std::string& name : json.value("relations", std::vector<std::string>{}))
    row.facts.relations.push_back({"", name, ""});
  row.calls = json.value("calls", uint64_t{0});
  row.errors = json.value("errors", uint64_t{0});
  row.rows = json.value("rows", uint64_t{0});
  row.bytes = json.value("bytes", uint64_t{0});
  row.database_ns = Ns(json, "database_ms");
  row.p50_ns = Ns(json, "p50_ms");
  row.p95_ns = Ns(json, "p95_ms");
  row.p99_ns = Ns(json, "p99_ms");
  row.max_ns = Ns(json, "max_ms");
  return row;
}

inline gate::Change ChangeOf(const Json& json) {
  return {json.value("what", "queries"), json.value("from", uint64_t{0}), json.value("to", uint64_t{0})};
}

// The value of `values` that `name` names, as the JSON report does.
template <class Value, class NameOf>
Value ByName(std::initializer_list<Value> values, NameOf name_of, const std::string& name) {
  const auto found = std::ranges::find_if(values, [&](Value value) { return name_of(value) == name; });
  if (found == values.end()) throw std::runtime_error("no such value: " + name);
  return *found;
}

inline gate::Entry EntryOf(const Json& json) {
  using enum gate::EntryKind;
  using enum gate::Level;
  gate::Entry entry;
  entry.kind = ByName({kNewFinding, kSpread, kGrowth, kVolume, kBudget, kNewStatement, kFixed, kNotExercised,
                       kSuppressed, kStaleSuppression},
                      gate::EntryKindName, json.value("kind", "new"));
  entry.level = ByName({kNote, kWarning, kFailure}, gate::LevelName, json.value("level", "failure"));
  entry.rule = json.value("rule", "n-plus-one");
  entry.id = json.value("id", "");
  entry.title = json.value("title", "");
  entry.sentence = json.value("sentence", "");
  entry.scope = json.value("scope", "");
  entry.site = json.value("site", "");
  entry.statement = json.value("statement", "");
  entry.parent = json.value("parent", "");
  entry.new_places = json.value("new_places", std::vector<std::string>{});
  entry.reason = json.value("reason", "");
  entry.owner = json.value("owner", "");
  entry.expires = json.value("expires", "");
  entry.service = json.value("service", "");
  for (const Json& change : json.value("changes", Json::array())) entry.changes.push_back(ChangeOf(change));
  for (const Json& item : json.value("explained", Json::array()))
    entry.explained.push_back({item.value("scope", ""), item.value("statement", ""), ChangeOf(item.at("change"))});
  return entry;
}

inline gate::Verdict VerdictOf(const Json& json) {
  using enum gate::Outcome;
  gate::Verdict verdict;
  verdict.outcome = ByName({kPass, kFail, kInconclusive}, gate::OutcomeName, json.value("outcome", "pass"));
  verdict.reasons = json.value("reasons", std::vector<std::string>{});
  verdict.baselines = json.value("baselines", std::vector<std::string>{"pgassay.baseline.json"});
  verdict.known_findings = json.value("known_findings", uint64_t{0});
  verdict.scopes_run = json.value("scopes_run", uint64_t{0});
  verdict.scopes_known = json.value("scopes_known", uint64_t{0});
  for (const Json& entry : json.value("entries", Json::array())) verdict.entries.push_back(EntryOf(entry));
  return verdict;
}

inline Report ReportOf(const Json& json) {
  Report report;
  report.trace_paths = json.value("trace_paths", std::vector<std::string>{"trace.db"});
  const Json t = json.value("totals", Json::object());
  const auto count = [&](const char* key) { return t.value(key, uint64_t{0}); };
  trace::Totals& totals = report.totals;
  totals.executions = count("executions");
  totals.statements = count("statements");
  totals.units = count("units");
  totals.sessions = count("sessions");
  totals.round_trips = count("round_trips");
  totals.database_ns = Ns(t, "database_ms");
  totals.relayed_bytes = count("relayed_bytes");
  totals.decoded_bytes = count("decoded_bytes");
  totals.skipped_bytes = count("skipped_bytes");
  totals.opaque_bytes = count("opaque_bytes");
  totals.dropped_events = count("dropped_events");
  totals.opaque_sessions = count("opaque_sessions");
  totals.gaps = count("gaps");
  totals.recordings = 1;
  totals.complete = t.value("complete", true);
  totals.file_bytes = count("file_bytes");
  for (const Json& finding : json.value("findings", Json::array())) report.findings.push_back(FindingOf(finding));
  for (const Json& statement : json.value("statements", Json::array()))
    report.statements.push_back(StatementOf(statement));
  for (const Json& column : json.value("columns", Json::array())) {
    trace::ColumnRow row{column.at("statement").get<int64_t>(),
                         column.at("position").get<int>(),
                         column.value("name", ""),
                         {},
                         column.value("cells", uint64_t{0}),
                         column.value("nulls", uint64_t{0}),
                         column.value("bytes", uint64_t{0})};
    row.column.relation = column.value("relation", "");
    row.column.column = row.name;
    report.columns.push_back(std::move(row));
  }
  report.warnings = json.value("warnings", std::vector<std::string>{});
  if (json.contains("verdict")) report.verdict = VerdictOf(json["verdict"]);
  return report;
}

inline Report ReadReport(const std::filesystem::path& folder) {
  return ReportOf(Json::parse(ReadFile(folder / "report.json")));
}

inline std::vector<trace::TimelineRow> ReadTimeline(const std::filesystem::path& folder) {
  std::vector<trace::TimelineRow> rows;
  const Json json = Json::parse(ReadFile(folder / "report.json"));
  for (const Json& run : json.value("timeline", Json::array())) {
    for (int64_t i = 0; i < run.value("times", int64_t{1}); ++i) {
      trace::TimelineRow row;
      row.statement_id = run.at("statement").get<int64_t>();
      row.sent_ns = Ns(run, "at_ms") + i * Ns(run, "every_ms");
      row.busy_ns = Ns(run, "busy_ms");
      row.rows = run.value("rows", uint64_t{0});
      rows.push_back(std::move(row));
    }
  }
  std::ranges::stable_sort(rows, {}, &trace::TimelineRow::sent_ns);
  return rows;
}

}  // namespace pgassay::tests
