#include "cli/database_url.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "proxy/base/lower_case.h"

namespace pgassay::cli {

namespace {

constexpr std::string_view kLoopback = "127.0.0.1";

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t from = 0;;) {
    const size_t at = text.find(separator, from);
    parts.push_back(text.substr(from, at == std::string_view::npos ? at : at - from));
    if (at == std::string_view::npos) return parts;
    from = at + 1;
  }
}

bool IsIn(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// Length of the scheme with its last colon, and who reads it; nothing if this is no PostgreSQL URL.
struct Scheme {
  size_t length;
  UrlDialect dialect;
};

std::optional<UrlDialect> DialectOf(std::string_view driver) {
  const size_t plus = driver.find('+');
  if (!IsIn(driver.substr(0, plus), {"postgres", "postgresql", "postgis", "pgsql", "psql"})) return std::nullopt;
  if (plus == std::string_view::npos) return UrlDialect::kUnknown;
  const std::string_view suffix = driver.substr(plus + 1);
  if (suffix.starts_with("asyncpg")) return UrlDialect::kAsyncpg;
  if (suffix.starts_with("psycopg") || suffix == "aiopg" || suffix == "pypostgresql") return UrlDialect::kLibpq;
  return UrlDialect::kNoTls;
}

std::optional<Scheme> ParseScheme(std::string_view text) {
  const size_t slashes = text.find("://");
  const std::string start = LowerCase(text.substr(0, std::min<size_t>(text.size(), 64)));
  if (start.starts_with("jdbc:") || start.starts_with("r2dbc:")) {
    // jdbc:postgresql://…, jdbc:postgresql:database, jdbc:otel:postgresql://…; Testcontainers' jdbc:tc: starts its own
    // server.
    const size_t at = start.find(":postgresql:");
    if (at == std::string::npos || (slashes != std::string_view::npos && slashes < at)) return std::nullopt;
    if (start.find(":tc:") < at || start.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789:") < at)
      return std::nullopt;
    const bool jdbc = start.starts_with("jdbc:");
    return Scheme{at + std::string_view(":postgresql:").size(), jdbc ? UrlDialect::kJdbc : UrlDialect::kR2dbc};
  }
  if (slashes == std::string_view::npos || slashes > 40) return std::nullopt;
  const auto dialect = DialectOf(start.substr(0, slashes));
  if (!dialect) return std::nullopt;
  return Scheme{slashes + 1, *dialect};
}

bool IsPort(std::string_view text) {
  return text.size() <= 5 && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "host", "host:port", "[::1]:port", "%2Fdir:port".
std::optional<UrlHost> ParseHost(std::string_view text) {
  UrlHost host;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host.host = PercentDecoded(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
    if (!text.empty() && !text.starts_with(':')) return std::nullopt;
    if (!text.empty()) host.port = text.substr(1);
  } else {
    const size_t colon = text.find(':');
    host.host = PercentDecoded(text.substr(0, colon));
    if (colon != std::string_view::npos) host.port = text.substr(colon + 1);
  }
  if (!IsPort(host.port)) return std::nullopt;
  return host;
}

std::optional<std::vector<UrlHost>> ParseHosts(std::string_view text) {
  std::vector<UrlHost> hosts;
  for (const std::string_view part : Split(text, ',')) {
    const auto host = ParseHost(part);
    if (!host) return std::nullopt;
    hosts.push_back(*host);
  }
  return hosts;
}

// The authority of the URL: user, password and hosts. Passwords hold # and ? in practice, though they should not: where
// the strict reading gives no host list, everything up to the last @ before the path is taken for user and password.
bool ParseAuthority(std::string_view rest, DatabaseUrl& url, size_t& length) {
  const size_t strict_end = std::min(rest.find_first_of("/?#"), rest.size());
  const size_t at = rest.substr(0, strict_end).rfind('@');
  const size_t hosts_from = at == std::string_view::npos ? 0 : at + 1;
  auto hosts = ParseHosts(rest.substr(hosts_from, strict_end - hosts_from));
  length = strict_end;
  size_t userinfo_length = at;
  if (!hosts) {
    userinfo_length = rest.substr(0, rest.find('/')).rfind('@');
    if (userinfo_length == std::string_view::npos) return false;
    length = std::min(rest.find_first_of("/?#", userinfo_length), rest.size());
    hosts = ParseHosts(rest.substr(userinfo_length + 1, length - userinfo_length - 1));
    if (!hosts) return false;
  }
  if (userinfo_length != std::string_view::npos) url.userinfo = std::string(rest.substr(0, userinfo_length));
  url.hosts = std::move(*hosts);
  return true;
}

std::pair<std::string, std::string> NameAndValue(std::string_view parameter) {
  const size_t equals = parameter.find('=');
  if (equals == std::string_view::npos) return {PercentDecoded(parameter), ""};
  return {PercentDecoded(parameter.substr(0, equals)), PercentDecoded(parameter.substr(equals + 1))};
}

// libpq's ?host=a,b&port=1,2 and ?hostaddr=, SQLAlchemy's ?host=a:1&host=b:2.
struct HostParameters {
  std::vector<UrlHost> hosts;
  std::vector<std::string> addresses, ports;
};

void AddHostParameter(std::string_view name, const std::string& value, HostParameters& found) {
  for (const std::string_view part : Split(value, ',')) {
    if (name == "port") {
      found.ports.emplace_back(part);
    } else if (name == "hostaddr") {
      found.addresses.emplace_back(part);
    } else if (std::ranges::count(part, ':') > 1 && !part.starts_with('[')) {
      found.hosts.push_back({std::string(part), "", ""});  // IPv6 without brackets
    } else {
      const auto host = ParseHost(part);
      found.hosts.push_back(host ? *host : UrlHost{std::string(part), "", ""});
    }
  }
}

void ApplyHostParameters(const HostParameters& found, DatabaseUrl& url) {
  if (!found.hosts.empty()) {
    const std::string authority_port = url.hosts.front().port;
    url.hosts = found.hosts;
    url.hosts_from_parameters = true;
    for (UrlHost& host : url.hosts) {
      if (host.port.empty()) host.port = authority_port;
    }
  }
  if (!found.addresses.empty()) {
    url.hosts.resize(found.addresses.size(), url.hosts.back());
    for (size_t i = 0; i < url.hosts.size(); ++i) {
      if (found.addresses[i].empty()) continue;
      url.hosts[i].name = std::exchange(url.hosts[i].host, found.addresses[i]);
    }
    url.hosts_from_parameters = true;
  }
  for (size_t i = 0; i < url.hosts.size() && !found.ports.empty(); ++i) {
    url.hosts[i].port = found.ports[std::min(i, found.ports.size() - 1)];
  }
}

// Parameters that speak of TLS or GSS encryption; they move to the server's leg.
bool IsTlsParameter(std::string_view lower_name) {
  return lower_name.starts_with("ssl") || lower_name == "channel_binding" || lower_name == "channelbinding" ||
         lower_name == "gssencmode" || lower_name == "requiressl" || lower_name == "requirepeer" ||
         lower_name == "ssl_min_protocol_version" || lower_name == "ssl_max_protocol_version";
}

void NoteTlsDemand(std::string_view lower_name, const std::string& value, std::string_view parameter,
                   DatabaseUrl& url) {
  TlsDemand demand = TlsDemand::kUnsaid;
  if (IsIn(lower_name, {"sslmode", "ssl", "requiressl"})) {
    demand = value.empty() ? TlsDemand::kRequire : ParseTlsDemand(value);
  } else if (IsIn(lower_name, {"channel_binding", "channelbinding", "gssencmode"}) && LowerCase(value) == "require") {
    demand = TlsDemand::kRequire;
  }
  if (demand > url.tls) {
    url.tls = demand;
    url.tls_said = parameter;
  }
}

// How the reader is told not to ask for TLS; "" if its URLs have no word for it, or if it need not be told.
std::string_view TlsOff(UrlDialect dialect, bool sslmode_seen) {
  switch (dialect) {
    case UrlDialect::kLibpq:
    case UrlDialect::kJdbc:
      return "sslmode=disable";
    case UrlDialect::kAsyncpg:
      return "ssl=disable";
    case UrlDialect::kR2dbc:
      return "sslMode=disable";
    case UrlDialect::kUnknown:
      return sslmode_seen ? "sslmode=disable" : "";  // a reader that knew sslmode will know this
    case UrlDialect::kNoTls:
      return "";
  }
  return "";
}

std::string HostParametersThroughPorts(const std::vector<uint16_t>& ports, UrlDialect dialect) {
  const bool repeated = dialect == UrlDialect::kLibpq || dialect == UrlDialect::kAsyncpg;  // SQLAlchemy's form
  if (repeated) {
    std::vector<std::string> parts;
    parts.reserve(ports.size());
    for (const uint16_t port : ports) parts.push_back(fmt::format("host={}:{}", kLoopback, port));
    return fmt::format("{}", fmt::join(parts, "&"));
  }
  const std::vector<std::string_view> hosts(ports.size(), kLoopback);
  return fmt::format("host={}&port={}", fmt::join(hosts, ","), fmt::join(ports, ","));
}

}  // namespace

std::string PercentDecoded(std::string_view text) {
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      result += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

TlsDemand ParseTlsDemand(std::string_view value) {
  const std::string word = LowerCase(value);
  if (IsIn(word, {"disable", "false", "0", "off", "no", "allow"})) return TlsDemand::kOff;
  if (word == "prefer") return TlsDemand::kPrefer;
  if (word == "verify-ca") return TlsDemand::kVerifyCa;
  if (word.starts_with("verify")) return TlsDemand::kVerifyFull;
  return TlsDemand::kRequire;  // require, true, 1, no-verify, and words we do not know
}

bool LooksLikeDatabaseUrl(std::string_view text) { return ParseScheme(text).has_value(); }

Result<DatabaseUrl> ParseDatabaseUrl(std::string_view text) {
  const auto scheme = ParseScheme(text);
  if (!scheme) return Fail("it is no PostgreSQL URL");
  DatabaseUrl url;
  url.scheme = text.substr(0, scheme->length);
  url.dialect = scheme->dialect;
  std::string_view rest = text.substr(scheme->length);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    size_t length = 0;
    if (!ParseAuthority(rest, url, length))
      return Fail("its host and port cannot be made out (percent-encode special characters of the password)");
    rest.remove_prefix(length);
  } else {
    url.hosts.emplace_back();
    if (!rest.starts_with('/') && !rest.starts_with('?')) url.path = "/";  // jdbc:postgresql:database
  }
  const size_t hash = std::min(rest.find('#'), rest.size());
  url.fragment = rest.substr(hash);
  rest = rest.substr(0, hash);
  const size_t question = std::min(rest.find('?'), rest.size());
  url.path += rest.substr(0, question);
  if (question == rest.size()) return url;
  HostParameters found;
  for (const std::string_view parameter : Split(rest.substr(question + 1), '&')) {
    const auto [name, value] = NameAndValue(parameter);
    if (IsIn(name, {"host", "hostaddr", "port"})) {
      AddHostParameter(name, value, found);
      continue;
    }
    if (name == "service") {
      url.service = value;
    }
    NoteTlsDemand(LowerCase(name), value, parameter, url);
    if (LowerCase(name) == "sslrootcert") url.tls_files.ca = value;
    if (LowerCase(name) == "sslcert") url.tls_files.certificate = value;
    if (LowerCase(name) == "sslkey") url.tls_files.key = value;
    url.parameters.emplace_back(parameter);
  }
  ApplyHostParameters(found, url);
  return url;
}

std::string UrlThroughPorts(const DatabaseUrl& url, const std::vector<uint16_t>& ports) {
  std::vector<std::string> parameters;
  const bool hosts_as_parameters = url.hosts_from_parameters && ports.size() > 1;
  if (hosts_as_parameters) parameters.push_back(HostParametersThroughPorts(ports, url.dialect));
  bool sslmode_seen = false, tls_written = false;
  const bool tls_said = std::ranges::any_of(url.parameters, [&](const std::string& parameter) {
    const std::string name = LowerCase(NameAndValue(parameter).first);
    sslmode_seen |= IsTlsParameter(name) && name != "ssl";
    return IsTlsParameter(name);
  });
  const std::string_view off = TlsOff(url.dialect, sslmode_seen);
  for (const std::string& parameter : url.parameters) {
    if (!IsTlsParameter(LowerCase(NameAndValue(parameter).first))) {
      parameters.push_back(parameter);
    } else if (!tls_written && !off.empty()) {
      parameters.emplace_back(off);  // where the first of them stood
      tls_written = true;
    }
  }
  if (!tls_said && !off.empty()) parameters.emplace_back(off);
  std::string text = url.scheme + "//";
  if (url.userinfo) text += *url.userinfo + "@";
  if (!hosts_as_parameters) {
    std::vector<std::string> hosts;
    hosts.reserve(ports.size());
    for (const uint16_t port : ports) hosts.push_back(fmt::format("{}:{}", kLoopback, port));
    text += fmt::format("{}", fmt::join(hosts, ","));
  }
  text += url.path;
  if (!parameters.empty()) text += fmt::format("?{}", fmt::join(parameters, "&"));
  return text + url.fragment;
}

std::string WithoutSecrets(const DatabaseUrl& url) {
  std::vector<std::string> hosts;
  hosts.reserve(url.hosts.size());
  for (const UrlHost& host : url.hosts)
    hosts.push_back(host.port.empty() ? host.host : fmt::format("{}:{}", host.host, host.port));
  return fmt::format("{}//{}{}", url.scheme, fmt::join(hosts, ","), url.path);
}

}  // namespace pgassay::cli
