// What rules that read plans share: of a statement the plan that says most, and where in it a table is read whole.
// Pure. Borrows the TraceView.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "analyzer/catalog/plan_tree.h"
#include "analyzer/detectors/schema.h"

namespace pgassay::detectors {

struct StatementPlan {
  const trace::PlanRow* row = nullptr;  // with values, else the generic one
  catalog::PlanNode plan = {};
  std::optional<catalog::PlanNode> structural = {};  // the same with sequential scans off, where it was asked for
};
// None where the statement could not be planned, or not in this table's database.
std::optional<StatementPlan> PlanOf(const TraceView& view, const catalog::Snapshot& database, int64_t statement_id);

// The same where the statement filters the table by reading it whole, and must even with sequential scans switched off:
// no index serves its condition. None else.
std::optional<StatementPlan> UnservedPlanOf(const TraceView& view, const Table& table, int64_t statement_id);

// A conjunct that compares a column as it is with values, as a B-tree could serve it.
bool ComparesBareColumn(const sql::Comparison& comparison);

// Statements that name the table and ran at least so often outside of migrations.
struct FrequentStatement {
  const trace::StatementRow* statement = nullptr;
  uint64_t calls = 0;
};
std::vector<FrequentStatement> FrequentStatements(const TraceView& view, const Table& table, double min_executions);

// What a finding by plans is about, with the plan of the costliest statement.
struct PlannedUse {
  Use use = {};
  StatementPlan plan = {};
  void Add(const FrequentStatement& frequent, StatementPlan of_statement);
};

// A partition counts as its table.
bool IsNodeOf(const Table& table, const catalog::PlanNode& node);
// Reads the table whole, and keeps what a condition lets through: the node, null if there is none.
const catalog::PlanNode* FilteringScan(const Table& table, const catalog::PlanNode& plan);
// "planned with the values of one execution: cost 417, 20 of 20 000 rows expected"
Evidence PlanEvidence(const Table& table, const StatementPlan& plan, const catalog::PlanNode& scan);

}  // namespace pgassay::detectors
