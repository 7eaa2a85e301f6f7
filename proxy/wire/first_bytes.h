// What a relay does about the first eight bytes of a client, before any of them goes anywhere: answer a request for
// encryption itself, or let everything through. Source: PostgreSQL manual, "SSL Session Encryption" and "GSSAPI Session
// Encryption"; that a second request is refused: measured.
//
// Whoever acts on it reads no byte behind the eight before a request is answered, and refuses what is behind them
// already (CVE-2021-23214). Threads: pure function.
#pragma once

#include <cstdint>

#include "proxy/wire/startup.h"

namespace pgassay::wire {

enum class FirstStep : uint8_t {
  kWait,                 // for more of the eight bytes
  kSayNoToSsl,           // "N"; then eight bytes again
  kSayNoToGss,           // likewise
  kBeginTls,             // "S", and a handshake; then eight bytes again, decrypted
  kBeginDirectTls,       // a handshake of which these bytes are the beginning
  kReadCancel,           // the rest of a CancelRequest
  kPassOn,               // these bytes and all that follow, as they are
  kRefuseSecondRequest,  // encryption was asked for before
  kRefusePlain,          // no login without encryption here
  kClose,                // TLS that nobody can answer
};

struct FirstBytesPolicy {
  bool offers_tls = false;     // there is a certificate
  bool passes_tls = false;     // TLS is the server's affair; REQUIRES: !offers_tls
  bool plain_upstream = true;  // the server is reached without TLS
  bool refuses_plain = false;  // a plain login is refused
  bool passes_gss = false;     // GSSAPI encryption is the server's affair; REQUIRES: !offers_tls and plain_upstream
};

// What the client has asked for so far.
struct EncryptionSeen {
  bool encrypted = false;
  bool ssl_asked = false;
  bool gss_asked = false;
};

FirstStep NextStep(const Startup& startup, const EncryptionSeen& seen, const FirstBytesPolicy& policy);

}  // namespace pgassay::wire
