// The one clock of a recording: CLOCK_MONOTONIC in nanoseconds, comparable between the processes of one machine.
// Pure folders (wire, session, lineage, …) take times as values and never call it.
#pragma once

#include <time.h>

#include <cstdint>

namespace pgassay {

inline int64_t MonotonicNowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace pgassay
