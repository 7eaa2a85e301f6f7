// Any conversation of any client with any server. Input: one byte (bit 0: skip the login; bit 7: values are kept; the
// others: where reads end), then chunks: a byte with the origin in bit 7 and the length below it, that many bytes.
// Checked: nothing crashes, every byte is accounted for after every call, and any split gives the same records.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
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

std::unique_ptr<session::Player> Play(const tests::Conversation& joined, size_t read_size, bool keeps_values) {
  auto player = std::make_unique<session::Player>(1, keeps_values);
  for (const tests::Chunk& chunk : joined) {
    for (size_t at = 0; at < chunk.bytes.size(); at += std::min(read_size, chunk.bytes.size() - at)) {
      player->Hear(chunk.origin, std::string_view(chunk.bytes).substr(at, read_size));
    }
  }
  player->End();
  tests::Require(player->accounted());
  return player;
}

// Batches of rows may be cut where reads end; written out, they are joined.
bool SaySame(const tests::VectorSink& one, const tests::VectorSink& other) {
  return one.encoded() == other.encoded() || tests::FullLines(one.Records()) == tests::FullLines(other.Records());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const tests::Conversation joined = tests::Joined(FromInput({reinterpret_cast<const char*>(data), size}));
  const bool keeps_values = size > 0 && (data[0] & 0x80U) != 0;
  const auto whole = Play(joined, std::string_view::npos, keeps_values);
  const size_t read_size_asked_for = size == 0 ? 3 : (data[0] >> 1U) % 31U + 2U;
  for (const size_t read_size : {size_t{1}, read_size_asked_for}) {
    tests::Require(SaySame(Play(joined, read_size, keeps_values)->sink(), whole->sink()));
  }
  return 0;
}
