#include "analyzer/sql/select_list.h"

#include <algorithm>

#include "analyzer/sql/sql_tokens.h"

namespace pgassay::sql {

std::optional<SelectList> FindSelectList(std::string_view sql) {
  const auto is = [&](const SqlToken& token, std::string_view upper) { return IsWord(sql, token, upper); };
  SqlToken token = NextToken(sql, 0);
  while (token.kind != 0 && !is(token, "SELECT")) token = NextToken(sql, token.end);
  if (token.kind == 0) return std::nullopt;

  SelectList list;
  list.begin = token.end;
  token = NextToken(sql, token.end);
  if (is(token, "DISTINCT") || is(token, "ALL")) {
    list.begin = token.end;
    token = NextToken(sql, token.end);
    if (is(token, "ON")) {
      token = NextToken(sql, token.end);
      list.begin = token.end;
      token = NextToken(sql, token.end);
    }
  }
  list.begin = std::min(token.begin, sql.size());
  size_t item = list.begin;
  for (; token.kind != 0 && !is(token, "FROM"); token = NextToken(sql, token.end)) {
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

}  // namespace pgassay::sql
