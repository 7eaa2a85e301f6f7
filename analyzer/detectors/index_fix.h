// The fix that creates an index: DDL that runs as printed, and the declaration of the same index for mappers, by the
// advisor, so that every rule gives the same index the same name. Pure.
#pragma once

#include <string>

#include "analyzer/advisor/ddl.h"
#include "analyzer/catalog/planner.h"
#include "analyzer/finding.h"
#include "analyzer/sql/orm.h"

namespace pgassay::detectors {

// `spec` has a name. The declaration for `sender` comes first.
Fix IndexFix(const catalog::Snapshot& snapshot, const catalog::Relation& relation, const catalog::IndexSpec& spec,
             sql::Orm sender);
// Under a name that nothing in the database has.
Fix NewIndexFix(const catalog::Snapshot& snapshot, const catalog::Relation& relation, catalog::IndexSpec spec,
                sql::Orm sender);

// "orders (user_id, created_at) WHERE deleted_at IS NULL", "products USING gin (metadata jsonb_path_ops)": what it is
// on, without INCLUDE, which follows how much of the table was visible on that day.
std::string IndexSubject(const catalog::IndexSpec& spec, const catalog::Relation& relation);

// Whether two fixes make the same index, INCLUDE aside, or one that begins with the other's keys and is longer.
bool MakesSameIndex(const Fix& a, const Fix& b);
bool MakesLongerIndex(const Fix& longer, const Fix& shorter);

}  // namespace pgassay::detectors
