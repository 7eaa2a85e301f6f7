// The relay: accepts clients, dials the server, passes bytes both ways first and shows them to the decoder after. The
// only sockets. One thread per loop; a loop owns its connections, its 64 KiB read buffer and its ring. Nothing is
// shared on the hot path. Runs in a process of its own (see cli/supervisor.h): it writes no file and never waits for
// the recorder. Host names are resolved once, before anything is served.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "proxy/base/canonical_value.h"
#include "proxy/base/result.h"
#include "proxy/base/shared_ring.h"
#include "proxy/base/shared_totals.h"
#include "proxy/base/unique_fd.h"
#include "proxy/relay/address.h"
#include "proxy/relay/tls.h"

namespace pgassay::relay {

struct Route {
  Address listen;
  Address upstream;
  std::string user = {};  // what clients will log in as, where it is known: CheckUpstreams then asks for a plain start
  std::string database = {};
  UpstreamTlsOptions upstream_tls = {};
};

// Where runners of tests say which one is running: docs/control-protocol.md.
struct ControlOptions {
  Address listen;
  std::string token = {};  // what they must say, "": nothing
};

struct RelayOptions {
  std::vector<Route> routes;
  int threads = 1;
  int max_connections = 1000;
  std::chrono::milliseconds first_bytes_limit{60'000};  // for a new connection to say what it wants, and for TLS
  ClientTlsOptions client_tls = {};
  bool tls_passthrough = false;     // TLS that a client begins goes to the server unread; REQUIRES: no TLS of our own
  bool gss_passthrough = false;     // likewise GSSAPI encryption; REQUIRES: the same
  bool plaintext_remote = true;     // false: who listens beyond this machine serves TLS only
  bool keep_binding_offer = false;  // see channel_binding.h
  bool send_values = false;         // parameters of some executions too: session::SentValues
  std::optional<ControlOptions> control = {};
};

// Reads the certificates once, so that errors are told before anything starts, or before the relay is told to read
// them again.
Result<> CheckCertificates(const RelayOptions& options);

// A bound, listening socket per route; made before the fork so that errors (address in use, …) are told before anything
// starts.
struct Listener {
  UniqueFd fd;
  Address bound;  // with the port that the kernel chose
};
// The control socket's, where there is one, comes last.
Result<std::vector<Listener>> BindListeners(const RelayOptions& options);

// The hard limit of open files where it is too low for so many connections: accepting will pause. 0: it is not.
uint64_t TooLowLimitOfFiles(int max_connections);

// Whether this machine lets a socket listen on ::1.
bool HasIpv6Loopback();

// Connects to each upstream once: errors name what is wrong (refused, no such host, not PostgreSQL, insists on TLS, its
// certificate).
// Whether a server insists on TLS depends on who asks (pg_hba.conf), so only a route with a user is asked for a plain
// start; without one it shows at the first login, in LoopTotals::tls_required and in the client's own error message.
Result<> CheckUpstreams(const RelayOptions& options);

// What the server says when it is asked for TLS; an error when it cannot be asked.
enum class TlsOffer : uint8_t { kNone, kOffered, kInsistedOn };  // kInsistedOn: for the route's user
Result<TlsOffer> AskForTls(const Route& route);
// Is the certificate shown to clients the one that this server shows? Then SCRAM's channel binding holds end to end.
bool ShowsTheSameCertificate(const Route& route, const ClientTlsOptions& client_tls);

// Serves until `stop_fd` becomes readable: then stops accepting, lets sessions end for at most `drain_ms`, ends the
// rest, empties nothing: what was decoded is in the rings. REQUIRES: rings.size() == options.threads. Called in the
// relay process.
struct RelayMemory {
  std::span<SharedRing> rings;
  SharedTotals* totals;
  const HashKey* key;
};
Result<> Serve(const RelayOptions& options, std::vector<Listener> listeners, RelayMemory memory, int stop_fd,
               int drain_ms);

}  // namespace pgassay::relay
