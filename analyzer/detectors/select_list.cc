#include "analyzer/detectors/select_list.h"

#include <algorithm>
#include <cctype>

namespace pgassay::detectors {
namespace {

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '$' || byte >= 0x80;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view upper) {
  return std::ranges::equal(a, upper, [](char x, char y) { return std::toupper(static_cast<unsigned char>(x)) == y; });
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

// A token of the outermost level: a word, a comma, or a whole parenthesis; `begin` == text size at the end.
struct Token {
  size_t begin = 0, end = 0;
  char kind = 0;  // 'w' word, ',' comma, '(' group, '.' anything else, 0 the end or an unclosed quote or group
};

size_t EndOfQuoted(std::string_view sql, size_t at) {
  const size_t end = sql.find(sql[at], at + 1);
  return end == std::string_view::npos ? end : end + 1;
}

Token Next(std::string_view sql, size_t at) {
  while (at < sql.size() && std::isspace(static_cast<unsigned char>(sql[at])) != 0) ++at;
  Token token{at, at, 0};
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

}  // namespace

std::optional<SelectList> FindSelectList(std::string_view sql) {
  const auto is = [&](const Token& token, std::string_view upper) {
    return token.kind == 'w' && EqualsIgnoringCase(sql.substr(token.begin, token.end - token.begin), upper);
  };
  Token token = Next(sql, 0);
  while (token.kind != 0 && !is(token, "SELECT")) token = Next(sql, token.end);
  if (token.kind == 0) return std::nullopt;

  SelectList list;
  list.begin = token.end;
  token = Next(sql, token.end);
  if (is(token, "DISTINCT") || is(token, "ALL")) {
    list.begin = token.end;
    token = Next(sql, token.end);
    if (is(token, "ON")) {
      token = Next(sql, token.end);
      list.begin = token.end;
      token = Next(sql, token.end);
    }
  }
  list.begin = std::min(token.begin, sql.size());
  size_t item = list.begin;
  for (; token.kind != 0 && !is(token, "FROM"); token = Next(sql, token.end)) {
    if (token.kind == ',') {
      list.items.push_back(Trimmed(sql.substr(item, token.begin - item)));
      item = token.end;
    }
  }
  if (token.kind == 0 && token.begin != sql.size()) return std::nullopt;
  list.end = token.begin;
  list.items.push_back(Trimmed(sql.substr(item, list.end - item)));
  while (list.end > list.begin && sql[list.end - 1] == ' ') --list.end;
  if (list.items.size() == 1 && list.items[0].empty()) return std::nullopt;
  return list;
}

std::string WithSelectList(std::string_view sql, const SelectList& list, std::string_view replacement) {
  std::string result(sql.substr(0, list.begin));
  result += replacement;
  result += sql.substr(list.end);
  return result;
}

}  // namespace pgassay::detectors
