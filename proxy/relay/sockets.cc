#include "proxy/relay/sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace pgassay::relay {
namespace {

constexpr int kBacklog = 1024;  // logins arrive in bursts when a pool fills; the kernel cuts it to net.core.somaxconn

sockaddr* Raw(SocketAddress& address) { return reinterpret_cast<sockaddr*>(&address.storage); }
const sockaddr* Raw(const SocketAddress& address) { return reinterpret_cast<const sockaddr*>(&address.storage); }

SocketAddress UnixAddress(const std::string& path) {
  SocketAddress address;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size());  // ParseAddress has checked the size
  std::memcpy(&address.storage, &name, sizeof(name));
  address.size = sizeof(name);
  return address;
}

void SetOption(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof(on));
}

// A socket file left by a process that is gone refuses connections; a living one, or no socket at all, is left alone.
void RemoveStaleSocket(const SocketAddress& address, const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return;
  if (::connect(probe.get(), Raw(address), address.size) != 0 && errno == ECONNREFUSED) ::unlink(path.c_str());
}

Result<UniqueFd> ListenOn(const SocketAddress& address, const Address& as_given) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Fail(fmt::format("cannot listen on {}: {}", ToString(as_given), ErrnoText(errno)));
  if (address.family() == AF_UNIX) {
    RemoveStaleSocket(address, as_given.unix_path);
  } else {
    SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR);  // not SO_REUSEPORT: a second pgassay would silently share the port
    if (address.family() == AF_INET6) SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  }
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(fd.get(), Raw(address), address.size);
  const int error = errno;
  ::umask(mask);
  if (bound != 0) {
    if (error == EADDRINUSE && as_given.unix_path.empty()) {
      return Fail(fmt::format("cannot listen on {}: address in use (try port 0 for any free one)", ToString(as_given)));
    }
    return Fail(fmt::format("cannot listen on {}: {}", ToString(as_given), ErrnoText(error)));
  }
  if (::listen(fd.get(), kBacklog) != 0) {
    return Fail(fmt::format("cannot listen on {}: {}", ToString(as_given), ErrnoText(errno)));
  }
  return fd;
}

}  // namespace

bool SocketAddress::loopback() const {
  if (family() == AF_INET) {
    sockaddr_in name{};
    std::memcpy(&name, &storage, sizeof(name));
    return (ntohl(name.sin_addr.s_addr) >> 24) == 127;
  }
  if (family() == AF_INET6) {
    sockaddr_in6 name{};
    std::memcpy(&name, &storage, sizeof(name));
    return IN6_IS_ADDR_LOOPBACK(&name.sin6_addr);
  }
  return false;
}

Result<std::vector<SocketAddress>> Resolve(const Address& address, bool to_listen) {
  if (!address.unix_path.empty()) return std::vector{UnixAddress(address.unix_path)};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) return Fail(fmt::format("cannot resolve {}: {}", address.host, ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<SocketAddress> result;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    SocketAddress one;
    std::memcpy(&one.storage, info->ai_addr, info->ai_addrlen);
    one.size = info->ai_addrlen;
    result.push_back(one);
  }
  return result;
}

SocketAddress LocalAddress(int fd) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (::getsockname(fd, Raw(address), &address.size) != 0) address = {};
  return address;
}

SocketAddress PeerAddress(int fd) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (::getpeername(fd, Raw(address), &address.size) != 0) address = {};
  return address;
}

Address ToAddress(const SocketAddress& address) {
  Address result;
  char host[INET6_ADDRSTRLEN] = "";
  if (address.family() == AF_INET) {
    sockaddr_in name{};
    std::memcpy(&name, &address.storage, sizeof(name));
    ::inet_ntop(AF_INET, &name.sin_addr, host, sizeof(host));
    result.port = ntohs(name.sin_port);
  } else if (address.family() == AF_INET6) {
    sockaddr_in6 name{};
    std::memcpy(&name, &address.storage, sizeof(name));
    ::inet_ntop(AF_INET6, &name.sin6_addr, host, sizeof(host));
    result.port = ntohs(name.sin6_port);
  } else if (address.family() == AF_UNIX) {
    sockaddr_un name{};
    std::memcpy(&name, &address.storage, sizeof(name));
    result.unix_path.assign(name.sun_path, ::strnlen(name.sun_path, sizeof(name.sun_path)));
  }
  result.host = host;
  return result;
}

std::string ToText(const SocketAddress& address) {
  const Address readable = ToAddress(address);
  if (address.family() == AF_UNIX && readable.unix_path.empty()) return "unix";  // a client's socket has no name
  return ToString(readable);
}

Result<UniqueFd> Listen(const Address& address) {
  Result<std::vector<SocketAddress>> addresses = Resolve(address, true);
  if (!addresses) return std::unexpected(addresses.error());
  return ListenOn(addresses->front(), address);
}

Dialled Dial(const SocketAddress& address) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return {{}, errno};
  SetRelayOptions(fd.get(), address.family());
  if (::connect(fd.get(), Raw(address), address.size) == 0) return {std::move(fd), 0};
  return {std::move(fd), errno};
}

int ConnectError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

Result<UniqueFd> DialAndWait(const Address& address, std::chrono::milliseconds timeout) {
  Result<std::vector<SocketAddress>> addresses = Resolve(address, false);
  if (!addresses) return std::unexpected(addresses.error());
  int error = 0;
  for (const SocketAddress& one : *addresses) {
    UniqueFd fd(::socket(one.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) {
      error = errno;
      continue;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    const timeval limit{seconds.count(), std::chrono::microseconds(timeout - seconds).count()};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));  // bounds connect() as well
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (::connect(fd.get(), Raw(one), one.size) == 0) return fd;
    error = errno == EINPROGRESS ? ETIMEDOUT : errno;
  }
  return Fail(fmt::format("cannot reach the server at {}: {}", ToString(address), ErrnoText(error)));
}

void SetRelayOptions(int fd, int family) {
  if (family == AF_UNIX) return;
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE);
}

void CloseWithReset(UniqueFd& fd) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  fd.Reset();
}

// No virtual call: UBSan asks for a pipe at the first one of a type, and this is called when there are no descriptors.
std::string ErrnoText(int error) {
  std::array<char, 128> text;
  return ::strerror_r(error, text.data(), text.size());
}

}  // namespace pgassay::relay
