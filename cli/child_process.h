// CMD of `run`: started with another environment, and everything of the terminal's that pgassay changed for itself put back.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/environment.h"
#include "proxy/base/result.h"

namespace pgassay::cli {

// What CMD must find as pgassay found it. Take it before anything is changed.
struct ProcessState {
  sigset_t mask;
  rlimit core;
  static ProcessState Current();
};

// The file that execvp would run. Errors: "there is no command named X in PATH", "X is not executable".
Result<std::string> FindProgram(const std::string& name, const Environment& environment);

// Forks and executes. An exec that fails is an error here, not an exit code of the child's.
Result<pid_t> StartChild(const std::string& program, const std::vector<std::string>& arguments, const Environment& environment,
                         const ProcessState& state);

// The exit code to pass on once the child has ended: its own, or 128 + n for a signal. Nothing while it runs.
std::optional<int> ReapChild(pid_t pid);

}  // namespace pgassay::cli
