#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include "proxy/relay/relay.h"
#include "proxy/relay/server_refusal.h"
#include "proxy/relay/sockets.h"
#include "proxy/relay/tls_request.h"

namespace pgassay::relay {
namespace {

constexpr std::chrono::milliseconds kPatience{5000};
constexpr size_t kMaxErrorBytes = 8192;

bool SendAll(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string StartupMessage(const Route& route) {
  std::string body("\x00\x03\x00\x00", 4);
  const auto add = [&body](std::string_view name, std::string_view value) {
    body.append(name).push_back('\0');
    body.append(value).push_back('\0');
  };
  add("user", route.user);
  if (!route.database.empty()) add("database", route.database);
  add("application_name", "pgassay");
  body.push_back('\0');
  const size_t length = body.size() + 4;
  std::string message;
  for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(length >> shift & 0xff);
  return message + body;
}

struct Answer {
  UniqueFd fd;
  std::string bytes;  // as much of them as an ErrorResponse has
};

// What the server answers first to `request` in plain.
Result<Answer> FirstAnswer(const Route& route, std::string_view request) {
  Result<UniqueFd> fd = DialAndWait(route.upstream, kPatience);
  if (!fd) return std::unexpected(fd.error());
  const std::string name = ToString(route.upstream);
  if (!SendAll(fd->get(), request)) {
    return Fail(fmt::format("the server at {} closed the connection: {}", name, ErrnoText(errno)));
  }
  std::string answer(kMaxErrorBytes, '\0');
  size_t size = 0;
  do {
    const ssize_t got = ::recv(fd->get(), answer.data() + size, answer.size() - size, 0);
    if (got < 0 && size == 0) {
      return Fail(errno == EAGAIN ? fmt::format("the server at {} does not answer", name)
                                  : fmt::format("the server at {} closed the connection: {}", name, ErrnoText(errno)));
    }
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  } while (answer[0] == kSslError && size < answer.size());  // an ErrorResponse ends with the connection
  answer.resize(size);
  return Answer{std::move(*fd), std::move(answer)};
}

// The answer to SSLRequest, which is one of the three that there are.
Result<Answer> AskedForTls(const Route& route) {
  Result<Answer> answer = FirstAnswer(route, kSslRequest);
  if (!answer) return answer;
  if (answer->bytes.empty() || std::string_view("SNE").find(answer->bytes.front()) == std::string_view::npos) {
    return Fail(fmt::format("what answers at {} does not speak PostgreSQL's protocol", ToString(route.upstream)));
  }
  return answer;
}

struct ServerStream {
  UniqueFd fd;
  TlsStream tls;
};

Result<ServerStream> StartTls(const Route& route) {
  const std::string name = ToString(route.upstream);
  const auto no_tls = [&](std::string_view why) {
    return Fail(fmt::format("no TLS to the server at {}: {}", name, why));
  };
  Result<TlsContext> context = TlsContext::ForUpstream(route.upstream_tls);
  if (!context) return std::unexpected(context.error());
  Result<Answer> answer = AskedForTls(route);
  if (!answer) return std::unexpected(answer.error());
  if (answer->bytes.front() != kSslYes) return no_tls(NoTlsReason(answer->bytes.front()));
  if (answer->bytes.size() > 1) return no_tls("unencrypted data follows its answer to the TLS request");
  Result<TlsStream> stream = TlsStream::Connect(*context, answer->fd.get(), route.upstream.host);
  if (!stream) return no_tls(stream.error().message);
  switch (stream->Handshake()) {
    case TlsStatus::kDone:
      return ServerStream{std::move(answer->fd), std::move(*stream)};
    case TlsStatus::kWantRead:
    case TlsStatus::kWantWrite:
      return no_tls("it did not finish the TLS handshake in time");
    default:
      return no_tls(fmt::format("TLS handshake: {}", stream->failure()));
  }
}

Result<> Check(const Route& route) {
  if (route.upstream_tls.mode != UpstreamTlsMode::kDisable) {
    Result<ServerStream> stream = StartTls(route);
    if (!stream) return std::unexpected(stream.error());
    stream->tls.SendCloseNotify();
    return {};
  }
  const Result<TlsOffer> offer = AskForTls(route);
  if (!offer) return std::unexpected(offer.error());
  if (*offer != TlsOffer::kInsistedOn) return {};
  return Fail(
      fmt::format("the server at {} insists on TLS for user {} (give --upstream-tls, or sslmode=require in its URL)",
                  ToString(route.upstream), route.user));
}

}  // namespace

Result<> CheckUpstreams(const RelayOptions& options) {
  for (const Route& route : options.routes) {
    if (options.tls_passthrough) {
      if (Result<Answer> answer = AskedForTls(route); !answer) return std::unexpected(answer.error());
    } else if (Result<> checked = Check(route); !checked) {
      return checked;
    }
  }
  return {};
}

Result<TlsOffer> AskForTls(const Route& route) {
  const Result<Answer> encryption = AskedForTls(route);
  if (!encryption) return std::unexpected(encryption.error());
  if (encryption->bytes.front() != kSslYes) return TlsOffer::kNone;
  if (route.user.empty()) return TlsOffer::kOffered;
  const Result<Answer> start = FirstAnswer(route, StartupMessage(route));
  if (!start) return std::unexpected(start.error());
  return InsistsOnTls(start->bytes) ? TlsOffer::kInsistedOn : TlsOffer::kOffered;
}

bool ShowsTheSameCertificate(const Route& route, const ClientTlsOptions& client_tls) {
  const Result<ServerStream> stream = StartTls(route);
  return stream && stream->tls.ShowsCertificateOf(client_tls.certificate_file);
}

}  // namespace pgassay::relay
