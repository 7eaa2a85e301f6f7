// Whether a statement may be executed once more, for EXPLAIN ANALYZE: it reads, from tables of this server, and nothing
// that it calls is volatile, by the server's own word (pg_proc), neither in its text nor in its plan, where conditions
// of row-level security and bodies that were inlined stand too. Views are left out: a plan does not show all that they
// call. Functions that are volatile behind operators, casts or aggregates rule out every statement of the database, for
// a plan does not name them. Blocking, see connection.h. Source: PostgreSQL manual, "Function Volatility Categories".
#pragma once

#include <string>
#include <string_view>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/snapshot.h"
#include "analyzer/sql/statement.h"
#include "proxy/base/result.h"

namespace pgassay::catalog {

// By what is known of it without asking.
Result<> MayBeExecuted(const sql::Facts& facts, const Snapshot& snapshot);
// By its plan: EXPLAIN (FORMAT JSON, VERBOSE) as the server gave it. Within a transaction; changes nothing in it.
Result<> MayBeExecuted(Connection& connection, const std::string& sql, std::string_view plan_json);

}  // namespace pgassay::catalog
