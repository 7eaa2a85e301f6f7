#include "proxy/relay/refusal.h"

#include <cstdint>

namespace pgassay::relay {

std::string FatalError(std::string_view sqlstate, std::string_view message) {
  std::string fields;
  const auto add = [&fields](char type, std::string_view value) {
    fields += type;
    fields += value;
    fields += '\0';
  };
  add('S', "FATAL");
  add('V', "FATAL");
  add('C', sqlstate);
  add('M', message);
  fields += '\0';
  const auto length = static_cast<uint32_t>(fields.size() + sizeof(uint32_t));
  std::string response = "E";
  for (int shift = 24; shift >= 0; shift -= 8) response += static_cast<char>(length >> shift & 0xff);
  return response + fields;
}

}  // namespace pgassay::relay
