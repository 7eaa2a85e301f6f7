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

// A partition counts as its table.
bool IsNodeOf(const Table& table, const catalog::PlanNode& node);
// Reads the table whole, and keeps what a condition lets through: the node, null if there is none.
const catalog::PlanNode* FilteringScan(const Table& table, const catalog::PlanNode& plan);
// "planned with the values of one execution: cost 417, 20 of 20 000 rows expected"
Evidence PlanEvidence(const Table& table, const StatementPlan& plan, const catalog::PlanNode& scan);

}  // namespace pgassay::detectors
