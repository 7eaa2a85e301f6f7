#include "cli/signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <cerrno>
#include <cstring>

namespace pgassay::cli {

Result<Signals> Signals::Block() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) ::sigaddset(&set, number);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
    return Fail(fmt::format("cannot block signals: {}", std::strerror(errno)));
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return Fail(fmt::format("cannot wait for signals: {}", std::strerror(errno)));
  return Signals(std::move(fd));
}

std::optional<signalfd_siginfo> Signals::Wait(int timeout_ms) {
  pollfd wait{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&wait, 1, timeout_ms) <= 0) return std::nullopt;
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return info;
}

}  // namespace pgassay::cli
