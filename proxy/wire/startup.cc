#include "proxy/wire/startup.h"

#include "proxy/wire/body.h"

namespace pgassay::wire {
namespace {

constexpr uint32_t kCancelCode = 80877102;
constexpr uint32_t kSslCode = 80877103;
constexpr uint32_t kGssEncCode = 80877104;
constexpr uint32_t kMinCancelBytes = 16;        // a key of four bytes
constexpr uint32_t kMaxCancelBytes = 12 + 256;  // protocol 3.2
constexpr char kTlsHandshake = 0x16;

StartupKind KindOf(uint32_t length, uint32_t code) {
  switch (code) {
    case kSslCode:
      return length == kStartupHeaderBytes ? StartupKind::kSslRequest : StartupKind::kInvalid;
    case kGssEncCode:
      return length == kStartupHeaderBytes ? StartupKind::kGssEncRequest : StartupKind::kInvalid;
    case kCancelCode:
      return length >= kMinCancelBytes && length <= kMaxCancelBytes ? StartupKind::kCancelRequest
                                                                    : StartupKind::kInvalid;
    default:
      return code >> 16 == 3 ? StartupKind::kStartup : StartupKind::kInvalid;
  }
}

}  // namespace

Startup ClassifyStartup(std::string_view first_bytes) {
  if (first_bytes.empty()) return {};
  // A length of at most 10 004 begins with a zero byte, so the first byte alone tells a TLS record.
  if (first_bytes[0] == kTlsHandshake) return {.kind = StartupKind::kDirectTls};
  if (first_bytes.size() < 4) return {.kind = first_bytes[0] == 0 ? StartupKind::kIncomplete : StartupKind::kInvalid};
  const uint32_t length = ReadUint32(first_bytes);
  if (length < kStartupHeaderBytes || length > kMaxStartupBytes) return {.kind = StartupKind::kInvalid};
  if (first_bytes.size() < kStartupHeaderBytes) return {};
  const uint32_t code = ReadUint32(first_bytes.substr(4));
  return {.kind = KindOf(length, code), .length = length, .code = code};
}

bool ParseStartupParameters(std::string_view body, StartupParameters& parameters) {
  Body cursor(body);
  while (true) {
    const std::string_view name = cursor.String();
    if (!cursor.ok()) return false;
    if (name.empty()) break;  // the terminator of the list
    const std::string_view value = cursor.String();
    if (!cursor.ok()) return false;
    if (name == "user") {
      parameters.user = value;
    } else if (name == "database") {
      parameters.database = value;
    } else if (name == "application_name") {
      parameters.application_name = value;
    } else if (name == "replication") {
      parameters.replication =
          value == "database" || value == "true" || value == "on" || value == "yes" || value == "1";
    } else {
      parameters.settings.emplace_back(name, value);
    }
  }
  if (parameters.database.empty()) parameters.database = parameters.user;
  return cursor.AtEnd();
}

std::string_view CancelKey(std::string_view message) {
  return message.size() > kStartupHeaderBytes ? message.substr(kStartupHeaderBytes) : std::string_view{};
}

}  // namespace pgassay::wire
