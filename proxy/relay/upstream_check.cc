#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include "proxy/relay/relay.h"
#include "proxy/relay/server_refusal.h"
#include "proxy/relay/sockets.h"

namespace pgassay::relay {
namespace {

constexpr std::chrono::milliseconds kPatience{5000};
constexpr std::string_view kSslRequest("\x00\x00\x00\x08\x04\xd2\x16\x2f", 8);
constexpr size_t kMaxErrorBytes = 8192;

bool SendAll(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string StartupMessage(const Route& route) {
  std::string body("\x00\x03\x00\x00", 4);
  const auto add = [&body](std::string_view name, std::string_view value) {
    body.append(name).push_back('\0');
    body.append(value).push_back('\0');
  };
  add("user", route.user);
  if (!route.database.empty()) add("database", route.database);
  add("application_name", "pgassay");
  body.push_back('\0');
  const size_t length = body.size() + 4;
  std::string message;
  for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(length >> shift & 0xff);
  return message + body;
}

// What the server answers first to a login without TLS; as much of it as an ErrorResponse has.
Result<std::string> FirstAnswer(const Route& route, std::string_view request) {
  Result<UniqueFd> fd = DialAndWait(route.upstream, kPatience);
  if (!fd) return std::unexpected(fd.error());
  const std::string name = ToString(route.upstream);
  if (!SendAll(fd->get(), request)) {
    return Fail(fmt::format("the server at {} closed the connection: {}", name, ErrnoText(errno)));
  }
  std::string answer(kMaxErrorBytes, '\0');
  size_t size = 0;
  do {
    const ssize_t got = ::recv(fd->get(), answer.data() + size, answer.size() - size, 0);
    if (got < 0 && size == 0) {
      return Fail(errno == EAGAIN ? fmt::format("the server at {} does not answer", name)
                                  : fmt::format("the server at {} closed the connection: {}", name, ErrnoText(errno)));
    }
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  } while (answer[0] == 'E' && size < answer.size());  // an ErrorResponse ends with the connection
  answer.resize(size);
  return answer;
}

Result<> Check(const Route& route) {
  const std::string name = ToString(route.upstream);
  Result<std::string> encryption = FirstAnswer(route, kSslRequest);
  if (!encryption) return std::unexpected(encryption.error());
  if (encryption->empty() || (encryption->front() != 'N' && encryption->front() != 'S' && encryption->front() != 'E')) {
    return Fail(fmt::format("what answers at {} does not speak PostgreSQL's protocol", name));
  }
  if (encryption->front() != 'S' || route.user.empty()) return {};
  Result<std::string> start = FirstAnswer(route, StartupMessage(route));
  if (!start) return std::unexpected(start.error());
  if (InsistsOnTls(*start)) {
    return Fail(
        fmt::format("the server at {} insists on TLS for user {}, which pgassay does not speak yet: "
                    "allow a plain connection from here in its pg_hba.conf",
                    name, route.user));
  }
  return {};
}

}  // namespace

Result<> CheckUpstreams(const RelayOptions& options) {
  for (const Route& route : options.routes) {
    if (Result<> checked = Check(route); !checked) return checked;
  }
  return {};
}

}  // namespace pgassay::relay
