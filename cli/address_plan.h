// Which addresses of an environment lead to PostgreSQL, which servers they mean, and the environment that leads through
// pgassay instead. Two steps, because ports are known only once the listeners are bound: PlanAddresses() names the
// servers (one per distinct address), ThroughPorts() writes the new environment. Nothing but these variables is
// touched. Pure: files that libpq would read (sockets, service files) are asked for through Machine.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/database_url.h"
#include "cli/environment.h"
#include "proxy/base/result.h"
#include "proxy/relay/address.h"

namespace pgassay::cli {

// What libpq looks at besides the environment.
struct Machine {
  std::function<bool(const std::string& path)> exists;
  std::function<std::optional<std::string>(const std::string& path)> read_file;
  static Machine ThisOne();
};

struct PlanOptions {
  std::string upstream;            // --upstream; "" if not given
  std::vector<std::string> names;  // --env
};

// One server, and the strictest thing that any address of it says about encryption. What is done about it is settled
// later (encryption.h).
struct Upstream {
  relay::Address address;
  std::string
      user;  // of the first URL that names one, "" if none does: who asks decides whether a server insists on TLS
  std::string password;  // with that user; "" if it names none
  std::string database;  // with that user; "": the user's own
  TlsDemand tls = TlsDemand::kUnsaid;
  std::string tls_said_by;  // "sslmode=require of DATABASE_URL"
  TlsFiles tls_files;
  bool tls_optional = false;  // --upstream put a server of this machine in the place of the one that TLS was asked of
  std::string name;           // what a certificate must show, where it is not the address's host
};

// Variables that are rewritten together, and which upstreams they mean, in the order of their hosts.
struct UrlPlace {
  std::string variable;
  DatabaseUrl url;
  std::vector<size_t> upstreams;
};
struct HostPlace {  // HOST and its port; or host:port in one
  std::string host_variable;
  std::string port_variable;  // "": the port stands behind the host
  size_t upstream;
};
struct LibpqPlace {  // PGHOST and its kin
  std::vector<size_t> upstreams;
  std::vector<std::pair<std::string, std::string>> from_service;  // PGSERVICE's entries, as variables
};

struct AddressPlan {
  std::vector<Upstream> upstreams;
  std::vector<UrlPlace> urls;
  std::vector<HostPlace> hosts;
  std::optional<LibpqPlace> libpq;

  // Names of the variables that lead to this upstream, for messages.
  std::vector<std::string> VariablesOf(size_t upstream) const;
};

Result<AddressPlan> PlanAddresses(const Environment& environment, const PlanOptions& options, const Machine& machine);

// `ports`: of 127.0.0.1, one per upstream of the plan.
Environment ThroughPorts(const Environment& environment, const AddressPlan& plan, const std::vector<uint16_t>& ports);

// --upstream: an URL (one host), HOST:PORT, or the path of a socket or of its directory.
Result<Upstream> ParseUpstream(std::string_view text, const Environment& environment, const Machine& machine);

bool IsLoopback(const relay::Address& address);  // Unix sockets count

}  // namespace pgassay::cli
