#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "cli/address_plan.h"
#include "cli/catalog_sources.h"
#include "cli/commands.h"
#include "cli/control_socket.h"
#include "cli/encryption.h"
#include "cli/recording_trouble.h"
#include "cli/signals.h"
#include "cli/status_line.h"
#include "cli/supervisor.h"
#include "proxy/base/clock.h"

namespace pgassay::cli {

namespace {

constexpr uint16_t kListenPort = 6432;        // where poolers in front of PostgreSQL listen by custom
constexpr int kWatchMs = 100;                 // as Supervisor::Watch asks
constexpr uint64_t kBytesPerExecution = 100;  // of the timeline in SQLite, its index included

// A listener and the server behind it, as they were written.
struct RouteText {
  std::string setting;  // for messages, without the server's URL, which may hold a password
  std::string listen;
  std::string upstream;
};

// --upstream with each --listen, then each --route.
Result<std::vector<RouteText>> RouteTexts(const Settings& settings) {
  std::vector<RouteText> texts;
  const std::string upstream = settings.Text("upstream");
  const std::vector<std::string> routes = settings.List("route");
  if (upstream.empty() && (routes.empty() || settings.IsSet("listen"))) {
    return Fail("proxy needs --upstream, the server's address (for example postgresql://127.0.0.1:5432)");
  }
  if (!upstream.empty()) {
    // Of the two defaults the second is left out where there is no IPv6.
    std::vector<std::string> listeners = settings.List("listen");
    if (!settings.IsSet("listen") && !relay::HasIpv6Loopback()) listeners.resize(1);
    for (const std::string& listen : listeners) {
      texts.push_back({fmt::format("--listen {}", listen), listen, upstream});
    }
  }
  for (const std::string& route : routes) {
    const size_t sign = route.find('=');  // the first: an URL has more of them
    if (sign == std::string::npos || sign == 0 || sign + 1 == route.size()) {
      return Fail("--route takes LISTEN=UPSTREAM (for example 127.0.0.1:6433=postgresql://replica:5432)");
    }
    const std::string listen = route.substr(0, sign);
    texts.push_back({fmt::format("--route {}=…", listen), listen, route.substr(sign + 1)});
  }
  return texts;
}

Result<relay::Address> ListenAddress(const RouteText& text, const Settings& settings) {
  const auto address = relay::ParseAddress(text.listen, kListenPort);
  if (!address) return Fail(fmt::format("{}: {}", text.setting, address.error().message));
  const bool has_tls = settings.IsSet("tls-cert") || settings.Switch("tls-passthrough");
  if (!IsLoopback(*address) && !has_tls && !settings.Switch("allow-plaintext-remote")) {
    return Fail(
        fmt::format("{} can be reached from other machines, and without TLS (listen on 127.0.0.1, give "
                    "--tls-cert and --tls-key, or --allow-plaintext-remote)",
                    text.setting));
  }
  return *address;
}

// Who is led back to a listener of ours would be recorded twice, or for ever.
Result<> RefuseLoops(const std::vector<relay::Route>& routes, const std::vector<RouteText>& texts) {
  for (const relay::Route& from : routes) {
    for (size_t to = 0; to < routes.size(); ++to) {
      if (from.upstream == routes[to].listen) {
        return Fail(fmt::format("{} is also the address of a server (the two must differ)", texts[to].setting));
      }
    }
  }
  return {};
}

// Routes, and what --database makes of their servers.
Result<std::vector<relay::Route>> Routes(const Invocation& invocation, std::vector<ingest::CatalogSource>& catalogs) {
  const Settings& settings = invocation.settings;
  const bool passthrough = settings.Switch("tls-passthrough");
  const auto texts = RouteTexts(settings);
  if (!texts) return std::unexpected(texts.error());
  AddressPlan plan;
  std::vector<relay::Route> routes;
  for (const RouteText& text : *texts) {
    auto upstream = ParseUpstream(text.upstream, invocation.environment, Machine::ThisOne());
    if (!upstream) return Fail(fmt::format("{}: {}", text.setting, upstream.error().message));
    if (passthrough) upstream->tls = TlsDemand::kOff;
    auto listen = ListenAddress(text, settings);
    if (!listen) return std::unexpected(listen.error());
    routes.push_back({.listen = std::move(*listen),
                      .upstream = upstream->address,
                      .user = upstream->user,
                      .database = upstream->database,
                      .upstream_tls = {}});
    plan.upstreams.push_back(std::move(*upstream));
  }
  if (const auto checked = RefuseLoops(routes, *texts); !checked) return std::unexpected(checked.error());
  const auto encryption = SettleEncryption(plan, settings, invocation.environment, Machine::ThisOne(), nullptr);
  if (!encryption) return std::unexpected(encryption.error());
  for (size_t i = 0; i < routes.size(); ++i) routes[i].upstream_tls = encryption->upstreams[i];
  for (const std::string& note : encryption->notes) Say(note);
  auto sources = CatalogSources(settings, plan.upstreams, encryption->upstreams);
  if (!sources) return std::unexpected(sources.error());
  catalogs = std::move(*sources);
  return routes;
}

// Whether requests for GSSAPI encryption go to the server.
Result<bool> GssPassthrough(const Settings& settings) {
  const std::string mode = settings.Text("gssenc");
  if (mode == "refuse") return false;
  if (mode != "passthrough") return Fail(fmt::format("--gssenc takes refuse or passthrough, not {}", mode));
  if (settings.IsSet("tls-cert") || settings.IsSet("upstream-tls")) {
    return Fail(
        "--gssenc passthrough leaves encryption to the client and the server (take --tls-cert and --upstream-tls "
        "away)");
  }
  return true;
}

Result<SupervisorOptions> OptionsFrom(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  if (::geteuid() == 0 && !settings.Switch("allow-root"))
    return Fail("proxy does not run as root (use another user, or give --allow-root)");
  if (settings.Text("trace").empty())
    return Fail("proxy needs --trace, the file to record into (for example trace.db)");
  const auto client_tls = ClientTls(settings);
  if (!client_tls) return std::unexpected(client_tls.error());
  const bool passthrough = settings.Switch("tls-passthrough");
  if (passthrough && (settings.IsSet("tls-cert") || settings.IsSet("upstream-tls"))) {
    return Fail("--tls-passthrough leaves TLS to the client and the server (take --tls-cert and --upstream-tls away)");
  }
  const auto gss_passthrough = GssPassthrough(settings);
  if (!gss_passthrough) return std::unexpected(gss_passthrough.error());
  SupervisorOptions options;
  auto routes = Routes(invocation, options.ingest.catalogs);
  if (!routes) return std::unexpected(routes.error());
  options.ingest.keep_values = settings.Switch("keep-values");
  options.relay.send_values = options.ingest.keep_values || AnyIsPlanned(options.ingest.catalogs);
  options.relay.client_tls = *client_tls;
  options.relay.tls_passthrough = passthrough;
  options.relay.gss_passthrough = *gss_passthrough;
  options.relay.plaintext_remote = settings.Switch("allow-plaintext-remote");
  options.relay.keep_binding_offer = settings.Switch("keep-binding-offer");
  options.relay.routes = std::move(*routes);
  if (const std::string address = settings.Text("control"); !address.empty()) {
    auto control = ControlAt(address, settings, invocation.environment);
    if (!control) return std::unexpected(control.error());
    options.relay.control = std::move(*control);
  }
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
  const std::vector<relay::Route>& routes = options.relay.routes;
  const bool one_server =
      std::ranges::all_of(routes, [&](const relay::Route& route) { return route.upstream == routes.front().upstream; });
  std::vector<std::string> listeners;
  for (size_t i = 0; i < routes.size(); ++i) {
    const std::string bound = relay::ToString(supervisor.bound()[i]);
    listeners.push_back(one_server ? bound
                                   : fmt::format("{} (upstream {})", bound, relay::ToString(routes[i].upstream)));
  }
  const std::string upstream = one_server ? fmt::format("upstream {}, ", relay::ToString(routes.front().upstream)) : "";
  Say(fmt::format("listening on {}, {}recording into {}", fmt::join(listeners, ", "), upstream, options.trace.path));
  const std::string warning = KeptValuesWarning(options.ingest.keep_values, options.trace.path);
  if (!warning.empty()) Say(warning);
  if (options.relay.control)
    Say(fmt::format("test runners: PGASSAY_CONTROL={}", relay::ToString(supervisor.control())));
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
  if (const uint64_t files = relay::TooLowLimitOfFiles(options->relay.max_connections); files != 0) {
    Say(fmt::format("the limit of {} open files is too low for --max-connections {}, which takes two each (ulimit -n)",
                    files, options->relay.max_connections));
  }
  int exit_code = kExitOk;
  {
    StatusLine status(invocation.terminal.err ? StatusLine::Place::kBottom : StatusLine::Place::kNowhere);
    LiveFindings findings(options->trace.path, invocation.settings.rules());
    LoginTrouble trouble;
    RecordingTrouble recording;
    for (bool stop = false; !stop;) {
      const auto signal = signals->Wait(kWatchMs);
      const bool sent_hangup = signal && signal->ssi_signo == SIGHUP && signal->ssi_code != SI_KERNEL;
      stop = signal && signal->ssi_signo != SIGCHLD && !sent_hangup;  // a terminal's hangup ends us
      if (sent_hangup) ReloadCertificates(*options, *supervisor);
      for (const std::string& sentence : trouble.News(supervisor->totals())) Say(sentence);
      if (const std::string news = recording.News(supervisor->totals().recorder); !news.empty()) Say(news);
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
