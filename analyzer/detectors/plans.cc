#include "analyzer/detectors/plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "analyzer/detectors/words.h"

namespace pgassay::detectors {

std::optional<StatementPlan> PlanOf(const TraceView& view, const catalog::Snapshot& database, int64_t statement_id) {
  std::optional<StatementPlan> found;
  for (const trace::PlanRow& row : view.plans) {
    const bool here = row.upstream == database.upstream && row.database == database.database;
    if (row.statement_id != statement_id || !here || !row.problem.empty()) continue;
    if (row.kind == trace::PlanKind::kExecuted) continue;  // says no more than the plan with values
    auto plan = catalog::PlanTree(row.plan_json);
    if (!plan) continue;
    if (row.kind == trace::PlanKind::kNoSequentialScans) {
      if (found) found->structural = std::move(*plan);
    } else if (!found) {
      found = StatementPlan{.row = &row, .plan = std::move(*plan)};
    }
  }
  return found;
}

std::optional<StatementPlan> UnservedPlanOf(const TraceView& view, const Table& table, int64_t statement_id) {
  // Most plans are not worth reading for this.
  const bool scans = std::ranges::any_of(view.plans, [&](const trace::PlanRow& row) {
    return row.statement_id == statement_id && row.kind == trace::PlanKind::kNoSequentialScans &&
           row.plan_json.contains("Seq Scan");
  });
  if (!scans) return std::nullopt;
  auto plan = PlanOf(view, *table.snapshot, statement_id);
  const bool unserved = plan && plan->structural && FilteringScan(table, *plan->structural) != nullptr &&
                        FilteringScan(table, plan->plan) != nullptr;
  return unserved ? std::move(plan) : std::nullopt;
}

bool ComparesBareColumn(const sql::Comparison& comparison) {
  using enum sql::Comparator;
  return comparison.conjunct && comparison.function.empty() && comparison.slot >= 0 &&
         (comparison.comparator == kEqual || comparison.comparator == kInList || comparison.comparator == kAnyArray ||
          comparison.comparator == kRange);
}

std::vector<FrequentStatement> FrequentStatements(const TraceView& view, const Table& table, double min_executions) {
  std::vector<FrequentStatement> frequent;
  const Use all =
      UseOf(view, [&](const trace::StatementRow& statement) { return Names(statement, table.relation->name); });
  for (const trace::StatementRow* statement : all.statements) {
    const uint64_t calls = CallsOf(view, *statement);
    if (static_cast<double>(calls) >= min_executions) frequent.push_back({statement, calls});
  }
  return frequent;
}

void PlannedUse::Add(const FrequentStatement& frequent, StatementPlan of_statement) {
  use.statements.push_back(frequent.statement);
  use.calls += frequent.calls;
  if (plan.row == nullptr || plan.plan.total_cost < of_statement.plan.total_cost) plan = std::move(of_statement);
}

bool IsNodeOf(const Table& table, const catalog::PlanNode& node) {
  if (node.relation.empty()) return false;
  const catalog::Relation* relation = table.snapshot->FindRelation(node.schema, node.relation);
  for (int depth = 0; relation != nullptr && depth < 16; ++depth) {
    if (relation->oid == table.relation->oid) return true;
    if (relation->parent_oid == 0) return false;
    relation = table.snapshot->FindRelation(relation->parent_oid);
  }
  return false;
}

const catalog::PlanNode* FilteringScan(const Table& table, const catalog::PlanNode& plan) {
  const catalog::PlanNode* found = nullptr;
  catalog::ForEachNode(plan, [&](const catalog::PlanNode& node) {
    const bool filters = node.type == "Seq Scan" && !node.Condition("Filter").empty() && IsNodeOf(table, node);
    if (filters && (found == nullptr || node.own_cost > found->own_cost)) found = &node;
  });
  return found;
}

Evidence PlanEvidence(const Table& table, const StatementPlan& plan, const catalog::PlanNode& scan) {
  const double rows = table.relation->rows;
  const std::string of_all = rows < 0 ? "" : fmt::format(" of {}", Count(static_cast<uint64_t>(rows)));
  return {fmt::format("{}: cost {:.2f} of {:.2f} is this scan, {}{} rows expected of it", plan.row->how, scan.own_cost,
                      plan.plan.total_cost, Count(static_cast<uint64_t>(scan.rows)), of_all),
          {{"total_cost", plan.plan.total_cost}, {"scan_cost", scan.own_cost}, {"expected_rows", scan.rows}}};
}

}  // namespace pgassay::detectors
