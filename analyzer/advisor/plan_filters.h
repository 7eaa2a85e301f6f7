// Conditions that stand in no statement but in its plan: of row-level security, and of views that are more than one
// table's columns. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/advisor/workload.h"
#include "analyzer/trace/plan_row.h"

namespace pgassay::advisor {

// Adds to the query equalities of columns with values; where it names no table, the most expensive one that has some.
// `plans`: of any statement and database; the query's are used.
void AddPlanFilters(Query& query, std::span<const trace::PlanRow> plans, const catalog::Snapshot& snapshot);

// The columns that a condition of a plan compares by = with a value: "((t.a = $1) AND (t.b = (current_setting($2))))"
// is a and b. What is no plain equality under AND is passed over.
std::vector<std::string> EqualColumns(std::string_view condition);

}  // namespace pgassay::advisor
