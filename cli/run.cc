// `run`: plan the addresses, start the recording, run CMD through it, report.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "cli/address_plan.h"
#include "cli/catalog_sources.h"
#include "cli/child_process.h"
#include "cli/commands.h"
#include "cli/connection_watch.h"
#include "cli/control_socket.h"
#include "cli/encryption.h"
#include "cli/findings_output.h"
#include "cli/gate_output.h"
#include "cli/password_file.h"
#include "cli/recording_trouble.h"
#include "cli/signals.h"
#include "cli/status_line.h"
#include "cli/supervisor.h"
#include "proxy/base/clock.h"

namespace pgassay::cli {

namespace {

constexpr int kWatchMs = 100;      // as Supervisor::Watch asks
constexpr int kEagerWatchMs = 20;  // while nothing came through: short-lived connections are seen too
constexpr int64_t kEagerNs = 5'000'000'000;
constexpr int kDrainMs = 1000;  // for what CMD left open; what it closed ends at once
constexpr int kMaxTraceNumber = 10'000;

// pgassay.db, pgassay-2.db, … : the first name that is free, in the working directory or, if that cannot be written, in
// TMPDIR.
std::string FreshTracePath(const Environment& environment) {
  const std::string folder = ::access(".", W_OK) == 0 ? "" : environment.GetFilled("TMPDIR").value_or("/tmp") + "/";
  for (int number = 1; number < kMaxTraceNumber; ++number) {
    std::string path = number == 1 ? folder + "pgassay.db" : fmt::format("{}pgassay-{}.db", folder, number);
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return path;
  }
  return folder + "pgassay.db";  // refused by the recorder with a sentence
}

SupervisorOptions OptionsFor(const AddressPlan& plan, const Encryption& encryption, const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  SupervisorOptions options;
  for (size_t i = 0; i < plan.upstreams.size(); ++i) {
    options.relay.routes.push_back({.listen = {.host = "127.0.0.1", .port = 0, .unix_path = ""},
                                    .upstream = plan.upstreams[i].address,
                                    .upstream_tls = encryption.upstreams[i]});
  }
  options.relay.keep_binding_offer = settings.Switch("keep-binding-offer");
  options.relay.threads = static_cast<int>(settings.Count("threads"));
  options.trace.path = settings.IsSet("trace") ? settings.Text("trace") : FreshTracePath(invocation.environment);
  options.trace.append = settings.Switch("append");
  options.trace.command = "run";
  options.ingest.kept_tags = settings.List("keep-tag");
  options.drain_ms = kDrainMs;
  options.check_upstreams = false;  // CheckServers knows which of them may be down
  return options;
}

// Of a list of hosts one is enough: that is what such lists are for.
Result<> CheckServers(const AddressPlan& plan, const Encryption& encryption) {
  std::vector<std::vector<size_t>> places;
  places.reserve(plan.urls.size() + plan.hosts.size() + 1);
  for (const UrlPlace& place : plan.urls) places.push_back(place.upstreams);
  for (const HostPlace& place : plan.hosts) places.push_back({place.upstream});
  if (plan.libpq) places.push_back(plan.libpq->upstreams);
  for (const std::vector<size_t>& place : places) {
    Result<> checked;
    for (const size_t upstream : place) {
      relay::RelayOptions one;
      const Upstream& server = plan.upstreams[upstream];
      one.routes.push_back({.listen = {},
                            .upstream = server.address,
                            .user = server.user,
                            .database = server.database,
                            .upstream_tls = encryption.upstreams[upstream]});
      checked = relay::CheckUpstreams(one);
      if (checked) break;
    }
    if (!checked) return checked;
  }
  return {};
}

void SayWhatIsRecorded(const AddressPlan& plan, const SupervisorOptions& options) {
  std::vector<std::string> servers;
  servers.reserve(plan.upstreams.size());
  for (size_t i = 0; i < plan.upstreams.size(); ++i) {
    servers.push_back(
        fmt::format("{} ({})", relay::ToString(plan.upstreams[i].address), fmt::join(plan.VariablesOf(i), ", ")));
  }
  Say(fmt::format("recording {} into {}", fmt::join(servers, ", "), options.trace.path));
  const std::string warning = KeptValuesWarning(options.ingest.keep_values, options.trace.path);
  if (!warning.empty()) Say(warning);
}

// Variables that seem to hold this address though they were not rewritten.
std::vector<std::string> VariablesThatMention(const std::string& remote, const Environment& environment) {
  const size_t colon = remote.rfind(':');
  const std::string host = remote.substr(0, colon);
  const bool local = host == "127.0.0.1" || host == "[::1]";
  std::vector<std::string> names;
  for (const auto& [name, value] : environment.variables()) {
    const bool names_host = value == host || value == remote ||
                            (local && (value == "localhost" || value == "localhost" + remote.substr(colon)));
    if (names_host && !name.starts_with("PG")) names.push_back(name);
  }
  return names;
}

void ExplainEmptyRun(ConnectionWatch& watch, const Environment& environment) {
  const std::vector<std::string> seen = watch.Seen();
  if (seen.empty()) {
    Say("nothing was recorded: no query came through, and no other connection to a PostgreSQL port was seen");
    return;
  }
  Say(fmt::format("nothing was recorded: the command connected past pgassay to {}", fmt::join(seen, ", ")));
  for (const std::string& remote : seen) {
    const auto names = VariablesThatMention(remote, environment);
    if (!names.empty()) {
      Say(fmt::format("to lead it here: pgassay run --env {} -- …", fmt::join(names, " --env ")));
    } else {
      Say(fmt::format(
          "to lead it here: have it read {} from a variable and name that by --env, or start pgassay proxy --listen "
          "127.0.0.1:6432 --upstream {} --trace trace.db and point it at 127.0.0.1:6432",
          remote, remote));
    }
  }
}

// What the terminal sends reaches CMD by itself; what somebody sends to pgassay alone is handed on.
void PassOn(const signalfd_siginfo& signal, pid_t child) {
  const bool from_terminal = signal.ssi_code == SI_KERNEL;
  if (signal.ssi_signo != SIGCHLD && !from_terminal) ::kill(child, static_cast<int>(signal.ssi_signo));
}

// Until CMD has ended; its exit code.
int Attend(pid_t child, Signals& signals, Supervisor& supervisor, ConnectionWatch& watch, StatusLine& status,
           LiveFindings& findings) {
  LoginTrouble trouble;
  RecordingTrouble recording;
  bool watching = true;
  const int64_t begin_ns = MonotonicNowNs();
  for (;;) {
    const bool nothing_yet = TotalQueries(supervisor.totals()) == 0;
    const bool eager = nothing_yet && MonotonicNowNs() - begin_ns < kEagerNs;
    if (const auto signal = signals.Wait(eager ? kEagerWatchMs : kWatchMs)) PassOn(*signal, child);
    if (nothing_yet) watch.Look();
    if (watching) {
      if (const auto watched = supervisor.Watch(); !watched) {
        Say(watched.error().message);
        watching = false;
      }
    }
    for (const std::string& sentence : trouble.News(supervisor.totals())) Say(sentence);
    if (const std::string news = recording.News(supervisor.totals().recorder); !news.empty()) Say(news);
    status.Update(supervisor.totals(), findings, MonotonicNowNs());
    if (const auto code = ReapChild(child)) return *code;
  }
}

std::vector<uint16_t> Ports(const std::vector<relay::Address>& addresses) {
  std::vector<uint16_t> ports;
  ports.reserve(addresses.size());
  for (const relay::Address& address : addresses) ports.push_back(address.port);
  return ports;
}

// A PGASSAY_CONTROL that is there already is another recording's: only what was said to this one counts.
Result<relay::ControlOptions> ControlFor(const Invocation& invocation, PrivateFolder& folder) {
  const SettingValue& said = invocation.settings.Value("control");
  if (said.texts.empty() || said.origin == "PGASSAY_CONTROL") {
    auto made = PrivateFolder::Make(invocation.environment);
    if (!made) return std::unexpected(made.error());
    folder = std::move(*made);
    return ControlIn(folder);
  }
  Environment environment = invocation.environment;
  if (!environment.GetFilled("PGASSAY_CONTROL_TOKEN")) environment.Set("PGASSAY_CONTROL_TOKEN", RandomToken());
  return ControlAt(said.texts.back(), invocation.settings, environment);
}

int RunRecorded(const Invocation& invocation, const AddressPlan& plan, const Encryption& encryption,
                const std::string& program, const FindingsOutput& output, const std::optional<GateOutput>& gate) {
  const sigset_t mask = CurrentSignalMask();
  auto signals = Signals::Block();
  if (!signals) return Trouble(signals.error().message);
  SupervisorOptions options = OptionsFor(plan, encryption, invocation);
  auto catalogs = CatalogSources(invocation.settings, plan.upstreams, encryption.upstreams);
  if (!catalogs) return Trouble(catalogs.error().message);
  options.ingest.catalogs = std::move(*catalogs);
  options.ingest.keep_values = invocation.settings.Switch("keep-values");
  options.relay.send_values = options.ingest.keep_values || AnyIsPlanned(options.ingest.catalogs);
  PrivateFolder folder;
  auto control = ControlFor(invocation, folder);
  if (!control) return Trouble(control.error().message);
  options.relay.control = std::move(*control);
  auto supervisor = Supervisor::Start(options);
  if (!supervisor) return Trouble(supervisor.error().message);
  SayWhatIsRecorded(plan, options);
  const std::vector<uint16_t> ports = Ports(supervisor->bound());
  Environment environment = ThroughPorts(invocation.environment, plan, ports);
  TellControl(environment, supervisor->control(), options.relay.control->token);
  const UniqueFd passwords = LendPasswords(environment, plan, ports, Machine::ThisOne());
  const auto child = StartChild(program, invocation.child, environment, mask);
  if (!child) {
    if (const auto stopped = supervisor->Stop(); !stopped) Say(stopped.error().message);
    return Trouble(child.error().message);
  }
  std::vector<uint16_t> upstream_ports;
  upstream_ports.reserve(plan.upstreams.size());
  for (const Upstream& upstream : plan.upstreams) upstream_ports.push_back(upstream.address.port);
  ConnectionWatch watch(*child, upstream_ports, ports);
  LiveFindings findings(options.trace.path, invocation.settings.rules());
  int code = 0;
  {
    StatusLine status(invocation.terminal.err ? StatusLine::Place::kTitle : StatusLine::Place::kNowhere);
    code = Attend(*child, *signals, *supervisor, watch, status, findings);
  }
  if (const auto stopped = supervisor->Stop(); !stopped) Say(stopped.error().message);
  if (TotalQueries(supervisor->totals()) == 0) ExplainEmptyRun(watch, invocation.environment);
  if (!options.ingest.catalogs.empty()) SayMissingCatalogs(options.trace.path);
  const int reported = gate ? gate->Write({options.trace.path}, output, invocation.settings, invocation.terminal)
                            : WriteFindings({options.trace.path}, output, invocation.settings, invocation.terminal);
  return code != 0 ? code : reported;
}

}  // namespace

int RunRun(const Invocation& invocation) {
  const auto output = FindingsOutput::From(invocation.settings);
  if (!output) return Trouble(output.error().message);
  std::optional<GateOutput> gate;
  if (invocation.settings.Switch("gate")) {
    auto read = GateOutput::From(invocation.settings);
    if (!read) return Trouble(read.error().message);
    gate = std::move(*read);
  }
  const auto plan = PlanAddresses(
      invocation.environment,
      {.upstream = invocation.settings.Text("upstream"), .names = invocation.settings.List("env")}, Machine::ThisOne());
  if (!plan) return Trouble(plan.error().message);
  const auto encryption = SettleEncryption(*plan, invocation.settings, invocation.environment, Machine::ThisOne(),
                                           [](const relay::Route& route) { return relay::AskForTls(route); });
  if (!encryption) return Trouble(encryption.error().message);
  const auto program = FindProgram(invocation.child.front(), invocation.environment);
  if (!program) return Trouble(program.error().message);
  if (const auto checked = CheckServers(*plan, *encryption); !checked) return Trouble(checked.error().message);
  if (::geteuid() == 0) Say("running as root; a recording needs no such rights");
  for (const std::string& note : encryption->notes) Say(note);
  return RunRecorded(invocation, *plan, *encryption, *program, *output, gate);
}

}  // namespace pgassay::cli
