// The [gate] and [service.NAME] tables of pgassay.toml.
//   [gate]
//   growth_step = 20
//   [gate.rules]
//   wide-select = "off"
//   [gate.paths]
//   "legacy/*" = "warn"
//   [gate.budgets]
//   "GET /orders" = { queries = 10 }
//   [[gate.suppress]]
//   id = "7c1e09ab34f2"
//   reason = "three rows at most"
//   owner = "orders team"
//   expires = 2026-12-31
//   [service.billing]
//   application_name = ["billing", "billing-worker"]
//   baseline = "billing.baseline.json"
//   [service.billing.gate]                  on top of [gate]
//   fail_on = "likely"
// Read by gate_toml.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analyzer/gate/policy.h"

namespace pgassay::cli {

// Sessions belong to the first service, by name, that names their application_name or their database.
struct Service {
  std::vector<std::string> application_names, databases;  // patterns
  std::string baseline;                                   // "": that of --baseline
  gate::Policy policy;
};

struct GateConfig {
  gate::Policy policy;
  std::map<std::string, Service> services;
};

}  // namespace pgassay::cli
