#include "analyzer/advisor/advice.h"

#include <algorithm>
#include <set>

#include "analyzer/advisor/ddl.h"

namespace pgassay::advisor {
namespace {

bool IsTiny(const Workload& workload, const catalog::Relation& relation, double min_rows) {
  const TableSize size = SizeOf(*workload.snapshot, relation);
  return size.known && size.rows < min_rows;
}

// Of a small table an index has to serve some executions, for nothing else says that it is worth it.
bool ServesTooFew(const Workload& workload, const Candidate& candidate, double min_executions) {
  if (!IsSmall(*workload.snapshot, *candidate.relation)) return false;
  double executions = 0;
  for (const size_t query : candidate.queries) executions += workload.queries[query].weight;
  return executions < min_executions;
}

// What the server refuted is no candidate for the statement any more.
void Refute(const Workload& workload, const Trials& trials, std::vector<Candidate>& candidates) {
  for (Candidate& candidate : candidates) {
    std::erase_if(candidate.queries, [&](size_t query) {
      return trials.Refuted(workload.queries[query].statement->statement_id, candidate);
    });
  }
  std::erase_if(candidates, [](const Candidate& candidate) { return candidate.queries.empty(); });
}

// As the best trial has it, where one could be made.
How HowKnown(const NewIndex& index, How modelled) {
  How how = modelled;
  for (const Helped& helped : index.helped) {
    if (helped.trial == nullptr || !helped.trial->problem.empty() || helped.trial->structural) continue;
    how = std::max(how, helped.trial->kind == trace::TrialKind::kBuilt ? How::kBuilt : How::kHypothetical);
  }
  return how;
}

std::vector<Helped> HelpedBy(size_t index, const Workload& workload, std::span<const Candidate> candidates,
                             const Selection& selection, CostModel& model, const Trials& trials) {
  std::vector<size_t> without = selection.chosen;
  std::erase(without, index);
  std::vector<Helped> helped;
  for (const size_t query : candidates[index].queries) {
    if (!std::ranges::binary_search(selection.after[query].used, index)) continue;
    const Cost less = model.CostOf(query, without);
    const Query& asked = workload.queries[query];
    if (less.total <= selection.after[query].total) continue;
    Helped& added = helped.emplace_back(Helped{.statement = asked.statement,
                                               .calls = asked.weight,
                                               .cost_before = less.total,
                                               .cost_after = selection.after[query].total,
                                               .of_today = ShareOfToday(*workload.snapshot, asked),
                                               .trial = trials.Find(asked.statement->statement_id, candidates[index])});
    if (added.trial == nullptr || !Trials::HasCosts(*added.trial, candidates[index])) continue;
    added.cost_before = added.trial->cost_before;
    added.cost_after = added.trial->cost_after;
    added.of_today = 1;
  }
  std::ranges::stable_sort(helped, std::greater{},
                           [](const Helped& each) { return each.calls * (each.cost_before - each.cost_after); });
  return helped;
}

}  // namespace

Advice Advise(const Workload& workload, const ModelMaker& make_model, const AdviceOptions& options) {
  Advice advice;
  std::vector<Candidate> candidates = MakeCandidates(workload, options.selection.budget_bytes >= 0);
  std::erase_if(candidates, [&](const Candidate& candidate) {
    return IsTiny(workload, *candidate.relation, options.min_rows) ||
           ServesTooFew(workload, candidate, options.min_executions);
  });
  const Trials trials(options.trials, *workload.snapshot);
  Refute(workload, trials, candidates);
  const std::unique_ptr<CostModel> model = make_model(workload, candidates);
  const Selection selection = Select(workload, candidates, *model, options.selection);
  advice.cost_before = selection.cost_before;
  advice.cost_after = selection.cost_after;
  double cost_today = 0;
  for (size_t query = 0; query < workload.queries.size(); ++query) {
    const Query& asked = workload.queries[query];
    cost_today += asked.weight * selection.before[query].total * ShareOfToday(*workload.snapshot, asked);
  }
  std::set<std::string> taken = TakenNames(*workload.snapshot);
  for (const size_t chosen : selection.chosen) {
    NewIndex index;
    index.candidate = candidates[chosen];
    index.candidate.spec.name = IndexName(index.candidate.spec, *index.candidate.relation, taken);
    index.helped = HelpedBy(chosen, workload, candidates, selection, *model, trials);
    double saved_today = 0;
    for (const Helped& helped : index.helped) {
      const double saved = helped.calls * (helped.cost_before - helped.cost_after);
      index.saved += saved;
      saved_today += saved * helped.of_today;
    }
    index.writes = CostOfWrites(index.candidate, workload);
    index.saved -= index.writes.cost;
    index.share = cost_today > 0 ? (saved_today - index.writes.cost) / cost_today : 0;
    index.how = HowKnown(index, model->HowKnown(chosen));
    index.ddl = CreateStatements(index.candidate.spec, *index.candidate.relation, *workload.snapshot);
    index.declarations = Declarations(index.candidate.spec, *index.candidate.relation);
    if (!index.helped.empty()) advice.create.push_back(std::move(index));
  }
  std::ranges::stable_sort(advice.create, std::greater{}, &NewIndex::saved);
  advice.plans = model->calls();
  advice.drop = FindDrops(workload);
  for (BareForeignKey& key : FindBareForeignKeys(workload)) {
    const bool served = std::ranges::any_of(advice.create, [&](const NewIndex& index) {
      return index.candidate.spec.relation_oid == key.relation->oid && index.candidate.spec.predicate.empty() &&
             index.candidate.spec.keys.front().attnum == key.key->columns.front() && key.key->columns.size() == 1;
    });
    if (served) continue;
    key.spec.name = IndexName(key.spec, *key.relation, taken);
    advice.foreign_keys.push_back(std::move(key));
  }
  return advice;
}

}  // namespace pgassay::advisor
