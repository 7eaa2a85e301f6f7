// Lets a transaction of our own plan as the application's session would: its role, search_path, planner and custom
// settings, all LOCAL.
#pragma once

#include <string>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/planner.h"

namespace pgassay::catalog {

// Runs a statement that may fail without the transaction.
Result<Rows> TryRun(Connection& connection, const std::string& sql, std::span<const Parameter> parameters = {});
bool SetLocal(Connection& connection, const std::string& name, const std::string& value);

// Answers what could not be had, for people: "", "without the application's role", …  `context` may be null.
// REQUIRES: Begin().
std::string TakeOn(Connection& connection, const SessionContext* context);

}  // namespace pgassay::catalog
