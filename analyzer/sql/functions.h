// What is known of built-in functions by name. Source: pg_proc of PostgreSQL 15.
#pragma once

#include <string_view>

namespace pgassay::sql {

bool IsAggregate(std::string_view name);
bool IsVolatileBuiltin(std::string_view name);  // or stable by the clock: asking twice may give two answers
bool IsKnownBuiltin(std::string_view name);     // immutable or stable
bool IsCatalogFunction(std::string_view name);  // reads nothing but the catalogues and the session

}  // namespace pgassay::sql
