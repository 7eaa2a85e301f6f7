// Reads [gate] and [service.NAME], as gate_config.h shows them. Unknown keys are errors that name the line and the key
// meant. Beside config_file.cc the only user of toml++.
#pragma once

#include <toml++/toml.h>

#include "cli/gate_config.h"
#include "proxy/base/result.h"

namespace pgassay::cli {

// Either node may be null: there is no such table.
Result<GateConfig> ReadGateConfig(const toml::node* gate, const toml::node* services, const std::string& path);

}  // namespace pgassay::cli
