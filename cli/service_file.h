// libpq's connection service file: [NAME] and lines of parameter=value.
// Source: PostgreSQL manual, "The Connection Service File". Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/address_plan.h"
#include "cli/environment.h"

namespace pgassay::cli {

using ServiceEntries = std::map<std::string, std::string, std::less<>>;

// The entries of one service in the text of a file; nothing if it is not there.
std::optional<ServiceEntries> ParseService(std::string_view file, std::string_view service);
// Looked for where libpq does: PGSERVICEFILE or ~/.pg_service.conf, then PGSYSCONFDIR's pg_service.conf.
std::optional<ServiceEntries> FindService(std::string_view service, const Environment& environment,
                                          const Machine& machine);
// The variable that says the same as this entry ("dbname" -> PGDATABASE), "" if there is none.
std::string_view VariableOfEntry(std::string_view entry);

}  // namespace pgassay::cli
