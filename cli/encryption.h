// What becomes of each server's encryption: the plain leg of the application stays on loopback, and TLS moves to the
// leg between pgassay and the server. Demands are never given up silently; prefer (the drivers' default) is decided
// once, before anything starts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/address_plan.h"
#include "cli/settings.h"
#include "proxy/base/shared_totals.h"
#include "proxy/relay/relay.h"

namespace pgassay::cli {

using AskForTls = std::function<Result<relay::TlsOffer>(const relay::Route& route)>;

struct Encryption {
  std::vector<relay::UpstreamTlsOptions> upstreams;  // one per upstream of the plan
  std::vector<std::string> notes;                    // sentences to say
};

// --upstream-tls and its kin come first, then what the addresses ask for. `ask` finds out what a server offers, where
// that decides; null: nobody is asked, and what is only preferred is not done.
Result<Encryption> SettleEncryption(const AddressPlan& plan, const Settings& settings, const Environment& environment,
                                    const Machine& machine, const AskForTls& ask);

// --tls-cert and --tls-key, both or neither.
Result<relay::ClientTlsOptions> ClientTls(const Settings& settings);

// What somebody who gives both legs TLS must know, for SCRAM binds a login to the certificate that the client sees; ""
// if nothing stands in the way.
std::string BindingHint(const relay::RelayOptions& options);

// What goes wrong with encryption at logins, and what neither a client nor a server explains: each sentence once.
class LoginTrouble {
 public:
  std::vector<std::string> News(const SharedTotals& totals);

 private:
  bool binding_said_ = false;
  bool required_said_ = false;
};

}  // namespace pgassay::cli
