#include "analyzer/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"
#include "proxy/base/take.h"

namespace pgassay {
namespace {

using detectors::Count;
using detectors::Counted;

void Add(trace::Totals& to, const trace::Totals& other) {
  to.executions += other.executions;
  to.statements += other.statements;
  to.units += other.units;
  to.sessions += other.sessions;
  to.round_trips += other.round_trips;
  to.rows += other.rows;
  to.bytes += other.bytes;
  to.errors += other.errors;
  to.database_ns += other.database_ns;
  to.relayed_bytes += other.relayed_bytes;
  to.decoded_bytes += other.decoded_bytes;
  to.skipped_bytes += other.skipped_bytes;
  to.opaque_bytes += other.opaque_bytes;
  to.dropped_events += other.dropped_events;
  to.dropped_value_batches += other.dropped_value_batches;
  to.scopes += other.scopes;
  to.ambiguous_executions += other.ambiguous_executions;
  to.opaque_sessions += other.opaque_sessions;
  to.unparsed_statements += other.unparsed_statements;
  to.gaps += other.gaps;
  to.recordings += other.recordings;
  to.complete = to.complete && other.complete;
  to.file_bytes += other.file_bytes;
}

void Add(trace::StatementRow& to, const trace::StatementRow& other) {
  to.calls += other.calls;
  to.errors += other.errors;
  to.rows += other.rows;
  to.bytes += other.bytes;
  to.pipelined += other.pipelined;
  to.texts = std::max(to.texts, other.texts);
  to.database_ns += other.database_ns;
  to.max_ns = std::max(to.max_ns, other.max_ns);
  to.p50_ns = std::max(to.p50_ns, other.p50_ns);
  to.p95_ns = std::max(to.p95_ns, other.p95_ns);
  to.p99_ns = std::max(to.p99_ns, other.p99_ns);
  std::map<int64_t, uint64_t> durations(to.durations.begin(), to.durations.end());
  for (const auto& [lower_ns, count] : other.durations) durations[lower_ns] += count;
  to.durations.assign(durations.begin(), durations.end());
}

// Statements of several traces: found again by their shape, numbered on where a number is taken.
class Statements {
 public:
  // The id in the report for each id of the trace.
  std::unordered_map<int64_t, int64_t> Merge(std::vector<trace::StatementRow> rows,
                                             std::vector<trace::ColumnRow> columns,
                                             const std::vector<trace::TagRow>& tags) {
    std::unordered_map<int64_t, int64_t> ids;
    for (trace::StatementRow& row : rows) {
      const int64_t old_id = row.statement_id;
      const auto [at, inserted] = by_shape_.try_emplace(row.shape_hash, rows_.size());
      if (inserted) {
        row.statement_id = rows_.empty() ? old_id : std::max(old_id, last_id_ + 1);
        last_id_ = std::max(last_id_, row.statement_id);
        rows_.push_back(std::move(row));
      } else {
        Add(rows_[at->second], row);
      }
      ids[old_id] = rows_[at->second].statement_id;
    }
    for (trace::ColumnRow& row : columns) {
      row.statement_id = ids[row.statement_id];
      const auto [at, inserted] = columns_.try_emplace({row.statement_id, row.position}, row);
      if (inserted) continue;
      at->second.cells += row.cells;
      at->second.nulls += row.nulls;
      at->second.bytes += row.bytes;
    }
    for (const trace::TagRow& row : tags) tags_[{ids[row.statement_id], row.key, row.value}] += row.calls;
    return ids;
  }

  void MoveTo(Report& report) {
    report.statements = std::move(rows_);
    for (auto& [key, row] : columns_) report.columns.push_back(std::move(row));
    for (const auto& [key, calls] : tags_)
      report.tags.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), calls});
  }

 private:
  std::vector<trace::StatementRow> rows_;
  std::unordered_map<uint64_t, size_t> by_shape_;
  std::map<std::pair<int64_t, int>, trace::ColumnRow> columns_;
  std::map<std::tuple<int64_t, std::string, std::string>, uint64_t> tags_;
  int64_t last_id_ = 0;
};

void RenumberStatements(std::vector<Finding>& findings, const std::unordered_map<int64_t, int64_t>& ids) {
  const auto renumber = [&](StatementText& text) {
    if (const auto found = ids.find(text.statement_id); found != ids.end()) text.statement_id = found->second;
  };
  for (Finding& finding : findings) {
    renumber(finding.statement);
    if (finding.parent) renumber(finding.parent->statement);
    for (FindingStep& step : finding.steps) renumber(step.statement);
    for (PlanChange& change : finding.plan_changes) renumber(change.statement);
  }
}

// Of statements that no earlier trace has plans of.
void AddPlans(std::vector<trace::PlanRow> plans, const std::unordered_map<int64_t, int64_t>& ids, Report& report) {
  std::set<int64_t> known;
  for (const trace::PlanRow& row : report.plans) known.insert(row.statement_id);
  for (trace::PlanRow& row : plans) {
    const auto id = ids.find(row.statement_id);
    if (id == ids.end() || known.contains(id->second)) continue;
    row.statement_id = id->second;
    report.plans.push_back(std::move(row));
  }
}

void AddScopes(const std::vector<lineage::Unit>& units, std::map<std::string, ScopeRow>& scopes) {
  for (const lineage::Unit& unit : units) {
    if (unit.joined_to != 0) continue;  // its root carries the totals
    ScopeRow& scope = scopes[unit.label];
    scope.label = unit.label;
    ++scope.units;
    scope.executions += unit.statements;
    scope.round_trips += unit.round_trips;
    scope.rows += unit.rows;
    scope.bytes += unit.bytes;
    scope.database_ns += unit.database_ns;
  }
}

// The exemplar units of the findings that no earlier trace had.
Result<> AddTimelines(const trace::Trace& trace, const std::vector<Finding>& findings,
                      const std::unordered_map<int64_t, int64_t>& ids, Report& report) {
  constexpr size_t kMostTimelines = 200;  // what a page can hold; findings come most costly first
  constexpr uint64_t kMostRows = 1000;
  for (const Finding& finding : findings) {
    if (report.timelines.size() >= kMostTimelines) return {};
    if (finding.exemplar_unit_id == 0 || report.timelines.contains(finding.id)) continue;
    auto rows = trace.Timeline(finding.exemplar_unit_id, kMostRows);
    if (!rows) return std::unexpected(rows.error());
    for (trace::TimelineRow& row : *rows) {
      if (const auto found = ids.find(row.statement_id); found != ids.end()) row.statement_id = found->second;
    }
    report.timelines.emplace(finding.id, std::move(*rows));
  }
  return {};
}

uint64_t CountRootUnits(const std::vector<lineage::Unit>& units) {
  return static_cast<uint64_t>(std::ranges::count(units, 0, &lineage::Unit::joined_to));
}

CatalogSummary Summarized(trace::CatalogRow row) {
  CatalogSummary summary{.upstream = std::move(row.upstream),
                         .database = std::move(row.database),
                         .read = row.snapshot.has_value(),
                         .problem = std::move(row.problem),
                         .notes = {}};
  if (!row.snapshot) return summary;
  summary.server_version = row.snapshot->server_version;
  summary.relations = row.snapshot->relations.size();
  summary.indexes = row.snapshot->indexes.size();
  summary.foreign_keys = row.snapshot->foreign_keys.size();
  summary.notes = std::move(row.snapshot->notes);
  return summary;
}

std::string GapSentence(const trace::GapRow& gap) {
  std::string reason = gap.reason.empty() ? "unknown" : gap.reason;
  std::ranges::replace(reason, '_', ' ');
  const std::string length = gap.to_ns > gap.from_ns
                                 ? fmt::format("for {}", detectors::Duration(gap.to_ns - gap.from_ns))
                                 : std::string("once");
  const std::string lost = gap.lost == 0 ? "" : fmt::format(", {} lost", Counted(gap.lost, "event"));
  return fmt::format("The trace has a gap: {} {}{}.", reason, length, lost);
}

// One sentence for everything that the findings may have missed.
void AddWarnings(Report& report, const std::map<std::string, uint64_t>& opaque_reasons) {
  const trace::Totals& totals = report.totals;
  if (totals.executions == 0) report.warnings.emplace_back("No query was recorded.");
  if (totals.opaque_sessions > 0) {
    std::string why;
    for (const auto& [reason, sessions] : opaque_reasons)
      why += fmt::format("{}{} {}", why.empty() ? "" : ", ", Count(sessions), reason);
    std::ranges::replace(why, '_', ' ');
    report.warnings.push_back(fmt::format("{} could not be read to the end{}: {} of {} went by unseen.",
                                          Counted(totals.opaque_sessions, "session"),
                                          why.empty() ? "" : " (" + why + ")", detectors::Bytes(totals.opaque_bytes),
                                          detectors::Bytes(totals.relayed_bytes)));
  }
  if (totals.dropped_events > 0) {
    report.warnings.push_back(fmt::format("{} did not fit the ring and {} missing: counts and times are too low.",
                                          Counted(totals.dropped_events, "event"),
                                          totals.dropped_events == 1 ? "is" : "are"));
  }
  if (totals.dropped_value_batches > 0) {
    report.warnings.push_back(fmt::format("{} did not fit the ring: some parents of N+1 queries may be missing.",
                                          Counted(totals.dropped_value_batches, "value set")));
  }
  constexpr size_t kShownGaps = 3;
  for (size_t i = 0; i < std::min(kShownGaps, report.gaps.size()); ++i)
    report.warnings.push_back(GapSentence(report.gaps[i]));
  if (report.gaps.size() > kShownGaps) {
    report.warnings.push_back(fmt::format("The trace has {} more gaps.", Count(report.gaps.size() - kShownGaps)));
  }
  if (!totals.complete && totals.dropped_events == 0 && report.gaps.empty()) {
    report.warnings.emplace_back("The recording has not ended in order: what came last may be missing.");
  }
}

}  // namespace

Result<Report> BuildReport(const std::vector<std::string>& trace_paths, const ReportOptions& options) {
  Report report;
  report.trace_paths = trace_paths;
  report.totals.complete = !trace_paths.empty();
  Statements statements;
  std::map<std::string, uint64_t> opaque_reasons;
  std::map<std::string, ScopeRow> scopes;
  for (size_t i = 0; i < trace_paths.size(); ++i) {
    const auto trace = trace::Trace::Open(trace_paths[i]);
    if (!trace) return std::unexpected(trace.error());
    auto view = detectors::LoadTraceView(*trace);
    if (!view) return std::unexpected(view.error());
    if (options.also) {
      if (const auto seen = options.also(*trace, *view); !seen) return std::unexpected(seen.error());
    }
    std::vector<trace::CatalogRow> catalogs;
    std::vector<trace::GapRow> gaps;
    std::vector<trace::SessionSummary> sessions;
    Result<> all;
    Take(trace->Catalogs(), catalogs, all);
    Take(trace->Gaps(), gaps, all);
    Take(trace->Sessions(), sessions, all);
    if (!all) return std::unexpected(all.error());
    for (trace::CatalogRow& row : catalogs) report.catalogs.push_back(Summarized(std::move(row)));
    for (const trace::SessionSummary& session : sessions) {
      if (!session.opaque_reason.empty()) ++opaque_reasons[session.opaque_reason];
    }

    if (!options.catalogs.empty()) view->catalogs = options.catalogs;
    if (options.ask) options.ask(*trace, *view);
    view->totals.units = CountRootUnits(view->units);
    Add(report.totals, view->totals);
    std::vector<Finding> findings = detectors::Detect(*view, options.rules);
    const auto ids = statements.Merge(std::move(view->statements), std::move(view->columns), view->tags);
    RenumberStatements(findings, ids);
    AddPlans(std::move(view->plans), ids, report);
    AddScopes(view->units, scopes);
    if (options.timelines) {
      if (const auto added = AddTimelines(*trace, findings, ids, report); !added) return std::unexpected(added.error());
    }
    for (const Finding& finding : findings) report.trace_of.try_emplace(finding.id, i);
    std::ranges::move(findings, std::back_inserter(report.findings));
    std::ranges::move(gaps, std::back_inserter(report.gaps));
  }
  if (trace_paths.empty()) {
    detectors::TraceView view;
    view.catalogs = options.catalogs;
    report.findings = detectors::Detect(view, options.rules);
  }
  statements.MoveTo(report);
  for (auto& [label, scope] : scopes) report.scopes.push_back(std::move(scope));
  if (trace_paths.size() > 1) {
    report.totals.statements = report.statements.size();
    detectors::MergeFindings(report.findings);
    detectors::SortFindings(report.findings, detectors::kDefaultRoundTripMs);
  }
  if (!trace_paths.empty()) AddWarnings(report, opaque_reasons);
  for (const catalog::Snapshot& snapshot : options.catalogs) {
    report.subject += fmt::format("{}{} of {}", report.subject.empty() ? "" : ", ",
                                  Counted(detectors::JudgedTables(snapshot).size(), "table"), snapshot.database);
    report.warnings.insert(report.warnings.end(), snapshot.notes.begin(), snapshot.notes.end());
  }
  return report;
}

}  // namespace pgassay
