// Adds to a total that only this thread writes: a plain load and store, no locked instruction.
#pragma once

#include <atomic>
#include <cstdint>

namespace pgassay::relay {

inline void Count(std::atomic<uint64_t>& total, uint64_t by = 1) {
  total.store(total.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace pgassay::relay
