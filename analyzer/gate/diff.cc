#include "analyzer/gate/diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/words.h"
#include "analyzer/gate/baseline.h"

namespace pgassay::gate {
namespace {

using detectors::Count;
using detectors::Counted;

uint64_t Distance(const Change& change) { return std::max(change.from, change.to) - std::min(change.from, change.to); }

// By a tenth at least: times and generated keys are longer and shorter text from run to run.
bool BytesDiffer(uint64_t a, uint64_t b) { return std::max(a, b) - std::min(a, b) > std::max(a, b) / 10; }

std::vector<std::string> Missing(const std::set<std::string>& from, const std::set<std::string>& in) {
  std::vector<std::string> missing;
  std::ranges::set_difference(from, in, std::back_inserter(missing));
  return missing;
}

class Comparer {
 public:
  Comparer(const DiffSide& a, const DiffSide& b)
      : a_(a.observation), b_(b.observation), by_counts_(a.is_baseline || b.is_baseline) {}

  Diff Compare() {
    CompareFindings();
    CompareScopes();
    diff_.new_statements = Missing(b_.statements, a_.statements);
    diff_.vanished_statements = Missing(a_.statements, b_.statements);
    return std::move(diff_);
  }

 private:
  uint64_t RoundTrips(const Observation& side, const FindingFacts& finding) const {
    return by_counts_ ? ExtraQueries(side, finding) : finding.round_trips_saved;
  }

  bool RanIn(const Observation& side, const FindingFacts& finding) const {
    const std::set<std::string>& scopes = finding.tests.empty() ? finding.routes : finding.tests;
    if (scopes.empty()) return side.statements.contains(finding.statement);
    return std::ranges::all_of(scopes, [&](const std::string& scope) { return side.scopes.contains(scope); });
  }

  void AddFinding(DiffKind kind, const FindingFacts& finding, uint64_t from, uint64_t to) {
    FindingChange change{.kind = kind,
                         .rule = finding.rule,
                         .id = finding.id,
                         .title = finding.title,
                         .scope = "",
                         .change = {"round_trips", from, to}};
    const std::set<std::string>& scopes = finding.tests.empty() ? finding.routes : finding.tests;
    if (!scopes.empty()) change.scope = *scopes.begin();
    diff_.findings.push_back(std::move(change));
  }

  void CompareFindings() {
    for (const auto& [id, finding] : b_.findings) {
      const uint64_t to = RoundTrips(b_, finding);
      const auto before = a_.findings.find(id);
      if (before == a_.findings.end()) {
        AddFinding(DiffKind::kNew, finding, 0, to);
        ++diff_.added;
        diff_.added_round_trips += to;
        continue;
      }
      const uint64_t from = RoundTrips(a_, before->second);
      if (from != to) AddFinding(to > from ? DiffKind::kGrown : DiffKind::kShrunk, finding, from, to);
    }
    for (const auto& [id, finding] : a_.findings) {
      if (b_.findings.contains(id)) continue;
      const uint64_t from = RoundTrips(a_, finding);
      const bool fixed = RanIn(b_, finding);
      AddFinding(fixed ? DiffKind::kFixed : DiffKind::kNotExercised, finding, from, 0);
      if (!fixed) continue;
      ++diff_.fixed;
      diff_.fixed_round_trips += from;
    }
    std::ranges::stable_sort(diff_.findings, [](const FindingChange& left, const FindingChange& right) {
      if (left.kind != right.kind) return left.kind < right.kind;
      if (Distance(left.change) != Distance(right.change)) return Distance(left.change) > Distance(right.change);
      return left.id < right.id;
    });
  }

  void CompareScopes() {
    for (const auto& [label, scope] : b_.scopes) {
      const auto before = a_.scopes.find(label);
      if (before == a_.scopes.end()) {
        diff_.only_b.push_back(label);
        continue;
      }
      ScopeChange change{.label = label, .changes = {}};
      const auto add = [&](const char* what, uint64_t from, uint64_t to) {
        if (from != to) change.changes.push_back({what, from, to});
      };
      const ScopeCounts& known = before->second;
      add("queries", by_counts_ ? CountedQueries(known) : known.queries,
          by_counts_ ? CountedQueries(scope) : scope.queries);
      if (!by_counts_) add("round_trips", known.round_trips, scope.round_trips);
      add("rows", by_counts_ ? known.rows : known.all_rows, by_counts_ ? scope.rows : scope.all_rows);
      if (by_counts_)
        add("bytes", CoarseBytes(known.bytes), CoarseBytes(scope.bytes));
      else if (BytesDiffer(known.all_bytes, scope.all_bytes))
        add("bytes", known.all_bytes, scope.all_bytes);
      if (!change.changes.empty()) diff_.scopes.push_back(std::move(change));
    }
    for (const auto& [label, scope] : a_.scopes) {
      if (!b_.scopes.contains(label)) diff_.only_a.push_back(label);
    }
    std::ranges::stable_sort(diff_.scopes, [](const ScopeChange& left, const ScopeChange& right) {
      const auto queries = [](const ScopeChange& scope) {
        const Change& first = scope.changes.front();
        return first.what == "queries" ? Distance(first) : 0;
      };
      return queries(left) > queries(right);
    });
  }

  const Observation& a_;
  const Observation& b_;
  bool by_counts_;
  Diff diff_;
};

std::string Part(std::string_view word, uint64_t count, uint64_t round_trips, char sign, double round_trip_ms) {
  const auto ns = static_cast<int64_t>(static_cast<double>(round_trips) * round_trip_ms * 1e6);
  return fmt::format("{} {}: {}{} per run, {}{} at {:g} ms", word, Count(count), sign,
                     Counted(round_trips, "round trip"), sign, detectors::Duration(ns), round_trip_ms);
}

}  // namespace

std::string_view DiffKindName(DiffKind kind) {
  switch (kind) {
    case DiffKind::kNew:
      return "new";
    case DiffKind::kGrown:
      return "grown";
    case DiffKind::kShrunk:
      return "shrunk";
    case DiffKind::kFixed:
      return "fixed";
    case DiffKind::kNotExercised:
      return "not-exercised";
  }
  return "unknown";
}

Diff Compare(const DiffSide& a, const DiffSide& b) { return Comparer(a, b).Compare(); }

std::string ManagersLine(const Diff& diff, double round_trip_ms) {
  std::string line;
  if (diff.fixed > 0) line = Part("fixed", diff.fixed, diff.fixed_round_trips, '-', round_trip_ms);
  if (diff.added > 0) {
    line += fmt::format("{}{}", line.empty() ? "" : " · ",
                        Part("new", diff.added, diff.added_round_trips, '+', round_trip_ms));
  }
  return line.empty() ? "nothing fixed, nothing new" : line;
}

}  // namespace pgassay::gate
