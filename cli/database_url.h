// A PostgreSQL address as an URL, taken apart so that hosts and TLS can be changed and every other byte kept.
// Understood: postgres://, postgresql://, postgresql+DRIVER:// (and postgis, pgsql, psql for postgresql),
// jdbc:postgresql://, jdbc:postgresql:DATABASE, r2dbc:postgresql://; several hosts, [IPv6], percent-encoding, sockets
// as ?host=/dir or %2Fdir, no host, no port. Pure. Source: libpq's connection URIs, pgjdbc's and SQLAlchemy's forms of
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace pgassay::cli {

// Who reads the URL, as far as it says: that decides how TLS is switched off in it.
enum class UrlDialect : uint8_t {
  kUnknown,  // plain postgresql://: libpq or any driver that reads its URLs
  kLibpq,    // +psycopg, +psycopg2, +aiopg, …
  kAsyncpg,  // +asyncpg: ssl=
  kNoTls,    // +pg8000 and others that take no TLS parameter in the URL
  kJdbc,
  kR2dbc,
};

// What an address asks of the connection's encryption.
enum class TlsDemand : uint8_t { kUnsaid, kOff, kPrefer, kRequire, kVerifyCa, kVerifyFull };

// Files that go with it; "" where none is named.
struct TlsFiles {
  std::string ca, certificate, key;
};

struct UrlHost {
  std::string host;  // decoded, IPv6 without brackets; "" if none is named; starts with / for a directory of sockets
  std::string port;  // "" if none is named
  std::string name;  // what a certificate must show, where hostaddr took the host's place
};

struct DatabaseUrl {
  std::string scheme;  // up to and with the last colon: "postgresql+asyncpg:", "jdbc:postgresql:"
  UrlDialect dialect = UrlDialect::kUnknown;
  std::optional<std::string> userinfo;  // as written
  std::vector<UrlHost> hosts;           // at least one; hosts and ports given as parameters already applied
  bool hosts_from_parameters = false;   // ?host=a&host=b or ?host=a,b
  std::string path;                     // as written, with its slash; "" if none
  std::vector<std::string> parameters;  // as written, "name=value"; those that name hosts are left out
  std::string fragment;                 // as written, with its #
  std::string service;                  // ?service=NAME, "" if none
  TlsDemand tls = TlsDemand::kUnsaid;
  std::string tls_said;  // the parameter that says so: "sslmode=require"
  TlsFiles tls_files;    // sslrootcert, sslcert, sslkey
};

// Does `text` look like a PostgreSQL URL? Then ParseDatabaseUrl says what is wrong with it, if anything is.
bool LooksLikeDatabaseUrl(std::string_view text);
Result<DatabaseUrl> ParseDatabaseUrl(std::string_view text);

// The same URL, at these ports of 127.0.0.1 (one per host), with TLS switched off in the form its reader understands.
std::string UrlThroughPorts(const DatabaseUrl& url, const std::vector<uint16_t>& ports);

// For messages: scheme, hosts and path; never user, password or parameters.
std::string WithoutSecrets(const DatabaseUrl& url);

// A value of sslmode or ssl, in any of the spellings drivers have.
TlsDemand ParseTlsDemand(std::string_view value);
std::string PercentDecoded(std::string_view text);

}  // namespace pgassay::cli
