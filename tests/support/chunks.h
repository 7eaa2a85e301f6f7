// A recorded conversation, and the ways to cut it: who spoke, in which order, and where the reads ended. However it is
// cut, the order of the bytes of both directions is kept: that is all that a decoder may depend on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/message_type.h"

namespace pgassay::tests {

struct Chunk {
  wire::Origin origin;
  std::string bytes;
};
using Conversation = std::vector<Chunk>;

inline Chunk Client(std::string bytes) { return {wire::Origin::kFrontend, std::move(bytes)}; }
inline Chunk Server(std::string bytes) { return {wire::Origin::kBackend, std::move(bytes)}; }

inline size_t ByteCount(const Conversation& conversation) {
  size_t count = 0;
  for (const Chunk& chunk : conversation) count += chunk.bytes.size();
  return count;
}

// Pieces of at most `size` bytes.
inline Conversation InPieces(const Conversation& conversation, size_t size) {
  Conversation pieces;
  for (const Chunk& chunk : conversation) {
    for (size_t at = 0; at < chunk.bytes.size(); at += size) {
      pieces.push_back({chunk.origin, chunk.bytes.substr(at, size)});
    }
  }
  return pieces;
}

// Cut in two at one more place: before the conversation's byte number `position`.
inline Conversation SplitAt(const Conversation& conversation, size_t position) {
  Conversation pieces;
  for (const Chunk& chunk : conversation) {
    if (position > 0 && position < chunk.bytes.size()) {
      pieces.push_back({chunk.origin, chunk.bytes.substr(0, position)});
      pieces.push_back({chunk.origin, chunk.bytes.substr(position)});
    } else {
      pieces.push_back(chunk);
    }
    position = position >= chunk.bytes.size() ? position - chunk.bytes.size() : 0;
  }
  return pieces;
}

// Neighbours of one origin as one chunk: the fewest reads that keep the order.
inline Conversation Joined(const Conversation& conversation) {
  Conversation joined;
  for (const Chunk& chunk : conversation) {
    if (!joined.empty() && joined.back().origin == chunk.origin) {
      joined.back().bytes += chunk.bytes;
    } else {
      joined.push_back(chunk);
    }
  }
  return joined;
}

}  // namespace pgassay::tests
