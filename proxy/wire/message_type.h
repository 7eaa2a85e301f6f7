// The type bytes of protocol 3, by origin. A byte outside these sets means that the framing is lost.
// Source: PostgreSQL manual, Frontend/Backend Protocol, "Message Formats" (3.0 and 3.2).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pgassay::wire {

namespace frontend {
inline constexpr char kBind = 'B', kClose = 'C', kCopyData = 'd', kCopyDone = 'c', kCopyFail = 'f', kDescribe = 'D',
                      kExecute = 'E', kFlush = 'H', kFunctionCall = 'F', kParse = 'P', kPassword = 'p', kQuery = 'Q',
                      kSync = 'S', kTerminate = 'X';
}  // namespace frontend

namespace backend {
inline constexpr char kAuthentication = 'R', kBackendKeyData = 'K', kBindComplete = '2', kCloseComplete = '3',
                      kCommandComplete = 'C', kCopyBoth = 'W', kCopyData = 'd', kCopyDone = 'c', kCopyIn = 'G',
                      kCopyOut = 'H', kDataRow = 'D', kEmptyQuery = 'I', kError = 'E', kFunctionCallResponse = 'V',
                      kNegotiateProtocolVersion = 'v', kNoData = 'n', kNotice = 'N', kNotification = 'A',
                      kParameterDescription = 't', kParameterStatus = 'S', kParseComplete = '1', kPortalSuspended = 's',
                      kReadyForQuery = 'Z', kRowDescription = 'T';
}  // namespace backend

enum class Origin : uint8_t { kFrontend, kBackend };

namespace internal {
consteval std::array<bool, 256> SetOf(std::string_view types) {
  std::array<bool, 256> set{};
  for (const char type : types) set[static_cast<unsigned char>(type)] = true;
  return set;
}
inline constexpr std::array<bool, 256> kFrontendTypes = SetOf("QPBDECSHFXpdcf");
inline constexpr std::array<bool, 256> kBackendTypes = SetOf("RKSZTtnDCI123sENAVGHWdcv");
}  // namespace internal

inline bool IsMessageType(Origin origin, char type) {
  const auto& set = origin == Origin::kFrontend ? internal::kFrontendTypes : internal::kBackendTypes;
  return set[static_cast<unsigned char>(type)];
}

}  // namespace pgassay::wire
