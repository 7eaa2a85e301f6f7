// The Planner over libpq. Each question is one read-only transaction (connection.h): it takes on what the
// application's session had set, asks for EXPLAIN of a single SELECT, INSERT, UPDATE, DELETE or MERGE, and is rolled
// back. ANALYZE only where PlanOptions::execute asks for it, within Connection::kStatementLimit. Values go as Bind
// parameters, as the application sent them; a statement without its values is planned generically. Indexes that do not
// exist are HypoPG's where the extension is; otherwise, and only if `sandbox` says that the database is nobody's, they
// are built in a transaction that is rolled back, which locks out writers and may take Connection::kWriteLimit.
// Blocking, see connection.h. Source: PostgreSQL manual, EXPLAIN, PREPARE.
#pragma once

#include <atomic>
#include <memory>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/planner.h"

namespace pgassay::catalog {

struct ExplainerOptions {
  bool sandbox = false;
};

// `give_up`: as Connections has it.
std::unique_ptr<Planner> MakeExplainer(Target target, Snapshot snapshot, ExplainerOptions options = {},
                                       const std::atomic<bool>* give_up = nullptr);

}  // namespace pgassay::catalog
