// The certificates in use: one context for clients, one per route that reaches its server over TLS. The files are read
// at Load(), and again when the totals say that they changed; a set that cannot be used then leaves the old one in
// place. Connections keep the certificate that they began with. Threads: any; one lock, taken once a handshake.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/relay/relay.h"
#include "proxy/relay/tls.h"

namespace pgassay::relay {

class TlsContexts {
 public:
  // `generation` grows when the files are to be read again. Both outlive this.
  TlsContexts(const RelayOptions& options, const std::atomic<uint32_t>& generation);
  Result<> Load();

  bool for_clients() const { return !options_.client_tls.certificate_file.empty(); }
  bool for_upstream(size_t route) const {
    return options_.routes[route].upstream_tls.mode != UpstreamTlsMode::kDisable;
  }
  // REQUIRES: for_clients(), or for_upstream(route).
  Result<TlsStream> Accept(int fd, bool direct, std::string_view already_read);
  Result<TlsStream> Connect(size_t route, int fd);

 private:
  struct Set {
    std::optional<TlsContext> clients;
    std::vector<std::optional<TlsContext>> upstreams;  // per route
  };
  static Result<Set> Read(const RelayOptions& options);
  void Refresh();

  const RelayOptions& options_;
  const std::atomic<uint32_t>& generation_;
  std::mutex mutex_;
  uint32_t loaded_ = 0;
  Set set_;
};

}  // namespace pgassay::relay
