#include "analyzer/sql/tags.h"

#include <cctype>
#include <charconv>
#include <string>

namespace pgassay::sql {
namespace {

constexpr size_t kMaxTagBytes = 1024;  // of a value; a longer one is no tag
constexpr size_t kMaxTags = 32;        // of a statement

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

std::string_view Inside(std::string_view comment) {
  if (comment.starts_with("/*")) {
    comment.remove_prefix(2);
    if (comment.ends_with("*/")) comment.remove_suffix(2);
  } else if (comment.starts_with("--")) {
    comment.remove_prefix(2);
  }
  return Trim(comment);
}

std::string UrlDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() + 0 &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\'') {
      out += '\'';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool IsKeyByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' || c == '%';
}

// One tag at `at`; moves behind it. False: this is no tag.
bool ReadTag(std::string_view text, size_t& at, Tag& tag) {
  while (at < text.size() && text[at] == ' ') ++at;
  const size_t key = at;
  while (at < text.size() && IsKeyByte(text[at])) ++at;
  if (at == key || at >= text.size() || std::isdigit(static_cast<unsigned char>(text[key])) != 0) return false;
  tag.key = UrlDecoded(text.substr(key, at - key));
  const char separator = text[at++];
  if (separator != '=' && separator != ':') return false;
  if (separator == '=' && at < text.size() && text[at] == '\'') {
    const size_t begin = ++at;
    while (at < text.size() && text[at] != '\'') at += text[at] == '\\' ? 2 : 1;
    if (at >= text.size()) return false;
    tag.value = UrlDecoded(text.substr(begin, at - begin));
    ++at;
    return true;
  }
  const size_t begin = at;
  while (at < text.size() && text[at] != ',') ++at;
  tag.value = Trim(text.substr(begin, at - begin));
  return tag.value.find('\n') == std::string::npos;
}

}  // namespace

void ParseTags(std::string_view comment, std::vector<Tag>& tags) {
  const std::string_view text = Inside(comment);
  const size_t before = tags.size();
  for (size_t at = 0; at < text.size();) {
    Tag tag;
    const bool read = ReadTag(text, at, tag) && tag.value.size() <= kMaxTagBytes && tags.size() < kMaxTags;
    while (at < text.size() && text[at] == ' ') ++at;
    if (!read || (at < text.size() && text[at] != ',')) {
      tags.resize(before);
      return;
    }
    ++at;
    tags.push_back(std::move(tag));
  }
}

}  // namespace pgassay::sql
