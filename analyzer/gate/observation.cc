#include "analyzer/gate/observation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "analyzer/detectors/finding_id.h"

namespace pgassay::gate {
namespace {

using detectors::TraceView;
using lineage::ScopeOutcome;
using lineage::ScopePhase;
using lineage::UnitKind;

// A pytest-xdist run of so many workers has the same baseline as one without.
constexpr size_t kMaxProcesses = 16;

bool HasBoundary(const lineage::Unit& unit) { return unit.kind != UnitKind::kGap && unit.kind != UnitKind::kPool; }

bool IsCall(const lineage::Unit& unit) { return unit.phase == ScopePhase::kNone || unit.phase == ScopePhase::kCall; }

bool IsJudged(const lineage::Unit& unit) {
  return unit.joined_to == 0 && HasBoundary(unit) && IsCall(unit) && !unit.schema_change && !unit.transaction_conflict;
}

bool IsCounted(const trace::StatementRow& statement, const std::set<std::string>& warm_up) {
  const auto& relations = statement.facts.relations;
  return !statement.driver && !statement.facts.catalog_only && !relations.empty() &&
         std::ranges::none_of(relations, [&](const sql::Relation& r) { return warm_up.contains(r.name); });
}

// The view without what is not judged, for the detectors.
TraceView JudgedPart(const TraceView& view) {
  TraceView part = view;
  std::set<int64_t> judged;
  for (const lineage::Unit& unit : view.units) {
    if (IsJudged(unit)) judged.insert(unit.unit_id);
  }
  const auto is_out = [&](const auto& row) { return !judged.contains(row.unit_id); };
  std::erase_if(part.unit_statements, is_out);
  std::erase_if(part.edges, is_out);
  std::erase_if(part.repeats, is_out);
  return part;
}

// Time never decides a gate: what a rule asks for beside it must be there.
detectors::RuleOptions WithoutTime(detectors::RuleOptions rules) {
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    if (detectors::HasOption(*detector.info, "min_ms"))
      rules[std::string(detector.info->id)]["min_ms"] = std::numeric_limits<double>::max();
  }
  return rules;
}

using Skeletons = std::map<int64_t, std::string>;

FindingFacts FactsOf(const Finding& finding, const Skeletons& skeletons, const std::set<std::string>& routes) {
  FindingFacts facts;
  facts.rule = finding.rule;
  facts.id = finding.id;
  facts.pattern = finding.id_text.substr(std::min(finding.id_text.find(' ') + 1, finding.id_text.size()));
  facts.title = finding.title;
  facts.confidence = finding.confidence;
  facts.round_trips_saved = finding.round_trips_saved;
  facts.sql = finding.statement.sql;
  facts.advice = finding.fix.advice;
  if (finding.parent) facts.parent = finding.parent->column;
  if (!finding.scope_sites.empty()) facts.test_site = finding.scope_sites.front();
  const auto skeleton = [&](int64_t statement_id) {
    const auto found = skeletons.find(statement_id);
    return found == skeletons.end() ? std::string() : found->second;
  };
  facts.statement = skeleton(finding.statement.statement_id);
  facts.skeletons.insert(facts.statement);
  for (const FindingStep& step : finding.steps) facts.skeletons.insert(skeleton(step.statement.statement_id));
  facts.skeletons.erase("");
  facts.routes.insert(finding.routes.begin(), finding.routes.end());
  facts.sites.insert(finding.sites.begin(), finding.sites.end());
  for (const std::string& scope : finding.scopes) (routes.contains(scope) ? facts.routes : facts.tests).insert(scope);
  return facts;
}

// One run of one scope: a test's call over all its connections, or one request.
struct ScopeRun {
  std::string label, site;
  bool route = false;
  bool spoiled = false;  // it failed, or a conflict made its counts chance
  uint64_t queries = 0, round_trips = 0;
  std::map<std::string, StatementCounts> statements;
};

class Runs {
 public:
  Runs(const TraceView& view, const ObserveOptions& options) {
    for (const trace::ScopeRow& scope : view.scopes) {
      ScopeRun& run = runs_[{true, scope.scope_id}];
      run.label = scope.name;
      run.route = scope.kind == lineage::ScopeKind::kRoute;
      run.spoiled =
          scope.end_ns == 0 || scope.outcome == ScopeOutcome::kFailed || scope.outcome == ScopeOutcome::kSkipped;
      if (!scope.file.empty()) run.site = fmt::format("{}:{}", scope.file, scope.line);
    }
    for (const lineage::Unit& unit : view.units) AddUnit(unit);
    for (const lineage::UnitStatement& row : view.unit_statements) AddRow(row, view, options);
  }

  void MoveTo(Observation& observation) {
    for (auto& [key, run] : runs_) {
      if (run.label.empty()) continue;
      if (run.spoiled) {
        observation.unfinished.insert(run.label);
        continue;
      }
      ScopeCounts counts{.statements = std::move(run.statements),
                         .route = run.route,
                         .site = std::move(run.site),
                         .queries = run.queries,
                         .round_trips = run.round_trips};
      Observation one;
      one.scopes.emplace(run.label, std::move(counts));
      Add(observation, std::move(one));
    }
    for (const auto& [label, counts] : observation.scopes) observation.unfinished.erase(label);
  }

 private:
  using Key = std::pair<bool, int64_t>;  // of a scope, or of a labelled unit

  static Key KeyOf(const lineage::Unit& unit) {
    return unit.scope_id != 0 ? Key{true, unit.scope_id} : Key{false, unit.unit_id};
  }

  void AddUnit(const lineage::Unit& unit) {
    if (unit.joined_to != 0 || !HasBoundary(unit) || !IsCall(unit)) return;
    if (unit.scope_id == 0 && unit.label.empty()) return;
    ScopeRun& run = runs_[KeyOf(unit)];
    if (unit.scope_id == 0) {
      run.label = unit.label;
      run.route = true;
    }
    run.spoiled = run.spoiled || unit.transaction_conflict || unit.schema_change;
    run.round_trips += unit.round_trips;
    if (IsJudged(unit)) run_of_[unit.unit_id] = &run;
  }

  void AddRow(const lineage::UnitStatement& row, const TraceView& view, const ObserveOptions& options) {
    const auto run = run_of_.find(row.unit_id);
    const trace::StatementRow* statement = view.Statement(row.statement_id);
    if (run == run_of_.end() || statement == nullptr || !IsCounted(*statement, options.warm_up)) return;
    StatementCounts& counts = run->second->statements[detectors::Skeleton(*statement)];
    counts.queries.min = counts.queries.max += row.calls;
    counts.rows += row.rows;
    counts.bytes += row.bytes;
    run->second->queries += row.calls;
  }

  std::map<Key, ScopeRun> runs_;
  std::map<int64_t, ScopeRun*> run_of_;  // unit -> its run
};

void AddFinding(FindingFacts& to, FindingFacts&& other) {
  other.tests.merge(to.tests);
  other.routes.merge(to.routes);
  other.sites.merge(to.sites);
  other.skeletons.merge(to.skeletons);
  other.round_trips_saved += to.round_trips_saved;
  other.confidence = std::max(other.confidence, to.confidence);
  if (to.round_trips_saved * 2 >= other.round_trips_saved) {  // the more costly run tells
    other.title = std::move(to.title);
    other.sql = std::move(to.sql);
    other.advice = std::move(to.advice);
    other.test_site = std::move(to.test_site);
  }
  other.statement = std::min(to.statement, other.statement);
  to = std::move(other);
}

void AddScope(ScopeCounts& to, ScopeCounts&& other) {
  for (auto& [skeleton, counts] : to.statements) {
    if (!other.statements.contains(skeleton)) counts.queries.min = 0;
  }
  for (auto& [skeleton, counts] : other.statements) {
    const auto [at, inserted] = to.statements.try_emplace(skeleton, counts);
    StatementCounts& known = at->second;
    if (inserted) {
      known.queries.min = 0;
      continue;
    }
    known.queries = {std::min(known.queries.min, counts.queries.min), std::max(known.queries.max, counts.queries.max)};
    known.rows = std::max(known.rows, counts.rows);
    known.bytes = std::max(known.bytes, counts.bytes);
  }
  to.queries = std::max(to.queries, other.queries);
  to.round_trips = std::max(to.round_trips, other.round_trips);
  if (to.site.empty()) to.site = std::move(other.site);
}

}  // namespace

Observation Observe(const TraceView& view, const ObserveOptions& options) {
  Observation observation;
  for (const lineage::Unit& unit : view.units) observation.executions += unit.joined_to == 0 ? unit.statements : 0;
  const TraceView judged = JudgedPart(view);
  Skeletons skeletons;
  for (const lineage::UnitStatement& row : judged.unit_statements) {
    const trace::StatementRow* statement = view.Statement(row.statement_id);
    if (statement == nullptr) continue;
    std::string& skeleton = skeletons[row.statement_id];
    if (skeleton.empty()) skeleton = detectors::Skeleton(*statement);
    observation.judged_executions += row.calls;
    if (!IsCounted(*statement, options.warm_up)) continue;
    observation.statements.insert(skeleton);
    const lineage::Unit* unit = view.Unit(row.unit_id);
    if (unit == nullptr || unit->label.empty() || row.calls == 0) continue;
    uint64_t& rows = observation.largest[skeleton][unit->label];
    rows = std::max(rows, row.rows / row.calls);
  }
  Runs(judged, options).MoveTo(observation);
  std::set<std::string> routes;
  for (const auto& [label, counts] : observation.scopes) {
    if (counts.route) routes.insert(label);
  }
  for (const Finding& finding : detectors::Detect(judged, WithoutTime(options.rules))) {
    if (finding.confidence >= Confidence::kLikely)
      observation.findings.emplace(finding.id, FactsOf(finding, skeletons, routes));
  }
  return observation;
}

Result<Observation> ObserveTrace(const trace::Trace& trace, const TraceView& view, const ObserveOptions& options,
                                 const SessionFilter& is_in) {
  const auto sessions = trace.Sessions();
  if (!sessions) return std::unexpected(sessions.error());
  std::set<uint64_t> out;
  for (const trace::SessionSummary& session : *sessions) {
    if (!is_in(session)) out.insert(static_cast<uint64_t>(session.session_id));
  }
  if (out.empty()) return Observe(view, options);
  TraceView part = view;
  std::erase_if(part.units, [&](const lineage::Unit& unit) { return out.contains(unit.session_id); });
  return Observe(part, options);
}

Result<Observation> ObserveTraces(const std::vector<std::string>& paths, const ObserveOptions& options,
                                  const SessionFilter& is_in) {
  Observation observation;
  for (const std::string& path : paths) {
    const auto trace = trace::Trace::Open(path);
    if (!trace) return std::unexpected(trace.error());
    const auto view = detectors::LoadTraceView(*trace);
    if (!view) return std::unexpected(view.error());
    auto one = ObserveTrace(*trace, *view, options, is_in);
    if (!one) return one;
    Add(observation, std::move(*one));
  }
  return observation;
}

void Add(Observation& to, Observation&& other) {
  for (auto& [id, facts] : other.findings) {
    const auto [at, inserted] = to.findings.try_emplace(id, std::move(facts));
    if (!inserted) AddFinding(at->second, std::move(facts));
  }
  for (auto& [label, counts] : other.scopes) {
    const auto [at, inserted] = to.scopes.try_emplace(label, std::move(counts));
    if (!inserted) AddScope(at->second, std::move(counts));
  }
  to.unfinished.merge(other.unfinished);
  std::erase_if(to.unfinished, [&](const std::string& label) { return to.scopes.contains(label); });
  to.statements.merge(other.statements);
  for (const auto& [skeleton, scopes] : other.largest) {
    for (const auto& [scope, rows] : scopes) {
      uint64_t& known = to.largest[skeleton][scope];
      known = std::max(known, rows);
    }
  }
  to.executions += other.executions;
  to.judged_executions += other.judged_executions;
}

void LeaveOutWarmUp(Observation& observation) {
  std::map<std::string, size_t> once;  // skeleton -> scopes that ran it once
  for (const auto& [label, scope] : observation.scopes) {
    for (const auto& [skeleton, counts] : scope.statements) once[skeleton] += counts.queries.max == 1 ? 1U : 0U;
  }
  for (auto& [label, scope] : observation.scopes) {
    scope.all_rows = scope.all_bytes = 0;
    for (const auto& [skeleton, counts] : scope.statements) {
      scope.all_rows += counts.rows;
      scope.all_bytes += counts.bytes;
    }
    std::erase_if(scope.statements, [&](const auto& entry) {
      return entry.second.queries.max == 1 && once[entry.first] <= kMaxProcesses;
    });
    scope.rows = scope.bytes = 0;
    for (const auto& [skeleton, counts] : scope.statements) {
      scope.rows += counts.rows;
      scope.bytes += counts.bytes;
    }
  }
}

uint64_t CountedQueries(const ScopeCounts& scope) {
  uint64_t queries = 0;
  for (const auto& [skeleton, counts] : scope.statements) queries += counts.queries.max;
  return queries;
}

uint64_t ExtraQueries(const Observation& observation, const FindingFacts& finding) {
  uint64_t extra = 0;
  for (const std::string& label : finding.tests.empty() ? finding.routes : finding.tests) {
    const auto scope = observation.scopes.find(label);
    if (scope == observation.scopes.end()) continue;
    const auto counts = scope->second.statements.find(finding.statement);
    if (counts != scope->second.statements.end() && counts->second.queries.max > 0)
      extra += counts->second.queries.max - 1;
  }
  return extra;
}

}  // namespace pgassay::gate
