#include "analyzer/detectors/registry.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <tuple>
#include <utility>

#include "analyzer/detectors/explained.h"

namespace pgassay::detectors {
namespace {

void AddMissing(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& text : from) {
    if (std::ranges::find(to, text) == to.end()) to.push_back(text);
  }
}

// Which of two findings of equal id stands for both: by counts, never by time, so that it is the same in every run.
bool StandsBefore(const Finding& a, const Finding& b) {
  return std::tie(b.confidence, b.round_trips_saved, b.wasted_bytes, a.statement.sql) <
         std::tie(a.confidence, a.round_trips_saved, a.wasted_bytes, b.statement.sql);
}

void Absorb(Finding& into, Finding&& other) {
  const int64_t wasted = WastedNs(into, 0) + WastedNs(other, 0);
  if (StandsBefore(other, into)) std::swap(into, other);
  into.confidence = std::max(into.confidence, other.confidence);
  into.severity = std::max(into.severity, other.severity);
  into.executions += other.executions;
  into.units += other.units;
  into.database_ns += other.database_ns;
  into.unit_database_ns += other.unit_database_ns;
  into.wasted_ns = wasted;
  into.round_trips_saved += other.round_trips_saved;
  into.wasted_bytes += other.wasted_bytes;
  for (FindingStep& step : other.steps) {
    const auto same = std::ranges::find(into.steps, step.edge, &FindingStep::edge);
    if (same == into.steps.end()) {
      into.steps.push_back(std::move(step));
    } else {
      same->executions += step.executions;
      same->database_ns += step.database_ns;
    }
  }
  AddMissing(into.scopes, other.scopes);
  AddMissing(into.routes, other.routes);
  AddMissing(into.sites, other.sites);
  AddMissing(into.scope_sites, other.scope_sites);
}

}  // namespace

std::span<const Detector> AllDetectors() {
#define PGASSAY_DETECTOR(constant) constant,
  static const std::array detectors = {
#include "analyzer/detectors/detectors.def"
  };
#undef PGASSAY_DETECTOR
  return detectors;
}

const Detector* FindDetector(std::string_view rule_id) {
  const auto all = AllDetectors();
  const auto found = std::ranges::find_if(all, [&](const Detector& detector) { return detector.info->id == rule_id; });
  return found == all.end() ? nullptr : &*found;
}

double OptionValue(const RuleInfo& info, const Options& options, std::string_view name) {
  if (const auto set = options.find(name); set != options.end()) return set->second;
  const auto found = std::ranges::find(info.options, name, &OptionInfo::name);
  assert(found != info.options.end());
  return found->default_value;
}

bool HasOption(const RuleInfo& info, std::string_view name) {
  return name == "enabled" || std::ranges::find(info.options, name, &OptionInfo::name) != info.options.end();
}

bool IsEnabled(const RuleInfo& info, const Options& options) {
  const auto set = options.find("enabled");
  return set == options.end() ? info.enabled_by_default : set->second != 0;
}

uint64_t AllExecutions(const Finding& finding) {
  uint64_t executions = finding.executions;
  for (const FindingStep& step : finding.steps) executions += step.executions;
  return executions;
}

int64_t WastedNs(const Finding& finding, double round_trip_ms) {
  int64_t wasted = finding.wasted_ns;
  if (wasted < 0) {
    const uint64_t executions = AllExecutions(finding);
    const double share =
        executions == 0 ? 0.0 : static_cast<double>(finding.round_trips_saved) / static_cast<double>(executions);
    wasted = static_cast<int64_t>(static_cast<double>(finding.database_ns) * std::min(share, 1.0));
  }
  return wasted + static_cast<int64_t>(static_cast<double>(finding.round_trips_saved) * round_trip_ms * 1e6);
}

Severity JudgeSeverity(const Finding& finding, const RuleInfo& rule) {
  constexpr int64_t kMs = 1'000'000;
  if (rule.schema) return std::min(finding.severity, rule.max_severity);
  if (finding.confidence == Confidence::kHint) return Severity::kInfo;
  const int64_t wasted = WastedNs(finding, kDefaultRoundTripMs);
  const int64_t per_unit = wasted / static_cast<int64_t>(std::max<uint64_t>(finding.units, 1));
  Severity severity = Severity::kInfo;
  if (per_unit >= 2 * kMs || wasted >= 100 * kMs) severity = Severity::kWarning;
  if ((per_unit >= 20 * kMs || wasted >= 1000 * kMs) && finding.confidence == Confidence::kProven)
    severity = Severity::kError;
  return std::min(severity, rule.max_severity);
}

void MergeFindings(std::vector<Finding>& findings) {
  std::vector<Finding> merged;
  std::map<std::string, size_t> index;
  for (Finding& finding : findings) {
    const auto [at, inserted] = index.try_emplace(finding.id, merged.size());
    if (inserted) {
      merged.push_back(std::move(finding));
    } else {
      Absorb(merged[at->second], std::move(finding));
    }
  }
  findings = std::move(merged);
}

void SortFindings(std::vector<Finding>& findings, double round_trip_ms) {
  std::ranges::sort(findings, [&](const Finding& a, const Finding& b) {
    const int64_t wasted_a = WastedNs(a, round_trip_ms), wasted_b = WastedNs(b, round_trip_ms);
    if (wasted_a != wasted_b) return wasted_a > wasted_b;
    if (a.severity != b.severity) return a.severity > b.severity;
    if (a.executions != b.executions) return a.executions > b.executions;
    return a.id < b.id;
  });
}

std::vector<Finding> Detect(const TraceView& view, const RuleOptions& options) {
  static const Options kDefaults;
  std::vector<Finding> findings;
  for (const Detector& detector : AllDetectors()) {
    const auto set = options.find(detector.info->id);
    const Options& rule_options = set == options.end() ? kDefaults : set->second;
    if (!IsEnabled(*detector.info, rule_options)) continue;
    std::ranges::move(detector.detect(view, rule_options), std::back_inserter(findings));
  }
  findings = LeaveOutExplained(std::move(findings));
  MergeFindings(findings);
  for (Finding& finding : findings) {
    finding.severity = JudgeSeverity(finding, *FindDetector(finding.rule)->info);
  }
  SortFindings(findings, kDefaultRoundTripMs);
  return findings;
}

}  // namespace pgassay::detectors
