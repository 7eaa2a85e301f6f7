// What must hold for a FrameReader over any bytes: every byte taken is accounted for at every moment, bodies are as
// long as they say, and any split gives the same frames. The first input byte chooses how bodies are wanted, the second
// where reads end; `untyped`: as a client's messages before the login, which have no type byte.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/frame_reader.h"

namespace pgassay::tests {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

struct FramesSeen {
  std::vector<std::string> frames;
  uint64_t decoded = 0, skipped = 0;
  wire::FrameReader::Step end = wire::FrameReader::Step::kNeedMore;
};

inline FramesSeen ReadFrames(wire::Origin origin, bool untyped, uint8_t wants, std::string_view bytes,
                             size_t read_size) {
  wire::FrameReader reader(origin);
  FramesSeen seen;
  std::string streamed;
  uint64_t taken = 0, given_up = 0;
  const auto policy = [wants](char type, uint64_t) {
    const auto choice = static_cast<uint8_t>(type + wants) % 4;
    if (choice == 0) return wire::BodyPolicy{wire::Want::kSkip, 0};
    if (choice == 1) return wire::BodyPolicy{wire::Want::kStream, 0};
    return wire::BodyPolicy{wire::Want::kWhole, choice == 2 ? 7U : 1000U};
  };
  reader.SetUntyped(untyped);
  while (!bytes.empty() && seen.end == wire::FrameReader::Step::kNeedMore) {
    std::string_view read = bytes.substr(0, read_size);
    bytes.remove_prefix(read.size());
    while (true) {
      const size_t before = read.size();
      wire::Frame frame;
      const auto step = reader.Next(read, policy, frame);
      taken += before - read.size();
      if (step == wire::FrameReader::Step::kNeedMore) break;
      if (step != wire::FrameReader::Step::kFrame) {
        seen.end = step;
        given_up = taken - reader.decoded() - reader.skipped();
        Require(given_up < 5);  // no more than a header
        break;
      }
      if (frame.want == wire::Want::kStream) {
        if (frame.first) streamed.clear();
        streamed += frame.body;
        if (!frame.last) continue;
        Require(streamed.size() == frame.body_length);
      }
      const std::string_view body = frame.want == wire::Want::kStream ? streamed : frame.body;
      Require(body.size() <= frame.body_length);
      seen.frames.push_back(frame.type + std::to_string(frame.total_length) + ":" + std::string(body));
    }
    Require(reader.decoded() + reader.skipped() + given_up == taken);
  }
  seen.decoded = reader.decoded();
  seen.skipped = reader.skipped();
  return seen;
}

inline void CheckFramer(wire::Origin origin, bool untyped, std::string_view input) {
  if (input.size() < 2) return;
  const auto wants = static_cast<uint8_t>(input[0]);
  const size_t read_size = static_cast<uint8_t>(input[1]) % 61 + 1U;
  const std::string_view bytes = input.substr(2);
  const FramesSeen whole = ReadFrames(origin, untyped, wants, bytes, std::max<size_t>(bytes.size(), 1));
  for (const size_t size : {read_size, size_t{1}}) {
    const FramesSeen split = ReadFrames(origin, untyped, wants, bytes, size);
    Require(split.frames == whole.frames);
    Require(split.end == whole.end);
    Require(split.decoded == whole.decoded && split.skipped == whole.skipped);
  }
}

}  // namespace pgassay::tests
