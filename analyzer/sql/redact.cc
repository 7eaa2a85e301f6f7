#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "analyzer/sql/scan.h"

namespace pgassay::sql {
namespace {

constexpr std::string_view kEllipsis = "…";

// Words that begin a statement. Sorted.
constexpr auto kVerbs = std::to_array<std::string_view>(
    {"abort",  "alter",    "analyze",  "begin",      "call",     "checkpoint", "close",   "cluster", "comment",
     "commit", "copy",     "create",   "deallocate", "declare",  "delete",     "discard", "do",      "drop",
     "end",    "execute",  "explain",  "fetch",      "grant",    "import",     "insert",  "listen",  "load",
     "lock",   "merge",    "move",     "notify",     "prepare",  "reassign",   "refresh", "reindex", "release",
     "reset",  "revoke",   "rollback", "savepoint",  "security", "select",     "set",     "show",    "start",
     "table",  "truncate", "unlisten", "update",     "vacuum",   "values",     "with"});
static_assert(std::ranges::is_sorted(kVerbs));

// PostgreSQL's words in messages: a word that is none of these may be a value. Sorted.
constexpr auto kVocabulary = std::to_array<std::string_view>({"a",
                                                              "aborted",
                                                              "access",
                                                              "admin",
                                                              "administrator",
                                                              "after",
                                                              "aggregate",
                                                              "all",
                                                              "allowed",
                                                              "already",
                                                              "ambiguous",
                                                              "an",
                                                              "and",
                                                              "any",
                                                              "are",
                                                              "argument",
                                                              "arguments",
                                                              "array",
                                                              "as",
                                                              "at",
                                                              "authentication",
                                                              "available",
                                                              "be",
                                                              "because",
                                                              "been",
                                                              "before",
                                                              "being",
                                                              "between",
                                                              "bigint",
                                                              "block",
                                                              "blocked",
                                                              "boolean",
                                                              "but",
                                                              "by",
                                                              "bytea",
                                                              "byte",
                                                              "bytes",
                                                              "cache",
                                                              "cached",
                                                              "call",
                                                              "canceled",
                                                              "canceling",
                                                              "cannot",
                                                              "cast",
                                                              "change",
                                                              "character",
                                                              "characters",
                                                              "check",
                                                              "clause",
                                                              "client",
                                                              "closed",
                                                              "column",
                                                              "columns",
                                                              "command",
                                                              "commands",
                                                              "commit",
                                                              "compatible",
                                                              "concurrent",
                                                              "condition",
                                                              "configuration",
                                                              "conflict",
                                                              "connect",
                                                              "connection",
                                                              "connections",
                                                              "constraint",
                                                              "contains",
                                                              "context",
                                                              "conversion",
                                                              "copy",
                                                              "could",
                                                              "create",
                                                              "current",
                                                              "cursor",
                                                              "data",
                                                              "database",
                                                              "date",
                                                              "deadlock",
                                                              "default",
                                                              "deferred",
                                                              "delete",
                                                              "denied",
                                                              "depend",
                                                              "depends",
                                                              "detail",
                                                              "detected",
                                                              "did",
                                                              "different",
                                                              "dimension",
                                                              "disabled",
                                                              "disk",
                                                              "division",
                                                              "do",
                                                              "does",
                                                              "domain",
                                                              "double",
                                                              "drop",
                                                              "due",
                                                              "duplicate",
                                                              "during",
                                                              "each",
                                                              "element",
                                                              "empty",
                                                              "encoding",
                                                              "end",
                                                              "ended",
                                                              "entry",
                                                              "enum",
                                                              "error",
                                                              "exceeded",
                                                              "exceeds",
                                                              "exclusive",
                                                              "execute",
                                                              "exist",
                                                              "existing",
                                                              "exists",
                                                              "expected",
                                                              "expression",
                                                              "extension",
                                                              "failed",
                                                              "failing",
                                                              "failure",
                                                              "fatal",
                                                              "field",
                                                              "file",
                                                              "for",
                                                              "foreign",
                                                              "format",
                                                              "found",
                                                              "from",
                                                              "function",
                                                              "functions",
                                                              "generated",
                                                              "given",
                                                              "group",
                                                              "has",
                                                              "have",
                                                              "hint",
                                                              "identical",
                                                              "identifier",
                                                              "if",
                                                              "ignored",
                                                              "immutable",
                                                              "in",
                                                              "index",
                                                              "information",
                                                              "input",
                                                              "insert",
                                                              "integer",
                                                              "internal",
                                                              "interval",
                                                              "into",
                                                              "invalid",
                                                              "is",
                                                              "isolation",
                                                              "it",
                                                              "its",
                                                              "join",
                                                              "json",
                                                              "key",
                                                              "kind",
                                                              "large",
                                                              "level",
                                                              "limit",
                                                              "line",
                                                              "literal",
                                                              "local",
                                                              "lock",
                                                              "locked",
                                                              "locks",
                                                              "long",
                                                              "many",
                                                              "match",
                                                              "matches",
                                                              "maximum",
                                                              "may",
                                                              "memory",
                                                              "merge",
                                                              "message",
                                                              "might",
                                                              "missing",
                                                              "more",
                                                              "most",
                                                              "multiple",
                                                              "must",
                                                              "name",
                                                              "named",
                                                              "names",
                                                              "need",
                                                              "negative",
                                                              "nested",
                                                              "new",
                                                              "no",
                                                              "not",
                                                              "notice",
                                                              "null",
                                                              "number",
                                                              "numeric",
                                                              "object",
                                                              "objects",
                                                              "of",
                                                              "off",
                                                              "offset",
                                                              "on",
                                                              "one",
                                                              "only",
                                                              "open",
                                                              "operation",
                                                              "operator",
                                                              "option",
                                                              "or",
                                                              "order",
                                                              "other",
                                                              "out",
                                                              "overflow",
                                                              "owner",
                                                              "parameter",
                                                              "parameters",
                                                              "parent",
                                                              "parse",
                                                              "partition",
                                                              "password",
                                                              "path",
                                                              "pending",
                                                              "permission",
                                                              "plan",
                                                              "portal",
                                                              "position",
                                                              "precision",
                                                              "prepared",
                                                              "present",
                                                              "primary",
                                                              "privilege",
                                                              "privileges",
                                                              "procedure",
                                                              "process",
                                                              "protocol",
                                                              "query",
                                                              "range",
                                                              "read",
                                                              "real",
                                                              "recovery",
                                                              "recursion",
                                                              "reference",
                                                              "referenced",
                                                              "references",
                                                              "relation",
                                                              "requested",
                                                              "required",
                                                              "reserved",
                                                              "result",
                                                              "return",
                                                              "returned",
                                                              "returns",
                                                              "role",
                                                              "rollback",
                                                              "row",
                                                              "rows",
                                                              "savepoint",
                                                              "schema",
                                                              "search",
                                                              "select",
                                                              "sequence",
                                                              "serialize",
                                                              "serializable",
                                                              "server",
                                                              "session",
                                                              "set",
                                                              "should",
                                                              "shutdown",
                                                              "size",
                                                              "slots",
                                                              "smallint",
                                                              "some",
                                                              "specified",
                                                              "specify",
                                                              "statement",
                                                              "statements",
                                                              "still",
                                                              "string",
                                                              "subquery",
                                                              "supplies",
                                                              "supported",
                                                              "syntax",
                                                              "system",
                                                              "table",
                                                              "terminated",
                                                              "terminating",
                                                              "text",
                                                              "than",
                                                              "that",
                                                              "the",
                                                              "there",
                                                              "this",
                                                              "time",
                                                              "timeout",
                                                              "timestamp",
                                                              "to",
                                                              "too",
                                                              "transaction",
                                                              "transactions",
                                                              "trigger",
                                                              "try",
                                                              "type",
                                                              "types",
                                                              "unable",
                                                              "under",
                                                              "undefined",
                                                              "unexpected",
                                                              "unique",
                                                              "unknown",
                                                              "unrecognized",
                                                              "unsupported",
                                                              "update",
                                                              "updated",
                                                              "use",
                                                              "used",
                                                              "user",
                                                              "uses",
                                                              "using",
                                                              "uuid",
                                                              "value",
                                                              "values",
                                                              "varying",
                                                              "version",
                                                              "view",
                                                              "violates",
                                                              "violation",
                                                              "waiting",
                                                              "waits",
                                                              "warning",
                                                              "was",
                                                              "were",
                                                              "when",
                                                              "where",
                                                              "while",
                                                              "will",
                                                              "with",
                                                              "within",
                                                              "without",
                                                              "would",
                                                              "write",
                                                              "xml",
                                                              "you",
                                                              "zero",
                                                              "zone"});

// A name in double quotes behind one of these is kept.
bool NamesRelation(std::string_view word) {
  return word == "relation" || word == "table" || word == "constraint" || word == "index";
}

bool IsVocabulary(std::string_view word) { return std::ranges::find(kVocabulary, word) != kVocabulary.end(); }

class MessageRedactor {
 public:
  explicit MessageRedactor(std::string_view text) : text_(text) {}

  std::string Run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (std::isalpha(static_cast<unsigned char>(c)) != 0 || IsWordByte(c)) {
        Word();
      } else if (c == '"' || c == '\'') {
        if (!Quoted(c)) break;
      } else {
        out_ += std::iscntrl(static_cast<unsigned char>(c)) != 0 ? ' ' : c;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  static bool IsWordByte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || c == '_' || c == '$' || c == '@' || c == '\\' || byte >= 0x80;
  }

  void Hide() {
    if (!out_.ends_with(kEllipsis)) out_ += kEllipsis;
  }

  void Word() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsWordByte(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    folded_.clear();
    for (const char c : word) folded_ += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (IsVocabulary(folded_))
      out_ += word;
    else
      Hide();
  }

  bool Quoted(char quote) {
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      Hide();
      return false;
    }
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    const bool plain = std::ranges::all_of(name, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$';
    });
    if (quote == '"' && plain && NamesRelation(folded_)) {
      out_ += '"';
      out_ += name;
      out_ += '"';
    } else {
      Hide();
    }
    folded_.clear();
    at_ = end + 1;
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_, folded_;
};

// Where showing must end: what does not lex, or whose quotes look broken, is shown up to its first quote.
size_t ShownBytes(std::string_view text, const Lexed& lexed) {
  size_t shown = std::min(lexed.stopped_at, text.size());
  if (shown == text.size() && !lexed.doubtful) return shown;
  for (const Token& token : lexed.tokens) {
    const bool quoted =
        token.kind == TokenKind::kString || token.kind == TokenKind::kNational || token.kind == TokenKind::kBits;
    if (quoted) return std::min<size_t>(shown, token.begin);
  }
  return shown;
}

int LastParameter(std::string_view text, const Lexed& lexed) {
  int64_t last = 0;
  for (const Token& token : lexed.tokens) {
    if (token.kind != TokenKind::kParameter) continue;
    int64_t number = 0;
    for (size_t i = token.begin + 1; i < token.end; ++i)
      number = std::min<int64_t>(number * 10 + (text[i] - '0'), 65536);
    last = std::max(last, number);
  }
  return static_cast<int>(last);
}

// Data lines follow COPY … FROM STDIN; in a script.
class CopyWatch {
 public:
  bool DataFollows(const Token& token) {
    const uint64_t word = token.key;
    if (first_) copy_ = word == Key("copy");
    first_ = token.kind == TokenKind::kSemicolon;
    if (first_) return copy_ && stdin_;
    if (word == Key("stdin")) stdin_ = true;
    return false;
  }

 private:
  bool first_ = true, copy_ = false, stdin_ = false;
};

std::string RedactSql(std::string_view text, const Lexed& lexed) {
  const size_t shown = ShownBytes(text, lexed);
  int literals = LastParameter(text, lexed);
  SecretWords secrets;
  CopyWatch copy;
  std::string out;
  for (const Token& token : lexed.tokens) {
    if (token.end > shown) break;
    if (token.space_before && !out.empty()) out += ' ';
    const bool hidden = secrets.Hides(text, token);
    if (IsLiteral(token.kind) || hidden) {
      out += '$';
      out += std::to_string(++literals);
    } else {
      out += text.substr(token.begin, token.end - token.begin);
    }
    if (token.kind == TokenKind::kSemicolon) secrets = {};
    if (copy.DataFollows(token)) return out.append(kEllipsis);
  }
  if (shown < text.size())
    out += out.empty() || out.ends_with(' ') ? std::string(kEllipsis) : std::string(" ").append(kEllipsis);
  return out;
}

}  // namespace

bool BeginsStatement(std::string_view text, const Lexed& lexed, size_t from) {
  const auto token = [&](size_t ahead) {
    return from + ahead < lexed.tokens.size() ? lexed.tokens[from + ahead] : Token{};
  };
  const uint64_t second = token(1).key;
  if (token(0).kind == TokenKind::kOpen) return true;
  if (token(0).kind != TokenKind::kWord) return false;
  switch (token(0).key) {
    case Key("insert"):
    case Key("merge"):
      return second == Key("into");
    case Key("delete"):
      return second == Key("from");
    case Key("update"):
      return second != Key("or") && second != Key("of");
    case Key("copy"):
      return token(2).kind != TokenKind::kComma && token(4).kind != TokenKind::kComma;
    default:
      return std::ranges::binary_search(kVerbs, std::string_view(IdentifierName(text, token(0))));
  }
}

std::string Redact(std::string_view text) {
  Lexed lexed;
  Lex(text, lexed);
  if (lexed.tokens.empty()) return lexed.stopped_at == std::string_view::npos ? "" : std::string(kEllipsis);
  return BeginsStatement(text, lexed, 0) ? RedactSql(text, lexed) : RedactMessage(text);
}

std::string RedactExpression(std::string_view text) {
  Lexed lexed;
  Lex(text, lexed);
  return RedactSql(text, lexed);
}

std::string RedactMessage(std::string_view text) { return MessageRedactor(text).Run(); }

}  // namespace pgassay::sql
