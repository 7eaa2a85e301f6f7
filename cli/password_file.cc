#include "cli/password_file.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cli/terminal.h"

namespace pgassay::cli {

namespace {

// Up to the next colon that no backslash precedes; `rest` is what follows it, or has no data if there was none.
std::string_view Field(std::string_view line, std::string_view& rest) {
  size_t end = 0;
  while (end < line.size() && line[end] != ':') end += line[end] == '\\' ? 2 : 1;
  end = std::min(end, line.size());
  rest = end < line.size() ? line.substr(end + 1) : std::string_view();
  return line.substr(0, end);
}

std::string Unescaped(std::string_view field) {
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 1 < field.size()) ++i;
    text += field[i];
  }
  return text;
}

bool IsAbout(std::string_view host, std::string_view port, const relay::Address& server) {
  if (server.unix_path.empty()) {
    return (host == "*" || host == server.host) && (port == "*" || port == fmt::format("{}", server.port));
  }
  const size_t slash = server.unix_path.rfind('/');
  const size_t dot = server.unix_path.rfind('.');
  return (host == "*" || host == "localhost" || host == server.unix_path.substr(0, slash)) &&
         (port == "*" || port == server.unix_path.substr(dot + 1));
}

}  // namespace

std::string LinesForPorts(std::string_view file, const std::vector<Upstream>& upstreams,
                          const std::vector<uint16_t>& ports) {
  std::string added;
  while (!file.empty()) {
    const size_t end = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    std::string_view rest, database_user_password;
    const std::string host = Unescaped(Field(line, rest));
    const std::string port = Unescaped(Field(rest, database_user_password));
    if (host == "*" && port == "*") continue;  // is about our ports already
    for (size_t i = 0; i < upstreams.size(); ++i) {
      if (IsAbout(host, port, upstreams[i].address))
        added += fmt::format("127.0.0.1:{}:{}\n", ports[i], database_user_password);
    }
  }
  return added;
}

UniqueFd LendPasswords(Environment& environment, const AddressPlan& plan, const std::vector<uint16_t>& ports,
                       const Machine& machine) {
  std::string path = environment.GetFilled("PGPASSFILE").value_or("");
  if (path.empty()) path = environment.Get("HOME").value_or("") + "/.pgpass";
  const auto file = machine.read_file(path);
  const std::string added = file ? LinesForPorts(*file, plan.upstreams, ports) : "";
  if (added.empty()) return {};
  UniqueFd fd(::memfd_create("pgassay-passwords", MFD_CLOEXEC));
  // Without it CMD finds no password, as it would with no password file; its driver says so.
  if (!fd || ::fchmod(fd.get(), S_IRUSR) != 0 || !WriteAll(fd.get(), added + *file)) return {};
  environment.Set("PGPASSFILE", fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()));
  return fd;
}

}  // namespace pgassay::cli
