// Any bytes as what a client sends before its messages have types. Checked besides the framer's own promises: what is
// once classified stays so, however much more is known; parameters lie within the message, and a list that parses does
// not when its end is missing.
#include <cstdint>
#include <string_view>

#include "proxy/wire/startup.h"
#include "tests/fuzz/framer_check.h"

namespace {

using namespace pgassay;

bool Within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void CheckClassification(std::string_view bytes) {
  wire::Startup known;
  for (size_t size = 0; size <= bytes.size() && size <= wire::kStartupHeaderBytes + 1; ++size) {
    const wire::Startup now = wire::ClassifyStartup(bytes.substr(0, size));
    if (known.kind != wire::StartupKind::kIncomplete) {
      tests::Require(now.kind == known.kind && now.length == known.length && now.code == known.code);
    }
    known = now;
  }
  if (bytes.size() >= wire::kStartupHeaderBytes) tests::Require(known.kind != wire::StartupKind::kIncomplete);
  if (known.length != 0 && known.kind != wire::StartupKind::kInvalid) {
    tests::Require(known.length >= wire::kStartupHeaderBytes && known.length <= wire::kMaxStartupBytes);
  }
}

void CheckParameters(std::string_view body) {
  wire::StartupParameters parameters;
  if (!wire::ParseStartupParameters(body, parameters)) return;
  for (const std::string_view part : {parameters.user, parameters.database, parameters.application_name}) {
    tests::Require(Within(part, body) && part.find('\0') == std::string_view::npos);
  }
  wire::StartupParameters again;
  tests::Require(!wire::ParseStartupParameters(body.substr(0, body.size() - 1), again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  tests::CheckFramer(wire::Origin::kFrontend, true, input);
  const std::string_view bytes = input.substr(std::min<size_t>(2, size));
  CheckClassification(bytes);
  CheckParameters(bytes.substr(std::min(wire::kStartupHeaderBytes, bytes.size())));
  return 0;
}
