// One comparison of a statement as a condition that an index may serve. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "analyzer/advisor/workload.h"

namespace pgassay::advisor {

// Nothing where the comparison does not hold for every row (OR, NOT) or compares two columns. `slot`: what is known of
// its values; null: nothing.
std::optional<Condition> ReadCondition(const sql::Comparison& comparison, const trace::StatementRow& statement,
                                       const trace::SlotRow* slot, const catalog::Snapshot& snapshot,
                                       const catalog::Relation& relation, int16_t attnum);

bool IsText(const catalog::Column& column);

// "lower(email)", "lower((email)::text)" of a varchar: as the catalogue would write it.
std::string ExpressionText(std::string_view function, const catalog::Column& column);

}  // namespace pgassay::advisor
