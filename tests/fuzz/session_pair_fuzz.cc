// Any conversation of any client with any server. Input: one byte (bit 0: skip the login; the others: where reads end),
// then chunks: a byte with the origin in bit 7 and the length below it, that many bytes. Checked: nothing crashes,
// every byte is accounted for after every call, and any split gives the same records.
#include <cstdint>
#include <string_view>

#include "tests/fuzz/framer_check.h"
#include "tests/proxy/session/run_conversation.h"

namespace {

using namespace pgassay;

tests::Conversation FromInput(std::string_view input) {
  tests::Conversation conversation;
  if (input.empty()) return conversation;
  if ((static_cast<uint8_t>(input[0]) & 1U) == 0) conversation = session::Login();
  input.remove_prefix(1);
  while (!input.empty()) {
    const auto head = static_cast<uint8_t>(input[0]);
    const std::string_view bytes = input.substr(1, head & 0x7fU);
    conversation.push_back(
        {(head & 0x80U) != 0 ? wire::Origin::kBackend : wire::Origin::kFrontend, std::string(bytes)});
    input.remove_prefix(1 + bytes.size());
  }
  return conversation;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const tests::Conversation conversation = FromInput({reinterpret_cast<const char*>(data), size});
  const session::Played whole = session::PlayAll(tests::Joined(conversation));
  tests::Require(whole.accounted);
  const size_t read_size_asked_for = size == 0 ? 3 : (data[0] >> 1U) % 31U + 2U;
  for (const size_t read_size : {size_t{1}, read_size_asked_for}) {
    const session::Played split = session::PlayAll(tests::InPieces(conversation, read_size));
    tests::Require(split.accounted);
    tests::Require(split.full == whole.full);
  }
  return 0;
}
