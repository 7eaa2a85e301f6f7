#include "cli/control_socket.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "cli/address_plan.h"

namespace pgassay::cli {
namespace {

constexpr uint16_t kControlPort = 6433;  // beside where proxy listens
constexpr size_t kMaxSocketFolder = 80;  // bytes, so that the socket's path fits sockaddr_un
constexpr const char* kTokenVariable = "PGASSAY_CONTROL_TOKEN";

}  // namespace

Result<PrivateFolder> PrivateFolder::Make(const Environment& environment) {
  std::string parent = environment.GetFilled("TMPDIR").value_or("/tmp");
  if (parent.size() > kMaxSocketFolder) parent = "/tmp";
  std::string path = parent + "/pgassay-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return Fail(fmt::format("cannot make a folder for the control socket in {}: {}", parent,
                            std::generic_category().message(errno)));
  }
  return PrivateFolder(std::move(path));
}

PrivateFolder::PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
PrivateFolder& PrivateFolder::operator=(PrivateFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}
PrivateFolder::~PrivateFolder() {
  if (path_.empty()) return;
  ::unlink((path_ + "/control").c_str());  // the relay has done it, unless it was killed
  ::rmdir(path_.c_str());
}

Result<relay::ControlOptions> ControlAt(const std::string& address, const Settings& settings,
                                        const Environment& environment) {
  relay::ControlOptions control{.listen = {}, .token = environment.GetFilled(kTokenVariable).value_or("")};
  if (address.contains('/')) {  // the socket itself, where --listen names its folder
    control.listen.unix_path = address;
    return control;
  }
  const auto listen = relay::ParseAddress(address, kControlPort);
  if (!listen) return Fail(fmt::format("--control {}: {}", address, listen.error().message));
  control.listen = *listen;
  if (control.token.empty()) {
    return Fail(
        fmt::format("--control {} is open to every user of the network: set {} to a secret that its clients "
                    "know too, or give the path of a socket",
                    address, kTokenVariable));
  }
  if (!IsLoopback(*listen) && !settings.Switch("allow-plaintext-remote")) {
    return Fail(
        fmt::format("--control {} can be reached from other machines, and has no TLS (take 127.0.0.1 or the "
                    "path of a socket, or give --allow-plaintext-remote)",
                    address));
  }
  return control;
}

relay::ControlOptions ControlIn(const PrivateFolder& folder) {
  return {.listen = {.host = "", .port = 0, .unix_path = folder.path() + "/control"}};
}

void TellControl(Environment& environment, const relay::Address& bound, const std::string& token) {
  environment.Set("PGASSAY_CONTROL", relay::ToString(bound));
  if (token.empty()) {
    environment.Unset(kTokenVariable);
  } else {
    environment.Set(kTokenVariable, token);
  }
}

std::string RandomToken() {
  std::array<unsigned char, 16> bytes{};
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
  }
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

}  // namespace pgassay::cli
