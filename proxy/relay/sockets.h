// The few socket calls of the relay: addresses resolved once, listeners bound, connections dialled, all without
// waiting. Names are resolved before the relay serves (a resolver may block); a name's later addresses need a restart.
// Limits: a Unix listener gets mode 0600, since a server that trusts peer credentials would see pgassay's user, not the
// client's. Threads: pure but for the descriptors they make.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/unique_fd.h"
#include "proxy/relay/address.h"

namespace pgassay::relay {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  bool loopback() const;
};

// What an address stands for, in the resolver's order; never empty. Unix paths resolve to themselves.
Result<std::vector<SocketAddress>> Resolve(const Address& address, bool to_listen);
// Address of a socket's own or other end, as a person reads it ("127.0.0.1:5432", a path, or "unix").
SocketAddress LocalAddress(int fd);
SocketAddress PeerAddress(int fd);
Address ToAddress(const SocketAddress& address);
std::string ToText(const SocketAddress& address);

// A listening, non-blocking socket. A Unix path that nobody listens on any more is replaced.
Result<UniqueFd> Listen(const Address& address);
// Starts to connect, non-blocking. While `error` is EINPROGRESS, wait until the socket takes writes and ask
// ConnectError().
struct Dialled {
  UniqueFd fd;
  int error;  // 0: connected already
};
Dialled Dial(const SocketAddress& address);
int ConnectError(int fd);
// Connects and waits; the descriptor stays blocking, with `timeout` on each call.
Result<UniqueFd> DialAndWait(const Address& address, std::chrono::milliseconds timeout);

// recv() and send(MSG_NOSIGNAL), errno and all. Not the C library's: as points of cancellation these cost two atomic
// operations more a call, once a process has threads.
inline ssize_t ReceiveFrom(int fd, char* to, size_t size) {
  return ::syscall(SYS_recvfrom, fd, to, size, 0, nullptr, nullptr);
}
inline ssize_t SendTo(int fd, std::string_view bytes) {
  return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
}

inline bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

// TCP_NODELAY and keepalive; nothing on Unix sockets.
void SetRelayOptions(int fd, int family);
// Closes so that the other end sees a reset, where the transport has one.
void CloseWithReset(UniqueFd& fd);
std::string ErrnoText(int error);

}  // namespace pgassay::relay
