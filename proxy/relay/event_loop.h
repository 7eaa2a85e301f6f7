// One thread's relay: level-triggered epoll, one read buffer, its own connections. Each readiness is one recv, one send
// of the same bytes, and only then the decoder's look at them. A side that does not take everything stops the other
// from being read; the kernel's windows do the rest. Nothing on the hot path touches epoll_ctl, a lock or another loop.
// Threads: Run() on one; Shared is what the loops have in common, touched at login, cancel and end only.
// Where a leg is TLS, its records are decrypted before and encrypted behind the same path (leg.cc, event_loop_tls.cc);
// plain legs pay one test of a pointer for it. A handshake's arithmetic (a fraction of a millisecond; more with an RSA
// key) holds the loop up, so that there is one step of one handshake between two looks at what flows.
// Limits: 64 KiB a read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/canonical_value.h"
#include "proxy/base/result.h"
#include "proxy/base/shared_totals.h"
#include "proxy/relay/cancel_keys.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/control.h"
#include "proxy/relay/ring_sink.h"
#include "proxy/relay/sockets.h"
#include "proxy/relay/tls_contexts.h"

namespace pgassay::relay {

struct RouteSockets {
  int listen_fd;
  int listen_family;
  bool tls_only;                         // plain logins are refused
  std::string upstream_name;             // as the user wrote it
  std::vector<SocketAddress> upstreams;  // what it resolved to
};

struct Shared {
  std::vector<RouteSockets> routes;
  int max_connections;
  int64_t first_bytes_limit_ns;
  int stop_fd;
  int drain_ms;
  const HashKey& key;
  TlsContexts tls;
  bool tls_passthrough;
  bool gss_passthrough;
  bool keep_binding_offer;
  bool send_values;
  int control_fd;  // -1: no control socket
  std::string control_token;
  CancelKeys cancel_keys;
  ClientProcessFinder clients;
  std::atomic<uint64_t> next_session_id = 1;
  std::atomic<int> open_connections = 0;
  std::atomic<int> tls_before_login = 0;  // client handshakes, and what follows them until the login
};

class EventLoop {
 public:
  EventLoop(Shared& shared, SharedRing& ring, LoopTotals& totals, const RecorderTotals& recorder);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // The first loop has the control socket, if there is one.
  Result<> Open(bool first);
  // Until the stop descriptor is readable and the sessions have ended or drain_ms is over.
  void Run();

 private:
  static constexpr size_t kReadBytes = size_t{64} * 1024;            // at a time
  static constexpr size_t kKeptBytes = size_t{64} * 1024;            // of what is not yet decoded, in all
  static constexpr int64_t kLingerLimitNs = int64_t{5'000'000'000};  // for a client to close after we or its server did

  struct ListenerWatch : Watched {
    explicit ListenerWatch(uint16_t route_index) : Watched(WatchKind::kListener), route(route_index) {}
    uint16_t route;
  };

  int WaitMilliseconds() const;
  void OnEvent(Watched& watched, uint32_t events);
  void OnDeadlines();
  void Stop();
  bool EndDrain(bool idle);

  // before login
  void Accept(ListenerWatch& listener);
  void PauseAccepting();
  void WatchListeners();
  void OnHolding(Connection& connection);
  void OnFirstBytes(Connection& connection);
  void OnSslRequest(Connection& connection);
  void OnDirectTls(Connection& connection);
  bool NothingBehind(Connection& connection);
  void AnswerNo(Connection& connection, std::atomic<uint64_t>& counter);
  bool TakeTlsSlot(Connection& connection);
  void ReleaseTlsSlot(Connection& connection);
  void StartClientTls(Connection& connection, bool direct);
  void OnClientTls(Connection& connection);
  void OnCancelBytes(Connection& connection);
  void TakeSlotAndDial(Connection& connection);
  void DialNext(Connection& connection);
  void OnDialled(Connection& connection);
  void OnConnected(Connection& connection);
  void AskServerForTls(Connection& connection);
  void OnServerTls(Connection& connection);
  bool StartServerTls(Connection& connection);
  void RefuseForTls(Connection& connection, std::string_view reason);
  void BeginRelaying(Connection& connection);
  void Refuse(Connection& connection, std::string_view sqlstate, std::string_view message);
  void Discard(Connection& connection);

  // after it
  void OnReadable(Leg& from);
  void OnTlsReadable(Leg& from);
  void OnTlsWritable(Leg& leg);
  void OnTlsReadEnd(Leg& from);
  void Deliver(Leg& from, std::string_view bytes);
  void Drain(Leg& to);
  char* ReadInto() { return buffer_.get() + kept_bytes_; }  // room for kReadBytes
  void Observe(const Leg& from, std::string_view bytes);
  void DecodeKept();
  void Decode(const Leg& from, std::string_view bytes, int64_t time_ns);
  void OnLoginBytes(Connection& connection, std::string_view bytes);
  void AddTotals(Connection& connection);
  void OnEndOfStream(Leg& from);
  void OnSendFailed(Leg& to, int error);
  void OnReset(Leg& leg);
  void FinishDirections(Connection& connection);

  void Watch(Leg& leg, uint32_t interest);
  void WatchBoth(Connection& connection);
  void SetDeadline(Connection& connection, int64_t deadline_ns);  // 0: none
  void ReleaseSlot(Connection& connection);
  void Close(Connection& connection, session::SessionEnd end);

  Shared& shared_;
  LoopTotals& totals_;
  RingSink sink_;
  std::optional<Control> control_;
  UniqueFd epoll_;
  Watched stop_{WatchKind::kStop};
  std::vector<ListenerWatch> listeners_;
  struct Kept {
    const Leg* from;
    std::string_view bytes;
    int64_t time_ns;
  };
  std::unique_ptr<char[]> buffer_;
  std::vector<Kept> kept_;  // sent, and decoded behind the events of this batch: one after the other, which caches like
  size_t kept_bytes_ = 0;   // of buffer_, from its begin
  int64_t now_ns_ = 0;      // the last reading of the clock
  int64_t accept_again_ns_ = 0;  // not 0: out of descriptors, listeners are not watched until then
  int64_t drain_until_ns_ = 0;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> closed_;  // until no event of this batch can point at them
  std::set<std::pair<int64_t, Connection*>> deadlines_;
};

}  // namespace pgassay::relay
