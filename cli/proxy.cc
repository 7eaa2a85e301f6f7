#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include "cli/address_plan.h"
#include "cli/commands.h"
#include "cli/encryption.h"
#include "cli/signals.h"
#include "cli/status_line.h"
#include "cli/supervisor.h"
#include "proxy/base/clock.h"

namespace pgassay::cli {

namespace {

constexpr uint16_t kListenPort = 6432;        // where poolers in front of PostgreSQL listen by custom
constexpr int kWatchMs = 100;                 // as Supervisor::Watch asks
constexpr uint64_t kBytesPerExecution = 100;  // of the timeline in SQLite, its index included

Result<std::vector<relay::Route>> Routes(const Settings& settings, const Upstream& upstream,
                                         const relay::UpstreamTlsOptions& upstream_tls) {
  const bool has_tls = settings.IsSet("tls-cert") || settings.Switch("tls-passthrough");
  std::vector<relay::Route> routes;
  for (const std::string& text : settings.List("listen")) {
    const auto address = relay::ParseAddress(text, kListenPort);
    if (!address) return Fail(fmt::format("--listen {}: {}", text, address.error().message));
    if (!IsLoopback(*address) && !has_tls && !settings.Switch("allow-plaintext-remote")) {
      return Fail(
          fmt::format("--listen {} can be reached from other machines, and without TLS (listen on 127.0.0.1, give "
                      "--tls-cert and --tls-key, or --allow-plaintext-remote)",
                      text));
    }
    if (*address == upstream.address) return Fail(fmt::format("--listen and --upstream are both {}", text));
    routes.push_back({.listen = *address,
                      .upstream = upstream.address,
                      .user = upstream.user,
                      .database = upstream.database,
                      .upstream_tls = upstream_tls});
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
  const auto client_tls = ClientTls(settings);
  if (!client_tls) return std::unexpected(client_tls.error());
  const bool passthrough = settings.Switch("tls-passthrough");
  if (passthrough && (settings.IsSet("tls-cert") || settings.IsSet("upstream-tls"))) {
    return Fail("--tls-passthrough leaves TLS to the client and the server (take --tls-cert and --upstream-tls away)");
  }
  if (passthrough) plan.upstreams.front().tls = TlsDemand::kOff;
  const auto encryption = SettleEncryption(plan, settings, invocation.environment, Machine::ThisOne(), nullptr);
  if (!encryption) return std::unexpected(encryption.error());
  auto routes = Routes(settings, *upstream, encryption->upstreams.front());
  if (!routes) return std::unexpected(routes.error());
  for (const std::string& note : encryption->notes) Say(note);
  SupervisorOptions options;
  options.relay.client_tls = *client_tls;
  options.relay.tls_passthrough = passthrough;
  options.relay.plaintext_remote = settings.Switch("allow-plaintext-remote");
  options.relay.keep_binding_offer = settings.Switch("keep-binding-offer");
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

// Certificates that cannot be used are told, and those in use stay.
void ReloadCertificates(const SupervisorOptions& options, Supervisor& supervisor) {
  if (const auto checked = relay::CheckCertificates(options.relay); !checked) {
    Say(fmt::format("the certificates in use stay: {}", checked.error().message));
    return;
  }
  supervisor.ReloadCertificates();
  Say("certificates read again; new connections use them");
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
  if (const std::string hint = BindingHint(options->relay); !hint.empty()) Say(hint);
  int exit_code = kExitOk;
  {
    StatusLine status(invocation.terminal.err ? StatusLine::Place::kBottom : StatusLine::Place::kNowhere);
    LiveFindings findings(options->trace.path, invocation.settings.rules());
    LoginTrouble trouble;
    for (bool stop = false; !stop;) {
      const auto signal = signals->Wait(kWatchMs);
      const bool sent_hangup = signal && signal->ssi_signo == SIGHUP && signal->ssi_code != SI_KERNEL;
      stop = signal && signal->ssi_signo != SIGCHLD && !sent_hangup;  // a terminal's hangup ends us
      if (sent_hangup) ReloadCertificates(*options, *supervisor);
      for (const std::string& sentence : trouble.News(supervisor->totals())) Say(sentence);
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
