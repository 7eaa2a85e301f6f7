// Any bytes as SQL: what the scanner says of them holds together, and no value of theirs is shown.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/sql/known_shapes.h"
#include "analyzer/sql/lexer.h"
#include "analyzer/sql/statement.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// The text with other digits is read, where it was learnt, as it is scanned.
void CheckLikeText(const pgassay::HashKey& key, std::string_view text) {
  using namespace pgassay::sql;
  std::vector<Statement> scanned;
  ScanShapes(key, text, scanned);
  if (scanned.size() != 1) return;
  const std::string_view verb = text.substr(0, 6);  // what it is learnt of
  if (verb != "SELECT" && verb != "INSERT" && verb != "UPDATE" && verb != "DELETE") return;
  KnownShapes shapes(key);
  shapes.Learn(text, scanned[0].shape_hash, scanned[0].slots, scanned[0].values);
  std::string other(text);
  for (char& c : other) c = c >= '0' && c < '9' ? static_cast<char>(c + 1) : c;
  Statement read;
  if (!shapes.Read(other, read)) return;
  ScanShapes(key, other, scanned);
  Check(scanned.size() == 1 && read.shape_hash == scanned[0].shape_hash);
  Check(read.slots.size() == scanned[0].slots.size() && read.values.size() == scanned[0].values.size());
  for (size_t i = 0; i < read.values.size(); ++i) {
    const SlotValue &one = read.values[i], &same = scanned[0].values[i];
    Check(one.hash.hash == same.hash.hash && one.parameter == same.parameter && one.null == same.null);
  }
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

  const std::vector<Statement> statements = Scan(key, text);
  size_t end = 0;
  for (const Statement& statement : statements) {
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

  for (const Literal& literal : Literals(text)) {  // what stands for it is shown
    Check(statements.front().sql.contains("$" + std::to_string(literal.number)));
  }

  CheckLikeText(key, text);

  // A quoted literal of some length, that is no identifier elsewhere in the text, is not in the redacted text.
  const std::string redacted = Redact(text);
  for (const Token& token : lexed.tokens) {
    if (!IsLiteral(token.kind) || token.end - token.begin < 8) continue;
    const std::string_view own = text.substr(token.begin, token.end - token.begin);
    if (text.find(own) == text.rfind(own)) Check(redacted.find(own) == std::string::npos);
  }
  return 0;
}
