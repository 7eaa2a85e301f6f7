#include "proxy/relay/event_loop.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "proxy/base/clock.h"
#include "proxy/relay/count.h"
#include "proxy/relay/refusal.h"
#include "proxy/relay/server_refusal.h"

namespace pgassay::relay {
namespace {

constexpr size_t kReadBytes = size_t{64} * 1024;
constexpr size_t kKeptBytes = size_t{64} * 1024;  // in all
constexpr size_t kKeptAtOnce = 4096;              // more than that is decoded where it stands
constexpr int kEventsPerWait = 64;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kLingerLimit = 5'000 * kMillisecond;  // for a client to close after we or its server did
constexpr int64_t kAcceptPause = 100 * kMillisecond;
constexpr int64_t kDialRetry = 10 * kMillisecond;
constexpr uint32_t kMaxDialRetries = 500;             // 5 s
constexpr int64_t kLastReplies = 200 * kMillisecond;  // for servers to answer clients that are gone, when stopping

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }
bool OutOfDescriptors(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

bool InHandshake(const Watched& watched) {
  if (watched.kind != WatchKind::kClient && watched.kind != WatchKind::kServer) return false;
  const Phase phase = static_cast<const Leg&>(watched).connection.phase;
  return phase == Phase::kClientTls || phase == Phase::kServerTls;
}

}  // namespace

EventLoop::EventLoop(Shared& shared, SharedRing& ring, LoopTotals& totals, const RecorderTotals& recorder)
    : shared_(shared),
      totals_(totals),
      sink_(ring, totals, recorder, shared.send_values),
      buffer_(std::make_unique_for_overwrite<char[]>(kKeptBytes + kReadBytes)) {}

EventLoop::~EventLoop() = default;

Result<> EventLoop::Open(bool first) {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return Fail(fmt::format("cannot start a relay loop: {}", ErrnoText(errno)));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &stop_}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, shared_.stop_fd, &event) != 0) {
    return Fail(fmt::format("cannot start a relay loop: {}", ErrnoText(errno)));
  }
  for (size_t route = 0; route < shared_.routes.size(); ++route) {
    listeners_.emplace_back(static_cast<uint16_t>(route));
  }
  WatchListeners();
  if (shared_.control_fd >= 0) {
    sink_.ExpectRunners();
    if (first) control_.emplace(epoll_.get(), shared_.control_fd, shared_.control_token, shared_.clients, sink_);
  }
  return {};
}

void EventLoop::Run() {
  std::array<epoll_event, kEventsPerWait> events;
  now_ns_ = MonotonicNowNs();
  for (;;) {
    // The recorder may take its own clock as our watermark while we sleep: the exchange orders our next reading after
    // it.
    if (!sink_.waiting()) totals_.sleeping.store(1, std::memory_order_release);
    const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerWait, WaitMilliseconds());
    totals_.sleeping.exchange(0, std::memory_order_seq_cst);
    sink_.OnBatch();
    Watched* handshake = nullptr;  // one a batch, behind what flows; epoll tells of the others again
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      Watched& watched = *static_cast<Watched*>(event.data.ptr);
      if (!InHandshake(watched)) {
        OnEvent(watched, event.events);
      } else if (handshake == nullptr) {
        handshake = &watched;
      }
    }
    DecodeKept();
    if (handshake != nullptr) OnEvent(*handshake, 0);
    if (!deadlines_.empty() || accept_again_ns_ != 0 || stopping_) {
      now_ns_ = MonotonicNowNs();
      OnDeadlines();
      if (stopping_ && EndDrain(count <= 0)) break;
    }
    closed_.clear();
    if (control_) {
      control_->FreeClosed();
      if (control_->waiting()) control_->OnTime(MonotonicNowNs());
    }
    if (sink_.waiting()) sink_.Release(MonotonicNowNs(), false);
    if (!sink_.waiting()) totals_.watermark_ns.store(now_ns_, std::memory_order_release);
  }
  closed_.clear();
  if (control_) control_->End(MonotonicNowNs());
  sink_.Release(0, true);
  totals_.watermark_ns.store(now_ns_, std::memory_order_release);
  totals_.sleeping.store(1, std::memory_order_release);
}

int EventLoop::WaitMilliseconds() const {
  if (sink_.waiting() || (control_ && control_->waiting())) return 1;
  int64_t until = deadlines_.empty() ? 0 : deadlines_.begin()->first;
  if (accept_again_ns_ != 0 && (until == 0 || accept_again_ns_ < until)) until = accept_again_ns_;
  if (stopping_) {
    if (now_ns_ >= drain_until_ns_) return 1;
    until = until == 0 ? drain_until_ns_ : std::min(until, drain_until_ns_);
  }
  if (until == 0) return -1;
  return static_cast<int>(std::max<int64_t>(0, (until - now_ns_ + kMillisecond - 1) / kMillisecond));
}

void EventLoop::OnEvent(Watched& watched, uint32_t events) {
  switch (watched.kind) {
    case WatchKind::kStop:
      return Stop();
    case WatchKind::kListener:
      return Accept(static_cast<ListenerWatch&>(watched));
    case WatchKind::kControlListener:
    case WatchKind::kControl:
      DecodeKept();  // a runner's word stands behind what was sent before it
      return control_->OnEvent(watched);
    case WatchKind::kClient:
    case WatchKind::kServer:
      break;
  }
  Leg& leg = static_cast<Leg&>(watched);
  Connection& connection = leg.connection;
  if (connection.closed) return;
  switch (connection.phase) {
    case Phase::kRelaying: {
      const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
      if ((leg.interest & EPOLLOUT) != 0 && (broken || (events & EPOLLOUT) != 0)) Drain(leg);
      if (!connection.closed && (leg.interest & EPOLLIN) != 0 && (broken || (events & EPOLLIN) != 0)) OnReadable(leg);
      return;
    }
    case Phase::kHolding:
      return OnHolding(connection);
    case Phase::kClientTls:
      return OnClientTls(connection);
    case Phase::kCancel:
      return OnCancelBytes(connection);
    case Phase::kDialling:
      if (leg.kind == WatchKind::kServer) OnDialled(connection);
      return;
    case Phase::kServerTls:
      if (leg.kind == WatchKind::kServer) OnServerTls(connection);
      return;
    case Phase::kRefused:
      return Discard(connection);
  }
}

void EventLoop::OnDeadlines() {
  if (accept_again_ns_ != 0 && now_ns_ >= accept_again_ns_) {
    accept_again_ns_ = 0;
    if (!stopping_) WatchListeners();
  }
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_ns_) {
    Connection& connection = *deadlines_.begin()->second;
    SetDeadline(connection, 0);
    if (connection.phase == Phase::kDialling) {
      DialNext(connection);
    } else if (connection.phase == Phase::kServerTls) {
      RefuseForTls(connection, "it did not finish the TLS handshake in time");
    } else {
      Close(connection, connection.end);
    }
  }
}

void EventLoop::Stop() {
  if (stopping_) return;
  stopping_ = true;
  now_ns_ = MonotonicNowNs();
  drain_until_ns_ = now_ns_ + int64_t{shared_.drain_ms} * kMillisecond;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, shared_.stop_fd, nullptr);
  for (const RouteSockets& route : shared_.routes) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, route.listen_fd, nullptr);
  }
}

// True when this loop has nothing left to do. `idle`: the last wait brought no event, so all that had arrived is
// relayed.
bool EventLoop::EndDrain(bool idle) {
  if (connections_.empty()) return true;
  if (now_ns_ < drain_until_ns_) return false;
  const bool last = now_ns_ >= drain_until_ns_ + kLastReplies;
  if (!idle && !last) return false;
  for (size_t i = connections_.size(); i-- > 0;) {
    Connection& connection = *connections_[i];
    const bool awaits_last_reply = connection.phase == Phase::kRelaying && !connection.client.read_open;
    if (last || !awaits_last_reply) Close(connection, session::SessionEnd::kShutdown);
  }
  return connections_.empty();
}

// ---------------------------------------------------------------------------------------------------- before login

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
  SetDeadline(connection, MonotonicNowNs() + kLingerLimit);
}

void EventLoop::Discard(Connection& connection) {
  const ssize_t got = ::recv(connection.client.fd.get(), ReadInto(), kReadBytes, 0);
  if (got > 0 || (got < 0 && WouldBlock(errno))) return;
  Close(connection, session::SessionEnd::kClientClosed);
}

// ------------------------------------------------------------------------------------------------------- after it

void EventLoop::OnReadable(Leg& from) {
  if (from.tls) return OnTlsReadable(from);
  char* const to = ReadInto();
  const ssize_t got = ReceiveFrom(from.fd.get(), to, kReadBytes);
  if (got > 0) {
    now_ns_ = MonotonicNowNs();
    return Deliver(from, {to, static_cast<size_t>(got)});
  }
  if (got == 0) return OnEndOfStream(from);
  if (!WouldBlock(errno)) OnReset(from);
}

void EventLoop::Deliver(Leg& from, std::string_view bytes) {
  Connection& connection = from.connection;
  Leg& to = connection.Other(from);
  if (!to.write_open) return;
  ssize_t sent = to.Send(bytes);
  if (sent < 0) {
    if (!WouldBlock(errno)) return OnSendFailed(to, errno);
    sent = 0;
  }
  const auto taken = static_cast<size_t>(sent);
  if (taken < bytes.size()) {
    to.spill.assign(bytes.substr(taken));
    to.spill_sent = 0;
    WatchBoth(connection);
  }
  Observe(from, bytes.substr(0, taken));
}

void EventLoop::Drain(Leg& to) {
  if (to.tls_writes) return OnTlsWritable(to);
  Connection& connection = to.connection;
  const std::string_view unsent = to.unsent();
  const ssize_t sent = to.Send(unsent);
  if (sent < 0) {
    if (!WouldBlock(errno)) OnSendFailed(to, errno);
    return;
  }
  now_ns_ = MonotonicNowNs();
  Observe(connection.Other(to), unsent.substr(0, static_cast<size_t>(sent)));
  to.spill_sent += static_cast<size_t>(sent);
  if (to.spill_sent < to.spill.size()) return;
  to.spill = std::string();
  to.spill_sent = 0;
  FinishDirections(connection);
}

// The decoder sees exactly what was sent, after it was sent: its fault or slowness cannot hold back a byte.
void EventLoop::Observe(const Leg& from, std::string_view bytes) {
  if (bytes.empty()) return;
  Count(totals_.relayed_bytes, bytes.size());
  const bool stays = bytes.data() == ReadInto() && bytes.size() <= kKeptAtOnce;
  if (!stays) DecodeKept();
  if (!stays) return Decode(from, bytes, now_ns_);
  kept_.push_back({&from, bytes, now_ns_});
  kept_bytes_ += bytes.size();
  if (kept_bytes_ > kKeptBytes - kKeptAtOnce) DecodeKept();
}

void EventLoop::DecodeKept() {
  for (const Kept& kept : kept_) Decode(*kept.from, kept.bytes, kept.time_ns);
  kept_.clear();
  kept_bytes_ = 0;
}

void EventLoop::Decode(const Leg& from, std::string_view bytes, int64_t time_ns) {
  Connection& connection = from.connection;
  if (!connection.session) {
    Count(totals_.decoded_bytes, bytes.size());  // a CancelRequest, understood whole
    return;
  }
  if (from.kind == WatchKind::kClient) {
    connection.session->OnFrontend(bytes, time_ns);
  } else {
    connection.session->OnBackend(bytes, time_ns);
    if (!connection.cancel_key_known) OnLoginBytes(connection, bytes);
  }
  AddTotals(connection);
}

void EventLoop::OnLoginBytes(Connection& connection, std::string_view bytes) {
  if (connection.session->logged_in()) {
    connection.cancel_key_known = true;
    const std::string_view key = connection.session->cancel_key();
    if (!key.empty()) {
      shared_.cancel_keys.Add(key, connection.session_id, {connection.server_address, connection.server_route});
    }
  } else if (connection.client.tls && connection.server.tls && RefusesBinding(bytes) &&
             connection.session->bytes().backend > bytes.size()) {
    Count(totals_.binding_failures);
  } else if (connection.session->bytes().backend == bytes.size() && InsistsOnTls(bytes)) {
    Count(totals_.tls_required);
  }
}

void EventLoop::AddTotals(Connection& connection) {
  const session::ByteCounts& bytes = connection.session->bytes();
  Count(totals_.decoded_bytes, bytes.decoded - connection.counted.decoded);
  Count(totals_.skipped_bytes, bytes.skipped - connection.counted.skipped);
  Count(totals_.opaque_bytes, bytes.opaque - connection.counted.opaque);
  connection.counted = bytes;
  const uint64_t queries = connection.session->queries();
  Count(totals_.queries, queries - connection.counted_queries);
  connection.counted_queries = queries;
}

void EventLoop::OnEndOfStream(Leg& from) {
  Connection& connection = from.connection;
  from.read_open = false;
  if (connection.Other(from).read_open) {
    connection.end =
        from.kind == WatchKind::kClient ? session::SessionEnd::kClientClosed : session::SessionEnd::kServerClosed;
  }
  if (from.kind == WatchKind::kServer) ReleaseSlot(connection);
  FinishDirections(connection);
}

// The peer may have said its last words before it broke: they are read to their end first.
void EventLoop::OnSendFailed(Leg& to, int error) {
  to.write_open = false;
  to.reset = error == ECONNRESET;
  to.spill = std::string();
  to.spill_sent = 0;
  FinishDirections(to.connection);
}

void EventLoop::OnReset(Leg& leg) {
  CloseWithReset(leg.connection.Other(leg).fd);
  Close(leg.connection, session::SessionEnd::kReset);
}

// Passes an end of stream on once everything before it is sent, and ends the pair when neither direction can carry
// more.
void EventLoop::FinishDirections(Connection& connection) {
  for (Leg* to : {&connection.client, &connection.server}) {
    const Leg& from = connection.Other(*to);
    if (from.read_open || !to->write_open || !to->spill.empty()) continue;
    const bool cut_off = from.tls && from.tls->read_end() == TlsStatus::kTruncated;
    to->EndSending(!cut_off);
  }
  Leg& client = connection.client;
  Leg& server = connection.server;
  const bool to_server_done = !server.write_open;
  const bool to_client_done = !client.write_open;
  const bool server_gone = to_server_done && !server.read_open;
  const bool client_gone = to_client_done && !client.read_open;
  if (server_gone && server.reset) return OnReset(server);
  if (client_gone && client.reset) return OnReset(client);
  if (to_server_done && to_client_done) return Close(connection, connection.end);
  // A PostgreSQL server that ends its stream is gone; nothing is kept for long for a client that does not notice.
  if (!server.read_open && client.read_open && connection.deadline_ns == 0 && client.spill.empty()) {
    SetDeadline(connection, now_ns_ + kLingerLimit);
  }
  WatchBoth(connection);
}

// ------------------------------------------------------------------------------------------------------------ both

void EventLoop::Watch(Leg& leg, uint32_t interest) {
  if (leg.interest == interest) return;
  // A descriptor without interest leaves epoll: it would report hang-ups for ever.
  const int operation = interest == 0 ? EPOLL_CTL_DEL : leg.interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_event event{.events = interest, .data = {.ptr = static_cast<Watched*>(&leg)}};
  ::epoll_ctl(epoll_.get(), operation, leg.fd.get(), &event);
  leg.interest = interest;
}

void EventLoop::WatchBoth(Connection& connection) {
  for (Leg* leg : {&connection.client, &connection.server}) {
    const Leg& other = connection.Other(*leg);
    const bool read = leg->read_open && other.write_open && other.spill.empty();
    const bool write = !leg->spill.empty() || leg->tls_writes;
    Watch(*leg, (read ? uint32_t{EPOLLIN} : 0) | (write ? uint32_t{EPOLLOUT} : 0));
  }
}

void EventLoop::SetDeadline(Connection& connection, int64_t deadline_ns) {
  if (connection.deadline_ns != 0) deadlines_.erase({connection.deadline_ns, &connection});
  connection.deadline_ns = deadline_ns;
  if (deadline_ns != 0) deadlines_.emplace(deadline_ns, &connection);
}

void EventLoop::ReleaseSlot(Connection& connection) {
  if (connection.holds_slot) shared_.open_connections.fetch_sub(1, std::memory_order_relaxed);
  connection.holds_slot = false;
}

void EventLoop::Close(Connection& connection, session::SessionEnd end) {
  if (connection.closed) return;
  DecodeKept();
  connection.closed = true;
  SetDeadline(connection, 0);
  ReleaseSlot(connection);
  ReleaseTlsSlot(connection);
  for (Leg* leg : {&connection.client, &connection.server}) {
    if (leg->tls && leg->fd && leg->write_open) leg->EndSending(true);
    leg->Drop();  // closing takes a descriptor out of epoll
  }
  if (connection.session) {
    now_ns_ = MonotonicNowNs();
    if (connection.cancel_key_known) {
      shared_.cancel_keys.Remove(connection.session->cancel_key(), connection.session_id);
    }
    connection.session->OnEnd(end, now_ns_);
    AddTotals(connection);
    if (connection.session->opaque() != session::OpaqueReason::kNone) Count(totals_.sessions_opaque);
    Count(totals_.sessions_closed);
  }
  const size_t position = connection.position;
  std::swap(connections_[position], connections_.back());
  connections_[position]->position = position;
  closed_.push_back(std::move(connections_.back()));
  connections_.pop_back();
}

}  // namespace pgassay::relay
