// --database: how the recorder reaches the catalogues of the databases that it sees.
#pragma once

#include <vector>

#include "analyzer/ingest/catalog_watch.h"
#include "cli/address_plan.h"
#include "cli/settings.h"
#include "proxy/base/result.h"
#include "proxy/relay/tls.h"

namespace pgassay::cli {

// `tls`: of each of the upstreams, as the relay speaks with them. None without --database. What an URL leaves open is
// libpq's to find (PGPASSWORD, password file).
Result<std::vector<ingest::CatalogSource>> CatalogSources(const Settings& settings,
                                                          const std::vector<Upstream>& upstreams,
                                                          const std::vector<relay::UpstreamTlsOptions>& tls);

// Whether values of executions are needed, to plan them again.
bool AnyIsPlanned(const std::vector<ingest::CatalogSource>& sources);

// Says which catalogues of the trace are missing or old, and why.
void SayMissingCatalogs(const std::string& trace_path);

}  // namespace pgassay::cli
