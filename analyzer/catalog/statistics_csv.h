// Statistics of another server, of production as a rule, laid over a snapshot: what psql writes for
//   COPY (SELECT s.*, c.reltuples, c.relpages, c.relallvisible FROM pg_stats s
//         JOIN pg_namespace n ON n.nspname = s.schemaname
//         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename) TO STDOUT (FORMAT csv, HEADER)
// Values that pg_stats shows (most_common_vals, histogram_bounds) are passed over. Pure. Source: PostgreSQL manual,
// "pg_stats" and COPY's CSV format.
#pragma once

#include <string_view>

#include "analyzer/catalog/snapshot.h"
#include "proxy/base/result.h"

namespace pgassay::catalog {

// Answers with the number of columns whose statistics were replaced. schemaname, tablename and attname are needed, of
// the rest what is there; columns that the snapshot does not have are left out. Existing indexes are taken to grow
// with their table. An error names the line.
Result<size_t> ApplyStatistics(std::string_view csv, Snapshot& snapshot);

}  // namespace pgassay::catalog
