// One client connection and the server connection that belongs to it: plain state, worked on by the event loop that
// owns it. Idle, it owns no buffer: what was read is sent at once, and only what the other side did not take is
// spilled.
//
//   kHolding     the first eight bytes are awaited; SSLRequest and GSSENCRequest are answered
//   kClientTls   the client's TLS handshake goes on; kHolding again behind it
//   kCancel      the rest of a CancelRequest is awaited
//   kDialling    the server connection is being made; the client is not read
//   kServerTls   the server was asked for TLS, and its handshake goes on; the client is not read
//   kRelaying    bytes flow
//   kRefused     an error was sent; what the client still sends is thrown away until it closes
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/unique_fd.h"
#include "proxy/relay/channel_binding.h"
#include "proxy/relay/client_process.h"
#include "proxy/relay/sockets.h"
#include "proxy/relay/tls.h"
#include "proxy/session/session.h"
#include "proxy/wire/first_bytes.h"
#include "proxy/wire/startup.h"

namespace pgassay::relay {

enum class WatchKind : uint8_t { kStop, kListener, kClient, kServer, kControlListener, kControl };

// What an epoll event points at.
struct Watched {
  explicit Watched(WatchKind watch_kind) : kind(watch_kind) {}
  WatchKind kind;
};

struct Connection;

struct Leg : Watched {
  Leg(WatchKind watch_kind, Connection& owner) : Watched(watch_kind), connection(owner) {}

  std::string_view unsent() const { return std::string_view(spill).substr(spill_sent); }

  // As recv() and send(), errno and all, through TLS where the leg has it.
  ssize_t Receive(char* to, size_t size) { return tls ? ReceiveTls(to, size) : ReceiveFrom(fd.get(), to, size); }
  ssize_t Send(std::string_view bytes) { return tls ? SendTls(bytes) : SendTo(fd.get(), bytes); }
  // Ends the sending direction; false while the socket has no room for TLS's last word. Call again, then.
  bool EndSending(bool say_so);
  void Drop();  // closes at once

  bool read_open = true;    // no end of stream seen
  bool write_open = true;   // neither shut by us nor found broken
  bool reset = false;       // found broken by a reset
  bool tls_writes = false;  // TLS has something of its own to write, for which there was no room
  uint32_t interest = 0;    // what epoll watches; 0: not registered
  UniqueFd fd;
  Connection& connection;
  std::unique_ptr<TlsStream> tls;  // none on a plain leg
  std::string spill;               // read from the other leg, not yet taken by this one
  size_t spill_sent = 0;

 private:
  ssize_t ReceiveTls(char* to, size_t size);
  ssize_t SendTls(std::string_view bytes);
};

enum class Phase : uint8_t { kHolding, kClientTls, kCancel, kDialling, kServerTls, kRelaying, kRefused };

struct Connection {
  Connection() : client(WatchKind::kClient, *this), server(WatchKind::kServer, *this) {}

  Leg& Other(const Leg& leg) { return leg.kind == WatchKind::kClient ? server : client; }

  Leg client;
  Leg server;
  Phase phase = Phase::kHolding;
  bool closed = false;          // waits for the end of the batch to be freed
  bool holds_slot = false;      // counts against max_connections
  bool holds_tls_slot = false;  // counts among the handshakes
  bool cancel_key_known = false;
  wire::EncryptionSeen encryption;
  uint8_t held_bytes = 0;
  uint16_t route = 0;         // of its listener
  uint16_t server_route = 0;  // how its server is reached; another one for a cancel request that was sent elsewhere
  uint32_t candidate = 0;     // which of the upstream's addresses is dialled
  uint32_t dial_retries = 0;
  std::array<char, wire::kStartupHeaderBytes> held{};
  size_t position = 0;  // in the loop's list
  int64_t connected_ns = 0;
  int64_t deadline_ns = 0;  // 0: none
  uint64_t session_id = 0;
  session::SessionEnd end = session::SessionEnd::kClientClosed;
  session::ByteCounts counted;  // the session's, as far as the totals have them
  uint64_t counted_queries = 0;
  std::unique_ptr<session::Session> session;    // none for a cancel request
  std::shared_ptr<const ClientPid> client_pid;  // a loopback client's, being looked for; until the session has it
  std::string cancel_request;                   // kCancel: as far as it came
  std::unique_ptr<ChannelBindingOffer> offer;   // until the server has said how to authenticate, where that may change
  SocketAddress server_address;                 // once dialled
};

}  // namespace pgassay::relay
