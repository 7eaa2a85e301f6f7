#include "proxy/relay/event_loop.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "proxy/base/clock.h"
#include "proxy/relay/count.h"

namespace pgassay::relay {
namespace {

constexpr int kEventsPerWait = 64;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kLastReplies = 200 * kMillisecond;  // for servers to answer clients that are gone, when stopping

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
    if (handshake != nullptr) OnEvent(*handshake, 0);
    if (!deadlines_.empty() || accept_again_ns_ != 0 || stopping_) {
      now_ns_ = MonotonicNowNs();
      OnDeadlines();
      if (stopping_ && EndDrain(count <= 0)) break;
    }
    DecodeKept();  // a login that a handshake or a deadline let begin too
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
