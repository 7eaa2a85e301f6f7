#include "analyzer/ingest/confirm_advice.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "analyzer/advisor/advice.h"
#include "analyzer/advisor/index_match.h"
#include "analyzer/advisor/narrow.h"
#include "analyzer/advisor/try_advice.h"
#include "analyzer/catalog/value_share.h"
#include "analyzer/ingest/slot_facts.h"

namespace pgassay::ingest {
namespace {

using catalog::WorkloadStatement;

std::vector<WorkloadStatement> SamplesOf(std::span<const StatementToPlan> statements) {
  std::vector<WorkloadStatement> samples;
  for (const StatementToPlan& statement : statements) {
    WorkloadStatement& added = samples.emplace_back();
    added.statement_id = statement.statement_id;
    added.values_known = statement.executions.front().values_known;
    for (const Planning& planning : statement.executions) added.samples.push_back(planning.sample);
  }
  return samples;
}

std::vector<trace::StatementRow> RowsOf(std::span<const StatementToPlan> statements,
                                        std::span<const StatementUse> uses) {
  std::map<int64_t, std::string> texts;
  for (const StatementToPlan& statement : statements)
    texts[statement.statement_id] = sql::Redact(statement.executions.front().sample.sql);
  std::vector<trace::StatementRow> rows;
  for (const StatementUse& use : uses) {
    trace::StatementRow& row = rows.emplace_back();
    row.statement_id = use.statement_id;
    row.sql = texts[use.statement_id];
    row.facts = *use.facts;
    row.driver = use.facts->catalog_only;
    row.calls = use.calls;
    row.rows = use.rows;
  }
  return rows;
}

// The column that a slot is compared with; nulls where it cannot be told.
struct SlotColumn {
  const catalog::Relation* relation = nullptr;
  std::string_view column;
};
SlotColumn ColumnOf(const trace::SlotRow& slot, std::span<const StatementUse> uses, const catalog::Snapshot& snapshot) {
  const auto use = std::ranges::lower_bound(uses, slot.statement_id, {}, &StatementUse::statement_id);
  const auto comparison = std::ranges::find(use->facts->comparisons, slot.slot, &sql::Comparison::slot);
  if (comparison == use->facts->comparisons.end() || comparison->column.relation < 0) return {};
  const sql::Relation& name = use->facts->relations[static_cast<size_t>(comparison->column.relation)];
  return {snapshot.FindRelation(name.schema, name.name), comparison->column.column};
}

// Asks the statistics how much of the table has a slot's constant.
void AddShares(catalog::Connections& connections, const catalog::Snapshot& snapshot, std::span<const StatementUse> uses,
               std::vector<SlotFact>& facts) {
  for (SlotFact& fact : facts) {
    if (fact.constant_value.empty()) continue;
    const SlotColumn at = ColumnOf(fact.row, uses, snapshot);
    if (at.relation == nullptr) continue;
    const auto share = catalog::ValueShare(connections, *at.relation, at.column, fact.constant_value);
    if (share) fact.row.share = *share;
  }
}

bool IsAdvised(const trace::SlotRow& slot, const advisor::Advice& advice) {
  return std::ranges::any_of(advice.create, [&](const advisor::NewIndex& index) {
    return index.candidate.spec.predicate.ends_with(" = " + slot.constant) &&
           std::ranges::any_of(index.helped, [&](const advisor::Helped& helped) {
             return helped.statement->statement_id == slot.statement_id;
           });
  });
}

bool IsInAnIndex(const trace::SlotRow& slot, const SlotColumn& at, const catalog::Snapshot& snapshot) {
  if (at.relation == nullptr) return false;
  const std::string predicate =
      advisor::CanonicalExpression(catalog::QuoteIdentifier(at.column) + " = " + slot.constant);
  return std::ranges::any_of(snapshot.IndexesOf(at.relation->oid), [&](const catalog::Index* index) {
    return advisor::CanonicalExpression(index->predicate) == predicate;
  });
}

// A constant is kept where an index has it in its predicate, or is advised with it: the index says it anyway.
void ForgetOtherConstants(const advisor::Advice& advice, std::span<const StatementUse> uses,
                          const catalog::Snapshot& snapshot, std::vector<trace::SlotRow>& slots) {
  for (trace::SlotRow& slot : slots) {
    if (slot.constant.empty() || IsAdvised(slot, advice)) continue;
    if (!IsInAnIndex(slot, ColumnOf(slot, uses, snapshot), snapshot)) slot.constant.clear();
  }
}

}  // namespace

Confirmed ConfirmAdvice(catalog::Connections& connections, catalog::Planner& planner,
                        std::span<const StatementToPlan> statements, std::span<const StatementUse> uses,
                        std::span<const trace::PlanRow> plans, std::chrono::milliseconds budget) {
  std::vector<SlotFact> facts = ReadSlotFacts(statements, uses);
  AddShares(connections, planner.snapshot(), uses, facts);
  Confirmed confirmed;
  for (SlotFact& fact : facts) confirmed.slots.push_back(std::move(fact.row));
  const std::vector<trace::StatementRow> rows = RowsOf(statements, uses);
  const advisor::Workload workload = advisor::MakeWorkload(rows, confirmed.slots, planner.snapshot(), plans);
  const std::vector<WorkloadStatement> samples = SamplesOf(statements);
  confirmed.trials = advisor::TryAdvice(workload, planner, samples, budget);
  const advisor::Advice advice = advisor::Advise(workload, advisor::MakePageCostModel, {.trials = confirmed.trials});
  ForgetOtherConstants(advice, uses, planner.snapshot(), confirmed.slots);
  std::ranges::move(advisor::TryNarrowed(workload, planner, samples, budget / 4), std::back_inserter(confirmed.trials));
  return confirmed;
}

}  // namespace pgassay::ingest
