// argv to a command, its flags and its operands. The only user of CLI11, and the one translation unit that pays for
// including it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/settings.h"

namespace pgassay::cli {

struct CommandLine {
  const Command* command = nullptr;  // null: no command was named (--help or --version alone)
  Values flags;
  std::optional<std::string> config;  // --config
  std::vector<std::string> operands;
  std::vector<std::string> child;  // what followed --
  bool help = false, version = false;
};

// `arguments` without argv[0]. Errors are sentences, with a suggestion for what is unknown.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace pgassay::cli
