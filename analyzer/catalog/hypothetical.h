// Makes indexes that do not exist, for the length of a transaction of our own: HypoPG's, or real ones that are rolled
// back with it. Source: HypoPG 1.3, hypopg_create_index; PostgreSQL manual, CREATE INDEX; README.HOT for the one case
// in which the transaction that built an index may not use it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/planner.h"

namespace pgassay::catalog {

struct MadeIndex {
  std::vector<std::string> names = {};  // as plans call it; several on a partitioned table
  int64_t bytes = 0;
};

// The access methods that HypoPG knows.
bool HypoPgKnows(const IndexSpec& index);
// "" if the extension is not here.
Result<std::string> HypoPgSchema(Connection& connection);

// Build() makes the index's extension too, where it is not there. REQUIRES: Begin(), and for Build() Begin(false).
Result<MadeIndex> Suppose(Connection& connection, const std::string& hypopg_schema, const IndexSpec& index,
                          const Relation& relation);
Result<MadeIndex> Build(Connection& connection, const IndexSpec& index, const Relation& relation, size_t number);
// HypoPG's indexes outlive the transaction. REQUIRES: no transaction.
Result<> ForgetSupposed(Connection& connection, const std::string& hypopg_schema);

}  // namespace pgassay::catalog
