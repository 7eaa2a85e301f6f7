#include "analyzer/ingest/plan_statements.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace pgassay::ingest {
namespace {

using catalog::PlannedCost;
using catalog::Planner;
using catalog::Sample;
using trace::PlanKind;
using trace::PlanRow;

// How often a named statement runs before the server considers a generic plan (plancache.c: after five custom ones).
constexpr uint64_t kGenericFrom = 6;

struct Asked {
  PlanRow row;
  const Sample* kept = nullptr;  // whose plan is in the row
};

void Take(PlannedCost&& cost, PlanRow& row) {
  row.how = std::move(cost.how);
  row.rows = cost.rows;
  row.sequential_scans = std::move(cost.sequential_scans);
  row.plan_json = std::move(cost.plan_json);
  row.indexes.clear();
  for (const catalog::UsedIndex& used : cost.indexes_used) row.indexes.push_back(used.name);
}

Asked WithValues(Planner& planner, const StatementToPlan& statement) {
  Asked asked{.row = {.statement_id = statement.statement_id, .kind = PlanKind::kValues}};
  double sum = 0, most = 0;
  for (const Planning& planning : statement.executions) {
    if (!planning.values_known) continue;
    auto cost = planner.Plan(planning.sample);
    if (!cost) {
      asked.row.problem = cost.error().message;  // what keeps one from being planned keeps the others, mostly
      break;
    }
    ++asked.row.executions;
    sum += cost->total_cost;
    if (asked.kept != nullptr && cost->total_cost <= most) continue;
    most = cost->total_cost;
    asked.kept = &planning.sample;
    Take(std::move(*cost), asked.row);
  }
  if (asked.row.executions > 0) {
    asked.row.problem.clear();
    asked.row.total_cost = sum / static_cast<double>(asked.row.executions);
  }
  return asked;
}

Asked OnePlan(Planner& planner, const Sample& sample, PlanRow row, catalog::PlanOptions options) {
  Asked asked{.row = std::move(row), .kept = &sample};
  auto cost = planner.Plan(sample, {}, options);
  if (!cost) {
    asked.row.problem = cost.error().message;
    return asked;
  }
  asked.row.total_cost = cost->total_cost;
  Take(std::move(*cost), asked.row);
  return asked;
}

// Of a named statement that ran often enough the server may take its generic plan.
bool MayRunGenerically(const StatementToPlan& statement) {
  return statement.calls >= kGenericFrom &&
         std::ranges::any_of(statement.executions, [](const Planning& planning) { return planning.sample.named; });
}

bool HasKnownValues(const StatementToPlan& statement) {
  return std::ranges::any_of(statement.executions, &Planning::values_known);
}

PlanRow PlanGenerically(Planner& planner, const StatementToPlan& statement, const Sample*& kept) {
  const auto named = std::ranges::find_if(statement.executions, [](const Planning& p) { return p.sample.named; });
  const Planning& planning = named != statement.executions.end() ? *named : statement.executions.front();
  Asked asked = OnePlan(planner, planning.sample, {.statement_id = statement.statement_id, .kind = PlanKind::kGeneric},
                        {.values = catalog::Values::kGeneric});
  kept = asked.kept;
  return std::move(asked.row);
}

void PlanOne(Planner& planner, const StatementToPlan& statement, std::vector<PlanRow>& rows) {
  std::optional<Asked> first;
  if (HasKnownValues(statement)) first = WithValues(planner, statement);
  std::optional<Asked> generic;
  if (!first || MayRunGenerically(statement)) {
    generic.emplace();
    generic->row = PlanGenerically(planner, statement, generic->kept);
  }
  const Asked& shown = first ? *first : *generic;
  std::optional<Asked> structural;
  if (shown.kept != nullptr && !shown.row.sequential_scans.empty()) {
    structural =
        OnePlan(planner, *shown.kept,
                {.statement_id = statement.statement_id,
                 .kind = PlanKind::kNoSequentialScans,
                 .executions = first ? uint64_t{1} : 0},
                {.values = first ? catalog::Values::kSampled : catalog::Values::kGeneric, .sequential_scans = false});
  }
  for (std::optional<Asked>* asked : {&first, &generic, &structural}) {
    if (*asked) rows.push_back(std::move((*asked)->row));
  }
}

}  // namespace

std::vector<PlanRow> PlanStatements(Planner& planner, std::span<const StatementToPlan> statements,
                                    std::chrono::milliseconds budget) {
  const auto until = std::chrono::steady_clock::now() + budget;
  std::vector<PlanRow> rows;
  for (const StatementToPlan& statement : statements) {
    if (std::chrono::steady_clock::now() > until) break;
    PlanOne(planner, statement, rows);
  }
  // What no server takes by itself is asked for last.
  for (const StatementToPlan& statement : statements) {
    if (std::chrono::steady_clock::now() > until) break;
    const bool planned = !HasKnownValues(statement) || MayRunGenerically(statement);
    if (planned || statement.executions.front().sample.binds.empty()) continue;
    const Sample* kept = nullptr;
    rows.push_back(PlanGenerically(planner, statement, kept));
  }
  return rows;
}

std::vector<PlanRow> ExecuteStatements(Planner& planner, std::span<const StatementToPlan> statements,
                                       std::chrono::milliseconds budget) {
  const auto until = std::chrono::steady_clock::now() + budget;
  std::vector<PlanRow> rows;
  for (const StatementToPlan& statement : statements) {
    if (std::chrono::steady_clock::now() > until) break;
    const Planning* slowest = nullptr;
    for (const Planning& planning : statement.executions) {
      const bool slower = slowest == nullptr || planning.sample.database_ns > slowest->sample.database_ns;
      if (planning.values_known && slower) slowest = &planning;
    }
    if (slowest == nullptr) continue;
    const PlanRow row{.statement_id = statement.statement_id, .kind = PlanKind::kExecuted, .executions = 1};
    rows.push_back(OnePlan(planner, slowest->sample, row, {.execute = true}).row);
  }
  return rows;
}

}  // namespace pgassay::ingest
