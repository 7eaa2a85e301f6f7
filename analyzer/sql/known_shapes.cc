#include "analyzer/sql/known_shapes.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "analyzer/sql/scan.h"
#include "proxy/session/query_event.h"

namespace pgassay::sql {
namespace {

constexpr size_t kMaxLikes = 4096;
constexpr uint32_t kNumericOid = 1700;
constexpr char kNumberMark = '\x01', kStringMark = '\x02';

enum class ByteKind : uint8_t {
  kPlain,   // stands for itself
  kWord,    // of an identifier
  kDigit,   // of an identifier, or a literal
  kQuote,   // '
  kDouble,  // "
  kDollar,  // $1, or what only the lexer reads
  kDash,    // a comment if two
  kSlash,   // a comment if a star follows
  kSemicolon,
  kUnread,  // only the lexer reads it
};

constexpr std::array<ByteKind, 256> Kinds() {
  std::array<ByteKind, 256> kinds{};
  for (size_t c = 0; c < kinds.size(); ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    kinds[c] = letter ? ByteKind::kWord : c >= '0' && c <= '9' ? ByteKind::kDigit : ByteKind::kPlain;
  }
  kinds['\0'] = kinds['\x01'] = kinds['\x02'] = kinds['\\'] = ByteKind::kUnread;
  kinds['\''] = ByteKind::kQuote;
  kinds['"'] = ByteKind::kDouble;
  kinds['$'] = ByteKind::kDollar;
  kinds['-'] = ByteKind::kDash;
  kinds['/'] = ByteKind::kSlash;
  kinds[';'] = ByteKind::kSemicolon;
  return kinds;
}
constexpr std::array<ByteKind, 256> kKinds = Kinds();

ByteKind KindOf(char c) { return kKinds[static_cast<unsigned char>(c)]; }
bool IsDigit(char c) { return KindOf(c) == ByteKind::kDigit; }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsWordByte(char c) {
  const ByteKind kind = KindOf(c);
  return kind == ByteKind::kWord || kind == ByteKind::kDigit || kind == ByteKind::kDollar;
}

size_t EndOfDigits(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// Of bytes that stand for themselves wherever they are.
size_t EndOfRun(std::string_view text, size_t at) {
  while (at < text.size() && KindOf(text[at]) <= ByteKind::kWord) ++at;
  return at;
}

}  // namespace

bool KnownShapes::Read(std::string_view text, Statement& statement) {
  if (!ReadSkeleton(text)) return false;
  const auto found = likes_.find(HashBytes(key_, skeleton_));
  if (found == likes_.end() || found->second.shape_hash == 0) return false;
  const Like& like = found->second;
  statement.shape_hash = like.shape_hash;
  statement.slots.assign(like.slots.begin(), like.slots.end());
  statement.values.assign(like.values.begin(), like.values.end());
  for (size_t i = 0; i < like.literals.size(); ++i) {
    if (like.literals[i] < 0) continue;
    statement.values[i].hash = HashOf(text, literals_[static_cast<size_t>(like.literals[i])]);
  }
  return true;
}

void KnownShapes::Learn(std::string_view text, uint64_t shape_hash, std::span<const Slot> slots,
                        std::span<const SlotValue> values) {
  if (!ReadSkeleton(text)) return;
  if (likes_.size() >= kMaxLikes) likes_.clear();
  const auto [at, fresh] = likes_.try_emplace(HashBytes(key_, skeleton_));
  if (!fresh) return;  // it was no use before
  const std::vector<ValuePosition> positions = ValuePositions(text);
  if (positions.size() != values.size()) return;
  std::vector<size_t> order(positions.size());  // of the values: by slot, then as in the text
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return positions[i].slot; });
  Like like{.shape_hash = shape_hash, .slots = {slots.begin(), slots.end()}, .values = {}, .literals = {}};
  size_t placed = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const ValuePosition& position = positions[order[i]];
    const auto literal = std::ranges::find(literals_, position.begin, &Literal::begin);
    const bool is_literal = literal != literals_.end() && literal->end == position.end;
    placed += is_literal ? 1 : 0;
    like.literals.push_back(is_literal ? static_cast<int32_t>(literal - literals_.begin()) : -1);
    like.values.push_back(values[i]);
    if (is_literal) like.values.back().hash = {};
  }
  // A literal that is no value, or has a sign, belongs to the shape or to its value in ways that are not known here.
  if (placed == literals_.size()) at->second = std::move(like);
}

bool KnownShapes::ReadSkeleton(std::string_view text) {
  skeleton_.clear();
  literals_.clear();
  if (text.size() >= session::kMaxTextBytes) return false;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    switch (KindOf(c)) {
      case ByteKind::kPlain:
      case ByteKind::kWord: {
        const size_t end = EndOfRun(text, at + 1);
        skeleton_.append(text, at, end - at);
        at = end;
        continue;
      }
      case ByteKind::kDigit:
        if (!ReadDigits(text, at)) return false;
        continue;
      case ByteKind::kQuote:
        if (!ReadString(text, at)) return false;
        continue;
      case ByteKind::kDouble: {
        const size_t end = text.find('"', at + 1);
        if (end == std::string_view::npos) return false;
        skeleton_.append(text, at, end + 1 - at);
        at = end + 1;
        continue;
      }
      case ByteKind::kDollar: {
        const size_t end = EndOfDigits(text, at + 1);
        const bool in_word = at > 0 && IsWordByte(text[at - 1]);
        if (in_word || end == at + 1 || (end < text.size() && IsWordByte(text[end]))) return false;
        skeleton_.append(text, at, end - at);
        at = end;
        continue;
      }
      case ByteKind::kDash:
        if (at + 1 < text.size() && text[at + 1] == '-') return false;
        break;
      case ByteKind::kSlash:
        if (at + 1 < text.size() && text[at + 1] == '*') return false;
        break;
      case ByteKind::kSemicolon:
        if (!std::ranges::all_of(text.substr(at + 1), IsSpace)) return false;
        break;
      case ByteKind::kUnread:
        return false;
    }
    skeleton_ += c;
    ++at;
  }
  return true;
}

// Digits that are a whole number; false for 1.5, 1e5, 0x1F and .5, which the lexer reads.
bool KnownShapes::ReadDigits(std::string_view text, size_t& at) {
  const size_t begin = at;
  at = EndOfDigits(text, at);
  const char before = begin > 0 ? text[begin - 1] : ' ';
  if (IsWordByte(before)) {  // of an identifier
    skeleton_.append(text, begin, at - begin);
    return true;
  }
  const char after = at < text.size() ? text[at] : ' ';
  if (before == '.' || after == '.' || IsWordByte(after) || at - begin > session::kMaxParameterBytes) return false;
  literals_.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at), true});
  skeleton_ += kNumberMark;
  return true;
}

// '…' to the next quote; false for E'…' and its like, '…''…', arrays, and strings that go on on another line.
bool KnownShapes::ReadString(std::string_view text, size_t& at) {
  const size_t begin = at;
  const char before = begin > 0 ? text[begin - 1] : ' ';
  if (IsWordByte(before) || before == '&' || before == '\'') return false;
  const size_t quote = text.find('\'', begin + 1);
  if (quote == std::string_view::npos) return false;
  at = quote + 1;
  const std::string_view inside = text.substr(begin + 1, quote - begin - 1);
  const auto first = std::ranges::find_if_not(inside, IsSpace);
  if (first != inside.end() && (*first == '{' || *first == '[')) return false;
  if (inside.contains('\\') || at - begin > session::kMaxParameterBytes) return false;
  size_t next = at;
  while (next < text.size() && IsSpace(text[next])) ++next;
  if (next < text.size() && text[next] == '\'') return false;
  literals_.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at), false});
  skeleton_ += kStringMark;
  return true;
}

ValueHash KnownShapes::HashOf(std::string_view text, const Literal& literal) const {
  const std::string_view own = text.substr(literal.begin, literal.end - literal.begin);
  return literal.number ? HashTextValue(key_, kNumericOid, own) : HashTextValue(key_, 0, own.substr(1, own.size() - 2));
}

}  // namespace pgassay::sql
