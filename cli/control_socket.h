// Where the control socket is, for `run` and `proxy`: by default `run` makes one in a folder of its own that only this
// user can enter, and tells CMD in PGASSAY_CONTROL. On TCP a token is asked for: PGASSAY_CONTROL_TOKEN, or for CMD one
// that `run` makes up.
#pragma once

#include <string>

#include "cli/environment.h"
#include "cli/settings.h"
#include "proxy/base/result.h"
#include "proxy/relay/relay.h"

namespace pgassay::cli {

// A folder that goes with its owner, and with it the socket in it. Empty: none.
class PrivateFolder {
 public:
  static Result<PrivateFolder> Make(const Environment& environment);
  PrivateFolder() = default;
  PrivateFolder(PrivateFolder&& other) noexcept;
  PrivateFolder& operator=(PrivateFolder&& other) noexcept;
  ~PrivateFolder();
  const std::string& path() const { return path_; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Of --control. Errors are sentences: no token for TCP, an address that other machines reach.
Result<relay::ControlOptions> ControlAt(const std::string& address, const Settings& settings,
                                        const Environment& environment);
// Of `run` without --control.
relay::ControlOptions ControlIn(const PrivateFolder& folder);
// For CMD, whose helpers read them.
void TellControl(Environment& environment, const relay::Address& bound, const std::string& token);

std::string RandomToken();  // 128 bits, in hex

}  // namespace pgassay::cli
