// What the relay, the recorder and the command that started them tell one another without messages: atomic totals in
// shared memory. Every field is monotonic unless said otherwise. Writers: the relay's loop i writes loops[i] alone; the
// recorder writes `recorder`, but for generation and restarts, which its starter sets before each start.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace pgassay {

inline constexpr int kMaxLoops = 16;

struct alignas(64) LoopTotals {
  std::atomic<uint64_t> relayed_bytes;  // both directions, sent to the peer
  std::atomic<uint64_t> decoded_bytes;  // framed, body understood; decoded + skipped + opaque = relayed when idle
  std::atomic<uint64_t> skipped_bytes;  // framed, body not entered
  std::atomic<uint64_t> opaque_bytes;   // not framed
  std::atomic<uint64_t> sessions_opened;
  std::atomic<uint64_t> sessions_closed;
  std::atomic<uint64_t> sessions_opaque;
  std::atomic<uint64_t> queries;
  std::atomic<uint64_t> dropped_events;         // records other than value batches that did not fit the ring
  std::atomic<uint64_t> dropped_value_batches;  // cost lineage only
  std::atomic<uint64_t> cancel_requests;
  std::atomic<uint64_t> gssenc_refused;
  std::atomic<uint64_t> ssl_refused;
  std::atomic<uint64_t> refused_connections;  // answered by us: too many connections, upstream unreachable
  std::atomic<uint64_t> tls_required;         // logins that the server refused because they were not encrypted
  std::atomic<uint64_t> tls_clients;          // connections whose client leg is TLS that we end
  std::atomic<uint64_t> tls_client_failures;  // handshakes with clients that failed
  std::atomic<uint64_t> tls_server_failures;  // servers that did not come to terms: no TLS, a wrong certificate, …
  std::atomic<uint64_t>
      bytes_before_tls;                 // connections ended for plaintext behind a request for encryption, either side
  std::atomic<uint64_t> removed_bytes;  // of the server's, not passed on: SCRAM-SHA-256-PLUS in a list of mechanisms
  std::atomic<uint64_t>
      binding_failures;               // logins refused (28000) behind an authentication request, with TLS on both legs
  std::atomic<int64_t> watermark_ns;  // every later record of this loop is at or after this time
  std::atomic<uint32_t>
      sleeping;  // 1 while in epoll_wait: the consumer may take its own "now", read before, as the watermark
};

struct alignas(64) RecorderTotals {
  std::atomic<uint32_t> generation;     // grows with each (re)start; a loop that sees it change sends its dictionaries
                                        // again, and SessionOpened (with its old time) of every open session
  std::atomic<uint32_t> ready;          // 1 once the trace is open
  std::atomic<uint32_t> paused;         // 1 while the trace cannot be written
  std::atomic<uint64_t> executions;     // stored so far
  std::atomic<int64_t> last_commit_ns;  // what came after is lost when the recorder dies
  std::atomic<uint64_t> restarts;       // counted by the supervisor
};

struct SharedTotals {
  std::array<LoopTotals, kMaxLoops> loops;
  RecorderTotals recorder;
  std::atomic<uint32_t> certificates;  // its starter adds one when the relay is to read its certificate files again
  std::atomic<uint32_t> relay_done;    // 1 when every loop has ended: what is in the rings is all
};

}  // namespace pgassay
