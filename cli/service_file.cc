#include "cli/service_file.h"

#include <algorithm>
#include <array>

namespace pgassay::cli {

namespace {

// Debian's build of libpq, then the places other builds use.
constexpr std::array<std::string_view, 3> kSystemFolders = {"/etc/postgresql-common", "/etc", "/usr/local/etc"};

std::string_view Trimmed(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

}  // namespace

std::optional<ServiceEntries> ParseService(std::string_view file, std::string_view service) {
  std::optional<ServiceEntries> entries;
  while (!file.empty()) {
    const size_t end = std::min(file.find('\n'), file.size());
    const std::string_view line = Trimmed(file.substr(0, end));
    file.remove_prefix(std::min(end + 1, file.size()));
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with('[')) {
      if (entries) return entries;
      if (line.ends_with(']') && line.substr(1, line.size() - 2) == service) entries.emplace();
      continue;
    }
    const size_t equals = line.find('=');
    if (entries && equals != std::string_view::npos) entries->emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return entries;
}

std::optional<ServiceEntries> FindService(std::string_view service, const Environment& environment,
                                          const Machine& machine) {
  std::vector<std::string> paths;
  if (const auto file = environment.GetFilled("PGSERVICEFILE")) {
    paths.push_back(*file);
  } else if (const auto home = environment.GetFilled("HOME")) {
    paths.push_back(*home + "/.pg_service.conf");
  }
  if (const auto folder = environment.GetFilled("PGSYSCONFDIR")) {
    paths.push_back(*folder + "/pg_service.conf");
  } else {
    for (const std::string_view system : kSystemFolders) paths.push_back(std::string(system) + "/pg_service.conf");
  }
  for (const std::string& path : paths) {
    const auto text = machine.read_file(path);
    if (!text) continue;
    if (auto entries = ParseService(*text, service)) return entries;
  }
  return std::nullopt;
}

std::string_view VariableOfEntry(std::string_view entry) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kVariables = {
      {{"dbname", "PGDATABASE"},
       {"user", "PGUSER"},
       {"password", "PGPASSWORD"},
       {"passfile", "PGPASSFILE"},
       {"options", "PGOPTIONS"},
       {"application_name", "PGAPPNAME"},
       {"client_encoding", "PGCLIENTENCODING"},
       {"connect_timeout", "PGCONNECT_TIMEOUT"},
       {"target_session_attrs", "PGTARGETSESSIONATTRS"},
       {"krbsrvname", "PGKRBSRVNAME"},
       {"gsslib", "PGGSSLIB"}}};
  const auto found = std::ranges::find(kVariables, entry, &std::pair<std::string_view, std::string_view>::first);
  return found == kVariables.end() ? std::string_view() : found->second;
}

}  // namespace pgassay::cli
