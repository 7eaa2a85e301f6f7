// Reads pgassay.toml: settings by their key, [rules.ID] tables, and what gate_config.h shows. Unknown keys are errors
// that name the line and the key meant.
//   fail_on = ["proven"]
//   [rules.n-plus-one]
//   min_children = 4
// Beside gate_toml.cc the only user of toml++.
#pragma once

#include <optional>
#include <string>

#include "cli/settings.h"

namespace pgassay::cli {

inline constexpr std::string_view kConfigFileName = "pgassay.toml";

// `path`: as given by --config or PGASSAY_CONFIG, and then it must exist; none: pgassay.toml of the working directory,
// if there is one.
Result<ConfigFile> ReadConfigFile(const std::optional<std::string>& path);
Result<ConfigFile> ParseConfig(std::string_view text, const std::string& path);

}  // namespace pgassay::cli
