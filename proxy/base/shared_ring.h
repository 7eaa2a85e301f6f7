// A single-producer single-consumer ring of variable-length records in memory shared between two processes.
// The producer is one relay loop, the consumer is the recorder. A push never waits: when a record does not fit, it is
// refused and the caller counts it. Value batches pass `reserve` so that they can never crowd out events.
//
// Layout: a header with the two indices on cache lines of their own, then the bytes. Records are 8-byte aligned and
// contiguous (a record that would wrap is preceded by a filler), so the consumer reads in place. Indices only grow;
// release/acquire order publishes the bytes. A producer killed in the middle of a push leaves the record unpublished.
// A record may be at most half the capacity, so that one that fits an empty ring fits at every position of it.
// Threads: one producer, one consumer, each with its own SharedRing over the memory (it caches the other's index).
// A new consumer may take over (recorder restart) once the old one is dead: Attach again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pgassay {

class SharedRing {
 public:
  // `memory` is zero-filled, shared, 64-byte aligned; its size less the header is rounded down to a power of two.
  static SharedRing Attach(std::span<std::byte> memory);

  // Producer. Copies the concatenation of `head` and `body` as one record; false if it does not fit while leaving
  // `reserve` bytes free.
  bool TryPush(std::span<const std::byte> head, std::span<const std::byte> body, size_t reserve = 0);
  size_t FreeBytes() const;
  size_t capacity() const { return capacity_; }

  // Consumer. The oldest record, borrowed until Pop(); empty span if there is none.
  std::span<const std::byte> Front();
  void Pop();
  bool Empty() const;

 private:
  struct Header {
    alignas(64) std::atomic<uint64_t> head;  // bytes ever written
    alignas(64) std::atomic<uint64_t> tail;  // bytes ever read
  };
  Header* header_ = nullptr;
  std::byte* bytes_ = nullptr;
  size_t capacity_ = 0;
  uint64_t seen_tail_ = 0;  // producer: never ahead of header_->tail
  uint64_t seen_head_ = 0;  // consumer: never ahead of header_->head
};

}  // namespace pgassay
