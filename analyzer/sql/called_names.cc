#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/sql/lexer.h"
#include "analyzer/sql/statement.h"

namespace pgassay::sql {

std::optional<std::vector<std::string>> CalledNames(std::string_view text) {
  Lexed lexed;
  Lex(text, lexed);
  if (lexed.stopped_at != std::string_view::npos) return std::nullopt;
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < lexed.tokens.size(); ++i) {
    const Token& token = lexed.tokens[i];
    const bool is_name = token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedWord;
    if (is_name && lexed.tokens[i + 1].kind == TokenKind::kOpen) names.push_back(IdentifierName(text, token));
  }
  return names;
}

}  // namespace pgassay::sql
