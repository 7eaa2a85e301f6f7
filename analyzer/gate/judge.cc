#include "analyzer/gate/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "analyzer/detectors/words.h"
#include "analyzer/gate/judge_parts.h"

namespace pgassay::gate {
namespace {

using detectors::Counted;

void AddLosses(const trace::Totals& totals, std::vector<std::string>& reasons) {
  if (totals.opaque_sessions > 0) {
    reasons.push_back(fmt::format("{} could not be read to the end: {} went by unseen.",
                                  Counted(totals.opaque_sessions, "session"), detectors::Bytes(totals.opaque_bytes)));
  }
  if (totals.dropped_events > 0)
    reasons.push_back(
        fmt::format("{} did not fit the ring: queries are missing.", Counted(totals.dropped_events, "event")));
  if (totals.dropped_value_batches > 0) {
    reasons.push_back(fmt::format("{} did not fit the ring: parents of N+1 queries may be missing.",
                                  Counted(totals.dropped_value_batches, "value set")));
  }
  if (totals.gaps > 0 && totals.dropped_events == 0)
    reasons.push_back(fmt::format("The trace has {}: queries are missing.", Counted(totals.gaps, "gap")));
  if (!totals.complete && reasons.empty())
    reasons.emplace_back("The recording has not ended in order: what came last is missing.");
}

std::vector<std::string> Reasons(const Comparison& c, const trace::Totals& totals, const Verdict& verdict) {
  std::vector<std::string> reasons;
  if (!c.policy.pass_when_incomplete) AddLosses(totals, reasons);
  if (c.policy.pass_when_empty && c.now.executions == 0) return reasons;
  if (c.now.executions == 0) {
    reasons.emplace_back("No query was recorded: the command did not connect through pgassay, or asked nothing.");
  } else if (c.now.judged_executions == 0) {
    reasons.emplace_back(
        "No query ran in a test, a traced request or a transaction: there is nothing that a gate can compare.");
  } else if (verdict.scopes_known > 0 && verdict.scopes_run == 0) {
    reasons.push_back(fmt::format("None of the {} of the baseline ran to its end: is the test runner's plugin loaded?",
                                  Counted(verdict.scopes_known, "scope")));
  }
  return reasons;
}

uint64_t Cost(const Entry& entry) {
  uint64_t cost = 0;
  for (const Change& change : entry.changes) cost += change.to - std::min(change.from, change.to);
  return cost;
}

void Sort(std::vector<Entry>& entries) {
  const auto key = [](const Entry& entry) {
    return std::tuple(Level::kFailure > entry.level, entry.level == Level::kNote, entry.kind);
  };
  std::ranges::stable_sort(entries, [&](const Entry& a, const Entry& b) {
    if (key(a) != key(b)) return key(a) < key(b);
    if (Cost(a) != Cost(b)) return Cost(a) > Cost(b);
    return std::tie(a.service, a.id, a.scope, a.statement) < std::tie(b.service, b.id, b.scope, b.statement);
  });
}

Outcome OutcomeOf(const Verdict& verdict) {
  if (std::ranges::any_of(verdict.entries, [](const Entry& entry) { return entry.level == Level::kFailure; }))
    return Outcome::kFail;
  return verdict.reasons.empty() ? Outcome::kPass : Outcome::kInconclusive;
}

}  // namespace

uint64_t CountIn(const Observation& observation, const std::string& scope, const std::string& skeleton) {
  const auto found = observation.scopes.find(scope);
  if (found == observation.scopes.end()) return 0;
  const auto counts = found->second.statements.find(skeleton);
  if (counts != found->second.statements.end()) return counts->second.queries.max;
  return observation.statements.contains(skeleton) ? 1 : 0;
}

const Suppression* FindSuppression(const Comparison& comparison, std::string_view id) {
  for (const Suppression& suppression : comparison.policy.suppressions) {
    if (suppression.id == id && !HasExpired(suppression, comparison.today)) return &suppression;
  }
  return nullptr;
}

Verdict Judge(const Observation& now, const Observation& baseline, const trace::Totals& totals, const Policy& policy,
              std::string_view today) {
  const Comparison comparison{now, baseline, policy, today};
  Verdict verdict;
  JudgeFindings(comparison, verdict);
  JudgeScopes(comparison, verdict);
  Sort(verdict.entries);
  verdict.reasons = Reasons(comparison, totals, verdict);
  verdict.outcome = OutcomeOf(verdict);
  return verdict;
}

Verdict Combine(std::vector<Verdict> verdicts) {
  Verdict all;
  for (Verdict& verdict : verdicts) {
    for (std::string& reason : verdict.reasons) {
      if (std::ranges::find(all.reasons, reason) == all.reasons.end()) all.reasons.push_back(std::move(reason));
    }
    std::ranges::move(verdict.entries, std::back_inserter(all.entries));
    std::ranges::move(verdict.baselines, std::back_inserter(all.baselines));
    all.known_findings += verdict.known_findings;
    all.scopes_run += verdict.scopes_run;
    all.scopes_known += verdict.scopes_known;
  }
  Sort(all.entries);
  all.outcome = OutcomeOf(all);
  return all;
}

}  // namespace pgassay::gate
