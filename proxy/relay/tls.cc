#include "proxy/relay/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "proxy/relay/sockets.h"

namespace pgassay::relay {
namespace {

constexpr unsigned char kAlpn[] = "\x0apostgresql";
constexpr unsigned int kAlpnLength = sizeof kAlpn - 1;

std::string OpenSslReason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown reason" : reason;
}

int SelectAlpn(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
               unsigned int offered_length, void* /*argument*/) {
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(&chosen, out_length, kAlpn, kAlpnLength, offered, offered_length);
  *out = chosen;
  // A client that offers only other protocols is no PostgreSQL client.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void ApplyCommonLimits(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_read_ahead(context, 0);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

Result<> LoadCertificate(SSL_CTX* context, const std::string& certificate_file, const std::string& key_file) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return Fail(fmt::format("cannot use the certificate {}: {}", certificate_file, OpenSslReason()));
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Fail(fmt::format("cannot use the private key {}: {}", key_file, OpenSslReason()));
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return Fail(fmt::format("the private key {} does not belong to the certificate {}", key_file, certificate_file));
  }
  return {};
}

bool IsNumericAddress(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

Result<TlsContext> TlsContext::ForClients(const ClientTlsOptions& options) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (context.context_ == nullptr) return Fail("cannot start TLS: " + OpenSslReason());
  ApplyCommonLimits(context.context_);
  SSL_CTX_set_alpn_select_cb(context.context_, SelectAlpn, nullptr);
  if (auto loaded = LoadCertificate(context.context_, options.certificate_file, options.key_file); !loaded) {
    return std::unexpected(loaded.error());
  }
  return context;
}

Result<TlsContext> TlsContext::ForUpstream(const UpstreamTlsOptions& options) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  context.mode_ = options.mode;
  context.host_ = options.host;
  SSL_CTX* const raw = context.context_;
  if (raw == nullptr) return Fail("cannot start TLS: " + OpenSslReason());
  ApplyCommonLimits(raw);
  SSL_CTX_set_alpn_protos(raw, kAlpn, kAlpnLength);
  if (options.mode == UpstreamTlsMode::kVerifyCa || options.mode == UpstreamTlsMode::kVerifyFull) {
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
    if (options.ca_file.empty()) {
      if (SSL_CTX_set_default_verify_paths(raw) != 1)
        return Fail("cannot read the system's certificates: " + OpenSslReason());
    } else if (SSL_CTX_load_verify_locations(raw, options.ca_file.c_str(), nullptr) != 1) {
      return Fail(fmt::format("cannot use the CA certificates in {}: {}", options.ca_file, OpenSslReason()));
    }
  }
  if (!options.certificate_file.empty()) {
    if (auto loaded = LoadCertificate(raw, options.certificate_file, options.key_file); !loaded) {
      return std::unexpected(loaded.error());
    }
  }
  return context;
}

TlsContext::TlsContext(TlsContext&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)), mode_(other.mode_), host_(std::move(other.host_)) {}
TlsContext& TlsContext::operator=(TlsContext&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(mode_, other.mode_);
  std::swap(host_, other.host_);
  return *this;
}
TlsContext::~TlsContext() { SSL_CTX_free(context_); }

// The socket as OpenSSL sees it: no SIGPIPE, the bytes that were read before OpenSSL was there, and what became of it.
struct TlsStream::Socket {
  int fd;
  std::string already_read;
  int error = 0;
  bool ended = false;

  static Socket& Of(BIO* bio) { return *static_cast<Socket*>(BIO_get_data(bio)); }

  static int Read(BIO* bio, char* to, int size) {
    Socket& socket = Of(bio);
    BIO_clear_retry_flags(bio);
    if (!socket.already_read.empty()) {
      const size_t taken = socket.already_read.copy(to, static_cast<size_t>(size));
      socket.already_read.erase(0, taken);
      return static_cast<int>(taken);
    }
    const ssize_t got = ::recv(socket.fd, to, static_cast<size_t>(size), 0);
    if (got == 0) socket.ended = true;
    if (got < 0) socket.OnError(bio, BIO_FLAGS_READ);
    return static_cast<int>(got);
  }

  static int Write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(Of(bio).fd, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
    if (sent < 0) Of(bio).OnError(bio, BIO_FLAGS_WRITE);
    return static_cast<int>(sent);
  }

  static long Control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  void OnError(BIO* bio, int direction) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      BIO_set_flags(bio, direction | BIO_FLAGS_SHOULD_RETRY);
    } else {
      error = errno;
    }
  }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "relay socket");
      BIO_meth_set_read(made, Read);
      BIO_meth_set_write(made, Write);
      BIO_meth_set_ctrl(made, Control);
      return made;
    }();
    return method;
  }
};

TlsStream::TlsStream(ssl_st* ssl, int fd, bool direct, std::string_view already_read)
    : ssl_(ssl),
      socket_(std::make_unique<Socket>(Socket{.fd = fd, .already_read = std::string(already_read)})),
      direct_(direct) {
  BIO* const bio = ssl == nullptr ? nullptr : BIO_new(Socket::Method());
  if (bio == nullptr) return;
  BIO_set_data(bio, socket_.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
}

Result<TlsStream> TlsStream::Accept(const TlsContext& context, int fd, bool direct, std::string_view already_read) {
  TlsStream stream(SSL_new(context.context_), fd, direct, already_read);
  if (stream.ssl_ == nullptr || SSL_get_rbio(stream.ssl_) == nullptr)
    return Fail("cannot start TLS: " + OpenSslReason());
  SSL_set_accept_state(stream.ssl_);
  return stream;
}

Result<TlsStream> TlsStream::Connect(const TlsContext& context, int fd, const std::string& address_host) {
  const std::string& host = context.host_.empty() ? address_host : context.host_;
  TlsStream stream(SSL_new(context.context_), fd, false, {});
  SSL* const ssl = stream.ssl_;
  if (ssl == nullptr || SSL_get_rbio(ssl) == nullptr) return Fail("cannot start TLS: " + OpenSslReason());
  const bool numeric = IsNumericAddress(host);
  if (!numeric &&
      SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str())) != 1) {
    return Fail(fmt::format("cannot name {} in the TLS handshake: {}", host, OpenSslReason()));
  }
  if (context.mode_ == UpstreamTlsMode::kVerifyFull) {
    const int named =
        numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) : SSL_set1_host(ssl, host.c_str());
    if (named != 1) return Fail(fmt::format("cannot verify the host name {}: {}", host, OpenSslReason()));
  }
  SSL_set_connect_state(ssl);
  return stream;
}

TlsStream::TlsStream(TlsStream&& other) noexcept
    : ssl_(std::exchange(other.ssl_, nullptr)),
      socket_(std::move(other.socket_)),
      direct_(other.direct_),
      read_end_(other.read_end_),
      error_(other.error_),
      failure_(std::move(other.failure_)) {}
TlsStream& TlsStream::operator=(TlsStream&& other) noexcept {
  std::swap(ssl_, other.ssl_);
  std::swap(socket_, other.socket_);
  direct_ = other.direct_;
  read_end_ = other.read_end_;
  error_ = other.error_;
  failure_ = std::move(other.failure_);
  return *this;
}
TlsStream::~TlsStream() { SSL_free(ssl_); }

TlsStatus TlsStream::StatusOf(int returned) {
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_NONE:
      return TlsStatus::kDone;
    case SSL_ERROR_WANT_READ:
      return TlsStatus::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return TlsStatus::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return TlsStatus::kClosed;
    default:
      break;
  }
  if (socket_->error != 0) {
    error_ = std::exchange(socket_->error, 0);
    failure_ = ErrnoText(error_);
  } else if (socket_->ended) {
    failure_ = "the connection was closed";
    ERR_clear_error();
    return TlsStatus::kTruncated;
  } else {
    error_ = EPROTO;
    const long verified = SSL_get_verify_result(ssl_);
    failure_ = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : OpenSslReason();
  }
  ERR_clear_error();
  return TlsStatus::kFailed;
}

std::string TlsStream::failure() const { return failure_; }

TlsStatus TlsStream::Handshake() {
  ERR_clear_error();
  const TlsStatus status = StatusOf(SSL_do_handshake(ssl_));
  if (status != TlsStatus::kDone || !direct_) return status;
  const unsigned char* protocol = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &length);
  if (length != 0) return status;
  failure_ = "direct TLS without ALPN";
  error_ = EPROTO;
  return TlsStatus::kFailed;
}

TlsStatus TlsStream::Read(char* buffer, size_t size, size_t& moved) {
  moved = 0;
  if (read_end_ != TlsStatus::kDone) return read_end_;
  ERR_clear_error();
  const TlsStatus status = StatusOf(SSL_read_ex(ssl_, buffer, size, &moved));
  const bool ended = status == TlsStatus::kClosed || status == TlsStatus::kTruncated || status == TlsStatus::kFailed;
  if (ended) read_end_ = status;
  return status;
}

TlsStatus TlsStream::Write(const char* bytes, size_t size, size_t& moved) {
  ERR_clear_error();
  moved = 0;
  return StatusOf(SSL_write_ex(ssl_, bytes, size, &moved));
}

TlsStatus TlsStream::SendCloseNotify() {
  ERR_clear_error();
  const int sent = SSL_shutdown(ssl_);  // 0: ours is sent, the peer's has not come
  return sent >= 0 ? TlsStatus::kDone : StatusOf(sent);
}

bool TlsStream::ShowsCertificateOf(const std::string& certificate_file) const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(certificate_file.c_str(), "r"), &BIO_free);
  if (!file) return false;
  const std::unique_ptr<X509, decltype(&X509_free)> ours(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr),
                                                         &X509_free);
  const X509* theirs = SSL_get0_peer_certificate(ssl_);
  return ours && theirs != nullptr && X509_cmp(ours.get(), theirs) == 0;
}

}  // namespace pgassay::relay
