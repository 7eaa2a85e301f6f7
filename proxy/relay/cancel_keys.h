// Which server (an address, reached as a route says) holds which cancel key, so that a CancelRequest (a connection of
// its own, often met by another loop) goes to the server that issued the key. Touched at login, at the end of a session
// and by a cancel: never on the hot path. A key given twice (two servers may choose the same) leads to the later login.
// Threads: any; one lock.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/relay/sockets.h"

namespace pgassay::relay {

class CancelKeys {
 public:
  struct Server {
    SocketAddress address;
    uint16_t route;
  };
  void Add(std::string_view key, uint64_t session_id, const Server& server);
  void Remove(std::string_view key, uint64_t session_id);  // nothing if a later login took the key over
  std::optional<Server> Find(std::string_view key) const;

 private:
  struct Holder {
    uint64_t session_id;
    Server server;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Holder> holders_;
};

}  // namespace pgassay::relay
