#include "cli/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <charconv>
#include <cmath>

#include "cli/suggest.h"
#include "proxy/base/shared_totals.h"

namespace pgassay::cli {

namespace {

constexpr double kMany = 1e15;  // above any sensible figure, exact as a double

// The order is that of --help.
constexpr std::array kSettings = std::to_array<SettingInfo>({
    {"listen", SettingKind::kList, "ADDR", "127.0.0.1:6432,[::1]:6432", 0, 0, kProxy,
     "where clients connect: HOST:PORT, [::1]:PORT or a socket's path; may be repeated; port 0 is any free one"},
    {"upstream", SettingKind::kText, "URI", "", 0, 0, kRun | kProxy,
     "the server: a PostgreSQL URL, HOST:PORT or a socket's path"},
    {"route", SettingKind::kList, "LISTEN=UPSTREAM", "", 0, 0, kProxy,
     "one more address to listen on, with a server of its own (a replica, another service); may be repeated, with or "
     "without --listen and --upstream"},
    {"env", SettingKind::kList, "NAME", "", 0, 0, kRun,
     "also rewrite this variable: an URL, HOST:PORT, or a host whose port is in its sibling (DB_HOST, DB_PORT); may be "
     "repeated"},
    {"trace", SettingKind::kText, "FILE", "", 0, 0, kRun | kProxy | kLint,
     "the file to record into (run: pgassay.db in the working directory, or the next free pgassay-N.db); "
     "lint: the one to read"},
    {"database", SettingKind::kText, "URI", "", 0, 0, kRun | kProxy | kLint | kAdvise,
     "also read the catalogue of this database (a postgresql:// URL) into the trace, over a read-only connection of "
     "pgassay's own; auto: of every database that is used, with the address and login of the server's URL; "
     "lint, advise: the database to look at"},
    {"explain", SettingKind::kText, "WHAT", "plans", 0, 0, kRun | kProxy,
     "with --database: off (no plans, no values of executions in memory); plans (EXPLAIN of the costliest statements, "
     "with values of their executions and generically; nothing is executed); or analyze (and, when the recording ends, "
     "EXPLAIN ANALYZE, which executes each once more, read-only and for at most two seconds, where it calls nothing "
     "volatile)"},
    {"sandbox", SettingKind::kSwitch, "", "false", 0, 0, kRun | kProxy,
     "with --database: the databases are nobody's; when the recording ends, indexes that could help are built in a "
     "transaction that is rolled back, which locks writers out, to see what the planner makes of them"},
    {"budget", SettingKind::kBytes, "SIZE", "0", 0, kMany, kAdvise,
     "what all advised indexes may take together, for example 500MB, by their modelled sizes; 0 is any"},
    {"stats", SettingKind::kText, "FILE", "", 0, 0, kAdvise,
     "statistics of another server, of production: pg_stats as COPY writes it in CSV with a header, with reltuples, "
     "relpages and relallvisible of pg_class where they are joined to it"},
    {"append", SettingKind::kSwitch, "", "false", 0, 0, kRun | kProxy, "record into a trace that exists already"},
    {"threads", SettingKind::kCount, "N", "1", 1, kMaxLoops, kRun | kProxy, "relay loops"},
    {"max-connections", SettingKind::kCount, "N", "1000", 1, 1e6, kProxy, "clients beyond this are refused"},
    {"max-trace-size", SettingKind::kBytes, "SIZE", "0", 0, kMany, kProxy,
     "bound of the timeline, for example 500MB: the oldest executions go first, totals stay exact; 0 keeps all"},
    {"drain", SettingKind::kNumber, "SECONDS", "5", 0, 86400, kProxy,
     "how long open sessions may go on after SIGINT or SIGTERM"},
    {"keep-tag", SettingKind::kList, "KEY", "", 0, 0, kRun | kProxy,
     "also store this key of the tags in SQL comments; may be repeated"},
    {"keep-values", SettingKind::kSwitch, "", "false", 0, 0, kRun | kProxy,
     "also store example values of up to three executions of each statement, without what looks like a credential, for "
     "show; the trace is then as confidential as the database"},
    {"control", SettingKind::kText, "ADDR", "", 0, 0, kRun | kProxy,
     "where test runners say which test is running: a socket's path or HOST:PORT (run: a socket in a private folder, "
     "named in PGASSAY_CONTROL)"},
    {"allow-root", SettingKind::kSwitch, "", "false", 0, 0, kProxy, "run although this is root"},
    {"allow-plaintext-remote", SettingKind::kSwitch, "", "false", 0, 0, kProxy,
     "let other machines connect without TLS, where --listen names an address that they reach"},
    {"tls-cert", SettingKind::kText, "FILE", "", 0, 0, kProxy,
     "the certificate (PEM, with its chain) to show to clients that ask for TLS; read again at SIGHUP"},
    {"tls-key", SettingKind::kText, "FILE", "", 0, 0, kProxy, "its private key (PEM)"},
    {"tls-passthrough", SettingKind::kSwitch, "", "false", 0, 0, kProxy,
     "pass the TLS of clients to the server unread: their sessions are timed, not decoded"},
    {"gssenc", SettingKind::kText, "MODE", "refuse", 0, 0, kProxy,
     "what a client's request for GSSAPI encryption gets: refuse (it goes on without), or passthrough, to the server: "
     "sessions that it encrypts are timed, not decoded"},
    {"upstream-tls", SettingKind::kText, "MODE", "", 0, 0, kRun | kProxy,
     "TLS to the server: disable, require, verify-ca or verify-full (default what its URL's sslmode says; verify-full "
     "with --upstream-ca or --upstream-cert)"},
    {"upstream-ca", SettingKind::kText, "FILE", "", 0, 0, kRun | kProxy,
     "certificates (PEM) that may have signed the server's (default the system's)"},
    {"upstream-cert", SettingKind::kText, "FILE", "", 0, 0, kRun | kProxy,
     "a client certificate (PEM) to show to the server"},
    {"upstream-key", SettingKind::kText, "FILE", "", 0, 0, kRun | kProxy, "its private key (PEM)"},
    {"keep-binding-offer", SettingKind::kSwitch, "", "false", 0, 0, kRun | kProxy,
     "leave SCRAM-SHA-256-PLUS in the server's list even where the client's leg is plain and the server's is TLS; "
     "libpq "
     "then refuses the login"},
    {"gate", SettingKind::kSwitch, "", "false", 0, 0, kRun, "judge the run against --baseline when CMD has ended"},
    {"baseline", SettingKind::kText, "FILE", "pgassay.baseline.json", 0, 0, kRun | kGate,
     "the accepted state, as pgassay baseline wrote it"},
    {"service", SettingKind::kText, "NAME", "", 0, 0, kRun | kGate | kBaseline | kDiff,
     "only this service of pgassay.toml ([service.NAME]): its policy, its baseline and, where it names some, its "
     "sessions"},
    {"format", SettingKind::kText, "F", "terminal", 0, 0,
     kRun | kReport | kLint | kAdvise | kQueries | kShow | kGate | kDiff,
     "terminal, json, html, markdown, github, sarif, junit, gitlab, csv or sql; queries, show and diff: terminal or "
     "json"},
    {"output", SettingKind::kText, "FILE", "", 0, 0,
     kRun | kReport | kLint | kAdvise | kQueries | kBaseline | kGate | kDiff, "write there instead of standard output"},
    {"all", SettingKind::kSwitch, "", "false", 0, 0, kRun | kReport | kLint | kAdvise | kGate | kDiff,
     "everything, not the ten most costly"},
    {"fail-on", SettingKind::kList, "WHAT", "", 0, 0, kRun | kReport | kLint | kAdvise,
     "exit 1 when there is a finding that is proven, one that is at least likely, or one of the rule named; may be "
     "repeated"},
    {"rtt", SettingKind::kNumber, "MS", "1", 0, 60000, kRun | kReport | kLint | kAdvise | kGate | kDiff,
     "the network's round trip, in milliseconds, at which saved round trips are priced"},
    {"sort", SettingKind::kText, "BY", "time", 0, 0, kQueries, "time, calls, rows, bytes or errors"},
    {"limit", SettingKind::kCount, "N", "20", 0, kMany, kQueries, "how many statements; 0 is all"},
});

std::string Replaced(std::string_view text, char from, char to) {
  std::string result(text);
  std::ranges::replace(result, from, to);
  return result;
}

Result<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return Fail("is no number");
  return value;
}

Result<uint64_t> ParseCount(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return Fail("is no whole number");
  return value;
}

Result<bool> ParseSwitch(std::string_view text) {
  for (const std::string_view yes : {"true", "1", "yes", "on"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "0", "no", "off"}) {
    if (text == no) return false;
  }
  return Fail("is neither true nor false");
}

// The number a text stands for, for the kinds that have one.
Result<double> AsNumber(const SettingInfo& setting, std::string_view text) {
  if (setting.kind == SettingKind::kNumber) return ParseNumber(text);
  const Result<uint64_t> count = setting.kind == SettingKind::kBytes ? ParseBytes(text) : ParseCount(text);
  if (!count) return std::unexpected(count.error());
  return static_cast<double>(*count);
}

Result<> Check(const SettingInfo& setting, const std::vector<std::string>& texts, std::string_view named) {
  for (const std::string& text : texts) {
    switch (setting.kind) {
      case SettingKind::kText:
      case SettingKind::kList:
        if (text.empty()) return Fail(fmt::format("{} is empty (give it {})", named, setting.placeholder));
        break;
      case SettingKind::kSwitch:
        if (const auto value = ParseSwitch(text); !value) {
          return Fail(fmt::format("{} = \"{}\" {}", named, text, value.error().message));
        }
        break;
      case SettingKind::kCount:
      case SettingKind::kBytes:
      case SettingKind::kNumber: {
        const auto value = AsNumber(setting, text);
        if (!value) return Fail(fmt::format("{} = \"{}\" {}", named, text, value.error().message));
        if (*value < setting.min || *value > setting.max) {
          return Fail(fmt::format("{} = {} is out of range (from {} to {})", named, text, setting.min, setting.max));
        }
        break;
      }
    }
  }
  return {};
}

// A variable's text, or a default: lists are separated by commas.
std::vector<std::string> Split(const SettingInfo& setting, std::string_view text) {
  if (setting.kind != SettingKind::kList) return {std::string(text)};
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    const size_t comma = std::min(text.find(',', from), text.size());
    if (comma > from) parts.emplace_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

// A variable that is nearly one of ours is a mistake that would be silent otherwise; any other PGASSAY_* is somebody
// else's.
Result<> CheckVariableNames(const Environment& environment) {
  std::vector<std::string> known = {"PGASSAY_CONFIG"};
  for (const SettingInfo& setting : kSettings) known.push_back(VariableName(setting));
  const std::vector<std::string_view> views(known.begin(), known.end());
  for (const auto& [name, value] : environment.variables()) {
    if (!name.starts_with("PGASSAY_") || std::ranges::find(known, name) != known.end()) continue;
    for (const std::string_view candidate : views) {
      if (EditDistance(name, candidate) <= 2 && name.size() > std::string_view("PGASSAY_XXX").size()) {
        return Fail(fmt::format("unknown environment variable {} (did you mean {}?)", name, candidate));
      }
    }
  }
  return {};
}

}  // namespace

std::span<const SettingInfo> AllSettings() { return kSettings; }

const SettingInfo* FindSetting(std::string_view name) {
  const auto found = std::ranges::find(kSettings, name, &SettingInfo::name);
  return found == kSettings.end() ? nullptr : &*found;
}

std::string VariableName(const SettingInfo& setting) {
  std::string name = "PGASSAY_" + Replaced(setting.name, '-', '_');
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

std::string KeyName(const SettingInfo& setting) { return Replaced(setting.name, '-', '_'); }

Result<uint64_t> ParseBytes(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && (std::isdigit(static_cast<unsigned char>(text[digits])) != 0 || text[digits] == '.'))
    ++digits;
  const Result<double> number = ParseNumber(text.substr(0, digits));
  std::string unit;
  for (const char c : text.substr(digits)) {
    if (c != ' ') unit += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  static constexpr std::array<std::pair<std::string_view, double>, 12> kUnits = {{{"", 1},
                                                                                  {"b", 1},
                                                                                  {"k", 1e3},
                                                                                  {"kb", 1e3},
                                                                                  {"m", 1e6},
                                                                                  {"mb", 1e6},
                                                                                  {"g", 1e9},
                                                                                  {"gb", 1e9},
                                                                                  {"kib", 1024.0},
                                                                                  {"mib", 1048576.0},
                                                                                  {"gib", 1073741824.0},
                                                                                  {"tb", 1e12}}};
  const auto found = std::ranges::find(kUnits, unit, &std::pair<std::string_view, double>::first);
  if (!number || found == kUnits.end() || *number * found->second > kMany) {
    return Fail("is no size (write it as 500MB or 2GiB)");
  }
  return static_cast<uint64_t>(*number * found->second);
}

Result<Settings> Settings::Resolve(const Values& flags, const Environment& environment, const ConfigFile& file) {
  if (const auto names = CheckVariableNames(environment); !names) return std::unexpected(names.error());
  Settings settings;
  settings.rules_ = file.rules;
  settings.gate_ = file.gate;
  settings.file_path_ = file.path;
  for (const SettingInfo& setting : kSettings) {
    SettingValue value{.texts = {}, .origin = "default"};
    if (!setting.default_text.empty()) value.texts = Split(setting, setting.default_text);
    std::string named;
    if (const auto flag = flags.find(setting.name); flag != flags.end()) {
      value = {flag->second, "flag"};
      named = fmt::format("--{}", setting.name);
    } else if (const auto text = environment.GetFilled(VariableName(setting))) {
      value = {Split(setting, *text), VariableName(setting)};
      named = value.origin;
    } else if (const auto key = file.values.find(setting.name); key != file.values.end()) {
      value = {key->second, file.path};
      named = fmt::format("{}: {}", file.path, KeyName(setting));
    }
    if (!named.empty()) {
      if (const auto checked = Check(setting, value.texts, named); !checked) return std::unexpected(checked.error());
    }
    settings.values_.emplace(setting.name, std::move(value));
  }
  return settings;
}

const SettingValue& Settings::Value(std::string_view name) const {
  const auto found = values_.find(name);
  assert(found != values_.end());
  return found->second;
}

bool Settings::IsSet(std::string_view name) const { return Value(name).origin != "default"; }

std::string Settings::Text(std::string_view name) const {
  const auto& texts = Value(name).texts;
  return texts.empty() ? std::string() : texts.back();
}

std::vector<std::string> Settings::List(std::string_view name) const { return Value(name).texts; }

bool Settings::Switch(std::string_view name) const { return ParseSwitch(Text(name)).value_or(false); }

uint64_t Settings::Count(std::string_view name) const { return static_cast<uint64_t>(Number(name)); }

double Settings::Number(std::string_view name) const {
  const SettingInfo* setting = FindSetting(name);
  assert(setting != nullptr);
  return AsNumber(*setting, Text(name)).value_or(0);
}

}  // namespace pgassay::cli
