// A statement's plans, drawn as trees. Pure; unescaped: Page escapes.
#pragma once

#include <cstdint>

#include "analyzer/report.h"
#include "reporters/json_parts.h"
#include "reporters/text.h"

namespace pgassay::reporters {

// Nothing where the statement was not planned.
void WritePlans(const Report& report, int64_t statement_id, Page& page);
Json JsonPlans(const Report& report, int64_t statement_id);  // as the planner gave them
// What WritePlans draws: of each plan its nodes as a tree, with each node's own share of the cost.
Json JsonPlanTrees(const Report& report, int64_t statement_id);
// What the planner would do once the fix is there: of the statement that it helps most, both plans. Nothing where no
// server was asked.
void WritePlanChanges(const Finding& finding, Page& page);
Json JsonPlanChanges(const Finding& finding);

}  // namespace pgassay::reporters
