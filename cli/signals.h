// The signals that end or steer a recording, taken as messages instead of handlers: blocked from construction on, read
// by Wait(). SIGCHLD is among them, so that Wait() returns when a child has ended. Children that are forked meanwhile
// inherit the blocked mask.
#pragma once

#include <sys/signalfd.h>

#include <optional>

#include "proxy/base/result.h"
#include "proxy/base/unique_fd.h"

namespace pgassay::cli {

class Signals {
 public:
  static Result<Signals> Block();
  // The next signal, or nothing after `timeout_ms`.
  std::optional<signalfd_siginfo> Wait(int timeout_ms);

 private:
  explicit Signals(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace pgassay::cli
