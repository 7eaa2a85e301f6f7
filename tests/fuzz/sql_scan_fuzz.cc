// Any bytes as SQL: what the scanner says of them holds together, and no value of theirs is shown.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "analyzer/sql/lexer.h"
#include "analyzer/sql/statement.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pgassay::sql;
  static const pgassay::HashKey key = pgassay::HashKey::ForTests(3);
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  Lexed lexed;
  Lex(text, lexed);
  size_t at = 0;
  for (const Token& token : lexed.tokens) {
    Check(token.begin >= at && token.end > token.begin && token.end <= size);
    at = token.end;
    if (IsLiteral(token.kind)) LiteralValue(text, token);
  }

  size_t end = 0;
  for (const Statement& statement : Scan(key, text)) {
    Check(statement.offset >= end && size_t{statement.offset} + statement.length <= size);
    end = size_t{statement.offset} + statement.length;
    uint32_t next = 0;
    for (const Slot& slot : statement.slots) {
      if (slot.value_count == 0) continue;  // ANY('{}')
      Check(slot.first_value == next);
      next += slot.value_count;
    }
    Check(next == statement.values.size());
  }

  // A quoted literal of some length, that is no identifier elsewhere in the text, is not in the redacted text.
  const std::string redacted = Redact(text);
  for (const Token& token : lexed.tokens) {
    if (!IsLiteral(token.kind) || token.end - token.begin < 8) continue;
    const std::string_view own = text.substr(token.begin, token.end - token.begin);
    if (text.find(own) == text.rfind(own)) Check(redacted.find(own) == std::string::npos);
  }
  return 0;
}
