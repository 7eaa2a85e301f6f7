// A look at the catalogue of one database over a read-only connection of our own, for lint and advise.
#pragma once

#include <string>

#include "analyzer/catalog/snapshot.h"
#include "proxy/base/result.h"

namespace pgassay::cli {

enum class Counting : uint8_t { kNone, kWhatRulesNeed };

// `database`: what libpq takes as conninfo. kWhatRulesNeed: figures that the rules of schema ask for are counted too,
// for at most half a minute.
Result<catalog::Snapshot> ReadLiveCatalog(const std::string& database, Counting counting);

}  // namespace pgassay::cli
