#include "analyzer/sql/lexer.h"

#include <array>
#include <charconv>
#include <cstring>

namespace pgassay::sql {
namespace {

enum CharClass : uint8_t { kNone = 0, kSpaceChar = 1, kIdentStart = 2, kIdentPart = 4, kDigit = 8, kOperatorChar = 16 };

constexpr std::array<uint8_t, 256> MakeClasses() {
  std::array<uint8_t, 256> classes{};
  for (const char c : {' ', '\t', '\n', '\r', '\f', '\v'}) classes[static_cast<unsigned char>(c)] = kSpaceChar;
  for (size_t c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    if (letter) classes[c] = kIdentStart | kIdentPart;
    if (c >= '0' && c <= '9') classes[c] = kDigit | kIdentPart;
  }
  classes[static_cast<unsigned char>('$')] = kIdentPart;
  for (const char c : std::string_view("~!@#^&|`?+-*/%<>=")) classes[static_cast<unsigned char>(c)] = kOperatorChar;
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = MakeClasses();

bool Is(char c, uint8_t char_class) { return (kClasses[static_cast<unsigned char>(c)] & char_class) != 0; }
bool IsNewline(char c) { return c == '\n' || c == '\r'; }
char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// U+2018 to U+201F in UTF-8.
bool HoldsTypographicQuote(std::string_view word) {
  for (size_t at = word.find("\xE2\x80"); at != std::string_view::npos; at = word.find("\xE2\x80", at + 1)) {
    const auto last = at + 2 < word.size() ? static_cast<unsigned char>(word[at + 2]) : 0U;
    if (last >= 0x98 && last <= 0x9F) return true;
  }
  return false;
}

// Words that may follow a closing quote without a space in texts that are meant so.
bool MayFollowString(std::string_view word) {
  switch (WordKey(word)) {
    case Key("and"):
    case Key("or"):
    case Key("as"):
    case Key("then"):
    case Key("else"):
    case Key("end"):
    case Key("from"):
    case Key("where"):
    case Key("order"):
    case Key("limit"):
    case Key("union"):
    case Key("when"):
    case Key("group"):
    case Key("in"):
    case Key("is"):
    case Key("collate"):
    case Key("uescape"):
      return true;
    default:
      return false;
  }
}

class Lexer {
 public:
  Lexer(std::string_view text, Lexed& lexed) : text_(text), lexed_(lexed) {}

  void Run() {
    while (true) {
      if (!SkipBlank()) return;
      if (at_ >= text_.size()) return;
      if (!One()) return;
    }
  }

 private:
  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  bool Stop(size_t where) {
    lexed_.stopped_at = where;
    return false;
  }

  void Push(size_t begin, TokenKind kind, uint64_t key = 0) {
    lexed_.tokens.push_back({key, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_), kind, space_});
    space_ = false;
  }

  // False: a comment that never ends.
  bool SkipBlank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (Is(c, kSpaceChar)) {
        ++at_;
      } else if (c == '-' && Peek(1) == '-') {
        const size_t begin = at_;
        SkipLine();
        AddComment(begin);
      } else if (c == '/' && Peek(1) == '*') {
        const size_t begin = at_;
        if (!SkipBlock()) return Stop(begin);
        AddComment(begin);
      } else {
        return true;
      }
      space_ = true;
    }
    return true;
  }

  void AddComment(size_t begin) {
    lexed_.comments.push_back(
        {static_cast<uint32_t>(begin), static_cast<uint32_t>(at_), static_cast<uint32_t>(lexed_.tokens.size())});
  }

  void SkipLine() {
    while (at_ < text_.size() && !IsNewline(text_[at_])) ++at_;
  }

  bool SkipBlock() {
    at_ += 2;
    for (size_t depth = 1; depth > 0;) {
      if (at_ + 1 >= text_.size()) return false;
      if (text_[at_] == '*' && text_[at_ + 1] == '/') {
        --depth;
        at_ += 2;
      } else if (text_[at_] == '/' && text_[at_ + 1] == '*') {
        ++depth;
        at_ += 2;
      } else {
        ++at_;
      }
    }
    return true;
  }

  bool One() {
    const size_t begin = at_;
    const char c = text_[at_];
    if (Is(c, kIdentStart)) return WordOrPrefixed(begin);
    if (Is(c, kDigit) || (c == '.' && Is(Peek(1), kDigit))) return Number(begin);
    switch (c) {
      case '\'':
        return String(begin, TokenKind::kString, false);
      case '"':
        return QuotedWord(begin);
      case '$':
        return Dollar(begin);
      case '(':
        return Single(TokenKind::kOpen);
      case ')':
        return Single(TokenKind::kClose);
      case '[':
        return Single(TokenKind::kOpenBracket);
      case ']':
        return Single(TokenKind::kCloseBracket);
      case ',':
        return Single(TokenKind::kComma);
      case ';':
        return Single(TokenKind::kSemicolon);
      case '.':
        return Single(TokenKind::kDot);
      case ':':
        return Colon(begin);
      default:
        break;
    }
    if (Is(c, kOperatorChar)) return Operator(begin);
    // Never outside a literal; a backslash here means that quotes were escaped with it (standard_conforming_strings =
    // off).
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == '\\') return Stop(begin);
    return Single(TokenKind::kOther);
  }

  bool Single(TokenKind kind) {
    const size_t begin = at_++;
    Push(begin, kind);
    return true;
  }

  bool Colon(size_t begin) {
    if (Peek(1) == ':') {
      at_ += 2;
      Push(begin, TokenKind::kCast);
    } else {
      at_ += Peek(1) == '=' ? 2 : 1;
      Push(begin, TokenKind::kColon);
    }
    return true;
  }

  bool WordOrPrefixed(size_t begin) {
    const char first = Fold(text_[at_]);
    const char second = Peek(1);
    if (second == '\'') {
      if (first == 'e' || first == 'n' || first == 'b' || first == 'x') {
        ++at_;
        const TokenKind kind = first == 'n'   ? TokenKind::kNational
                               : first == 'e' ? TokenKind::kString
                                              : TokenKind::kBits;
        return String(begin, kind, first == 'e');
      }
    } else if (first == 'u' && second == '&' && (Peek(2) == '\'' || Peek(2) == '"')) {
      at_ += 2;
      if (!(text_[at_] == '"' ? QuotedWord(begin) : String(begin, TokenKind::kString, false))) return false;
      return UnicodeEscape();
    }
    unsigned all = 0;
    do {
      all |= static_cast<unsigned char>(text_[at_++]);
    } while (at_ < text_.size() && Is(text_[at_], kIdentPart));
    // “…” is a word to the server and a value to whoever wrote it.
    if (all >= 0x80 && HoldsTypographicQuote(text_.substr(begin, at_ - begin))) return Stop(begin);
    Push(begin, TokenKind::kWord, WordKey(text_.substr(begin, at_ - begin)));
    return true;
  }

  // U&'…' UESCAPE '!' is one token to the server's grammar.
  bool UnicodeEscape() {
    const size_t resume = at_;
    const size_t comments = lexed_.comments.size();
    if (!SkipBlank()) return false;
    if (WordKey(text_.substr(at_, 7)) == Key("uescape") && !Is(Peek(7), kIdentPart)) {
      at_ += 7;
      if (!SkipBlank()) return false;
      if (Peek() == '\'') {
        const size_t begin = at_;
        if (!SkipQuoted('\'', false)) return Stop(begin);
        lexed_.tokens.back().end = static_cast<uint32_t>(at_);
        space_ = false;
        return true;
      }
    }
    at_ = resume;
    lexed_.comments.resize(comments);
    space_ = false;
    return true;
  }

  // At the opening quote; leaves behind the closing one. Doubled quotes stay inside.
  bool SkipQuoted(char quote, bool escapes) {
    ++at_;
    while (true) {
      if (!escapes) {
        const void* found = at_ < text_.size() ? std::memchr(text_.data() + at_, quote, text_.size() - at_) : nullptr;
        if (found == nullptr) return false;
        at_ = static_cast<size_t>(static_cast<const char*>(found) - text_.data());
      }
      if (at_ >= text_.size()) return false;
      const char c = text_[at_];
      if (escapes && c == '\\') {
        at_ += 2;
        continue;
      }
      if (c == quote) {
        if (Peek(1) != quote) {
          ++at_;
          return true;
        }
        ++at_;
      }
      ++at_;
    }
  }

  // White space that holds a newline and then another quote: the string goes on. Comments of one line may stand
  // between.
  bool Continues() {
    size_t at = at_;
    bool newline = false;
    while (at < text_.size()) {
      const char c = text_[at];
      if (Is(c, kSpaceChar)) {
        newline = newline || IsNewline(c);
        ++at;
      } else if (c == '-' && at + 1 < text_.size() && text_[at + 1] == '-') {
        while (at < text_.size() && !IsNewline(text_[at])) ++at;
      } else {
        break;
      }
    }
    if (!newline || at >= text_.size() || text_[at] != '\'') return false;
    at_ = at;
    return true;
  }

  bool String(size_t begin, TokenKind kind, bool escapes) {
    do {
      const size_t open = at_;
      if (!SkipQuoted('\'', escapes)) return Stop(begin);
      const size_t close = at_ - 1;
      if (!escapes && close > open + 2 && text_[close - 1] == '\\') lexed_.doubtful = true;
    } while (Continues());
    Push(begin, kind);
    NoteWhatFollows();
    return true;
  }

  void NoteWhatFollows() {
    if (!Is(Peek(), kIdentStart)) return;
    size_t end = at_;
    while (end < text_.size() && Is(text_[end], kIdentPart)) ++end;
    if (!MayFollowString(text_.substr(at_, end - at_))) lexed_.doubtful = true;
  }

  bool QuotedWord(size_t begin) {
    if (!SkipQuoted('"', false)) return Stop(begin);
    Push(begin, TokenKind::kQuotedWord);
    return true;
  }

  bool Dollar(size_t begin) {
    if (Is(Peek(1), kDigit)) {
      ++at_;
      while (Is(Peek(), kDigit)) ++at_;
      if (Is(Peek(), kIdentPart)) return Stop(begin);
      Push(begin, TokenKind::kParameter);
      return true;
    }
    size_t end = at_ + 1;
    if (end < text_.size() && Is(text_[end], kIdentStart)) {
      while (end < text_.size() && Is(text_[end], kIdentPart) && text_[end] != '$') ++end;
    }
    if (end >= text_.size() || text_[end] != '$') return Stop(begin);
    const std::string_view tag = text_.substr(begin, end + 1 - begin);
    const size_t close = text_.find(tag, end + 1);
    if (close == std::string_view::npos) return Stop(begin);
    at_ = close + tag.size();
    Push(begin, TokenKind::kString);
    return true;
  }

  void Digits() {
    while (Is(Peek(), kDigit) || (Peek() == '_' && Is(Peek(1), kDigit))) ++at_;
  }

  bool Number(size_t begin) {
    const char kind = Fold(Peek(1));
    if (Peek() == '0' && (kind == 'x' || kind == 'o' || kind == 'b')) {
      at_ += 2;
      while (Is(Peek(), kIdentPart) && Peek() != '$') ++at_;
      Push(begin, TokenKind::kNumber);
      return true;
    }
    Digits();
    if (Peek() == '.' && Peek(1) != '.') {
      ++at_;
      Digits();
    }
    if (Fold(Peek()) == 'e') {
      const size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 2 : 1;
      if (Is(Peek(sign), kDigit)) {
        at_ += sign;
        Digits();
      }
    }
    if (Is(Peek(), kIdentPart)) return Stop(begin);  // 42abc: not a number, and not to be shown
    Push(begin, TokenKind::kNumber);
    return true;
  }

  // As many operator characters as make one operator; "+" and "-" end one only if it holds a character of ~!@#^&|`?%.
  bool Operator(size_t begin) {
    bool special = false;
    size_t end = begin;
    while (end < text_.size() && Is(text_[end], kOperatorChar)) {
      const char c = text_[end];
      const char next = end + 1 < text_.size() ? text_[end + 1] : '\0';
      if (end > begin && ((c == '-' && next == '-') || (c == '/' && next == '*'))) break;
      special = special || std::string_view("~!@#^&|`?%").contains(c);
      ++end;
    }
    if (!special) {
      while (end > begin + 1 && (text_[end - 1] == '+' || text_[end - 1] == '-')) --end;
    }
    at_ = end;
    Push(begin, TokenKind::kOperator);
    return true;
  }

  std::string_view text_;
  Lexed& lexed_;
  size_t at_ = 0;
  bool space_ = false;
};

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x110000) {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// Reads up to `max_digits` digits of `base` at `at`; moves it. -1: none.
int64_t ReadDigits(std::string_view text, size_t& at, int base, size_t max_digits) {
  const std::string_view digits = text.substr(at, max_digits);
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc{}) return -1;
  at += static_cast<size_t>(end - digits.data());
  return value;
}

void AppendEscape(std::string_view text, size_t& at, std::string& out) {  // at: behind the backslash
  const char c = text[at++];
  switch (c) {
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    case 'x': {
      const int64_t code = ReadDigits(text, at, 16, 2);
      out += code < 0 ? 'x' : static_cast<char>(code);
      return;
    }
    case 'u':
    case 'U': {
      const int64_t code = ReadDigits(text, at, 16, c == 'u' ? 4 : 8);
      if (code >= 0) AppendUtf8(static_cast<uint32_t>(code), out);
      return;
    }
    default:
      if (c >= '0' && c <= '7') {
        --at;
        out += static_cast<char>(ReadDigits(text, at, 8, 3));
      } else {
        out += c;
      }
  }
}

std::string QuotedValue(std::string_view text, size_t at, char quote, bool escapes, bool unicode) {
  std::string out;
  bool inside = false;
  while (at < text.size()) {
    const char c = text[at];
    if (!inside) {
      if (c == quote) {
        inside = true;
        ++at;
      } else if (c == '-' && at + 1 < text.size() && text[at + 1] == '-') {
        while (at < text.size() && !IsNewline(text[at])) ++at;
      } else if (Is(c, kIdentStart)) {
        break;  // UESCAPE
      } else {
        ++at;
      }
      continue;
    }
    ++at;
    if (c == quote) {
      if (at < text.size() && text[at] == quote) {
        out += quote;
        ++at;
      } else {
        inside = false;
      }
    } else if (escapes && c == '\\' && at < text.size()) {
      AppendEscape(text, at, out);
    } else if (unicode && c == '\\' && at < text.size()) {
      if (text[at] == '\\') {
        out += text[at++];
      } else {
        const bool wide = text[at] == '+';
        if (wide) ++at;
        const int64_t code = ReadDigits(text, at, 16, wide ? 6 : 4);
        if (code >= 0) AppendUtf8(static_cast<uint32_t>(code), out);
      }
    } else {
      out += c;
    }
  }
  return out;
}

std::string NumberValue(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_' && !Is(c, kSpaceChar)) digits += c;
  }
  const bool negative = digits.starts_with('-');
  const size_t from = negative ? 1 : 0;
  if (digits.size() > from + 2 && digits[from] == '0') {
    const char kind = Fold(digits[from + 1]);
    const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
    uint64_t value = 0;
    const char* begin = digits.data() + from + 2;
    const char* end = digits.data() + digits.size();
    if (base != 10 && std::from_chars(begin, end, value, base).ptr == end) {
      return (negative ? "-" : "") + std::to_string(value);
    }
  }
  return digits;
}

}  // namespace

void Lex(std::string_view text, Lexed& lexed) {
  lexed.Clear();
  Lexer(text.substr(0, UINT32_MAX), lexed).Run();
}

std::string LiteralValue(std::string_view text, const Token& token) {
  const std::string_view own = text.substr(token.begin, token.end - token.begin);
  if (own.empty()) return {};
  if (token.kind == TokenKind::kNumber) return NumberValue(own);
  switch (own.front()) {
    case '$': {
      const size_t tag = own.find('$', 1) + 1;
      return std::string(own.substr(tag, own.size() - 2 * tag));
    }
    case 'e':
    case 'E':
      return QuotedValue(own, 1, '\'', true, false);
    case 'u':
    case 'U':
      return QuotedValue(own, 2, '\'', false, true);
    case '\'':
      return QuotedValue(own, 0, '\'', false, false);
    default:
      return QuotedValue(own, 1, '\'', false, false);
  }
}

std::string IdentifierName(std::string_view text, const Token& token) {
  const std::string_view own = text.substr(token.begin, token.end - token.begin);
  if (token.kind == TokenKind::kQuotedWord) {
    return own.front() == '"' ? QuotedValue(own, 0, '"', false, false) : QuotedValue(own, 2, '"', false, true);
  }
  std::string folded(own);
  for (char& c : folded) c = Fold(c);
  return folded;
}

}  // namespace pgassay::sql
