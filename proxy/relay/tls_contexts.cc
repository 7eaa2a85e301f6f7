#include "proxy/relay/tls_contexts.h"

#include <utility>

namespace pgassay::relay {

TlsContexts::TlsContexts(const RelayOptions& options, const std::atomic<uint32_t>& generation)
    : options_(options), generation_(generation) {}

Result<TlsContexts::Set> TlsContexts::Read(const RelayOptions& options) {
  Set set;
  if (!options.client_tls.certificate_file.empty()) {
    Result<TlsContext> clients = TlsContext::ForClients(options.client_tls);
    if (!clients) return std::unexpected(clients.error());
    set.clients = std::move(*clients);
  }
  for (const Route& route : options.routes) {
    std::optional<TlsContext>& context = set.upstreams.emplace_back();
    if (route.upstream_tls.mode == UpstreamTlsMode::kDisable) continue;
    Result<TlsContext> upstream = TlsContext::ForUpstream(route.upstream_tls);
    if (!upstream) return std::unexpected(upstream.error());
    context = std::move(*upstream);
  }
  return set;
}

Result<> TlsContexts::Load() {
  loaded_ = generation_.load(std::memory_order_acquire);
  Result<Set> set = Read(options_);
  if (!set) return std::unexpected(set.error());
  set_ = std::move(*set);
  return {};
}

void TlsContexts::Refresh() {
  const uint32_t wanted = generation_.load(std::memory_order_acquire);
  if (wanted == loaded_) return;
  loaded_ = wanted;
  if (Result<Set> set = Read(options_)) set_ = std::move(*set);
}

Result<TlsStream> TlsContexts::Accept(int fd, bool direct, std::string_view already_read) {
  const std::lock_guard lock(mutex_);
  Refresh();
  return TlsStream::Accept(*set_.clients, fd, direct, already_read);
}

Result<TlsStream> TlsContexts::Connect(size_t route, int fd) {
  const std::lock_guard lock(mutex_);
  Refresh();
  return TlsStream::Connect(*set_.upstreams[route], fd, options_.routes[route].upstream.host);
}

Result<> CheckCertificates(const RelayOptions& options) {
  const std::atomic<uint32_t> generation = 0;
  return TlsContexts(options, generation).Load();
}

}  // namespace pgassay::relay
