// libpg_query's parse tree (JSON) to facts.
#pragma once

#include <simdjson.h>

#include <span>
#include <string_view>

#include "analyzer/sql/scan.h"
#include "analyzer/sql/statement.h"

namespace pgassay::sql {

// `statement` is the tree of one statement ({"SelectStmt": {…}}), `values` the positions of its slots in the text it
// was parsed from. Recurses as deep as the tree. Fills all but parsed and fingerprint.
void FactsFromTree(simdjson::dom::element statement, std::span<const ValuePosition> values, Facts& facts);

}  // namespace pgassay::sql
