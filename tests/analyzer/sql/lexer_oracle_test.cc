// The redactor against the server's own lexer, which libpg_query carries: what that lexer takes for a literal or a
// comment must not be shown, however quotes, prefixes, dollar tags, comments and numbers are thrown together.
#include <gtest/gtest.h>
#include <pg_query.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/sql/statement.h"

namespace pgassay::sql {
namespace {

struct ServerToken {
  size_t begin = 0, end = 0;
  uint64_t kind = 0;
};

// Numbers of libpg_query's Token.
constexpr std::array<uint64_t, 8> kHidden = {260, 261, 262, 263,
                                             264, 266, 275, 276};  // FCONST … XCONST, ICONST, comments

uint64_t ReadVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) break;
  }
  return value;
}

// ScanToken { start = 1; end = 2; token = 4; keyword_kind = 5 }, all of them varints.
ServerToken ReadToken(std::string_view bytes) {
  ServerToken token;
  while (!bytes.empty()) {
    const uint64_t field = ReadVarint(bytes) >> 3;
    const uint64_t value = ReadVarint(bytes);
    if (field == 1) token.begin = value;
    if (field == 2) token.end = value;
    if (field == 4) token.kind = value;
  }
  return token;
}

// ScanResult { version = 1; tokens = 2 }. Nothing where the server does not lex.
std::optional<std::vector<ServerToken>> ServerLex(const std::string& text) {
  const PgQueryScanResult result = pg_query_scan(text.c_str());
  std::optional<std::vector<ServerToken>> tokens;
  if (result.error == nullptr) {
    tokens.emplace();
    std::string_view bytes(result.pbuf.data, result.pbuf.len);
    while (!bytes.empty()) {
      const uint64_t key = ReadVarint(bytes);
      const uint64_t value = ReadVarint(bytes);
      if (key != (2U << 3 | 2U)) continue;
      tokens->push_back(ReadToken(bytes.substr(0, value)));
      bytes.remove_prefix(value);
    }
  }
  pg_query_free_scan_result(result);
  return tokens;
}

constexpr auto kPieces = std::to_array<std::string_view>(
    {"'",   "'",    "'",       "''",       "\\",    "\\'",  "E'",  "e'",    "N'", "U&'", "U&\"",    "B'",  "x'",
     "$$",  "$$",   "$a$",     "$a$",      "$1",    "\"",   "\"",  "--",    "\n", "\n",  "/*",      "*/",  "*/",
     " ",   " ",    " ",       ",",        ";",     "(",    ")",   "=",     "::", ".",   "..",      "1",   "0x",
     "1.5", ".5",   "1e5",     "-",        "+",     "<>",   "@>",  "?",     "|/", ":=",  "[",       "]",   ":",
     "a",   "_b",   "\t",      "\r\n",     "and ",  "IN (", "é",   "$",     "e",  "u&",  "UESCAPE", "'!'", "set ",
     "to ", "null", "SELECT ", "VALUES (", "LIKE ", "'\n'", "' '", "1_000", "1a", "=-",  "*",       "/",   "%",
     "^",   "#",    "&",       "||",       "~",     "`",    "!",   "{",     "}",  "\f"});

// A text of random pieces, some of them markers: letters or digits that stand nowhere else.
std::string RandomText(std::mt19937& random, std::vector<std::string>& markers) {
  std::string text = random() % 4 != 0 ? "SELECT " : "UPDATE t SET a = ";
  const size_t pieces = 3 + random() % 24;
  for (size_t i = 0; i < pieces; ++i) {
    if (random() % 4 == 0) {
      const std::string number = std::to_string(100 + markers.size());
      markers.push_back(random() % 2 == 0 ? "zq" + number + "qz" : "7" + number + "3141");
      text += markers.back();
    } else {
      text += kPieces[random() % kPieces.size()];
    }
  }
  return text;
}

bool Shows(const std::string& shown, const std::string& marker) { return shown.find(marker) != std::string::npos; }

TEST(Redaction, ShowsNothingThatTheServersLexerTakesForAValue) {
  const HashKey key = HashKey::ForTests(1);
  std::mt19937 random(20261123);
  size_t lexed = 0, hidden = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::vector<std::string> markers;
    const std::string text = RandomText(random, markers);
    const auto tokens = ServerLex(text);
    if (!tokens) continue;
    ++lexed;
    const std::string redacted = Redact(text);
    const std::vector<Statement> statements = Scan(key, text);
    for (const ServerToken& token : *tokens) {
      if (std::ranges::find(kHidden, token.kind) == kHidden.end()) continue;
      const std::string_view own = std::string_view(text).substr(token.begin, token.end - token.begin);
      for (const std::string& marker : markers) {
        if (own.find(marker) == std::string_view::npos) continue;
        ++hidden;
        EXPECT_FALSE(Shows(redacted, marker)) << text << "\n-> " << redacted;
        for (const Statement& statement : statements) {
          EXPECT_FALSE(Shows(statement.sql, marker)) << text << "\n-> " << statement.sql;
        }
      }
    }
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(lexed, 10'000U);
  EXPECT_GT(hidden, 10'000U);
}

}  // namespace
}  // namespace pgassay::sql
