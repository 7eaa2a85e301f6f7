// ASCII letters in lower case; every other byte stays. Whatever the locale. Threads: any.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace pgassay {

inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return lower;
}

}  // namespace pgassay
