// The event loop's TLS: who asks whom for it, the handshakes of both legs, and what differs once bytes flow.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <cerrno>

#include "proxy/base/clock.h"
#include "proxy/relay/count.h"
#include "proxy/relay/event_loop.h"
#include "proxy/relay/refusal.h"
#include "proxy/relay/tls_request.h"

namespace pgassay::relay {
namespace {

uint32_t InterestFor(TlsStatus status) {
  return status == TlsStatus::kWantRead ? uint32_t{EPOLLIN} : status == TlsStatus::kWantWrite ? uint32_t{EPOLLOUT} : 0;
}

// A byte is there already, whatever it is.
bool HasMore(int fd) {
  char next = 0;
  return ::recv(fd, &next, 1, MSG_PEEK) > 0;
}

}  // namespace

// ------------------------------------------------------------------------------------------------- the client's leg

// CVE-2021-23214 and its kin: what came in plain must never be taken for what comes encrypted.
bool EventLoop::NothingBehind(Connection& connection) {
  if (!HasMore(connection.client.fd.get())) return true;
  Count(totals_.bytes_before_tls);
  Refuse(connection, kProtocolViolation, "received unencrypted data after an encryption request");
  return false;
}

void EventLoop::OnSslRequest(Connection& connection) {
  if (!NothingBehind(connection)) return;
  if (!TakeTlsSlot(connection)) {
    return Refuse(connection, kTooManyConnections, "pgassay: too many TLS connections that have not logged in");
  }
  if (::send(connection.client.fd.get(), "S", 1, MSG_NOSIGNAL) != 1) {
    return Close(connection, session::SessionEnd::kClientClosed);
  }
  connection.held_bytes = 0;
  StartClientTls(connection, false);
}

void EventLoop::OnDirectTls(Connection& connection) {
  if (TakeTlsSlot(connection)) return StartClientTls(connection, true);
  Count(totals_.ssl_refused);  // nothing that we could say would be understood
  Close(connection, session::SessionEnd::kClientClosed);
}

// A handshake takes tens of kilobytes: as many may wait for their login as may be logged in. They hold no login's slot,
// so that a cancel request gets through when all of those are taken.
bool EventLoop::TakeTlsSlot(Connection& connection) {
  if (shared_.tls_before_login.fetch_add(1, std::memory_order_relaxed) >= shared_.max_connections) {
    shared_.tls_before_login.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  connection.holds_tls_slot = true;
  return true;
}

void EventLoop::ReleaseTlsSlot(Connection& connection) {
  if (connection.holds_tls_slot) shared_.tls_before_login.fetch_sub(1, std::memory_order_relaxed);
  connection.holds_tls_slot = false;
}

void EventLoop::StartClientTls(Connection& connection, bool direct) {
  Result<TlsStream> stream =
      shared_.tls.Accept(connection.client.fd.get(), direct, {connection.held.data(), connection.held_bytes});
  if (!stream) return Close(connection, session::SessionEnd::kClientClosed);
  connection.held_bytes = 0;
  connection.client.tls = std::make_unique<TlsStream>(std::move(*stream));
  connection.encryption.encrypted = true;
  connection.phase = Phase::kClientTls;
  Watch(connection.client, EPOLLIN);  // its ClientHello may be here already: that is a handshake's turn all the same
}

void EventLoop::OnClientTls(Connection& connection) {
  const TlsStatus status = connection.client.tls->Handshake();
  if (const uint32_t interest = InterestFor(status)) return Watch(connection.client, interest);
  if (status != TlsStatus::kDone) {
    Count(totals_.tls_client_failures);
    return Close(connection, session::SessionEnd::kClientClosed);
  }
  Count(totals_.tls_clients);
  connection.phase = Phase::kHolding;
  OnHolding(connection);
}

// ------------------------------------------------------------------------------------------------- the server's leg

void EventLoop::AskServerForTls(Connection& connection) {
  connection.phase = Phase::kServerTls;
  SetDeadline(connection, MonotonicNowNs() + shared_.first_bytes_limit_ns);
  if (connection.server.Send(kSslRequest) != static_cast<ssize_t>(kSslRequest.size())) {
    return RefuseForTls(connection, "it closed the connection");
  }
  Watch(connection.server, EPOLLIN);
}

void EventLoop::OnServerTls(Connection& connection) {
  if (!connection.server.tls && !StartServerTls(connection)) return;
  TlsStream& tls = *connection.server.tls;
  const TlsStatus status = tls.Handshake();
  if (const uint32_t interest = InterestFor(status)) return Watch(connection.server, interest);
  if (status != TlsStatus::kDone) return RefuseForTls(connection, fmt::format("TLS handshake: {}", tls.failure()));
  SetDeadline(connection, 0);
  const SocketAddress client = PeerAddress(connection.client.fd.get());
  const bool near = client.family() == AF_UNIX || client.loopback();
  if (!connection.client.tls && near && !shared_.keep_binding_offer && connection.cancel_request.empty()) {
    connection.offer = std::make_unique<ChannelBindingOffer>();
  }
  BeginRelaying(connection);
}

// The server's one byte is read alone; a byte behind it was put there by somebody else (CVE-2021-23222).
bool EventLoop::StartServerTls(Connection& connection) {
  const int fd = connection.server.fd.get();
  char answer = 0;
  const ssize_t got = ::recv(fd, &answer, 1, 0);
  if (got < 0 && WouldBlock(errno)) return false;
  if (got <= 0 || answer != kSslYes) {
    RefuseForTls(connection, got <= 0 ? "it closed the connection" : NoTlsReason(answer));
    return false;
  }
  if (HasMore(fd)) {
    Count(totals_.bytes_before_tls);
    RefuseForTls(connection, "unencrypted data follows its answer to the TLS request");
    return false;
  }
  Result<TlsStream> stream = shared_.tls.Connect(connection.server_route, fd);
  if (!stream) {
    RefuseForTls(connection, stream.error().message);
    return false;
  }
  connection.server.tls = std::make_unique<TlsStream>(std::move(*stream));
  return true;
}

// Never a fall back to plain, and nothing of what an unverified server said.
void EventLoop::RefuseForTls(Connection& connection, std::string_view reason) {
  Count(totals_.tls_server_failures);
  Refuse(connection, kConnectionFailure,
         fmt::format("pgassay: no TLS to the server at {}: {}", shared_.routes[connection.server_route].upstream_name,
                     reason));
}

// --------------------------------------------------------------------------------------------------- while relaying

void EventLoop::OnTlsReadable(Leg& from) {
  Connection& connection = from.connection;
  char* const to = ReadInto();
  const ssize_t got = from.Receive(to, kReadBytes);
  if (got > 0) {
    now_ns_ = MonotonicNowNs();
    std::string_view bytes(to, static_cast<size_t>(got));
    std::unique_ptr<ChannelBindingOffer> seen;  // owns what is delivered
    if (connection.offer && &from == &connection.server) {
      bytes = connection.offer->Pass(bytes);
      if (connection.offer->done()) seen = std::move(connection.offer);
    }
    if (seen) Count(totals_.removed_bytes, seen->removed_bytes());
    if (!bytes.empty()) Deliver(from, bytes);
  }
  OnTlsReadEnd(from);
}

// The stream's end may have come with its last bytes; then the socket tells nothing more.
void EventLoop::OnTlsReadEnd(Leg& from) {
  Connection& connection = from.connection;
  if (connection.closed || !from.read_open) return;
  switch (from.tls->read_end()) {
    case TlsStatus::kClosed:
    case TlsStatus::kTruncated:
      if (connection.offer && &from == &connection.server) {
        const std::unique_ptr<ChannelBindingOffer> offer = std::move(connection.offer);
        if (const std::string_view rest = offer->Rest(); !rest.empty()) Deliver(from, rest);
        if (connection.closed) return;
      }
      return OnEndOfStream(from);
    case TlsStatus::kFailed:
      return OnReset(from);
    default:
      if (from.tls_writes) WatchBoth(connection);
  }
}

// TLS's own writing: an answer to a key update, or the last word before the end.
void EventLoop::OnTlsWritable(Leg& leg) {
  Connection& connection = leg.connection;
  leg.tls_writes = false;
  const Leg& other = connection.Other(leg);
  if (leg.read_open && other.write_open && other.spill.empty()) OnTlsReadable(leg);
  if (!connection.closed) FinishDirections(connection);
}

}  // namespace pgassay::relay
