#include "proxy/relay/address.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>
#include <optional>

namespace pgassay::relay {
namespace {

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

constexpr std::string_view kSocketName = "/.s.PGSQL.";

}  // namespace

Result<Address> ParseAddress(std::string_view text, uint16_t default_port) {
  const auto bad = [text](std::string_view why) {
    return Fail(fmt::format("'{}' is not an address: {} (write host:port, [ipv6]:port or /path/of/socket)", text, why));
  };
  Address address;
  if (text.empty()) return bad("it is empty");
  if (text.find('\0') != std::string_view::npos) return bad("it holds a zero byte");
  if (text.front() == '/') {
    std::string path(text);
    if (text.find(kSocketName) == std::string_view::npos) {  // a directory, as libpq's host=, with a port or without
      uint16_t port = default_port;
      const size_t colon = path.rfind(':');
      if (colon != std::string::npos) {
        const std::optional<uint16_t> given = ParsePort(std::string_view(path).substr(colon + 1));
        if (!given) return bad("its port is not a number from 0 to 65535");
        port = *given;
        path.resize(colon);
      }
      while (path.size() > 1 && path.back() == '/') path.pop_back();
      path = fmt::format("{}{}{}", path == "/" ? "" : path, kSocketName, port);
    }
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return bad("the path of a Unix socket has at most 107 bytes");
    address.unix_path = std::move(path);
    return address;
  }

  std::string_view port;
  bool has_port = false;
  if (text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return bad("the ']' is missing");
    address.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return bad("only a port may follow the ']'");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const size_t colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
      return bad("an IPv6 address needs brackets");
    }
    address.host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (address.host.empty()) return bad("the host is missing");
  address.port = default_port;
  if (has_port) {
    const std::optional<uint16_t> given = ParsePort(port);
    if (!given) return bad("its port is not a number from 0 to 65535");
    address.port = *given;
  }
  return address;
}

std::string ToString(const Address& address) {
  if (!address.unix_path.empty()) return address.unix_path;
  if (address.host.find(':') != std::string::npos) return fmt::format("[{}]:{}", address.host, address.port);
  return fmt::format("{}:{}", address.host, address.port);
}

}  // namespace pgassay::relay
