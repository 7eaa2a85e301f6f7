// SSLRequest and its answers. Source: PostgreSQL manual, "SSL Session Encryption".
#pragma once

#include <string_view>

namespace pgassay::relay {

inline constexpr std::string_view kSslRequest("\x00\x00\x00\x08\x04\xd2\x16\x2f", 8);
inline constexpr char kSslYes = 'S';
inline constexpr char kSslNo = 'N';
inline constexpr char kSslError = 'E';  // what follows is unverified, and not shown to anybody (CVE-2024-10977)

// Why an answer that is not yes means that there is no TLS.
constexpr std::string_view NoTlsReason(char answer) {
  if (answer == kSslNo) return "it does not offer TLS";
  if (answer == kSslError) return "it answered the TLS request with an error";
  return "it does not speak PostgreSQL's protocol";
}

}  // namespace pgassay::relay
