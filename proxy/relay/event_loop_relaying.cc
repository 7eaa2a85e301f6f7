// The event loop's connections while bytes flow: sent at once, decoded behind the batch, ended as their peers end them.
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "proxy/base/clock.h"
#include "proxy/relay/count.h"
#include "proxy/relay/event_loop.h"
#include "proxy/relay/server_refusal.h"

namespace pgassay::relay {
namespace {

constexpr size_t kKeptAtOnce = 4096;  // more than that is decoded where it stands

}  // namespace

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
    SetDeadline(connection, now_ns_ + kLingerLimitNs);
  }
  WatchBoth(connection);
}

}  // namespace pgassay::relay
