// Where to listen or to dial: TCP ("127.0.0.1:6432", "[::1]:0", "localhost:5432") or a Unix socket
// ("/run/postgresql/.s.PGSQL.5432", or a directory and a port, as libpq's host=/dir does).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace pgassay::relay {

struct Address {
  std::string host;       // name or number; "" with unix_path
  uint16_t port = 0;      // 0 in a listener: any free port
  std::string unix_path;  // absolute path of the socket; "" for TCP

  friend bool operator==(const Address&, const Address&) = default;
};

Result<Address> ParseAddress(std::string_view text, uint16_t default_port);
std::string ToString(const Address& address);  // as ParseAddress reads it

}  // namespace pgassay::relay
