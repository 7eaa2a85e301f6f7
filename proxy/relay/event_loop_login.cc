// The event loop's connections before their bytes flow: accepted, their first bytes read, their server dialled, or
// refused.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/base/clock.h"
#include "proxy/relay/count.h"
#include "proxy/relay/event_loop.h"
#include "proxy/relay/refusal.h"

namespace pgassay::relay {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kAcceptPause = 100 * kMillisecond;
constexpr int64_t kDialRetry = 10 * kMillisecond;
constexpr uint32_t kMaxDialRetries = 500;  // 5 s

bool OutOfDescriptors(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

void EventLoop::WatchListeners() {
  for (ListenerWatch& listener : listeners_) {
    epoll_event event{.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.ptr = &listener}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, shared_.routes[listener.route].listen_fd, &event);
  }
}

void EventLoop::PauseAccepting() {
  for (const RouteSockets& route : shared_.routes) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, route.listen_fd, nullptr);
  }
  accept_again_ns_ = MonotonicNowNs() + kAcceptPause;
}

void EventLoop::Accept(ListenerWatch& listener) {
  if (stopping_ || accept_again_ns_ != 0) return;
  UniqueFd fd(::accept4(shared_.routes[listener.route].listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (OutOfDescriptors(errno)) PauseAccepting();
    return;
  }
  now_ns_ = MonotonicNowNs();
  auto owned = std::make_unique<Connection>();
  Connection& connection = *owned;
  connection.route = connection.server_route = listener.route;
  connection.connected_ns = now_ns_;
  connection.client.fd = std::move(fd);
  connection.position = connections_.size();
  connections_.push_back(std::move(owned));
  SetRelayOptions(connection.client.fd.get(), shared_.routes[listener.route].listen_family);
  SetDeadline(connection, now_ns_ + shared_.first_bytes_limit_ns);
  if (shared_.routes[listener.route].listen_family != AF_UNIX) {  // the answer is there when the login is, mostly
    const int client = connection.client.fd.get();
    connection.client_pid = shared_.clients.Find(PeerAddress(client), LocalAddress(client));
  }
  OnHolding(connection);  // the first bytes are often here already
}

void EventLoop::OnHolding(Connection& connection) {
  char* to = connection.held.data() + connection.held_bytes;
  const ssize_t got = connection.client.Receive(to, connection.held.size() - connection.held_bytes);
  if (got < 0 && WouldBlock(errno)) return Watch(connection.client, EPOLLIN);
  if (got <= 0) return Close(connection, session::SessionEnd::kClientClosed);
  connection.held_bytes = static_cast<uint8_t>(connection.held_bytes + got);
  OnFirstBytes(connection);
}

void EventLoop::OnFirstBytes(Connection& connection) {
  const wire::Startup startup = wire::ClassifyStartup({connection.held.data(), connection.held_bytes});
  const bool plain_upstream = !shared_.tls.for_upstream(connection.route);
  const wire::FirstBytesPolicy policy{.offers_tls = shared_.tls.for_clients(),
                                      .passes_tls = shared_.tls_passthrough,
                                      .plain_upstream = plain_upstream,
                                      .refuses_plain = shared_.routes[connection.route].tls_only,
                                      .passes_gss = shared_.gss_passthrough && plain_upstream};
  switch (wire::NextStep(startup, connection.encryption, policy)) {
    case wire::FirstStep::kWait:
      return Watch(connection.client, EPOLLIN);
    case wire::FirstStep::kSayNoToSsl:
      connection.encryption.ssl_asked = true;
      return AnswerNo(connection, totals_.ssl_refused);
    case wire::FirstStep::kSayNoToGss:
      connection.encryption.gss_asked = true;
      return AnswerNo(connection, totals_.gssenc_refused);
    case wire::FirstStep::kBeginTls:
      return OnSslRequest(connection);
    case wire::FirstStep::kBeginDirectTls:
      return OnDirectTls(connection);
    case wire::FirstStep::kReadCancel:
      Count(totals_.cancel_requests);
      connection.phase = Phase::kCancel;
      connection.cancel_request.assign(connection.held.data(), connection.held_bytes);
      return OnCancelBytes(connection);
    case wire::FirstStep::kPassOn:
      return TakeSlotAndDial(connection);
    case wire::FirstStep::kRefuseSecondRequest:
      return Refuse(connection, kFeatureNotSupported, "pgassay: encryption was requested twice");
    case wire::FirstStep::kRefusePlain:
      return Refuse(connection, kInvalidAuthorization,
                    "pgassay: this address takes TLS connections only (sslmode=require)");
    case wire::FirstStep::kClose:
      Count(totals_.ssl_refused);
      return Close(connection, session::SessionEnd::kClientClosed);
  }
}

void EventLoop::AnswerNo(Connection& connection, std::atomic<uint64_t>& counter) {
  Count(counter);
  if (!NothingBehind(connection)) return;
  connection.held_bytes = 0;
  if (::send(connection.client.fd.get(), "N", 1, MSG_NOSIGNAL) != 1) {
    return Close(connection, session::SessionEnd::kClientClosed);
  }
  Watch(connection.client, EPOLLIN);
}

void EventLoop::OnCancelBytes(Connection& connection) {
  std::string& request = connection.cancel_request;
  const size_t length = wire::ClassifyStartup(request).length;
  const size_t had = request.size();
  request.resize(length);
  const ssize_t got = connection.client.Receive(request.data() + had, length - had);
  request.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && WouldBlock(errno)) return Watch(connection.client, EPOLLIN);
  if (got <= 0) return Close(connection, session::SessionEnd::kClientClosed);
  if (request.size() < length) return Watch(connection.client, EPOLLIN);
  DialNext(connection);
}

void EventLoop::TakeSlotAndDial(Connection& connection) {
  if (shared_.open_connections.fetch_add(1, std::memory_order_relaxed) >= shared_.max_connections) {
    shared_.open_connections.fetch_sub(1, std::memory_order_relaxed);
    return Refuse(connection, kTooManyConnections,
                  fmt::format("pgassay: too many connections (--max-connections is {})", shared_.max_connections));
  }
  connection.holds_slot = true;
  ReleaseTlsSlot(connection);
  DialNext(connection);
}

void EventLoop::DialNext(Connection& connection) {
  const RouteSockets& route = shared_.routes[connection.route];
  connection.phase = Phase::kDialling;
  Watch(connection.client, 0);
  SetDeadline(connection, 0);
  std::vector<SocketAddress> addresses;
  if (!connection.cancel_request.empty()) {
    const auto holder = shared_.cancel_keys.Find(wire::CancelKey(connection.cancel_request));
    if (holder) {
      addresses.push_back(holder->address);
      connection.server_route = holder->route;
    } else if (connection.dial_retries++ == 0) {  // its login may be on the way to us: bytes go before they are decoded
      return SetDeadline(connection, MonotonicNowNs() + kDialRetry);
    }
  }
  const std::vector<SocketAddress>& candidates = addresses.empty() ? route.upstreams : addresses;
  int error = 0;
  for (; connection.candidate < candidates.size(); ++connection.candidate) {
    connection.server_address = candidates[connection.candidate];
    Dialled dialled = Dial(connection.server_address);
    error = dialled.error;
    if (error == EAGAIN && connection.dial_retries++ < kMaxDialRetries) {  // a Unix listener's backlog is full
      return SetDeadline(connection, MonotonicNowNs() + kDialRetry);
    }
    if (error != 0 && error != EINPROGRESS) continue;
    connection.server.fd = std::move(dialled.fd);
    if (error == 0) return OnConnected(connection);
    return Watch(connection.server, EPOLLOUT);
  }
  if (error == 0) error = ECONNREFUSED;  // the last candidate failed after EINPROGRESS
  Refuse(connection, OutOfDescriptors(error) ? kTooManyConnections : kCannotConnectNow,
         fmt::format("pgassay: cannot reach the server at {}: {}", route.upstream_name, ErrnoText(error)));
}

void EventLoop::OnDialled(Connection& connection) {
  const int error = ConnectError(connection.server.fd.get());
  if (error == 0) return OnConnected(connection);
  Watch(connection.server, 0);
  connection.server.fd.Reset();
  ++connection.candidate;
  DialNext(connection);
}

void EventLoop::OnConnected(Connection& connection) {
  if (shared_.tls.for_upstream(connection.server_route)) return AskServerForTls(connection);
  BeginRelaying(connection);
}

void EventLoop::BeginRelaying(Connection& connection) {
  now_ns_ = MonotonicNowNs();
  connection.phase = Phase::kRelaying;
  std::string_view first(connection.held.data(), connection.held_bytes);
  if (connection.cancel_request.empty()) {
    connection.session_id = shared_.next_session_id.fetch_add(1, std::memory_order_relaxed);
    const int32_t pid = connection.client_pid ? 0 : PeerProcess(connection.client.fd.get());
    session::SessionIdentity identity{.session_id = connection.session_id,
                                      .connected_ns = connection.connected_ns,
                                      .client_pid = pid,
                                      .route = connection.route,
                                      .client_address = ToText(PeerAddress(connection.client.fd.get())),
                                      .upstream_address = ToText(connection.server_address)};
    if (shared_.control_fd >= 0 && pid > 0) identity.client_parents = ParentsOf(pid);
    connection.session = std::make_unique<session::Session>(std::move(identity), shared_.key, sink_);
    if (connection.client_pid) sink_.AwaitClient(connection.session_id, std::move(connection.client_pid));
    Count(totals_.sessions_opened);
  } else {
    first = connection.cancel_request;
  }
  // What follows the held bytes is mostly here: one segment to the server instead of two.
  char* const to = ReadInto();
  std::memcpy(to, first.data(), first.size());
  const ssize_t got = connection.client.Receive(to + first.size(), kReadBytes - first.size());
  const int error = errno;
  WatchBoth(connection);
  Deliver(connection.client, {to, first.size() + static_cast<size_t>(std::max<ssize_t>(got, 0))});
  if (connection.closed) return;
  if (connection.client.tls) return OnTlsReadEnd(connection.client);
  if (got == 0) OnEndOfStream(connection.client);
  if (got < 0 && !WouldBlock(error)) OnReset(connection.client);
}

void EventLoop::Refuse(Connection& connection, std::string_view sqlstate, std::string_view message) {
  Count(totals_.refused_connections);
  ReleaseSlot(connection);
  connection.phase = Phase::kRefused;
  if (connection.server.fd) {
    Watch(connection.server, 0);
    connection.server.Drop();
  }
  connection.client.Send(FatalError(sqlstate, message));
  if (!connection.client.EndSending(true)) ::shutdown(connection.client.fd.get(), SHUT_WR);
  Watch(connection.client, EPOLLIN);  // closing with bytes unread would reset, and could take the error with it
  SetDeadline(connection, MonotonicNowNs() + kLingerLimitNs);
}

void EventLoop::Discard(Connection& connection) {
  const ssize_t got = ::recv(connection.client.fd.get(), ReadInto(), kReadBytes, 0);
  if (got > 0 || (got < 0 && WouldBlock(errno))) return;
  Close(connection, session::SessionEnd::kClientClosed);
}

}  // namespace pgassay::relay
