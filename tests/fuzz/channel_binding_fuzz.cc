// Any bytes as a server's first ones, where SCRAM-SHA-256-PLUS may be taken out of its list. Checked: bytes out = bytes
// in, but for that name and the length of its message; any split gives the same; nothing is changed behind the message,
// and nothing is kept.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/relay/channel_binding.h"
#include "tests/fuzz/framer_check.h"

namespace {

using namespace pgassay;

struct Passed {
  std::string bytes;
  size_t removed = 0;
  bool operator==(const Passed&) const = default;
};

Passed PassAll(std::string_view bytes, size_t step) {
  relay::ChannelBindingOffer offer;
  Passed passed;
  for (size_t at = 0; at < bytes.size(); at += step) passed.bytes += offer.Pass(bytes.substr(at, step));
  passed.bytes += offer.Rest();
  passed.removed = offer.removed_bytes();
  return passed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kName("SCRAM-SHA-256-PLUS\0", 19);
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Passed whole = PassAll(bytes, std::max<size_t>(bytes.size(), 1));
  tests::Require(whole.removed == 0 || whole.removed == kName.size());
  tests::Require(whole.bytes.size() + whole.removed == bytes.size());
  if (whole.removed == 0) {
    tests::Require(whole.bytes == bytes);
  } else {
    size_t same = 0;  // up to the length that is corrected
    while (whole.bytes[same] == bytes[same]) ++same;
    bool found = false;
    for (size_t at = bytes.find(kName); at != std::string_view::npos && !found; at = bytes.find(kName, at + 1)) {
      std::string restored = whole.bytes;
      restored.insert(at, kName);
      size_t changed = 0;
      for (size_t i = 0; i < bytes.size(); ++i) changed += restored[i] != bytes[i];
      found = changed <= 4 && restored.substr(at) == bytes.substr(at);
    }
    tests::Require(found);
  }
  for (const size_t step : {size_t{1}, size_t{data[0]} % 37 + 1U}) tests::Require(PassAll(bytes, step) == whole);
  return 0;
}
