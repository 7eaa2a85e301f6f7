// The only sentences that pgassay itself says to a client, all before login: an ErrorResponse of severity FATAL.
// Source: PostgreSQL manual, "Error and Notice Message Fields".
#pragma once

#include <string>
#include <string_view>

namespace pgassay::relay {

inline constexpr std::string_view kProtocolViolation = "08P01";
inline constexpr std::string_view kCannotConnectNow =
    "57P03";  // the one after which libpq tries the next host of a list
inline constexpr std::string_view kConnectionFailure = "08006";
inline constexpr std::string_view kFeatureNotSupported = "0A000";  // the server's own, for a second SSLRequest
inline constexpr std::string_view kInvalidAuthorization = "28000";
inline constexpr std::string_view kTooManyConnections = "53300";

std::string FatalError(std::string_view sqlstate, std::string_view message);

}  // namespace pgassay::relay
