// How many of a table's rows have one value, as the server's statistics say. The value goes as a parameter and is kept
// nowhere. Blocking, see connection.h.
#pragma once

#include <string_view>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/snapshot.h"

namespace pgassay::catalog {

// A share of 1; -1: it is not among the common values, or there are no statistics.
Result<double> ValueShare(Connections& connections, const Relation& relation, std::string_view column,
                          std::string_view value);

}  // namespace pgassay::catalog
