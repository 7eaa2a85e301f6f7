#include "proxy/wire/reply_body.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace pgassay::wire {
namespace {

bool IsSqlstate(std::string_view code) {
  return code.size() == 5 &&
         std::ranges::all_of(code, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

ErrorFields ReadError(std::string_view body) {
  ErrorFields fields;
  std::string_view severity;
  Body cursor(body);
  while (cursor.ok() && !cursor.AtEnd()) {
    const auto code = static_cast<char>(cursor.Byte());
    if (code == '\0') break;
    const std::string_view value = cursor.String();
    if (!cursor.ok()) break;
    // 'V' is never translated and there since 9.6; 'S' may be in the server's language.
    if (code == 'V' || (code == 'S' && severity.empty())) severity = value;
    if (code == 'C' && IsSqlstate(value)) fields.sqlstate = value;
  }
  fields.fatal = severity == "FATAL" || severity == "PANIC";
  return fields;
}

CommandTag ReadCommandTag(std::string_view body) {
  CommandTag tag;
  tag.text = body.substr(0, body.find('\0'));
  const size_t space = tag.text.rfind(' ');
  if (space == std::string_view::npos) return tag;
  const std::string_view word = tag.text.substr(space + 1);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), tag.count);
  tag.has_count = error == std::errc{} && end == word.data() + word.size();
  if (!tag.has_count) tag.count = 0;
  return tag;
}

}  // namespace pgassay::wire
