// libpq looks a password up by host and port, and CMD now connects to ports of pgassay's: the password file it is given
// names those too. The file with the added lines is never on a disk: it lives in memory, under this process's /proc
// entry, readable by this user alone. Source: PostgreSQL manual, "The Password File".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/address_plan.h"
#include "proxy/base/unique_fd.h"

namespace pgassay::cli {

// The lines of `file` that are about one of `upstreams`, said of 127.0.0.1 and its port; "" if there is none.
std::string LinesForPorts(std::string_view file, const std::vector<Upstream>& upstreams,
                          const std::vector<uint16_t>& ports);

// Points PGPASSFILE of `environment` at the file with the added lines, if there is anything to add. The file is there
// while the result lives.
UniqueFd LendPasswords(Environment& environment, const AddressPlan& plan, const std::vector<uint16_t>& ports,
                       const Machine& machine);

}  // namespace pgassay::cli
