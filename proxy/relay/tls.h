// TLS for either leg: a context per side, a stream per connection. OpenSSL 3, TLS 1.2 and newer, no renegotiation, no
// tickets (as PostgreSQL's server), no read-ahead: nothing beyond the record in work is taken from the socket, and
// OpenSSL gives its record buffers back when they are empty. A broken pipe raises no signal.
// Source: PostgreSQL manual, SSL Session Encryption (ALPN "postgresql", direct and negotiated) and libpq's sslmode.
// Threads: a context may serve streams of many threads; a stream has one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace pgassay::relay {

struct ClientTlsOptions {        // the leg towards clients
  std::string certificate_file;  // PEM, the chain; "": there is no TLS on it
  std::string key_file;          // PEM
  friend bool operator==(const ClientTlsOptions&, const ClientTlsOptions&) = default;
};

enum class UpstreamTlsMode : uint8_t { kDisable, kRequire, kVerifyCa, kVerifyFull };

struct UpstreamTlsOptions {  // the leg towards the server
  UpstreamTlsMode mode = UpstreamTlsMode::kDisable;
  std::string ca_file;           // PEM; "": the system's certificates
  std::string certificate_file;  // a client certificate, if the server wants one
  std::string key_file;
  std::string host;  // sent as SNI and verified; "": the address's
  friend bool operator==(const UpstreamTlsOptions&, const UpstreamTlsOptions&) = default;
};

class TlsContext {
 public:
  // Errors name the file and what is wrong with it.
  static Result<TlsContext> ForClients(const ClientTlsOptions& options);
  static Result<TlsContext> ForUpstream(const UpstreamTlsOptions& options);
  TlsContext(TlsContext&& other) noexcept;
  TlsContext& operator=(TlsContext&& other) noexcept;
  ~TlsContext();

 private:
  friend class TlsStream;
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
  UpstreamTlsMode mode_ = UpstreamTlsMode::kDisable;
  std::string host_;
};

inline constexpr size_t kTlsRecordBytes = 16384;  // the most plaintext of one record

enum class TlsStatus : uint8_t {
  kDone,
  kWantRead,
  kWantWrite,
  kClosed,     // the peer said that it ends
  kTruncated,  // the peer's stream ended without a word
  kFailed,
};

class TlsStream {
 public:
  // Over a connected, non-blocking socket that stays the caller's. `direct` demands ALPN, as direct TLS does.
  // `already_read`: the stream's first bytes, if some were taken from the socket before.
  static Result<TlsStream> Accept(const TlsContext& context, int fd, bool direct, std::string_view already_read);
  // The host is sent as SNI unless it is a number, and is checked under verify-full; the context's, if it has one.
  static Result<TlsStream> Connect(const TlsContext& context, int fd, const std::string& address_host);
  TlsStream(TlsStream&& other) noexcept;
  TlsStream& operator=(TlsStream&& other) noexcept;
  ~TlsStream();

  TlsStatus Handshake();  // again after the socket became readable or writable, until it wants neither
  // kDone: `moved` bytes of one record were read or written, at least one. A read into kTlsRecordBytes leaves nothing
  // of its record inside, where the socket would not become readable for it. After kWantWrite the same bytes (and
  // perhaps more) must be offered again.
  TlsStatus Read(char* buffer, size_t size, size_t& moved);
  TlsStatus Write(const char* bytes, size_t size, size_t& moved);
  TlsStatus SendCloseNotify();  // kDone, kWantWrite (again, then) or kFailed; reading may go on after it

  TlsStatus read_end() const { return read_end_; }  // how reading ended, kDone as long as it has not
  int error() const { return error_; }              // after kFailed: the socket's, EPROTO for TLS's own
  std::string failure() const;                      // of the handshake, for a message; no payload
  bool ShowsCertificateOf(const std::string& certificate_file) const;  // is it what the peer has shown?

 private:
  struct Socket;
  TlsStream(ssl_st* ssl, int fd, bool direct, std::string_view already_read);
  TlsStatus StatusOf(int returned);
  ssl_st* ssl_;
  std::unique_ptr<Socket> socket_;
  bool direct_;
  TlsStatus read_end_ = TlsStatus::kDone;
  int error_ = 0;
  std::string failure_;
};

// A private CA and a certificate for localhost, 127.0.0.1 and ::1 signed by it, for development: ca.crt, localhost.crt,
// localhost.key (0600) in `directory`, which is made if missing; the CA's key is thrown away. Existing files are never
// overwritten.
Result<> MakeDevelopmentCertificates(const std::string& directory);

}  // namespace pgassay::relay
