#include "proxy/relay/server_refusal.h"

#include <algorithm>
#include <array>
#include <string>

#include "proxy/base/lower_case.h"

namespace pgassay::relay {
namespace {

constexpr size_t kHeaderBytes = 5;

// "no encryption" (PostgreSQL 14 on), "SSL off" (before), "sslmode=require", "TLS", "insecure" (hosted poolers)
constexpr std::array<std::string_view, 6> kWords = {"no encryption", "ssl off",         "sslmode",
                                                    "tls",           "ssl is required", "insecure"};

// The value of one field of an ErrorResponse, "" if `answer` does not begin with one that has it.
std::string_view ErrorField(std::string_view answer, char wanted) {
  if (answer.size() <= kHeaderBytes || answer[0] != 'E') return {};
  std::string_view fields = answer.substr(kHeaderBytes);
  while (!fields.empty() && fields[0] != '\0') {
    const std::string_view value = fields.substr(1, fields.find('\0', 1) - 1);
    if (fields[0] == wanted) return value;
    fields.remove_prefix(std::min(fields.size(), value.size() + 2));
  }
  return {};
}

}  // namespace

bool InsistsOnTls(std::string_view answer) {
  const std::string lower = LowerCase(ErrorField(answer, 'M'));
  return std::ranges::any_of(kWords, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

bool RefusesBinding(std::string_view answer) { return ErrorField(answer, 'C') == "28000"; }

}  // namespace pgassay::relay
