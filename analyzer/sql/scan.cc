#include "analyzer/sql/scan.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "analyzer/sql/slot_literals.h"
#include "analyzer/sql/tags.h"
#include "proxy/session/query_event.h"

namespace pgassay::sql {
namespace {

constexpr char kValueMark = '\x01';
constexpr char kManyMark = '\x02';
constexpr char kTokenEnd = '\x1f';
constexpr uint32_t kNumericOid = 1700;
constexpr uint32_t kTextArrayOid = 1009;
constexpr std::string_view kEllipsis = "…";

struct RawValue {
  uint32_t token = 0;
  uint32_t slot = 0;
  int number = 0;  // of a literal in the shown text
};

// After these words an operand begins, so "-" is a sign and NULL, TRUE, FALSE are values.
bool OperandFollows(uint64_t word) {
  switch (word) {
    case Key("select"):
    case Key("and"):
    case Key("or"):
    case Key("not"):
    case Key("then"):
    case Key("else"):
    case Key("when"):
    case Key("limit"):
    case Key("offset"):
    case Key("between"):
    case Key("where"):
    case Key("on"):
    case Key("having"):
    case Key("like"):
    case Key("ilike"):
    case Key("by"):
      return true;
    default:
      return false;
  }
}

// `? = column` may be turned when one of these stands before it, …
bool BeginsCondition(uint64_t word) {
  return word == Key("where") || word == Key("and") || word == Key("or") || word == Key("on") ||
         word == Key("having") || word == Key("when") || word == Key("not");
}

// … and one of these, or a closing parenthesis, or nothing, behind it.
bool EndsCondition(uint64_t word) {
  switch (word) {
    case Key("and"):
    case Key("or"):
    case Key("order"):
    case Key("group"):
    case Key("limit"):
    case Key("offset"):
    case Key("for"):
    case Key("having"):
    case Key("union"):
    case Key("then"):
    case Key("left"):
    case Key("right"):
    case Key("inner"):
    case Key("join"):
    case Key("cross"):
    case Key("full"):
    case Key("where"):
    case Key("fetch"):
      return true;
    default:
      return Key("returnin") == word || Key("intersec") == word;
  }
}

bool IsDataVerb(uint64_t verb) {
  switch (verb) {
    case Key("select"):
    case Key("insert"):
    case Key("update"):
    case Key("delete"):
    case Key("merge"):
    case Key("with"):
    case Key("values"):
    case Key("execute"):
    case Key("call"):
    case 0:  // "(SELECT …)"
      return true;
    default:
      return false;
  }
}

// One statement's tokens to its normal form. Reused from statement to statement: the buffers stay.
class Shaper {
 public:
  static constexpr int kNoParameter = 65536;  // what $n is read as if n is above what the protocol can bind

  // Tokens [from, to) of `lexed`. `shown`: sql() is wanted too.
  void Run(std::string_view text, const Lexed& lexed, size_t from, size_t to, bool shown) {
    text_ = text;
    shown_ = shown;
    tokens_ = lexed.tokens.data();
    from_ = from;
    to_ = to;
    form_.clear();
    sql_.clear();
    values_.clear();
    frames_.clear();
    slot_count_ = 0;
    secrets_ = {};
    operand_ = {};
    between_ = false;
    literals_ = shown ? LastParameter() : 0;
    verb_ = tokens_[from_].key;
    previous_word_ = 0;
    Push(FrameKind::kPlain);
    for (at_ = from_; at_ < to_; ++at_) Take();
    while (!frames_.empty()) PopFrame();
  }

  uint64_t ShapeHash() const { return XXH3_64bits(form_.data(), form_.size()); }
  const std::string& sql() const { return sql_; }
  const std::string& form() const { return form_; }
  const std::vector<RawValue>& values() const { return values_; }
  uint32_t slot_count() const { return slot_count_; }
  Token TokenOf(const RawValue& value) const { return Extended(value.token); }
  // Under ANY (…), alone: the literal is an array.
  bool IsArrayLiteral(const RawValue& value) const {
    const size_t token = value.token;
    if (token < from_ + 2 || token + 1 >= to_ || tokens_[token].kind != TokenKind::kString) return false;
    const uint64_t word = tokens_[token - 2].key;
    return tokens_[token - 1].kind == TokenKind::kOpen && (word == Key("any") || word == Key("some")) &&
           (tokens_[token + 1].kind == TokenKind::kClose || tokens_[token + 1].kind == TokenKind::kCast);
  }

 private:
  enum class FrameKind : uint8_t { kPlain, kInList, kValues, kArray };

  // A parenthesis, or a list whose elements collapse. `run`: the last elements that are alike.
  struct Frame {
    FrameKind kind = FrameKind::kPlain;
    bool between = false;
    bool only_values = true;  // of the current element of an array
    bool mixed = false;       // some element was more than values
    uint32_t depth = 0;       // of brackets inside an array's element
    size_t element_form = 0;  // where the current element begins
    size_t run_form = 0, run_form_end = 0, run_sql_end = 0;
    size_t run_count = 0;  // 0: no element yet
    uint32_t element_slot = 0, run_slot = 0, run_slots = 0;
    size_t element_value = 0;
    int element_literal = 0;
  };

  std::string_view Text(size_t token) const {
    const Token& t = tokens_[token];
    return text_.substr(t.begin, t.end - t.begin);
  }
  TokenKind KindAt(size_t token) const { return token < to_ ? tokens_[token].kind : TokenKind::kSemicolon; }
  uint64_t WordAt(size_t token) const { return token < to_ ? tokens_[token].key : 0; }

  int LastParameter() const {
    int last = 0;
    for (size_t i = from_; i < to_; ++i) {
      if (tokens_[i].kind == TokenKind::kParameter) last = std::max(last, ParameterNumber(tokens_[i]));
    }
    return last;
  }

 public:
  int ParameterNumber(const Token& token) const {
    int64_t number = 0;
    for (size_t i = token.begin + 1; i < token.end; ++i)
      number = std::min<int64_t>(number * 10 + (text_[i] - '0'), kNoParameter);
    return static_cast<int>(number);
  }

 private:
  // A sign before a number belongs to it.
  Token Extended(size_t token) const {
    Token t = tokens_[token];
    if (t.kind == TokenKind::kOperator) {
      t.kind = TokenKind::kNumber;
      t.end = tokens_[token + 1].end;
    }
    return t;
  }

  // ---- lists ----

  void Push(FrameKind kind) {
    Frame frame;
    frame.kind = kind;
    frames_.push_back(frame);
    BeginElement(frames_.back());
  }

  void BeginElement(Frame& frame) const {
    frame.element_form = form_.size();
    frame.element_slot = slot_count_;
    frame.element_value = values_.size();
    frame.element_literal = literals_;
    frame.only_values = true;
  }

  static bool Collapses(FrameKind kind) { return kind != FrameKind::kPlain; }

  // The element that ends here joins the run before it if it is alike. `separator_form`: what the comma before it
  // added.
  void EndElement(Frame& frame) {
    const std::string_view form(form_);
    const std::string_view element = form.substr(frame.element_form);
    const uint32_t slots = slot_count_ - frame.element_slot;
    const bool may = frame.kind != FrameKind::kArray || frame.only_values;
    if (may && frame.run_count > 0 && slots == frame.run_slots &&
        element == form.substr(frame.run_form, frame.run_form_end - frame.run_form)) {
      ++frame.run_count;
      form_.resize(frame.run_form_end);
      if (shown_) sql_.resize(frame.run_sql_end);
      for (size_t i = frame.element_value; i < values_.size(); ++i) {
        values_[i].slot = values_[i].slot - frame.element_slot + frame.run_slot;
      }
      slot_count_ = frame.element_slot;
      literals_ = frame.element_literal;
      return;
    }
    const size_t element_length = element.size();
    // The run before ends; its mark must stand behind it, before the comma and this element.
    if (frame.run_count > 1) {
      InsertMany(frame);
    }
    frame.run_form = form_.size() - element_length;
    frame.run_form_end = form_.size();
    frame.run_sql_end = sql_.size();
    frame.run_count = may ? 1 : 0;
    frame.run_slot = frame.element_slot;
    frame.run_slots = slots;
  }

  void InsertMany(const Frame& frame) {
    const bool counted = frame.kind != FrameKind::kArray;
    if (counted) form_.insert(frame.run_form_end, std::string{kManyMark, kTokenEnd});
    if (shown_) sql_.insert(frame.run_sql_end, std::string(", ").append(kEllipsis));
  }

  void PopFrame() {
    Frame frame = frames_.back();
    if (Collapses(frame.kind)) {
      EndElement(frame);
      if (frame.run_count > 1) InsertMany(frame);
    }
    frames_.pop_back();
    if (frame.mixed && !frames_.empty()) Mixed();
  }

  // ---- tokens ----

  void Show(const Token& token, std::string_view shown) {
    if (!shown_) return;
    if (token.space_before && !sql_.empty()) sql_ += ' ';
    sql_ += shown;
  }

  void Same() {
    const std::string_view own = Text(at_);
    Show(tokens_[at_], own);
    form_ += own;
    form_ += kTokenEnd;
  }

  void Folded() {
    const std::string_view own = Text(at_);
    Show(tokens_[at_], own);
    const size_t begin = form_.size();
    form_.resize(begin + own.size() + 1);
    char* const folded = form_.data() + begin;
    for (size_t i = 0; i < own.size(); ++i) {
      const char c = own[i];
      folded[i] = static_cast<char>(c | (c >= 'A' && c <= 'Z' ? 0x20 : 0));
    }
    folded[own.size()] = kTokenEnd;
  }

  // As its number: $01 is the server's $1.
  void ShowParameter(size_t token) {
    if (!shown_) return;
    std::string_view digits = Text(token).substr(1);
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
    Show(tokens_[at_], std::string("$").append(digits));
  }

  // A value: one mark in the normal form, $k in the shown text.
  void Value(size_t token) {
    BeginOperandIfCondition();
    if (tokens_[token].kind == TokenKind::kParameter) {
      ShowParameter(token);
    } else if (shown_) {
      Show(tokens_[at_], std::string("$").append(std::to_string(++literals_)));
    }
    form_ += kValueMark;
    if (secrets_.names_public_setting()) form_ += Text(token);
    form_ += kTokenEnd;
    values_.push_back({static_cast<uint32_t>(token), slot_count_++, literals_});
  }

  bool ExpectsOperand() const {
    if (at_ == from_) return true;
    const TokenKind before = tokens_[at_ - 1].kind;
    return before == TokenKind::kOpen || before == TokenKind::kComma || before == TokenKind::kOpenBracket ||
           before == TokenKind::kOperator || (before == TokenKind::kWord && OperandFollows(previous_word_));
  }

  bool IsSign() const {
    return Text(at_) == "-" && KindAt(at_ + 1) == TokenKind::kNumber && ExpectsOperand() &&
           KindAt(at_ + 2) != TokenKind::kCast && KindAt(at_ + 2) != TokenKind::kOpenBracket;
  }

  void Take() {
    const Token& token = tokens_[at_];
    Frame& frame = frames_.back();
    if (frame.kind == FrameKind::kValues && token.kind != TokenKind::kOpen && token.kind != TokenKind::kComma)
      PopFrame();
    uint64_t word = 0;
    switch (token.kind) {
      case TokenKind::kWord:
      case TokenKind::kQuotedWord:
        word = token.key;
        Word(word);
        break;
      case TokenKind::kString:
      case TokenKind::kBits:
      case TokenKind::kNumber:
      case TokenKind::kParameter:
      case TokenKind::kNational:
        secrets_.Hides(text_, token);
        Value(at_);
        break;
      case TokenKind::kOperator:
        secrets_.Hides(text_, token);
        if (IsSign()) {
          Value(at_);
          ++at_;
        } else if (Text(at_) == "=" && operand_.active && TurnsAround()) {
        } else {
          operand_.active = false;
          Mixed();
          Same();
        }
        break;
      case TokenKind::kOpen:
        Open();
        break;
      case TokenKind::kClose:
        Close();
        break;
      case TokenKind::kOpenBracket:
        OpenBracket();
        break;
      case TokenKind::kCloseBracket:
        CloseBracket();
        break;
      case TokenKind::kComma:
        Comma();
        break;
      case TokenKind::kCast:
        operand_.cast = true;
        Same();
        break;
      default:
        if (token.kind != TokenKind::kDot) operand_.active = false;
        Same();
        break;
    }
    previous_word_ = word;
  }

  // An array's element that is more than a value with its cast.
  void Mixed() {
    frames_.back().only_values = false;
    frames_.back().mixed = true;
  }

  void Word(uint64_t word) {
    if (!operand_.cast) operand_.active = false;
    if (word == Key("between")) between_ = true;
    if (secrets_.Hides(text_, tokens_[at_])) {
      Value(at_);
      return;
    }
    if ((word == Key("null") || word == Key("true") || word == Key("false")) && IsDataVerb(verb_) &&
        ExpectsConstant()) {
      Value(at_);
      return;
    }
    if (!After(TokenKind::kCast) && !After(TokenKind::kDot)) Mixed();
    if (IsSavepointName()) {
      SavepointName();
      return;
    }
    if (tokens_[at_].kind == TokenKind::kQuotedWord)
      Same();
    else
      Folded();
    if (word == Key("values") && KindAt(at_ + 1) == TokenKind::kOpen) Push(FrameKind::kValues);
    if (word != Key("and") && BeginsCondition(word)) between_ = false;
  }

  bool After(TokenKind kind) const { return at_ > from_ && tokens_[at_ - 1].kind == kind; }

  // Where NULL, TRUE and FALSE are values: `= NULL`, `(NULL, …)`; not `IS NULL`, `ON TRUE`.
  bool ExpectsConstant() const {
    if (at_ == from_) return false;
    const TokenKind before = tokens_[at_ - 1].kind;
    return before == TokenKind::kOpen || before == TokenKind::kComma || before == TokenKind::kOpenBracket ||
           before == TokenKind::kOperator || previous_word_ == Key("then") || previous_word_ == Key("else");
  }

  // SAVEPOINT sa_1, RELEASE SAVEPOINT sa_1, ROLLBACK TO sa_1: digits in the name are counters.
  bool IsSavepointName() const {
    if (at_ + 1 != to_ || at_ == from_) return false;
    if (LongWordAt(from_) == "savepoint") return at_ == from_ + 1;
    if (LongWordAt(from_) == "release") return true;
    return LongWordAt(from_) == "rollback" && at_ >= from_ + 2 &&
           (WordAt(at_ - 1) == Key("to") || LongWordAt(at_ - 1) == "savepoint");
  }
  std::string LongWordAt(size_t token) const { return IdentifierName(text_, tokens_[token]); }

  void SavepointName() {
    const std::string_view own = Text(at_);
    std::string shown;
    bool digits = false;
    for (const char c : own) {
      const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
      if (digit && digits) continue;
      digits = digit;
      const char folded = tokens_[at_].kind == TokenKind::kWord && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      form_ += digit ? kValueMark : folded;
      shown += digit ? 'n' : c;
    }
    Show(tokens_[at_], shown);
    form_ += kTokenEnd;
  }

  void Open() {
    operand_.active = false;
    const bool in_list = previous_word_ == Key("in") && !BeginsSubquery(at_ + 1);
    if (frames_.back().kind == FrameKind::kArray) Mixed();
    secrets_.Hides(text_, tokens_[at_]);
    Same();
    Push(in_list ? FrameKind::kInList : FrameKind::kPlain);
    frames_.back().between = between_;
    between_ = false;
  }

  bool BeginsSubquery(size_t token) const {
    while (KindAt(token) == TokenKind::kOpen) ++token;
    const uint64_t word = WordAt(token);
    return word == Key("select") || word == Key("with") || word == Key("table") || word == Key("values");
  }

  void Close() {
    operand_.active = false;
    const bool between = frames_.back().between;
    if (frames_.size() > 1 && frames_.back().kind != FrameKind::kArray) {
      PopFrame();
      between_ = between;
    }
    Same();
  }

  void OpenBracket() {
    const bool array = previous_word_ == Key("array");
    if (!array && !operand_.cast) operand_.active = false;
    if (frames_.back().kind == FrameKind::kArray) {
      ++frames_.back().depth;
      if (!After(TokenKind::kWord)) Mixed();
    }
    Same();
    if (array) Push(FrameKind::kArray);
  }

  void CloseBracket() {
    Frame& frame = frames_.back();
    if (frame.kind == FrameKind::kArray) {
      if (frame.depth == 0)
        PopFrame();
      else
        --frame.depth;
    }
    Same();
  }

  void Comma() {
    operand_.active = false;
    secrets_.Hides(text_, tokens_[at_]);
    if (frames_.back().kind == FrameKind::kValues && KindAt(at_ + 1) != TokenKind::kOpen) PopFrame();
    Frame& frame = frames_.back();
    if (!Collapses(frame.kind) || frame.depth > 0) {
      Same();
      return;
    }
    EndElement(frame);
    Same();
    BeginElement(frame);
  }

  // ---- operand order ----

  // `? [::type] = column` at the beginning of a condition.
  struct Operand {
    bool active = false, cast = false;
    size_t form = 0;
  };

  void BeginOperandIfCondition() {
    operand_ = {};
    if (at_ == from_) return;
    const bool closes_between = between_ && previous_word_ == Key("and");
    if (closes_between) {
      between_ = false;
      return;
    }
    if (tokens_[at_ - 1].kind == TokenKind::kOpen || BeginsCondition(previous_word_)) {
      operand_ = {.active = true, .cast = false, .form = form_.size()};
    }
  }

  // At "=": if a bare column and the condition's end follow, the column goes first in the normal form.
  bool TurnsAround() {
    size_t end = at_ + 1;
    while (true) {
      const TokenKind kind = KindAt(end);
      const uint64_t word = WordAt(end);
      if (kind != TokenKind::kQuotedWord &&
          (kind != TokenKind::kWord || word == Key("null") || word == Key("true") || word == Key("false") ||
           word == Key("any") || word == Key("all") || word == Key("some") || word == Key("case") ||
           word == Key("array") || word == Key("not") || word == Key("exists") || word == Key("row"))) {
        return false;
      }
      ++end;
      if (KindAt(end) != TokenKind::kDot) break;
      ++end;
    }
    const bool ends =
        end >= to_ || KindAt(end) == TokenKind::kClose || EndsCondition(WordAt(end)) || EndsByLongWord(end);
    if (!ends) return false;
    const std::string value = form_.substr(operand_.form);
    form_.resize(operand_.form);
    operand_ = {};
    Show(tokens_[at_], "=");
    for (++at_; at_ < end; ++at_) {
      if (tokens_[at_].kind == TokenKind::kWord)
        Folded();
      else
        Same();
    }
    at_ = end - 1;
    form_ += '=';
    form_ += kTokenEnd;
    form_ += value;
    return true;
  }

  bool EndsByLongWord(size_t token) const {
    if (KindAt(token) != TokenKind::kWord) return false;
    const std::string word = LongWordAt(token);
    return word == "returning" || word == "intersect";
  }

  std::string_view text_;
  const Token* tokens_ = nullptr;
  size_t from_ = 0, to_ = 0, at_ = 0;
  bool shown_ = true;
  std::string form_, sql_;
  std::vector<RawValue> values_;
  std::vector<Frame> frames_;
  uint32_t slot_count_ = 0;
  int literals_ = 0;
  uint64_t verb_ = 0, previous_word_ = 0;
  bool between_ = false;
  Operand operand_;
  SecretWords secrets_;
};

struct TokenRange {
  size_t from = 0, to = 0;    // tokens
  size_t begin = 0, end = 0;  // bytes, comments included, the semicolon not
};

// Splits at top-level semicolons: not inside parentheses, nor in the body of CREATE FUNCTION … BEGIN ATOMIC … END.
class Splitter {
 public:
  Splitter(std::string_view text, const Lexed& lexed) : text_(text), lexed_(lexed) {}

  std::optional<TokenRange> Next() {
    while (at_ < lexed_.tokens.size()) {
      TokenRange range{.from = at_, .to = at_, .begin = byte_, .end = text_.size()};
      depth_ = body_ = 0;
      routine_ = false;
      for (; at_ < lexed_.tokens.size(); ++at_) {
        if (Ends(range)) break;
      }
      range.to = at_;
      if (at_ < lexed_.tokens.size()) {
        range.end = lexed_.tokens[at_].begin;
        byte_ = lexed_.tokens[at_].end;
        ++at_;
      }
      // What follows the last semicolon is comments at most: they belong to the last statement.
      if (at_ >= lexed_.tokens.size()) range.end = text_.size();
      if (range.to > range.from) return range;
    }
    return std::nullopt;
  }

 private:
  bool Ends(const TokenRange& range) {
    const Token& token = lexed_.tokens[at_];
    switch (token.kind) {
      case TokenKind::kOpen:
        ++depth_;
        return false;
      case TokenKind::kClose:
        depth_ -= depth_ > 0 ? 1 : 0;
        return false;
      case TokenKind::kSemicolon:
        return depth_ == 0 && body_ == 0;
      case TokenKind::kWord:
        break;
      default:
        return false;
    }
    const size_t position = at_ - range.from;
    if (position == 0) creates_ = token.key == Key("create");
    if (!creates_) return false;
    const std::string word = IdentifierName(text_, token);
    if (position > 0 && position <= 3 && (word == "function" || word == "procedure")) routine_ = true;
    if (!routine_) return false;
    if (word == "atomic" && body_ == 0 && lexed_.tokens[at_ - 1].key == Key("begin"))
      body_ = 1;
    else if (word == "case" && body_ > 0)
      ++body_;
    else if (word == "end" && body_ > 0)
      --body_;
    return false;
  }

  std::string_view text_;
  const Lexed& lexed_;
  size_t at_ = 0, byte_ = 0;
  size_t depth_ = 0, body_ = 0;
  bool routine_ = false, creates_ = false;
};

ValueHash HashLiteral(const HashKey& key, std::string_view text, const Token& token) {
  if (token.kind == TokenKind::kBits || token.end - token.begin > session::kMaxParameterBytes) return {};
  const uint32_t type = token.kind == TokenKind::kNumber ? kNumericOid : 0;
  const std::string_view own = text.substr(token.begin, token.end - token.begin);
  const bool plain = token.kind == TokenKind::kString && own.size() >= 2 && own.front() == '\'' &&
                     own.substr(1, own.size() - 2).find('\'') == std::string_view::npos;
  if (plain) return HashTextValue(key, type, own.substr(1, own.size() - 2));
  const bool digits =
      token.kind == TokenKind::kNumber && std::ranges::all_of(own, [](char c) { return c >= '0' && c <= '9'; });
  if (digits) return HashTextValue(key, type, own);
  return HashTextValue(key, type, LiteralValue(text, token));
}

// Slots are ranges of values: values go in the order of their slots, within a slot in the order of the text.
void FillSlots(const HashKey& key, std::string_view text, const Shaper& shaper, Statement& statement) {
  std::span<const RawValue> ordered = shaper.values();
  std::vector<RawValue> sorted;
  if (!std::ranges::is_sorted(ordered, {}, &RawValue::slot)) {
    sorted.assign(ordered.begin(), ordered.end());
    std::ranges::sort(sorted, {}, [](const RawValue& value) { return std::pair(value.slot, value.token); });
    ordered = sorted;
  }
  statement.slots.resize(shaper.slot_count());
  statement.values.reserve(ordered.size());
  for (const RawValue& raw : ordered) {
    Slot& slot = statement.slots[raw.slot];
    if (slot.value_count == 0) slot.first_value = static_cast<uint32_t>(statement.values.size());
    const Token token = shaper.TokenOf(raw);
    SlotValue value;
    if (token.kind == TokenKind::kParameter) {
      value.parameter = shaper.ParameterNumber(token);
    } else if (token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedWord) {
      value.null = token.key == Key("null");
    } else {
      if (shaper.IsArrayLiteral(raw)) {
        std::array<ValueHash, kMaxArrayElements> elements;
        size_t count = 0;
        const int64_t length = HashArrayElements(key, kTextArrayOid, false, LiteralValue(text, token), elements, count);
        if (length >= 0) {
          for (size_t i = 0; i < count; ++i)
            statement.values.push_back({.parameter = 0, .hash = elements[i], .null = false});
          slot.value_count += static_cast<uint32_t>(count);
          continue;
        }
      }
      value.hash = HashLiteral(key, text, token);
    }
    statement.values.push_back(value);
    ++slot.value_count;
  }
}

// Comments before the first token and behind the last.
void ReadTags(std::string_view text, const Lexed& lexed, const TokenRange& range, std::vector<Tag>& tags) {
  for (const CommentRange& comment : lexed.comments) {
    if (comment.begin < range.begin || comment.end > range.end) continue;
    if (comment.token <= range.from || comment.token >= range.to) {
      ParseTags(text.substr(comment.begin, comment.end - comment.begin), tags);
    }
  }
}

}  // namespace

bool IsPublicSetting(std::string_view name) {
  static constexpr std::string_view kPublic[] = {
      "search_path", "role", "session_authorization", "transaction_isolation", "application_name", "statement_timeout"};
  return std::ranges::find(kPublic, name) != std::end(kPublic);
}

bool SecretWords::Hides(std::string_view text, const Token& token) {
  const bool word = token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedWord;
  const uint64_t key = token.key;
  if (verb_ == 0) {
    verb_ = key == Key("set") || key == Key("alter") || key == Key("create") ? key : 1;
    return false;
  }
  if (verb_ == 1 || public_) return false;
  if (value_) return word;
  if (password_) {
    password_ = false;
    return word && key != Key("null");
  }
  password_ = key == Key("password") && verb_ != Key("set");
  const bool assigns = key == Key("to") || (token.kind == TokenKind::kOperator && text[token.begin] == '=');
  if (verb_ == Key("set")) {
    if (assigns) {
      public_ = !dotted_ && IsPublicSetting(name_);
      value_ = !public_;
    } else if (word) {
      name_ = IdentifierName(text, token);
      public_ = name_ == "role" || name_ == "authorization";
    }
    dotted_ = dotted_ || token.kind == TokenKind::kDot;
  } else if (verb_ == Key("alter")) {
    if (key == Key("set"))
      alter_set_ = true;
    else if (token.kind == TokenKind::kOpen || key == Key("type") || key == Key("default"))
      alter_set_ = false;
    else if (alter_set_ && assigns)
      value_ = true;
  }
  return false;
}

namespace {

void ScanInto(const HashKey& key, std::string_view text, bool shown, std::vector<Statement>& statements) {
  thread_local Lexed lexed;
  thread_local Shaper shaper;
  size_t count = 0;
  Lex(text, lexed);
  const bool whole = !lexed.doubtful && lexed.stopped_at == std::string_view::npos;
  Splitter splitter(text, lexed);
  while (const auto range = splitter.Next()) {
    if (count == statements.size()) statements.emplace_back();
    Statement& statement = statements[count++];
    statement.sql.clear();
    statement.slots.clear();
    statement.values.clear();
    statement.tags.clear();
    statement.truncated = false;
    shaper.Run(text, lexed, range->from, range->to, shown);
    statement.shape_hash = shaper.ShapeHash();
    statement.offset = static_cast<uint32_t>(range->begin);
    statement.length = static_cast<uint32_t>(range->end - range->begin);
    FillSlots(key, text, shaper, statement);
    if (!lexed.comments.empty()) ReadTags(text, lexed, *range, statement.tags);
    if (!shown) continue;
    const bool as_shaped = whole && BeginsStatement(text, lexed, range->from);
    statement.sql = as_shaped ? shaper.sql() : Redact(text.substr(statement.offset, statement.length));
  }
  statements.resize(count);
  if (!statements.empty()) statements.back().truncated = text.size() >= session::kMaxTextBytes;
}

}  // namespace

std::vector<SlotLiteral> ReadSlotLiterals(std::string_view text) {
  Lexed lexed;
  Lex(text, lexed);
  const auto range = Splitter(text, lexed).Next();
  if (!range) return {};
  Shaper shaper;
  shaper.Run(text, lexed, range->from, range->to, false);
  std::vector<SlotLiteral> literals;
  for (const RawValue& raw : shaper.values()) {
    const Token token = shaper.TokenOf(raw);
    SlotLiteral& literal = literals.emplace_back();
    literal.slot = static_cast<int>(raw.slot);
    literal.text = text.substr(token.begin, token.end - token.begin);
    if (token.kind == TokenKind::kParameter) {
      literal.parameter = shaper.ParameterNumber(token);
    } else if (token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedWord) {
      literal.is_null = token.key == Key("null");
    } else {
      literal.value = LiteralValue(text, token);
    }
  }
  std::ranges::stable_sort(literals, {}, &SlotLiteral::slot);
  return literals;
}

std::vector<Statement> Scan(const HashKey& key, std::string_view text) {
  std::vector<Statement> statements;
  ScanInto(key, text, true, statements);
  return statements;
}

void ScanShapes(const HashKey& key, std::string_view text, std::vector<Statement>& statements) {
  ScanInto(key, text, false, statements);
}

std::vector<Literal> Literals(std::string_view text) {
  Lexed lexed;
  Shaper shaper;
  std::vector<Literal> literals;
  Lex(text, lexed);
  Splitter splitter(text, lexed);
  const auto range = splitter.Next();
  const bool whole = !lexed.doubtful && lexed.stopped_at == std::string_view::npos;
  if (!whole || !range || !BeginsStatement(text, lexed, range->from)) return literals;
  shaper.Run(text, lexed, range->from, range->to, true);
  std::vector<int> number_of_slot(shaper.slot_count(), -1);
  for (const RawValue& raw : shaper.values()) {
    const Token token = shaper.TokenOf(raw);
    const bool parameter = token.kind == TokenKind::kParameter;
    int& number = number_of_slot[raw.slot];
    if (number < 0) number = parameter ? shaper.ParameterNumber(token) : raw.number;
    if (parameter || number == Shaper::kNoParameter) continue;
    const bool quoted = token.kind == TokenKind::kString || token.kind == TokenKind::kNational;
    const bool null = token.kind == TokenKind::kWord && token.key == Key("null");
    literals.push_back(
        {.number = number,
         .null = null,
         .value = quoted ? LiteralValue(text, token) : std::string(text.substr(token.begin, token.end - token.begin))});
  }
  return literals;
}

std::vector<ValuePosition> ValuePositions(std::string_view text) {
  Lexed lexed;
  Shaper shaper;
  std::vector<ValuePosition> positions;
  Lex(text, lexed);
  Splitter splitter(text, lexed);
  const auto range = splitter.Next();
  if (!range) return positions;
  shaper.Run(text, lexed, range->from, range->to, false);
  for (const RawValue& raw : shaper.values()) {
    const Token token = shaper.TokenOf(raw);
    positions.push_back({token.begin, token.end, raw.slot});
  }
  return positions;
}

}  // namespace pgassay::sql
