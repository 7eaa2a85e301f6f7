// Advice as a person runs or writes it: SQL that runs as printed, and the declaration of the same index for mappers.
// Identifiers are quoted wherever they have to be. Pure.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/advisor/candidate.h"
#include "analyzer/advisor/drops.h"

namespace pgassay::advisor {

// "ix_orders_user_id_created_at", at most 63 bytes, unlike every name that is taken; it is added to `taken`.
std::string IndexName(const catalog::IndexSpec& spec, const catalog::Relation& relation, std::set<std::string>& taken);
std::set<std::string> TakenNames(const catalog::Snapshot& snapshot);

// One statement each, with semicolon, in the order to run them: CONCURRENTLY; of a partitioned table ON ONLY, each
// partition, ATTACH. None of them can run in a transaction block.
std::vector<std::string> CreateStatements(const catalog::IndexSpec& spec, const catalog::Relation& relation,
                                          const catalog::Snapshot& snapshot);
std::vector<std::string> DropStatements(const catalog::Index& index, const catalog::Relation& relation);

// "sqlalchemy", "django", "rails", "prisma" -> text.
std::vector<std::pair<std::string, std::string>> Declarations(const catalog::IndexSpec& spec,
                                                              const catalog::Relation& relation);

}  // namespace pgassay::advisor
