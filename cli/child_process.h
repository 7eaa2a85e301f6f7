// CMD of `run`: started with another environment, and with signals as pgassay found them.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/environment.h"
#include "proxy/base/result.h"

namespace pgassay::cli {

// What CMD must find as pgassay found it: take it before Signals::Block().
sigset_t CurrentSignalMask();

// The file that execvp would run. Errors: "there is no command named X in PATH", "X is not executable".
Result<std::string> FindProgram(const std::string& name, const Environment& environment);

// Forks and executes. An exec that fails is an error here, not an exit code of the child's.
Result<pid_t> StartChild(const std::string& program, const std::vector<std::string>& arguments,
                         const Environment& environment, const sigset_t& mask);

// The exit code to pass on once the child has ended: its own, or 128 + n for a signal. Nothing while it runs.
std::optional<int> ReapChild(pid_t pid);

}  // namespace pgassay::cli
