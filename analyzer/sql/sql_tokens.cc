#include "analyzer/sql/sql_tokens.h"

#include <algorithm>
#include <cctype>

namespace pgassay::sql {
namespace {

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '$' || byte >= 0x80;
}

size_t EndOfQuoted(std::string_view sql, size_t at) {
  const size_t end = sql.find(sql[at], at + 1);
  return end == std::string_view::npos ? end : end + 1;
}

}  // namespace

SqlToken NextToken(std::string_view sql, size_t at) {
  while (at < sql.size() && std::isspace(static_cast<unsigned char>(sql[at])) != 0) ++at;
  SqlToken token{at, at, 0};
  if (at == sql.size()) return token;
  const char c = sql[at];
  if (c == '"' || c == '\'') {
    token.end = EndOfQuoted(sql, at);
    if (token.end != std::string_view::npos) token.kind = '.';
    return token;
  }
  if (c == '(' || c == '[') {
    int depth = 0;
    for (size_t i = at; i < sql.size();) {
      if (sql[i] == '"' || sql[i] == '\'') {
        i = EndOfQuoted(sql, i);
        if (i == std::string_view::npos) return token;
        continue;
      }
      if (sql[i] == '(' || sql[i] == '[') ++depth;
      if ((sql[i] == ')' || sql[i] == ']') && --depth == 0) return {at, i + 1, '('};
      ++i;
    }
    return token;
  }
  if (IsWordByte(c)) {
    while (token.end < sql.size() && IsWordByte(sql[token.end])) ++token.end;
    token.kind = 'w';
    return token;
  }
  token.end = at + 1;
  token.kind = c == ',' ? ',' : '.';
  return token;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view upper) {
  return std::ranges::equal(a, upper, [](char x, char y) { return std::toupper(static_cast<unsigned char>(x)) == y; });
}

bool IsWord(std::string_view sql, const SqlToken& token, std::string_view upper) {
  return token.kind == 'w' && EqualsIgnoringCase(sql.substr(token.begin, token.end - token.begin), upper);
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

}  // namespace pgassay::sql
