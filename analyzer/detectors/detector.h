// A detector: a read-only trace and its options in, findings out. Pure: the same trace and options give the same
// findings in the same order. One file per rule, one line in detectors.def; help, `pgassay rules`, config keys and docs
// follow from RuleInfo.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/finding.h"
#include "analyzer/trace/trace.h"
#include "proxy/base/result.h"

namespace pgassay::detectors {

struct OptionInfo {
  std::string_view name;  // config key: [rules.n-plus-one] min_children = 3
  double default_value;
  std::string_view help;  // one line, with the unit
};

struct RuleInfo {
  std::string_view id;        // "n-plus-one"
  std::string_view name;      // "N+1"
  std::string_view summary;   // one line
  std::string_view picture;   // a few lines of ASCII that show the pattern
  std::string_view problem;   // what is wrong with it, a paragraph
  std::string_view solution;  // what to do, a paragraph
  std::span<const OptionInfo> options;
  Severity max_severity = Severity::kError;  // however costly
  // A rule of schema and design: it reads the catalogue, `pgassay lint` runs it, and as its price is not in
  // milliseconds, it sets severities itself.
  bool schema = false;
  bool enabled_by_default = true;
};

// Values by option name; what is missing is the default. Every rule also has "enabled" (1 or 0), which RuleInfo does
// not list.
using Options = std::map<std::string, double, std::less<>>;
double OptionValue(const RuleInfo& info, const Options& options,
                   std::string_view name);                    // REQUIRES: `name` is in info.options
bool HasOption(const RuleInfo& info, std::string_view name);  // "enabled" included
bool IsEnabled(const RuleInfo& info, const Options& options);

// All that rules read, loaded once per report and shared by them.
struct TraceView {
  trace::Totals totals;
  std::vector<trace::StatementRow> statements;  // by id
  std::vector<trace::ColumnRow> columns;        // by statement, position
  std::vector<trace::TagRow> tags;              // by statement
  std::vector<trace::ScopeRow> scopes;          // by id; those that sent nothing included
  std::vector<lineage::Unit> units;             // by id; joined_to already resolved to the root
  std::vector<lineage::UnitStatement> unit_statements;
  std::vector<lineage::Edge> edges;
  std::vector<lineage::Repeat> repeats;
  std::vector<trace::AnswerRow> answers;    // of aggregates that cost something, by statement, execution
  std::vector<trace::PlanRow> plans;        // by database, statement, kind
  std::vector<trace::TrialRow> trials;      // by database, statement, index, columns
  std::vector<trace::SlotRow> slots;        // by statement, slot
  std::vector<catalog::Snapshot> catalogs;  // of the databases whose catalogue could be read; by database
  const trace::StatementRow* Statement(int64_t statement_id) const;  // null if unknown
  const lineage::Unit* Unit(int64_t unit_id) const;
  std::span<const trace::ColumnRow> Columns(int64_t statement_id) const;
  std::span<const trace::AnswerRow> Answers(int64_t statement_id) const;
};
Result<TraceView> LoadTraceView(const trace::Trace& trace);
// Units that were joined become one: rows of `unit_statements`, `edges`, `repeats` and `answers` move to the root, rows
// of equal key are added up, the root carries the totals of all, and the others stay with joined_to = the root. Sorts
// every table by key. LoadTraceView has done it. Edges of one key add up per parent execution (parent_no) first:
// children of one parent row set count together, others take the maximum.
void ResolveJoinedUnits(TraceView& view);

using DetectFunction = std::vector<Finding> (*)(const TraceView& view, const Options& options);

struct Detector {
  const RuleInfo* info;
  DetectFunction detect;
};

std::span<const Detector> AllDetectors();                // in the order of detectors.def
const Detector* FindDetector(std::string_view rule_id);  // null if unknown

// rule id -> its options. "enabled" = 0 switches a rule off, 1 on.
using RuleOptions = std::map<std::string, Options, std::less<>>;
// Of the statement and of the steps below it.
uint64_t AllExecutions(const Finding& finding);
// The estimated saving: database time that the fix takes away, and the round trips at `round_trip_ms` each. What
// findings are ranked by.
int64_t WastedNs(const Finding& finding, double round_trip_ms);
inline constexpr double kDefaultRoundTripMs = 1.0;

// Of a schema rule: what the rule said, at most its max_severity. Else
// error from 20 ms wasted per unit or 1 s in all, warning from 2 ms or 100 ms, else info; a hint is info, a likely
// finding at most a warning.
Severity JudgeSeverity(const Finding& finding, const RuleInfo& rule);

// Findings of equal id become one: counts add up, scopes and sites are united, the rest is of the one that saves most
// round trips.
void MergeFindings(std::vector<Finding>& findings);
// Most costly first; where nothing is wasted in milliseconds, the most severe and most executed; then by id.
void SortFindings(std::vector<Finding>& findings, double round_trip_ms);

// Every enabled rule, severities judged; a finding that another one explains (repeats inside a proven N+1) is left out.
// Sorted: most costly first, then by id.
std::vector<Finding> Detect(const TraceView& view, const RuleOptions& options);

}  // namespace pgassay::detectors
