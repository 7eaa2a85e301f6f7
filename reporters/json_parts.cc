#include "reporters/json_parts.h"

#include <fmt/format.h>

#include <cmath>
#include <ostream>

#include "reporters/finding_text.h"

namespace pgassay::reporters {
namespace {

constexpr int kSchemaVersion = 1;

Json Text(const StatementText& statement) {
  Json json;
  json["sql"] = statement.sql;
  json["fingerprint"] = statement.fingerprint.empty() ? Json(nullptr) : Json(statement.fingerprint);
  json["statement_id"] = fmt::format("s{}", statement.statement_id);
  return json;
}

Json Number(double number) {
  constexpr double kExact = 9007199254740992.0;  // every integer below is a double: counts are written as counts
  if (std::trunc(number) == number && std::abs(number) < kExact) return static_cast<int64_t>(number);
  return std::round(number * 1e6) / 1e6;
}

// "" is null: the key is there, the thing is not known.
Json OrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json VerdictEntry(const gate::Entry& entry) {
  Json json;
  json["kind"] = gate::EntryKindName(entry.kind);
  json["level"] = gate::LevelName(entry.level);
  json["rule"] = entry.rule;
  json["id"] = OrNull(entry.id);
  json["title"] = entry.title;
  json["sentence"] = entry.sentence;
  json["scope"] = OrNull(entry.scope);
  json["site"] = OrNull(entry.site);
  json["statement"] = OrNull(entry.statement);
  json["parent"] = OrNull(entry.parent);
  json["service"] = OrNull(entry.service);
  json["changes"] = Json::array();
  for (const gate::Change& change : entry.changes) json["changes"].push_back(JsonChange(change));
  json["new_places"] = entry.new_places;
  json["reason"] = OrNull(entry.reason);
  json["owner"] = OrNull(entry.owner);
  json["expires"] = OrNull(entry.expires);
  json["explained"] = Json::array();
  for (const gate::Explained& explained : entry.explained) {
    Json item = {{"scope", explained.scope}, {"statement", explained.statement}};
    item["change"] = JsonChange(explained.change);
    json["explained"].push_back(std::move(item));
  }
  return json;
}

}  // namespace

Json JsonChange(const gate::Change& change) {
  return {{"what", change.what}, {"from", change.from}, {"to", change.to}};
}

double Milliseconds(int64_t ns) { return std::round(static_cast<double>(ns) / 1e3) / 1e3; }

void DumpJson(const Json& json, std::ostream& out) {
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

Json JsonHead(const Report& report) {
  Json json;
  json["schema_version"] = kSchemaVersion;
  json["tool"] = {{"name", "pgassay"}, {"version", PGASSAY_VERSION}};
  json["trace"] = {{"paths", report.trace_paths},
                   {"recordings", report.totals.recordings},
                   {"file_bytes", report.totals.file_bytes},
                   {"gaps", report.totals.gaps},
                   {"complete", report.totals.complete}};
  // A key of its own where a catalogue was asked for, so that "not asked" and "nothing found" are told apart.
  for (const CatalogSummary& catalog : report.catalogs) {
    json["trace"]["catalogs"].push_back({{"upstream", catalog.upstream},
                                         {"database", catalog.database},
                                         {"read", catalog.read},
                                         {"server_version", catalog.server_version},
                                         {"relations", catalog.relations},
                                         {"indexes", catalog.indexes},
                                         {"foreign_keys", catalog.foreign_keys},
                                         {"problem", catalog.problem},
                                         {"notes", catalog.notes}});
  }
  return json;
}

Json JsonTotals(const trace::Totals& totals) {
  return {{"executions", totals.executions},
          {"statements", totals.statements},
          {"units", totals.units},
          {"sessions", totals.sessions},
          {"database_ms", Milliseconds(totals.database_ns)},
          {"round_trips", totals.round_trips},
          {"rows", totals.rows},
          {"bytes", totals.bytes},
          {"errors", totals.errors},
          {"relayed_bytes", totals.relayed_bytes},
          {"decoded_bytes", totals.decoded_bytes},
          {"skipped_bytes", totals.skipped_bytes},
          {"opaque_bytes", totals.opaque_bytes},
          {"dropped_events", totals.dropped_events},
          {"dropped_value_batches", totals.dropped_value_batches},
          {"opaque_sessions", totals.opaque_sessions},
          {"unparsed_statements", totals.unparsed_statements}};
}

Json JsonFinding(const Finding& finding, double round_trip_ms) {
  Json json;
  json["rule"] = finding.rule;
  json["id"] = finding.id;
  json["id_text"] = finding.id_text;
  json["confidence"] = ConfidenceName(finding.confidence);
  json["severity"] = SeverityName(finding.severity);
  json["title"] = finding.title;
  json["relation"] = finding.relation;
  json["summary"] = finding.summary;
  json["statement"] = finding.statement.sql.empty() ? Json(nullptr) : Text(finding.statement);
  json["parent"] = nullptr;
  if (finding.parent) {
    json["parent"] = Text(finding.parent->statement);
    json["parent"]["column"] = finding.parent->column;
    json["parent"]["rows"] = finding.parent->rows;
  }
  json["steps"] = Json::array();
  for (const FindingStep& step : finding.steps) {
    Json item = Text(step.statement);
    item["edge"] = step.edge;
    item["executions"] = step.executions;
    item["database_ms"] = Milliseconds(step.database_ns);
    json["steps"].push_back(std::move(item));
  }
  json["executions"] = finding.executions;
  json["units"] = finding.units;
  json["database_ms"] = Milliseconds(finding.database_ns);
  json["unit_database_ms"] = Milliseconds(finding.unit_database_ns);
  json["wasted_database_ms"] = Milliseconds(detectors::WastedNs(finding, 0));
  json["wasted_ms"] = Milliseconds(detectors::WastedNs(finding, round_trip_ms));
  json["round_trips_saved"] = finding.round_trips_saved;
  json["wasted_bytes"] = finding.wasted_bytes;
  json["evidence"] = Json::array();
  for (const Evidence& evidence : finding.evidence) {
    Json figures = Json::object();
    for (const auto& [name, value] : evidence.figures) figures[name] = Number(value);
    json["evidence"].push_back({{"text", evidence.text}, {"figures", std::move(figures)}});
  }
  Json orm = Json::object();
  for (const auto& [name, idiom] : finding.fix.orm) orm[name] = idiom;
  json["fix"] = {{"sql", finding.fix.sql.empty() ? Json(nullptr) : Json(finding.fix.sql)},
                 {"verified", false},  // nothing runs a fix yet
                 {"orm", std::move(orm)},
                 {"advice", finding.fix.advice}};
  json["scopes"] = finding.scopes;
  json["sites"] = finding.sites;
  return json;
}

Json JsonVerdict(const gate::Verdict& verdict) {
  Json json;
  json["outcome"] = gate::OutcomeName(verdict.outcome);
  json["headline"] = gate::Headline(verdict);
  json["reasons"] = verdict.reasons;
  json["baselines"] = verdict.baselines;
  json["known_findings"] = verdict.known_findings;
  json["scopes_run"] = verdict.scopes_run;
  json["scopes_known"] = verdict.scopes_known;
  json["entries"] = Json::array();
  for (const gate::Entry& entry : verdict.entries) json["entries"].push_back(VerdictEntry(entry));
  return json;
}

Json JsonStatement(const trace::StatementRow& statement) {
  Json relations = Json::array();
  for (const sql::Relation& relation : statement.facts.relations) {
    relations.push_back(relation.schema.empty() ? relation.name : relation.schema + "." + relation.name);
  }
  return {{"id", fmt::format("s{}", statement.statement_id)},
          {"sql", statement.sql},
          {"fingerprint", statement.fingerprint.empty() ? Json(nullptr) : Json(statement.fingerprint)},
          {"operation", sql::OperationName(statement.facts.operation)},
          {"relations", std::move(relations)},
          {"driver", statement.driver},
          {"calls", statement.calls},
          {"errors", statement.errors},
          {"rows", statement.rows},
          {"bytes", statement.bytes},
          {"database_ms", Milliseconds(statement.database_ns)},
          {"mean_ms",
           Milliseconds(statement.calls == 0 ? 0 : statement.database_ns / static_cast<int64_t>(statement.calls))},
          {"p50_ms", Milliseconds(statement.p50_ns)},
          {"p95_ms", Milliseconds(statement.p95_ns)},
          {"p99_ms", Milliseconds(statement.p99_ns)},
          {"max_ms", Milliseconds(statement.max_ns)}};
}

}  // namespace pgassay::reporters
