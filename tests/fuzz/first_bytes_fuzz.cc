// Any bytes as a new client's, up to its login: the stage before TLS, with and without a certificate. The first input
// byte chooses the policy, the second how many bytes have arrived whenever somebody looks. Checked: bytes out = bytes
// in, but for what is answered here; never more than eight bytes are taken before a decision, nor any behind a request
// before its answer; encryption begins once; where bytes arrive as they are asked for, every split ends alike.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/wire/first_bytes.h"
#include "tests/fuzz/framer_check.h"

namespace {

using namespace pgassay;
using wire::FirstStep;

struct Outcome {
  std::string answers;  // N, S, and D for a handshake begun unasked
  std::string to_server;
  size_t taken = 0;  // of requests that were answered here
  FirstStep last = FirstStep::kWait;
  bool bytes_behind = false;  // a request was not the last thing that had arrived
  bool operator==(const Outcome&) const = default;
};

// The client's socket: `step` bytes arrive at a time; 0: what is asked for, when it is asked for.
class Arriving {
 public:
  Arriving(std::string_view bytes, size_t step) : rest_(bytes), step_(step) {}
  std::string_view Take(size_t most) {
    if (step_ == 0) arrived_ = std::max(arrived_, std::min(most, rest_.size()));
    if (arrived_ == 0) arrived_ = std::min(step_, rest_.size());
    const std::string_view taken = rest_.substr(0, std::min(most, arrived_));
    rest_.remove_prefix(taken.size());
    arrived_ -= taken.size();
    return taken;
  }
  bool HasMore() const { return arrived_ > 0; }
  std::string_view All() const { return rest_; }

 private:
  std::string_view rest_;
  size_t step_;
  size_t arrived_ = 0;
};

Outcome Play(std::string_view bytes, const wire::FirstBytesPolicy& policy, size_t step) {
  Arriving client(bytes, step);
  wire::EncryptionSeen seen;
  Outcome outcome;
  std::string held;
  const auto answer = [&](char with) {
    outcome.bytes_behind = with != 'D' && client.HasMore();
    outcome.answers += with;
    outcome.taken += held.size();
    held.clear();
  };
  for (;;) {
    const std::string_view taken = client.Take(wire::kStartupHeaderBytes - held.size());
    if (taken.empty()) return outcome;
    held += taken;
    const wire::Startup startup = wire::ClassifyStartup(held);
    outcome.last = wire::NextStep(startup, seen, policy);
    switch (outcome.last) {
      case FirstStep::kWait:
        tests::Require(held.size() < wire::kStartupHeaderBytes);
        continue;
      case FirstStep::kSayNoToSsl:
        seen.ssl_asked = true;
        answer('N');
        break;
      case FirstStep::kSayNoToGss:
        seen.gss_asked = true;
        answer('N');
        break;
      case FirstStep::kBeginTls:
        answer('S');
        seen.encrypted = true;
        break;
      case FirstStep::kBeginDirectTls:
        answer('D');
        seen.encrypted = true;
        break;
      case FirstStep::kReadCancel:
        tests::Require(startup.length > held.size() && startup.length <= wire::kMaxStartupBytes);
        outcome.to_server = held + std::string(client.All().substr(0, startup.length - held.size()));
        return outcome;
      case FirstStep::kPassOn:
        outcome.to_server = held + std::string(client.All());
        return outcome;
      case FirstStep::kRefuseSecondRequest:
      case FirstStep::kRefusePlain:
      case FirstStep::kClose:
        return outcome;
    }
    if (outcome.bytes_behind) return outcome;
  }
}

void Check(const Outcome& outcome, std::string_view bytes, const wire::FirstBytesPolicy& policy) {
  tests::Require(outcome.answers.size() <= 3);  // SSL, GSS and one beginning
  const auto begun = std::ranges::count_if(outcome.answers, [](char c) { return c != 'N'; });
  tests::Require(begun <= (policy.offers_tls ? 1 : 0));
  tests::Require(begun == 0 || outcome.answers.back() != 'N');  // nothing is refused once encrypted
  if (outcome.last == FirstStep::kPassOn) {
    tests::Require(outcome.taken + outcome.to_server.size() == bytes.size());
    tests::Require(bytes.substr(outcome.taken) == outcome.to_server);
    tests::Require(!outcome.bytes_behind &&
                   (begun == 1 || !policy.refuses_plain || outcome.to_server[0] == 0x16 || policy.passes_tls));
  } else if (outcome.last == FirstStep::kReadCancel) {
    tests::Require(bytes.substr(outcome.taken).starts_with(outcome.to_server));
  } else {
    tests::Require(outcome.to_server.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool tls = (data[0] & 1U) != 0;
  const wire::FirstBytesPolicy policy{.offers_tls = tls,
                                      .passes_tls = !tls && (data[0] & 2U) != 0,
                                      .plain_upstream = (data[0] & 4U) != 0,
                                      .refuses_plain = (data[0] & 8U) != 0,
                                      .passes_gss = !tls && (data[0] & 20U) == 20U};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome asked = Play(bytes, policy, 0);
  Check(asked, bytes, policy);
  tests::Require(!asked.bytes_behind);
  for (const size_t step : {size_t{1}, size_t{data[1]} % 19 + 1U, std::max<size_t>(bytes.size(), 1)}) {
    const Outcome outcome = Play(bytes, policy, step);
    Check(outcome, bytes, policy);
    if (step == 1) tests::Require(!outcome.bytes_behind);
    if (outcome.bytes_behind) {
      tests::Require(asked.answers.starts_with(outcome.answers));
    } else if (outcome.last != FirstStep::kBeginDirectTls && outcome.answers.find('D') == std::string::npos) {
      tests::Require(outcome ==
                     asked);  // how much of a ClientHello was taken before the handshake depends on the split
    }
  }
  return 0;
}
