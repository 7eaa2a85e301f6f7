#include "cli/address_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "cli/service_file.h"

namespace pgassay::cli {

namespace {

constexpr std::string_view kDefaultPort = "5432";
constexpr std::string_view kLoopback = "127.0.0.1";
// Where libpq's builds look for sockets: Debian's default, then PostgreSQL's own.
constexpr std::array<std::string_view, 2> kSocketFolders = {"/var/run/postgresql", "/tmp"};
// Encryption is the server leg's affair from here on; PGSSLMODE itself is set to disable.
constexpr std::array<std::string_view, 14> kTlsVariables = {"PGREQUIRESSL",
                                                            "PGSSLROOTCERT",
                                                            "PGSSLCERT",
                                                            "PGSSLKEY",
                                                            "PGSSLCRL",
                                                            "PGSSLCRLDIR",
                                                            "PGSSLSNI",
                                                            "PGSSLCOMPRESSION",
                                                            "PGCHANNELBINDING",
                                                            "PGGSSENCMODE",
                                                            "PGREQUIREPEER",
                                                            "PGSSLMINPROTOCOLVERSION",
                                                            "PGSSLMAXPROTOCOLVERSION",
                                                            "PGSSLNEGOTIATION"};

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t from = 0;;) {
    const size_t comma = text.find(',', from);
    parts.push_back(text.substr(from, comma == std::string::npos ? comma : comma - from));
    if (comma == std::string::npos) return parts;
    from = comma + 1;
  }
}

Result<uint16_t> ParsePort(const std::string& text) {
  const std::string port = text.empty() ? std::string(kDefaultPort) : text;
  uint16_t value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (error != std::errc() || end != port.data() + port.size() || value == 0)
    return Fail(fmt::format("{} is no port", port));
  return value;
}

std::string SocketPath(std::string_view folder, std::string_view port) {
  return fmt::format("{}/.s.PGSQL.{}", folder, port);
}

// Host and port as libpq reads them, the defaults of an environment applied.
Result<relay::Address> AddressOf(const UrlHost& host, bool reads_pg_variables, const Environment& environment,
                                 const Machine& machine) {
  std::string name = host.host;
  std::string port_text = host.port;
  if (reads_pg_variables) {
    if (name.empty()) name = environment.GetFilled("PGHOSTADDR").value_or(environment.GetFilled("PGHOST").value_or(""));
    if (port_text.empty()) port_text = environment.GetFilled("PGPORT").value_or("");
    name = name.substr(0, name.find(','));
    port_text = port_text.substr(0, port_text.find(','));
  }
  const auto port = ParsePort(port_text);
  if (!port) return std::unexpected(port.error());
  if (name.starts_with('@')) return Fail(fmt::format("{} is an abstract socket, which pgassay does not reach", name));
  const std::string number = fmt::format("{}", *port);
  if (name.starts_with('/')) return relay::Address{.host = "", .port = 0, .unix_path = SocketPath(name, number)};
  if (name.empty() && reads_pg_variables) {
    for (const std::string_view folder : kSocketFolders) {
      std::string path = SocketPath(folder, number);
      if (machine.exists(path)) return relay::Address{.host = "", .port = 0, .unix_path = std::move(path)};
    }
  }
  return relay::Address{.host = name.empty() ? "localhost" : name, .port = *port, .unix_path = ""};
}

// jdbc and r2dbc know no PGHOST.
bool ReadsPgVariables(UrlDialect dialect) { return dialect != UrlDialect::kJdbc && dialect != UrlDialect::kR2dbc; }

struct Tls {
  TlsDemand demand = TlsDemand::kUnsaid;
  std::string said_by;
  TlsFiles files;
};

TlsFiles FilesOfEnvironment(const Environment& environment) {
  return {.ca = environment.GetFilled("PGSSLROOTCERT").value_or(""),
          .certificate = environment.GetFilled("PGSSLCERT").value_or(""),
          .key = environment.GetFilled("PGSSLKEY").value_or("")};
}

void FillIn(const TlsFiles& from, TlsFiles& files) {
  if (files.ca.empty()) files.ca = from.ca;
  if (files.certificate.empty()) {
    files.certificate = from.certificate;
    files.key = from.key;
  }
}

// What PGSSLMODE and its kin say, for addresses that leave it to them.
Tls TlsOfEnvironment(const Environment& environment) {
  const TlsFiles files = FilesOfEnvironment(environment);
  if (const auto mode = environment.GetFilled("PGSSLMODE"))
    return {ParseTlsDemand(*mode), fmt::format("PGSSLMODE={}", *mode), files};
  if (environment.GetFilled("PGREQUIRESSL") == "1") return {TlsDemand::kRequire, "PGREQUIRESSL=1", files};
  for (const std::string name : {"PGCHANNELBINDING", "PGGSSENCMODE"}) {
    if (environment.GetFilled(name) == "require") return {TlsDemand::kRequire, name + "=require", files};
  }
  return {TlsDemand::kUnsaid, "", files};
}

Tls TlsOfUrl(const DatabaseUrl& url, const std::string& variable, const Environment& environment) {
  if (url.tls == TlsDemand::kUnsaid && ReadsPgVariables(url.dialect)) return TlsOfEnvironment(environment);
  Tls tls = {url.tls, fmt::format("{} of {}", url.tls_said, variable), url.tls_files};
  if (ReadsPgVariables(url.dialect)) FillIn(FilesOfEnvironment(environment), tls.files);
  return tls;
}

// Fills in what ?service= says and the URL does not.
void ApplyService(const Environment& environment, const Machine& machine, DatabaseUrl& url) {
  if (url.service.empty()) return;
  if (url.dialect == UrlDialect::kUnknown) url.dialect = UrlDialect::kLibpq;  // services are libpq's alone
  const auto entries = FindService(url.service, environment, machine);
  if (!entries) return;
  auto entry = [&](std::string_view name) {
    const auto found = entries->find(name);
    return found == entries->end() ? std::string() : found->second;
  };
  UrlHost& host = url.hosts.front();
  if (host.host.empty()) host.host = entry("hostaddr").empty() ? entry("host") : entry("hostaddr");
  if (host.port.empty()) host.port = entry("port");
  if (url.tls == TlsDemand::kUnsaid && !entry("sslmode").empty()) {
    url.tls = ParseTlsDemand(entry("sslmode"));
    url.tls_said = fmt::format("sslmode={}", entry("sslmode"));
  }
  FillIn({.ca = entry("sslrootcert"), .certificate = entry("sslcert"), .key = entry("sslkey")}, url.tls_files);
}

// "DB_HOST" -> "DB_PORT", "dbHostname" -> "dbPort"; "" if the name says nothing of a host.
std::string SiblingPortVariable(const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kEndings = {{{"HOSTNAME", "PORT"},
                                                                                              {"hostname", "port"},
                                                                                              {"Hostname", "Port"},
                                                                                              {"HostName", "Port"},
                                                                                              {"HOST", "PORT"},
                                                                                              {"host", "port"},
                                                                                              {"Host", "Port"},
                                                                                              {"SERVER", "PORT"},
                                                                                              {"server", "port"},
                                                                                              {"Server", "Port"},
                                                                                              {"ADDRESS", "PORT"},
                                                                                              {"address", "port"},
                                                                                              {"ADDR", "PORT"},
                                                                                              {"addr", "port"},
                                                                                              {"Addr", "Port"}}};
  for (const auto& [ending, port] : kEndings) {
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size()) + std::string(port);
  }
  return "";
}

void NoteLogin(const DatabaseUrl& url, Upstream& upstream) {
  if (!url.userinfo || !upstream.user.empty()) return;
  const std::string_view login = *url.userinfo;
  const size_t colon = login.find(':');
  upstream.user = PercentDecoded(login.substr(0, colon));
  if (colon != std::string_view::npos) upstream.password = PercentDecoded(login.substr(colon + 1));
  if (url.path.size() > 1) upstream.database = PercentDecoded(std::string_view(url.path).substr(1));
}

// Collects the plan; every address goes through AddUpstream, so that equal ones share a listener.
class Planner {
 public:
  Planner(const Environment& environment, const PlanOptions& options, const Machine& machine)
      : environment_(environment), options_(options), machine_(machine) {}

  Result<AddressPlan> Plan() {
    if (!options_.upstream.empty()) {
      auto upstream = ParseUpstream(options_.upstream, environment_, machine_);
      if (!upstream) return std::unexpected(upstream.error());
      plan_.upstreams.push_back(std::move(*upstream));
    }
    for (const auto& [name, value] : environment_.variables()) {
      if (name.starts_with("PGASSAY_") || !LooksLikeDatabaseUrl(value)) continue;
      if (const auto added = AddUrl(name, value); !added) return std::unexpected(added.error());
    }
    for (const std::string& name : options_.names) {
      if (const auto added = AddNamed(name); !added) return std::unexpected(added.error());
    }
    if (const auto added = AddLibpq(); !added) return std::unexpected(added.error());
    return std::move(plan_);
  }

 private:
  // With --upstream every address means that server.
  size_t AddUpstream(const relay::Address& address, const Tls& tls, const std::string& name) {
    size_t index = 0;
    if (options_.upstream.empty()) {
      const auto found = std::ranges::find(plan_.upstreams, address, &Upstream::address);
      index = static_cast<size_t>(found - plan_.upstreams.begin());
      if (found == plan_.upstreams.end()) plan_.upstreams.emplace_back().address = address;
    }
    Upstream& upstream = plan_.upstreams[index];
    FillIn(tls.files, upstream.tls_files);
    if (upstream.name.empty() && options_.upstream.empty()) upstream.name = name;
    // Whoever names a server of this machine by --upstream has answered the application's wish for a verified one.
    const bool answered = !options_.upstream.empty() && IsLoopback(upstream.address);
    const TlsDemand demand = answered ? std::min(tls.demand, TlsDemand::kRequire) : tls.demand;
    if (demand > upstream.tls) {
      upstream.tls = demand;
      upstream.tls_said_by = tls.said_by;
      upstream.tls_optional = answered;
    }
    return index;
  }

  Result<> AddUrl(const std::string& variable, const std::string& value) {
    auto url = ParseDatabaseUrl(value);
    if (!url)
      return Fail(fmt::format("{} holds a PostgreSQL URL that cannot be read: {}", variable, url.error().message));
    ApplyService(environment_, machine_, *url);
    UrlPlace place{.variable = variable, .url = std::move(*url), .upstreams = {}};
    const Tls tls = TlsOfUrl(place.url, variable, environment_);
    for (const UrlHost& host : place.url.hosts) {
      const auto address = AddressOf(host, ReadsPgVariables(place.url.dialect), environment_, machine_);
      if (!address) return Fail(fmt::format("{}: {}", variable, address.error().message));
      place.upstreams.push_back(AddUpstream(*address, tls, host.name));
      NoteLogin(place.url, plan_.upstreams[place.upstreams.back()]);
    }
    plan_.urls.push_back(std::move(place));
    return {};
  }

  // --env NAME.
  Result<> AddNamed(const std::string& name) {
    const auto known = std::ranges::find(plan_.urls, name, &UrlPlace::variable);
    if (known != plan_.urls.end()) return {};
    const auto value = environment_.GetFilled(name);
    if (!value && options_.upstream.empty()) {
      return Fail(fmt::format(
          "--env {}: there is no such variable (set it to the server's address, or give --upstream)", name));
    }
    const std::string text = value.value_or("");
    if (text.find("://") != std::string::npos)
      return Fail(fmt::format("--env {}: its value is no PostgreSQL URL", name));
    HostPlace place{.host_variable = name, .port_variable = SiblingPortVariable(name), .upstream = 0};
    UrlHost host{text, "", ""};
    const size_t colon = text.rfind(':');
    if (colon != std::string::npos && (text.find(':') == colon || text.starts_with('['))) {
      host = {text.substr(0, colon), text.substr(colon + 1), ""};
      place.port_variable.clear();
    } else if (place.port_variable.empty()) {
      return Fail(fmt::format(
          "--env {}: cannot tell which variable holds its port (use a name that ends in HOST, or HOST:PORT as value)",
          name));
    } else {
      host.port = environment_.GetFilled(place.port_variable).value_or("");
    }
    if (host.host.starts_with('[') && host.host.ends_with(']')) host.host = host.host.substr(1, host.host.size() - 2);
    const auto address = AddressOf(host, false, environment_, machine_);
    if (!address) return Fail(fmt::format("--env {}: {}", name, address.error().message));
    place.upstream = AddUpstream(*address, TlsOfEnvironment(environment_), "");
    plan_.hosts.push_back(std::move(place));
    return {};
  }

  // PGHOST and its kin: rewritten when one of them is set, or when nothing else leads to a server.
  Result<> AddLibpq() {
    const auto service = environment_.GetFilled("PGSERVICE");
    const bool named = service || environment_.GetFilled("PGHOST") || environment_.GetFilled("PGHOSTADDR") ||
                       environment_.GetFilled("PGPORT");
    if (!named && options_.upstream.empty() && (!plan_.urls.empty() || !plan_.hosts.empty())) return {};
    LibpqPlace place;
    std::string hosts = environment_.GetFilled("PGHOST").value_or("");
    std::string addresses = environment_.GetFilled("PGHOSTADDR").value_or("");
    std::string ports = environment_.GetFilled("PGPORT").value_or("");
    Tls tls = TlsOfEnvironment(environment_);
    if (service) {
      const auto entries = FindService(*service, environment_, machine_);
      if (!entries) return Fail(fmt::format("PGSERVICE names {}, which is in no service file", *service));
      for (const auto& [entry, value] : *entries) {
        if (entry == "host") hosts = value;
        if (entry == "hostaddr") addresses = value;
        if (entry == "port") ports = value;
        if (entry == "sslmode") {
          tls.demand = ParseTlsDemand(value);
          tls.said_by = fmt::format("sslmode={} of service {}", value, *service);
        }
        if (entry == "sslrootcert") tls.files.ca = value;
        if (entry == "sslcert") tls.files.certificate = value;
        if (entry == "sslkey") tls.files.key = value;
        const std::string_view variable = VariableOfEntry(entry);
        if (!variable.empty()) place.from_service.emplace_back(variable, value);
      }
    }
    const auto named_hosts = SplitList(hosts), named_addresses = SplitList(addresses), named_ports = SplitList(ports);
    for (size_t i = 0; i < std::max(named_hosts.size(), named_addresses.size()); ++i) {
      UrlHost host;
      if (i < named_hosts.size()) host.host = named_hosts[i];
      if (i < named_addresses.size() && !named_addresses[i].empty()) {
        host.name = std::exchange(host.host, named_addresses[i]);
      }
      host.port = named_ports[std::min(i, named_ports.size() - 1)];
      const auto address = AddressOf(host, true, Environment{}, machine_);
      if (!address) return Fail(fmt::format("PGHOST and PGPORT: {}", address.error().message));
      place.upstreams.push_back(AddUpstream(*address, tls, host.name));
    }
    plan_.libpq = std::move(place);
    return {};
  }

  const Environment& environment_;
  const PlanOptions& options_;
  const Machine& machine_;
  AddressPlan plan_;
};

std::vector<uint16_t> PortsOf(const std::vector<size_t>& upstreams, const std::vector<uint16_t>& ports) {
  std::vector<uint16_t> result;
  result.reserve(upstreams.size());
  for (const size_t upstream : upstreams) result.push_back(ports[upstream]);
  return result;
}

}  // namespace

Machine Machine::ThisOne() {
  return {.exists =
              [](const std::string& path) {
                struct stat status{};
                return ::stat(path.c_str(), &status) == 0;
              },
          .read_file = [](const std::string& path) -> std::optional<std::string> {
            std::ifstream in(path, std::ios::binary);
            if (!in) return std::nullopt;
            std::ostringstream text;
            text << in.rdbuf();
            return text.str();
          }};
}

Result<AddressPlan> PlanAddresses(const Environment& environment, const PlanOptions& options, const Machine& machine) {
  return Planner(environment, options, machine).Plan();
}

Environment ThroughPorts(const Environment& environment, const AddressPlan& plan, const std::vector<uint16_t>& ports) {
  Environment result = environment;
  for (const UrlPlace& place : plan.urls)
    result.Set(place.variable, UrlThroughPorts(place.url, PortsOf(place.upstreams, ports)));
  for (const HostPlace& place : plan.hosts) {
    const uint16_t port = ports[place.upstream];
    if (place.port_variable.empty()) {
      result.Set(place.host_variable, fmt::format("{}:{}", kLoopback, port));
    } else {
      result.Set(place.host_variable, std::string(kLoopback));
      result.Set(place.port_variable, fmt::format("{}", port));
    }
  }
  if (plan.libpq) {
    result.Unset("PGHOSTADDR");
    result.Unset("PGSERVICE");
    for (const auto& [name, value] : plan.libpq->from_service) result.Set(name, value);
    result.Set(
        "PGHOST",
        fmt::format("{}", fmt::join(std::vector<std::string_view>(plan.libpq->upstreams.size(), kLoopback), ",")));
    result.Set("PGPORT", fmt::format("{}", fmt::join(PortsOf(plan.libpq->upstreams, ports), ",")));
  }
  for (const std::string_view name : kTlsVariables) result.Unset(name);
  if (plan.libpq || environment.Get("PGSSLMODE") || !plan.hosts.empty()) result.Set("PGSSLMODE", "disable");
  return result;
}

Result<Upstream> ParseUpstream(std::string_view text, const Environment& environment, const Machine& machine) {
  Upstream upstream;
  if (!LooksLikeDatabaseUrl(text)) {
    if (text.find("://") != std::string_view::npos) {
      return Fail(fmt::format("--upstream {}: no PostgreSQL URL (write postgresql://HOST:PORT)",
                              text.substr(0, text.find("://") + 3)));
    }
    const auto port = ParsePort(text.starts_with('/') ? environment.GetFilled("PGPORT").value_or("") : "");
    if (!port) return std::unexpected(port.error());
    const auto address = relay::ParseAddress(text, *port);
    if (!address) return Fail(fmt::format("--upstream {}: {}", text, address.error().message));
    upstream.address = *address;
    return upstream;
  }
  auto url = ParseDatabaseUrl(text);
  if (!url) return Fail(fmt::format("--upstream cannot be read: {}", url.error().message));
  ApplyService(environment, machine, *url);
  if (url->hosts.size() > 1) {
    return Fail(
        fmt::format("--upstream {} names several hosts; name one (run follows a list of hosts that is in a variable)",
                    WithoutSecrets(*url)));
  }
  const auto address = AddressOf(url->hosts.front(), ReadsPgVariables(url->dialect), environment, machine);
  if (!address) return Fail(fmt::format("--upstream {}: {}", WithoutSecrets(*url), address.error().message));
  upstream.address = *address;
  NoteLogin(*url, upstream);
  upstream.name = url->hosts.front().name;
  upstream.tls_files = url->tls_files;
  if (url->tls != TlsDemand::kUnsaid) {
    upstream.tls = url->tls;
    upstream.tls_said_by = fmt::format("{} of --upstream", url->tls_said);
  }
  return upstream;
}

bool IsLoopback(const relay::Address& address) {
  if (!address.unix_path.empty()) return true;
  const std::string& host = address.host;
  const bool is_number = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "ip6-localhost" || host == "::1" || (is_number && host.starts_with("127."));
}

std::vector<std::string> AddressPlan::VariablesOf(size_t upstream) const {
  std::vector<std::string> names;
  for (const UrlPlace& place : urls) {
    if (std::ranges::find(place.upstreams, upstream) != place.upstreams.end()) names.push_back(place.variable);
  }
  for (const HostPlace& place : hosts) {
    if (place.upstream == upstream) names.push_back(place.host_variable);
  }
  if (libpq && std::ranges::find(libpq->upstreams, upstream) != libpq->upstreams.end()) names.emplace_back("PGHOST");
  return names;
}

}  // namespace pgassay::cli
