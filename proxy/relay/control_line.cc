#include "proxy/relay/control_line.h"

#include <algorithm>
#include <charconv>

namespace pgassay::relay {
namespace {

Result<std::string> Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+') c = ' ';
    if (c == '%') {
      unsigned value = 0;
      const std::string_view digits = text.substr(i + 1, 2);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
      if (error != std::errc() || digits.size() != 2 || end != digits.data() + 2) return Fail("a bad % escape");
      c = static_cast<char>(value);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return Fail("a control character");
    decoded += c;
  }
  return decoded;
}

}  // namespace

std::string_view ControlLine::Field(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

Result<ControlLine> ParseControlLine(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  ControlLine parsed;
  const size_t space = std::min(line.find(' '), line.size());
  parsed.command = line.substr(0, space);
  std::string_view rest = line.substr(std::min(space + 1, line.size()));
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(field.size() + 1, rest.size()));
    const size_t sign = field.find('=');
    if (sign == 0 || sign == std::string_view::npos) return Fail("a field that is not NAME=VALUE");
    auto name = Decode(field.substr(0, sign));
    auto value = Decode(field.substr(sign + 1));
    if (!name) return std::unexpected(name.error());
    if (!value) return std::unexpected(value.error());
    parsed.fields.insert_or_assign(std::move(*name), std::move(*value));
  }
  return parsed;
}

}  // namespace pgassay::relay
