// The door to reporters: everything a report shows, as plain values.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/detectors/detector.h"
#include "analyzer/finding.h"
#include "analyzer/gate/verdict.h"
#include "analyzer/trace/trace.h"

namespace pgassay {

// A database whose catalogue was asked for, in short.
struct CatalogSummary {
  std::string upstream, database;
  bool read = false;
  int server_version = 0;
  size_t relations = 0, indexes = 0, foreign_keys = 0;
  std::string problem;             // why there is none, or why it is old; "" if all is well
  std::vector<std::string> notes;  // what of it could not be read, sentences
};

// What ran under one label (a test, a route, a job), all units of it together.
struct ScopeRow {
  std::string label;  // "" of what had none
  uint64_t units = 0, executions = 0, round_trips = 0, rows = 0, bytes = 0;
  int64_t database_ns = 0;
};

struct Report {
  std::vector<std::string> trace_paths;                 // none: of databases alone
  std::string subject;                                  // of a live look: "12 tables of shop"; "" otherwise
  trace::Totals totals;                                 // added over the traces
  std::vector<Finding> findings;                        // most costly first
  std::map<std::string, size_t, std::less<>> trace_of;  // a finding's id -> the first of trace_paths that has it
  std::vector<trace::StatementRow> statements;
  std::vector<trace::ColumnRow> columns;  // of these statements: by statement, position
  std::vector<trace::TagRow> tags;
  std::vector<trace::PlanRow> plans;  // of these statements: of a statement those of one trace, values first
  std::vector<ScopeRow> scopes;       // by label
  // A finding's id -> the executions of its exemplar unit; empty unless asked for.
  std::map<std::string, std::vector<trace::TimelineRow>, std::less<>> timelines;
  std::vector<trace::GapRow> gaps;
  std::vector<CatalogSummary> catalogs;
  std::vector<std::string> warnings;     // "2 sessions went opaque: …"; sentences
  std::optional<gate::Verdict> verdict;  // of a gate; none where nobody asked for one
};

struct ReportOptions {
  detectors::RuleOptions rules;
  std::vector<catalog::Snapshot> catalogs = {};  // a live look, instead of what the traces have
  bool timelines = false;                        // the executions of each finding's exemplar unit
  // May add to a trace what a server says of its statements now: before rules look, with the catalogues in place.
  std::function<void(const trace::Trace&, detectors::TraceView&)> ask = {};
  // Sees each trace as it was loaded: for a gate, which would load it again.
  std::function<Result<>(const trace::Trace&, const detectors::TraceView&)> also = {};
};

// Without a trace: what the catalogues alone say. Several traces: totals are added, findings of equal id and statements
// of equal shape merged (of quantiles the highest is kept; ids are those of the first trace that has the statement,
// made unique).
Result<Report> BuildReport(const std::vector<std::string>& trace_paths, const ReportOptions& options);

}  // namespace pgassay
