// PostgreSQL's lexical rules as of version 16, standard_conforming_strings on: every quoting form, nested comments,
// dollar quotes, adjacent string continuation, operators cut as the server cuts them. Source: the documentation's
// chapter "Lexical Structure".
//
// Lex() appends tokens that view nothing: they are offsets into `text`. Comments and white space make no token; a
// comment's place is told apart. It never fails: `stopped_at` says where the text ceased to be SQL (an unterminated
// quote, a number that runs into letters), and whatever is from there on must not be shown. Linear time, no recursion,
// no allocation but the vectors'. Texts are below 4 GiB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgassay::sql {

enum class TokenKind : uint8_t {
  kWord,        // unquoted identifier or keyword
  kQuotedWord,  // "…", U&"…"
  kString,      // '…' with its continuations, E'…', U&'…' UESCAPE '…', $tag$…$tag$
  kNational,    // N'…': a cast of a string, to the server
  kBits,        // B'…', X'…'
  kNumber,
  kParameter,  // $n
  kOperator,
  kOpen,
  kClose,
  kOpenBracket,
  kCloseBracket,
  kComma,
  kSemicolon,
  kDot,
  kCast,
  kColon,
  kOther
};

struct Token {
  uint64_t key = 0;  // of a word: WordKey() of it
  uint32_t begin = 0, end = 0;
  TokenKind kind = TokenKind::kOther;
  bool space_before = false;  // white space or a comment stands before it
};

struct CommentRange {
  uint32_t begin = 0, end = 0;  // with its delimiters
  uint32_t token = 0;           // number of the token it precedes
};

struct Lexed {
  std::vector<Token> tokens;
  std::vector<CommentRange> comments;
  size_t stopped_at = std::string_view::npos;  // npos: lexed to the end
  bool doubtful = false;  // it lexes, but its quotes look as if they were broken: 'O'Reilly', 'it\'s'
  void Clear() {
    tokens.clear();
    comments.clear();
    stopped_at = std::string_view::npos;
    doubtful = false;
  }
};

void Lex(std::string_view text, Lexed& lexed);

// The value a literal token stands for: quotes, escapes and continuations undone. Of a number: its digits, decimal.
std::string LiteralValue(std::string_view text, const Token& token);
// An identifier as the server compares it: folded if unquoted.
std::string IdentifierName(std::string_view text, const Token& token);

inline bool IsLiteral(TokenKind kind) {
  return kind == TokenKind::kString || kind == TokenKind::kNational || kind == TokenKind::kBits ||
         kind == TokenKind::kNumber;
}

// Words of up to eight letters as one integer, folded; 0 for others.
constexpr uint64_t WordKey(std::string_view word) {
  if (word.size() > 8) return 0;
  uint64_t key = 0;
  for (const char c : word) {
    key = key << 8 | static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return key;
}
// The same of a word that is known: Key("select") in a case label.
consteval uint64_t Key(std::string_view word) { return WordKey(word); }

}  // namespace pgassay::sql
