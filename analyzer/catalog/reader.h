// Reads a database's catalogue into a Snapshot. Least privileges: what a role may not see, or what is locked or too
// slow, is left at "unknown" and said in Snapshot::notes. Fixed texts with parameters only; relations are named by OID.
// PostgreSQL 14 to 18. Blocking; see connection.h. Source: PostgreSQL manual, "System Catalogs"; pg_node_tree for the
// columns that a view passes on.
#pragma once

#include <string_view>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/snapshot.h"

namespace pgassay::catalog {

// An error when not even the relations could be read. upstream and database are the caller's to fill.
Result<Snapshot> ReadSnapshot(Connections& connections);

// The columns that a view's query passes on unchanged from what it reads (which may be another view), from
// pg_rewrite.ev_action. `view` has its columns already.
std::vector<ViewColumn> ViewColumnsOf(std::string_view node_tree, const Relation& view);

}  // namespace pgassay::catalog
