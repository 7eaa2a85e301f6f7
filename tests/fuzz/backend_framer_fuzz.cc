// Any bytes as a server's stream.
#include "tests/fuzz/framer_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pgassay::tests::CheckFramer(pgassay::wire::Origin::kBackend, false, {reinterpret_cast<const char*>(data), size});
  return 0;
}
