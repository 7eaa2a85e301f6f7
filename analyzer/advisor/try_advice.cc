#include "analyzer/advisor/try_advice.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "analyzer/advisor/advice.h"
#include "analyzer/advisor/supposed.h"
#include "analyzer/advisor/trials.h"

namespace pgassay::advisor {
namespace {

using catalog::Hypothetical;
using catalog::Planner;
using catalog::WorkloadStatement;
using Clock = std::chrono::steady_clock;

constexpr size_t kExecutions = 5;       // of a statement; each is planned two to four times
constexpr size_t kBuiltExecutions = 1;  // where each plan builds the indexes again
constexpr int kRounds = 6;              // of advice without what was refuted
// A later budget takes other indexes than no budget does: of the heap.
constexpr auto kBudgets = std::to_array<double>({0, 0.5, 0.33, 0.22, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.015, 0.01});

// Plans of one statement's executions under a set of indexes.
struct Planned {
  double cost = 0, most = -1;  // mean, and of the costliest
  std::set<size_t> used;       // positions in the set
  std::string json, how, problem;
};

class Trier {
 public:
  Trier(const Workload& workload, Planner& planner, std::span<const WorkloadStatement> samples,
        std::chrono::milliseconds budget)
      : workload_(workload), planner_(planner), until_(Clock::now() + budget) {
    for (const WorkloadStatement& statement : samples) samples_[statement.statement_id] = &statement;
  }

  std::vector<trace::TrialRow> Run() {
    double heap = 0;
    for (const catalog::Relation& relation : workload_.snapshot->relations)
      heap += static_cast<double>(relation.pages) * 8192;
    for (const double share : kBudgets) {
      AdviceOptions options;
      if (share > 0) options.selection.budget_bytes = static_cast<int64_t>(share * heap);
      for (int round = 0; round < kRounds && !OutOfTime(); ++round) {
        options.trials = rows_;
        if (!TryAll(Advise(workload_, MakePageCostModel, options))) break;
      }
    }
    return std::move(rows_);
  }

 private:
  bool OutOfTime() const { return Clock::now() > until_; }

  // Whether there was anything to try.
  bool TryAll(const Advice& advice) {
    bool tried = false;
    for (const NewIndex& index : advice.create) {
      const Hypothetical way = planner_.CanTry(index.candidate.spec);
      if (way == Hypothetical::kNone) continue;
      const std::string definition = TrialIndex(index.candidate.spec, *index.candidate.relation);
      for (const Helped& helped : index.helped) {
        const auto sample = samples_.find(helped.statement->statement_id);
        if (sample == samples_.end() || sample->second->samples.empty() || OutOfTime()) continue;
        if (!asked_.emplace(helped.statement->statement_id, definition).second) continue;
        trace::TrialRow row = Try(*sample->second, index, advice);
        row.index = definition;
        rows_.push_back(std::move(row));
        tried = true;
      }
    }
    return tried;
  }

  trace::TrialRow Try(const WorkloadStatement& statement, const NewIndex& index, const Advice& advice) {
    std::vector<const Candidate*> others;
    bool built = planner_.CanTry(index.candidate.spec) == Hypothetical::kSandbox;
    for (const NewIndex& other : advice.create) {
      const bool helps = std::ranges::any_of(
          other.helped, [&](const Helped& helped) { return helped.statement->statement_id == statement.statement_id; });
      const Hypothetical way = planner_.CanTry(other.candidate.spec);
      if (&other == &index || !helps || way == Hypothetical::kNone) continue;
      others.push_back(&other.candidate);
      built = built || way == Hypothetical::kSandbox;
    }
    trace::TrialRow row{.upstream = workload_.snapshot->upstream,
                        .database = workload_.snapshot->database,
                        .statement_id = statement.statement_id,
                        .kind = built ? trace::TrialKind::kBuilt : trace::TrialKind::kHypothetical,
                        .structural = IsSmall(*workload_.snapshot, *index.candidate.relation)};
    // Beside the other advice; where that takes its place, alone.
    if (!Compare(statement, index.candidate, others, row) && !others.empty() && row.problem.empty())
      Compare(statement, index.candidate, {}, row);
    return row;
  }

  // Whether the planner takes the index beside these.
  bool Compare(const WorkloadStatement& statement, const Candidate& index, std::vector<const Candidate*> set,
               trace::TrialRow& row) {
    const Planned before = PlanAll(statement, set, row);
    set.push_back(&index);
    Planned after = PlanAll(statement, set, row);
    row.problem = before.problem.empty() ? after.problem : before.problem;
    if (!row.problem.empty()) return false;
    row.used = after.used.contains(set.size() - 1);
    row.cost_before = before.cost;
    row.cost_after = after.cost;
    row.plan_before = before.json;
    row.plan_after = std::move(after.json);
    row.how = std::move(after.how);
    return row.used;
  }

  Planned PlanAll(const WorkloadStatement& statement, std::span<const Candidate* const> set, trace::TrialRow& row) {
    const size_t most = row.kind == trace::TrialKind::kBuilt ? kBuiltExecutions : kExecutions;
    const size_t count = std::min(most, statement.samples.size());
    Planned planned;
    for (size_t i = 0; i < count; ++i) {
      // The first that was drawn and the last ones, which are the slowest and the one with the largest result.
      const size_t at = i == 0 ? 0 : statement.samples.size() - i;
      auto cost = PlanWith(planner_, statement.samples[at], set,
                           {.values = statement.values_known ? catalog::Values::kSampled : catalog::Values::kGeneric,
                            .sequential_scans = !row.structural});
      if (!cost) {
        planned.problem = cost.error().message;
        return planned;
      }
      planned.cost += cost->total_cost / static_cast<double>(count);
      for (const catalog::UsedIndex& used : cost->indexes_used) {
        if (used.hypothetical >= 0) planned.used.insert(static_cast<size_t>(used.hypothetical));
      }
      if (cost->total_cost <= planned.most) continue;
      planned.most = cost->total_cost;
      planned.json = std::move(cost->plan_json);
      planned.how = std::move(cost->how);
    }
    row.executions = statement.values_known ? count : 0;
    return planned;
  }

  const Workload& workload_;
  Planner& planner_;
  const Clock::time_point until_;
  std::map<int64_t, const WorkloadStatement*> samples_;
  std::set<std::pair<int64_t, std::string>> asked_;
  std::vector<trace::TrialRow> rows_;
};

}  // namespace

std::vector<trace::TrialRow> TryAdvice(const Workload& workload, Planner& planner,
                                       std::span<const WorkloadStatement> samples, std::chrono::milliseconds budget) {
  return Trier(workload, planner, samples, budget).Run();
}

}  // namespace pgassay::advisor
