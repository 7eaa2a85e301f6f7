#include "reporters/markdown_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "reporters/reporter.h"

namespace pgassay::reporters {
namespace {

constexpr size_t kMostCodeBytes = 120;

size_t LongestRunOfBackticks(std::string_view text) {
  size_t longest = 0, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

}  // namespace

std::string Cut(std::string_view text, size_t most_bytes) {
  if (text.size() <= most_bytes) return std::string(text);
  size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string OneLine(std::string_view text) {
  std::string line = EscapeForTerminal(text);
  std::ranges::replace(line, '\n', ' ');
  return line;
}

// A comment parts what would be a mention or a link, and cannot be seen.
std::string Prose(std::string_view text) {
  const std::string line = OneLine(text);
  const auto is_word = [&](size_t i) {
    return i < line.size() && std::isalnum(static_cast<unsigned char>(line[i])) != 0;
  };
  std::string shown;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool inside_word = c == '_' && i > 0 && is_word(i - 1) && is_word(i + 1);
    if (c == '<') {
      shown += "&lt;";
      continue;
    }
    if (c == '&') {
      shown += "&amp;";
      continue;
    }
    if (std::string_view("\\`*_[]|~!>#").contains(c) && !inside_word) shown += '\\';
    shown += c;
    const bool link =
        line.substr(0, i + 1).ends_with("www.") || (c == '/' && i + 1 < line.size() && line[i + 1] == '/');
    if (c == '@' || c == '#' || link) shown += "<!-- -->";
  }
  return shown;
}

std::string Code(std::string_view text) {
  std::string line = Cut(OneLine(text), kMostCodeBytes);
  const std::string fence(LongestRunOfBackticks(line) + 1, '`');
  const bool padded = fence.size() > 1 || line.starts_with(' ') || line.empty();
  std::string shown;
  for (const char c : line) {
    if (c == '|') shown += '\\';
    shown += c;
  }
  return padded ? fmt::format("{0} {1} {0}", fence, shown) : fmt::format("{0}{1}{0}", fence, shown);
}

std::string Fenced(std::string_view language, std::string_view text) {
  const std::string fence(std::max<size_t>(3, LongestRunOfBackticks(text) + 1), '`');
  return fmt::format("{0}{1}\n{2}{0}\n", fence, language, text);
}

}  // namespace pgassay::reporters
