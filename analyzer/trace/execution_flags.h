// Bits of execution.flags in the trace; part of the format.
#pragma once

#include <cstdint>

namespace pgassay::trace {

inline constexpr uint32_t kFlagSimple = 1;         // simple query protocol
inline constexpr uint32_t kFlagPipelined = 2;      // sent without waiting for the reply before
inline constexpr uint32_t kFlagInTransaction = 4;  // an explicit transaction was open when it was sent
inline constexpr uint32_t kFlagFailed = 8;
inline constexpr uint32_t kFlagConnectionLost = 16;
inline constexpr uint32_t kFlagAbandoned = 32;  // portal closed before its end
inline constexpr uint32_t kFlagCopy = 64;
inline constexpr uint32_t kFlagPortalInPieces = 128;
inline constexpr uint32_t kFlagFunctionCall = 256;

}  // namespace pgassay::trace
