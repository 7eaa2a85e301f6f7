// What a client sends before messages have types: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest, or a TLS
// record. Source: PostgreSQL manual, Frontend/Backend Protocol, "Message Formats" and "SSL Session Encryption"; direct
// TLS since 17.
//
// ClassifyStartup looks at the first eight bytes alone (length and request code), so a relay may classify while it
// holds exactly those: SSLRequest and GSSENCRequest are eight bytes in all, and nothing behind them may be read before
// the answer. Threads: pure functions. Views borrow from the body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace pgassay::wire {

inline constexpr size_t kStartupHeaderBytes = 8;      // length and request code: enough to classify
inline constexpr uint32_t kMaxStartupBytes = 10'004;  // the server allows 10 000 behind the length (measured)

enum class StartupKind : uint8_t {
  kIncomplete,     // fewer than eight bytes, and not yet wrong
  kStartup,        // StartupMessage of protocol 3.x, `length` bytes in all
  kSslRequest,     // eight bytes
  kGssEncRequest,  // eight bytes
  kCancelRequest,  // `length` bytes: code, process id, key of 4 to 256 bytes
  kDirectTls,      // a TLS ClientHello without SSLRequest
  kInvalid,        // none of these; a server would refuse it
};

struct Startup {
  StartupKind kind = StartupKind::kIncomplete;
  uint32_t length = 0;  // of the whole message, its length field included; 0 unless classified
  uint32_t code = 0;    // protocol version (major << 16 | minor) or request code
};

Startup ClassifyStartup(std::string_view first_bytes);

// What a StartupMessage asks for. `body` starts behind the length and version. False if it is not NUL-terminated pairs.
struct StartupParameters {
  std::string_view user;
  std::string_view database;  // the user's name when none was given
  std::string_view application_name;
  bool replication = false;                                             // physical or logical
  std::vector<std::pair<std::string_view, std::string_view>> settings;  // every other one
};
bool ParseStartupParameters(std::string_view body, StartupParameters& parameters);

// The process id and key of a CancelRequest, as BackendKeyData gave them. `message` is the whole message.
std::string_view CancelKey(std::string_view message);

}  // namespace pgassay::wire
