// Which PostgreSQL-looking addresses a process tree is connected to: asked only while nothing has come through pgassay,
// to tell somebody whose application went past it where it went. Reads /proc; sees TCP only (a Unix socket's client
// side has no name there).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pgassay::cli {

struct Connection {
  std::string remote;  // "127.0.0.1:5432", "[::1]:5432"
  uint16_t port = 0;
  uint16_t local_port = 0;
  uint64_t inode = 0;  // of its socket; 0 once closed
  friend auto operator<=>(const Connection&, const Connection&) = default;
};

// The connections (established, being made, or just closed) in the text of /proc/net/tcp or tcp6.
std::vector<Connection> ParseConnections(std::string_view table);

class ConnectionWatch {
 public:
  // `upstream_ports` count as PostgreSQL's too, besides 5432 to 5439 and 6432; `own_ports` are pgassay's listeners.
  ConnectionWatch(pid_t root, std::vector<uint16_t> upstream_ports, std::vector<uint16_t> own_ports);
  void Look();  // now
  // What the tree was seen to be connected to; failing that, what this machine has connected to since the start.
  std::vector<std::string> Seen();

 private:
  bool LooksLikePostgres(const Connection& connection) const;

  pid_t root_;
  std::vector<uint16_t> upstream_ports_, own_ports_;
  std::set<std::string> seen_;
  std::set<Connection> at_start_;
};

}  // namespace pgassay::cli
