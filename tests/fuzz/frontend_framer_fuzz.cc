// Any bytes as a client's stream behind its StartupMessage.
#include "tests/fuzz/framer_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pgassay::tests::CheckFramer(pgassay::wire::Origin::kFrontend, false, {reinterpret_cast<const char*>(data), size});
  return 0;
}
