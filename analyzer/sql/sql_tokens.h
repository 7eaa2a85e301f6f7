// Tokens of a (redacted) statement's outermost level, as places in its text: words, commas, whole parentheses. Knows
// quotes and parentheses, not the grammar. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace pgassay::sql {

// `begin` == text size at the end.
struct SqlToken {
  size_t begin = 0, end = 0;
  char kind = 0;  // 'w' word, ',' comma, '(' group, '.' anything else, 0 the end or an unclosed quote or group
};

SqlToken NextToken(std::string_view sql, size_t at);
// `upper` in upper case.
bool IsWord(std::string_view sql, const SqlToken& token, std::string_view upper);
bool EqualsIgnoringCase(std::string_view a, std::string_view upper);
std::string_view Trimmed(std::string_view text);

}  // namespace pgassay::sql
