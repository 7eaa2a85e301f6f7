#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include "cli/address_plan.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "cli/status_line.h"
#include "cli/supervisor.h"
#include "proxy/base/clock.h"

namespace pgassay::cli {

namespace {

constexpr uint16_t kListenPort = 6432;        // where poolers in front of PostgreSQL listen by custom
constexpr int kWatchMs = 100;                 // as Supervisor::Watch asks
constexpr uint64_t kBytesPerExecution = 100;  // of the timeline in SQLite, its index included

Result<std::vector<relay::Route>> Routes(const Settings& settings, const Upstream& upstream) {
  std::vector<relay::Route> routes;
  for (const std::string& text : settings.List("listen")) {
    const auto address = relay::ParseAddress(text, kListenPort);
    if (!address) return Fail(fmt::format("--listen {}: {}", text, address.error().message));
    if (!IsLoopback(*address) && !settings.Switch("allow-plaintext-remote")) {
      return Fail(
          fmt::format("--listen {} can be reached from other machines, and without TLS (listen on 127.0.0.1, or give "
                      "--allow-plaintext-remote)",
                      text));
    }
    if (*address == upstream.address) return Fail(fmt::format("--listen and --upstream are both {}", text));
    routes.push_back(
        {.listen = *address, .upstream = upstream.address, .user = upstream.user, .database = upstream.database});
  }
  return routes;
}

Result<SupervisorOptions> OptionsFrom(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  if (::geteuid() == 0 && !settings.Switch("allow-root"))
    return Fail("proxy does not run as root (use another user, or give --allow-root)");
  if (settings.Text("upstream").empty())
    return Fail("proxy needs --upstream, the server's address (for example postgresql://127.0.0.1:5432)");
  if (settings.Text("trace").empty())
    return Fail("proxy needs --trace, the file to record into (for example trace.db)");
  const auto upstream = ParseUpstream(settings.Text("upstream"), invocation.environment, Machine::ThisOne());
  if (!upstream) return std::unexpected(upstream.error());
  AddressPlan plan;
  plan.upstreams.push_back(*upstream);
  const auto notes = JudgeEncryption(plan);
  if (!notes) return std::unexpected(notes.error());
  auto routes = Routes(settings, *upstream);
  if (!routes) return std::unexpected(routes.error());
  for (const std::string& note : *notes) Say(note);
  SupervisorOptions options;
  options.relay.routes = std::move(*routes);
  options.relay.threads = static_cast<int>(settings.Count("threads"));
  options.relay.max_connections = static_cast<int>(settings.Count("max-connections"));
  options.trace.path = settings.Text("trace");
  options.trace.append = settings.Switch("append");
  options.trace.command = "proxy";
  options.trace.max_executions = settings.Count("max-trace-size") / kBytesPerExecution;
  options.ingest.kept_tags = settings.List("keep-tag");
  options.drain_ms = static_cast<int>(settings.Number("drain") * 1000);
  return options;
}

void SayReady(const Supervisor& supervisor, const SupervisorOptions& options) {
  std::vector<std::string> bound;
  for (const relay::Address& address : supervisor.bound()) bound.push_back(relay::ToString(address));
  Say(fmt::format("listening on {}, upstream {}, recording into {}", fmt::join(bound, ", "),
                  relay::ToString(options.relay.routes.front().upstream), options.trace.path));
}

}  // namespace

int RunProxy(const Invocation& invocation) {
  const auto options = OptionsFrom(invocation);
  if (!options) return Trouble(options.error().message);
  auto signals = Signals::Block();
  if (!signals) return Trouble(signals.error().message);
  auto supervisor = Supervisor::Start(*options);
  if (!supervisor) return Trouble(supervisor.error().message);
  SayReady(*supervisor, *options);
  int exit_code = kExitOk;
  {
    StatusLine status(invocation.terminal.err);
    LiveFindings findings(options->trace.path, invocation.settings.rules());
    for (bool stop = false; !stop;) {
      const auto signal = signals->Wait(kWatchMs);
      stop = signal && signal->ssi_signo != SIGCHLD;
      if (const auto watched = supervisor->Watch(); !watched) {
        exit_code = Trouble(watched.error().message);
        stop = true;
      }
      status.Update(supervisor->totals(), findings, MonotonicNowNs());
    }
  }
  if (const auto stopped = supervisor->Stop(); !stopped) return Trouble(stopped.error().message);
  const uint64_t queries = TotalQueries(supervisor->totals());
  Say(fmt::format("{} {} recorded into {}", reporters::FormatCount(queries), queries == 1 ? "query" : "queries",
                  options->trace.path));
  return exit_code;
}

}  // namespace pgassay::cli
