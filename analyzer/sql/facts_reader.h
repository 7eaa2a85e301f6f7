// From libpg_query's JSON parse tree to Facts. Source: PostgreSQL 15's raw parse tree (parsenodes.h) as libpg_query writes it.
#pragma once

#include <string_view>
#include <vector>

#include "analyzer/sql/scan.h"
#include "analyzer/sql/statement.h"

namespace pgassay::sql {

// Facts of the first statement in `tree_json`; locations in it are found in `positions`. False if the tree cannot be read.
// Recursive: REQUIRES a stack that fits the tree's depth (Analyzer's worker has one).
bool ReadFacts(std::string_view tree_json, const std::vector<ValuePosition>& positions, Facts& facts);

// Relations and functions tell: every one of them is PostgreSQL's own catalogue.
bool IsCatalogRelation(const Relation& relation);

}  // namespace pgassay::sql
