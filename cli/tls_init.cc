#include <fmt/format.h>

#include "cli/commands.h"
#include "proxy/relay/tls.h"

namespace pgassay::cli {

int RunTlsInit(const Invocation& invocation) {
  const std::string& directory = invocation.operands.front();
  if (const auto made = relay::MakeDevelopmentCertificates(directory); !made) return Trouble(made.error().message);
  Say(fmt::format("made {0}/ca.crt, {0}/localhost.crt and {0}/localhost.key", directory));
  Say(
      fmt::format("use them: pgassay proxy --tls-cert {0}/localhost.crt --tls-key {0}/localhost.key …, and in clients "
                  "sslmode=verify-full sslrootcert={0}/ca.crt",
                  directory));
  return kExitOk;
}

}  // namespace pgassay::cli
