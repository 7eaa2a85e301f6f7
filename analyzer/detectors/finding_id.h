// A finding's id: the same in every run, on every machine, for as long as the pattern is the same. It is made of the
// rule, the id version and either the edge (parent relation.column, child relation.column, child operation) or, where
// no relation is proven, the statement's skeleton: operation, relations and predicate columns. Never in it: select
// list, column order, aliases, list lengths, schemas (tenants), database, scope, OIDs, counts. A chain's id is its
// outermost edge's. Pure. The id is 12 hex digits of an unkeyed 64-bit hash of `text`: not for adversaries, only for
// people.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/finding.h"
#include "analyzer/sql/statement.h"
#include "analyzer/trace/trace.h"

namespace pgassay::detectors {

inline constexpr int kFindingIdVersion = 1;

struct FindingId {
  std::string id;    // "7c1e09ab34f2"
  std::string text;  // "n-plus-one/1 SELECT orders.user_id <- users.id"
};

FindingId EdgeId(std::string_view rule, std::string_view parent_relation, std::string_view parent_column,
                 std::string_view child_relation, std::string_view child_column, sql::Operation child_operation);
// Operation, relations and predicate columns, sorted: "SELECT orders where orders.user_id".
// A statement that names no relation (unparsed, or none in it) is told apart by its shape.
std::string Skeleton(const trace::StatementRow& statement);
FindingId SkeletonId(std::string_view rule, const trace::StatementRow& statement);
// Of the schema, whatever statements touch it: `subject` is "relation" or "relation.column, column".
FindingId SchemaId(std::string_view rule, std::string_view subject);

// Sets the finding's rule, id and id_text.
void Identify(Finding& finding, std::string_view rule, FindingId id);

}  // namespace pgassay::detectors
