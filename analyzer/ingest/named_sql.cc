#include "analyzer/ingest/named_sql.h"

#include <cctype>
#include <optional>

namespace pgassay::ingest {
namespace {

// Words, quoted identifiers and single symbols; enough for the heads of seven statements. Literals inside parentheses
// are stepped over.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  struct Word {
    std::string folded;  // upper case for keywords' sake; the name as PostgreSQL folds it is in `identifier`
    std::string identifier;
    size_t begin = 0, end = 0;
  };

  std::optional<Word> Next() {
    SkipBlank();
    if (at_ >= text_.size()) return std::nullopt;
    Word word;
    word.begin = at_;
    const char c = text_[at_];
    if (c == '"') {
      for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] == '"') {
          if (at_ + 1 < text_.size() && text_[at_ + 1] == '"')
            ++at_;
          else
            break;
        }
        word.identifier += text_[at_];
      }
      if (at_ < text_.size()) ++at_;
    } else if (IsWordByte(c)) {
      for (; at_ < text_.size() && IsWordByte(text_[at_]); ++at_) {
        const auto byte = static_cast<unsigned char>(text_[at_]);
        word.folded += static_cast<char>(std::toupper(byte));
        word.identifier += static_cast<char>(std::tolower(byte));
      }
    } else {
      word.folded = c;
      ++at_;
    }
    word.end = at_;
    return word;
  }

  // False: the first word is none of the seven verbs.
  bool MayBeginNamed() {
    SkipBlank();
    return at_ < text_.size() && std::string_view("pPeEdDfFmMcC").contains(text_[at_]);
  }

  // Steps over a balanced group whose "(" was just read.
  void SkipGroup() {
    for (int depth = 1; at_ < text_.size() && depth > 0;) {
      SkipBlank();
      if (at_ >= text_.size()) return;
      const char c = text_[at_];
      if (c == '\'' || c == '"') {
        SkipQuoted(c);
        continue;
      }
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      ++at_;
    }
  }

 private:
  static bool IsWordByte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) || c == '_' || c == '$' || byte >= 0x80;
  }

  void SkipQuoted(char quote) {
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
    }
    if (at_ < text_.size()) ++at_;
  }

  void SkipBlank() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_]))) {
        ++at_;
      } else if (text_.substr(at_, 2) == "--") {
        const size_t line_end = text_.find('\n', at_);
        at_ = line_end == std::string_view::npos ? text_.size() : line_end + 1;
      } else if (text_.substr(at_, 2) == "/*") {
        SkipComment();
      } else {
        return;
      }
    }
  }

  void SkipComment() {
    int depth = 0;
    do {
      const std::string_view two = text_.substr(at_, 2);
      if (two == "/*" || two == "*/") {
        depth += two == "/*" ? 1 : -1;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < text_.size());
  }

  std::string_view text_;
  size_t at_ = 0;
};

NamedVerb VerbOf(std::string_view word) {
  if (word == "PREPARE") return NamedVerb::kPrepare;
  if (word == "EXECUTE") return NamedVerb::kExecute;
  if (word == "DEALLOCATE") return NamedVerb::kDeallocate;
  if (word == "DECLARE") return NamedVerb::kDeclare;
  if (word == "FETCH") return NamedVerb::kFetch;
  if (word == "MOVE") return NamedVerb::kMove;
  if (word == "CLOSE") return NamedVerb::kClose;
  return NamedVerb::kNone;
}

// The statement behind the first `keyword` outside parentheses.
std::string_view Behind(std::string_view text, Words words, std::string_view keyword) {
  while (auto word = words.Next()) {
    if (word->folded == "(") words.SkipGroup();
    if (word->folded != keyword) continue;
    return text.substr(word->end);
  }
  return {};
}

// FETCH [direction] [FROM|IN] name: the name is the last word.
std::optional<Words::Word> LastWord(Words words) {
  std::optional<Words::Word> last;
  while (auto word = words.Next()) {
    if (word->folded == ";") break;
    last = std::move(word);
  }
  return last;
}

}  // namespace

NamedSql ReadNamedSql(std::string_view text) {
  Words words(text);
  if (!words.MayBeginNamed()) return {};  // nearly every text
  const auto verb_word = words.Next();
  if (!verb_word) return {};
  NamedSql result;
  result.verb = VerbOf(verb_word->folded);
  if (result.verb == NamedVerb::kNone) return {};

  std::optional<Words::Word> name;
  if (result.verb == NamedVerb::kFetch || result.verb == NamedVerb::kMove) {
    name = LastWord(words);
  } else {
    name = words.Next();
    if (result.verb == NamedVerb::kDeallocate && name && name->folded == "PREPARE") name = words.Next();
  }
  if (!name || name->identifier.empty()) return {};
  // PREPARE TRANSACTION 'gid' names a transaction, not a statement.
  if (result.verb == NamedVerb::kPrepare && name->folded == "TRANSACTION") return {};

  if (result.verb == NamedVerb::kPrepare) result.inner = Behind(text, words, "AS");
  if (result.verb == NamedVerb::kDeclare) result.inner = Behind(text, words, "FOR");
  if ((result.verb == NamedVerb::kPrepare || result.verb == NamedVerb::kDeclare) && result.inner.empty()) return {};

  const bool all = name->folded == "ALL" && (result.verb == NamedVerb::kDeallocate || result.verb == NamedVerb::kClose);
  if (!all) result.name = name->identifier;
  result.anonymous =
      std::string(text.substr(0, name->begin)) + (all ? "ALL" : "name") + std::string(text.substr(name->end));
  return result;
}

}  // namespace pgassay::ingest
