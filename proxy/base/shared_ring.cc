#include "proxy/base/shared_ring.h"

#include <bit>
#include <cassert>
#include <cstring>
#include <limits>

namespace pgassay {
namespace {

enum class RecordKind : uint32_t { kRecord, kFiller };

struct RecordHeader {
  uint32_t size;  // of the bytes that follow, without the padding to 8
  RecordKind kind;
};
static_assert(sizeof(RecordHeader) == 8);

constexpr size_t Padded(size_t size) { return (size + 7) & ~size_t{7}; }

}  // namespace

SharedRing SharedRing::Attach(std::span<std::byte> memory) {
  assert(memory.size() > sizeof(Header));
  assert(reinterpret_cast<uintptr_t>(memory.data()) % alignof(Header) == 0);
  static_assert(std::atomic<uint64_t>::is_always_lock_free);
  SharedRing ring;
  ring.header_ = reinterpret_cast<Header*>(memory.data());  // zero-filled memory is a valid, empty header
  ring.bytes_ = memory.data() + sizeof(Header);
  ring.capacity_ = std::bit_floor(memory.size() - sizeof(Header));
  ring.seen_tail_ = ring.header_->tail.load(std::memory_order_acquire);
  ring.seen_head_ = ring.seen_tail_;
  return ring;
}

bool SharedRing::TryPush(std::span<const std::byte> head, std::span<const std::byte> body, size_t reserve) {
  const size_t size = head.size() + body.size();
  if (size > std::numeric_limits<uint32_t>::max()) return false;
  const size_t needed = sizeof(RecordHeader) + Padded(size);
  if (needed > capacity_ / 2) return false;

  uint64_t at = header_->head.load(std::memory_order_relaxed);
  const size_t offset = at & (capacity_ - 1);
  const size_t to_end = capacity_ - offset;
  const size_t filler = needed > to_end ? to_end : 0;
  if (capacity_ - (at - seen_tail_) < filler + needed + reserve) {
    seen_tail_ = header_->tail.load(std::memory_order_acquire);
    if (capacity_ - (at - seen_tail_) < filler + needed + reserve) return false;
  }

  std::byte* to = bytes_ + offset;
  if (filler != 0) {
    const RecordHeader header{static_cast<uint32_t>(filler - sizeof(RecordHeader)), RecordKind::kFiller};
    std::memcpy(to, &header, sizeof(header));
    to = bytes_;
  }
  const RecordHeader header{static_cast<uint32_t>(size), RecordKind::kRecord};
  std::memcpy(to, &header, sizeof(header));
  to += sizeof(header);
  if (!head.empty()) std::memcpy(to, head.data(), head.size());
  if (!body.empty()) std::memcpy(to + head.size(), body.data(), body.size());
  header_->head.store(at + filler + needed, std::memory_order_release);
  return true;
}

size_t SharedRing::FreeBytes() const {
  return capacity_ - static_cast<size_t>(header_->head.load(std::memory_order_relaxed) -
                                         header_->tail.load(std::memory_order_acquire));
}

std::span<const std::byte> SharedRing::Front() {
  for (;;) {
    const uint64_t at = header_->tail.load(std::memory_order_relaxed);
    if (at == seen_head_) {
      seen_head_ = header_->head.load(std::memory_order_acquire);
      if (at == seen_head_) return {};
    }
    const std::byte* from = bytes_ + (at & (capacity_ - 1));
    RecordHeader header;
    std::memcpy(&header, from, sizeof(header));
    if (header.kind == RecordKind::kRecord) return {from + sizeof(header), header.size};
    header_->tail.store(at + sizeof(header) + header.size, std::memory_order_release);
  }
}

void SharedRing::Pop() {
  const uint64_t at = header_->tail.load(std::memory_order_relaxed);
  RecordHeader header;
  std::memcpy(&header, bytes_ + (at & (capacity_ - 1)), sizeof(header));
  assert(header.kind == RecordKind::kRecord);
  header_->tail.store(at + sizeof(header) + Padded(header.size), std::memory_order_release);
}

bool SharedRing::Empty() const {
  return header_->tail.load(std::memory_order_relaxed) == header_->head.load(std::memory_order_acquire);
}

}  // namespace pgassay
