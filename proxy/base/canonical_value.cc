#include "proxy/base/canonical_value.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#define XXH_INLINE_ALL  // header-only: libpg_query links a copy of the library of its own
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <xxhash.h>
#pragma GCC diagnostic pop

namespace pgassay {
namespace {

// Type OIDs of PostgreSQL's pg_type.dat; they never change between versions.
constexpr uint32_t kByteaOid = 17;
constexpr uint32_t kBpcharOid = 1042;
constexpr uint32_t kNumericOid = 1700;
constexpr uint32_t kOidOid = 26;

// Keep the three kinds of value apart, so that eight bytes of text never meet an integer.
constexpr uint64_t kIntegerTag = 0x9d5c1a70e3b1f642U;
constexpr uint64_t kUuidTag = 0x47f2b06c8da93e15U;

struct ArrayType {
  uint32_t array, element;
};
constexpr ArrayType kArrayTypes[] = {
    {1000, 16},   {1001, 17},   {1002, 18},   {1003, 19},  {1005, 21},   {1006, 22},   {1007, 23},   {1008, 24},
    {1009, 25},   {1010, 27},   {1011, 28},   {1012, 29},  {1013, 30},   {1014, 1042}, {1015, 1043}, {1016, 20},
    {1021, 700},  {1022, 701},  {1028, 26},   {1041, 869}, {1115, 1114}, {1182, 1082}, {1183, 1083}, {1185, 1184},
    {1187, 1186}, {1231, 1700}, {1270, 1266}, {199, 114},  {2951, 2950}, {3807, 3802}, {651, 650},   {791, 790},
    {1040, 829},  {1561, 1560}, {1563, 1562}, {143, 142},  {1263, 2275}, {2210, 2205}, {2211, 2206},
};

uint64_t NeverZero(uint64_t hash) { return hash == 0 ? 1 : hash; }

uint64_t Hash(const HashKey& key, const void* bytes, size_t length) {
  return NeverZero(XXH3_64bits_withSecret(bytes, length, key.secret.data(), key.secret.size()));
}

uint64_t HashInteger(const HashKey& key, int64_t value) {
  const uint64_t tagged[] = {kIntegerTag, std::bit_cast<uint64_t>(value)};
  return Hash(key, tagged, sizeof tagged);
}

using Uuid = std::array<unsigned char, 16>;

uint64_t HashUuid(const HashKey& key, const Uuid& uuid) {
  std::array<unsigned char, 24> tagged;
  std::memcpy(tagged.data(), &kUuidTag, sizeof kUuidTag);
  std::memcpy(tagged.data() + sizeof kUuidTag, uuid.data(), uuid.size());
  return Hash(key, tagged.data(), tagged.size());
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// As PostgreSQL prints an int8: no sign but '-', no leading zero.
std::optional<int64_t> CanonicalInteger(std::string_view text) {
  constexpr size_t kSafeDigits = 18;  // any number of 18 digits fits
  if (text.empty() || text.size() > 20) return std::nullopt;
  const bool negative = text[0] == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || (digits[0] == '0' && text.size() > 1)) return std::nullopt;
  int64_t value = 0;
  for (const char c : digits.substr(0, kSafeDigits)) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (digits.size() <= kSafeDigits) return negative ? -value : value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// As PostgreSQL's int8in takes it: white space, a sign, leading zeros.
std::optional<int64_t> LooseInteger(std::string_view text) {
  if (const auto canonical = CanonicalInteger(text)) return canonical;
  text = Trimmed(text);
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const bool negative = !text.empty() && text[0] == '-';
  const size_t first = negative ? 1 : 0;
  if (text.size() <= first || !IsDigit(text[first])) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// An integral numeric may carry zeros behind its point: "42.00".
std::optional<int64_t> IntegralNumeric(std::string_view text) {
  if (const auto canonical = CanonicalInteger(text)) return canonical;
  text = Trimmed(text);
  if (const size_t point = text.find('.'); point != std::string_view::npos) {
    if (text.find_first_not_of('0', point + 1) != std::string_view::npos) return std::nullopt;
    text = text.substr(0, point);
  }
  return LooseInteger(text);
}

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// As PostgreSQL prints a uuid: lower case, 8-4-4-4-12.
std::optional<Uuid> CanonicalUuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid uuid{};
  size_t digit = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = HexDigit(text[i]);
    if (value < 0 || (text[i] >= 'A' && text[i] <= 'F')) return std::nullopt;
    uuid[digit / 2] = static_cast<unsigned char>(uuid[digit / 2] << 4 | value);
    ++digit;
  }
  return uuid;
}

// As PostgreSQL's uuid_in takes it: any case, braces, a hyphen after any four digits.
std::optional<Uuid> LooseUuid(std::string_view text) {
  if (text.size() < 32 || text.size() > 41) return std::nullopt;
  if (text.front() == '{') {
    if (text.back() != '}') return std::nullopt;
    text = text.substr(1, text.size() - 2);
  }
  Uuid uuid{};
  size_t digits = 0;
  for (const char c : text) {
    if (c == '-' && digits > 0 && digits % 4 == 0) continue;
    const int value = HexDigit(c);
    if (value < 0 || digits == 32) return std::nullopt;
    uuid[digits / 2] = static_cast<unsigned char>(uuid[digits / 2] << 4 | value);
    ++digits;
  }
  return digits == 32 ? std::optional(uuid) : std::nullopt;
}

// bytea's two text forms: \x hex, and escapes (\\, \ooo).
std::optional<std::string> ByteaFromText(std::string_view text) {
  std::string bytes;
  if (text.starts_with("\\x")) {
    text.remove_prefix(2);
    if (text.size() % 2 != 0) return std::nullopt;
    bytes.reserve(text.size() / 2);
    for (size_t i = 0; i < text.size(); i += 2) {
      const int high = HexDigit(text[i]);
      const int low = HexDigit(text[i + 1]);
      if (high < 0 || low < 0) return std::nullopt;
      bytes.push_back(static_cast<char>(high << 4 | low));
    }
    return bytes;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes.push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      bytes.push_back('\\');
      ++i;
    } else if (i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3' && text[i + 2] >= '0' &&
               text[i + 2] <= '7' && text[i + 3] >= '0' && text[i + 3] <= '7') {
      bytes.push_back(static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0')));
      i += 3;
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

template <class T>
T BigEndian(std::string_view bytes) {
  T value = 0;
  for (const char c : bytes) value = static_cast<T>(value << 8 | static_cast<unsigned char>(c));
  return value;
}

std::optional<int64_t> BinaryInteger(uint32_t type_oid, std::string_view bytes) {
  switch (bytes.size()) {
    case 2:
      return std::bit_cast<int16_t>(BigEndian<uint16_t>(bytes));
    case 4:
      if (type_oid == kOidOid) return BigEndian<uint32_t>(bytes);
      return std::bit_cast<int32_t>(BigEndian<uint32_t>(bytes));
    case 8:
      return std::bit_cast<int64_t>(BigEndian<uint64_t>(bytes));
    default:
      return std::nullopt;
  }
}

// numeric's binary form: digit count, weight of the first digit, sign, display scale, then digits of base 10 000.
std::optional<int64_t> BinaryIntegralNumeric(std::string_view bytes) {
  if (bytes.size() < 8) return std::nullopt;
  const size_t digits = BigEndian<uint16_t>(bytes.substr(0, 2));
  const int weight = std::bit_cast<int16_t>(BigEndian<uint16_t>(bytes.substr(2, 2)));
  const uint16_t sign = BigEndian<uint16_t>(bytes.substr(4, 2));
  if (bytes.size() != 8 + 2 * digits || (sign != 0 && sign != 0x4000) || weight > 4) return std::nullopt;
  int64_t value = 0;
  for (int i = 0; i <= weight || i < static_cast<int>(digits); ++i) {
    const int64_t digit = i < static_cast<int>(digits)
                              ? int64_t{BigEndian<uint16_t>(bytes.substr(8 + 2 * static_cast<size_t>(i), 2))}
                              : int64_t{0};
    if (digit > 9999) return std::nullopt;
    if (i > weight) {
      if (digit != 0) return std::nullopt;  // a fraction
      continue;
    }
    // Negative all the way, because the smallest int64 has no positive twin.
    if (__builtin_mul_overflow(value, int64_t{10'000}, &value) || __builtin_sub_overflow(value, digit, &value)) {
      return std::nullopt;
    }
  }
  if (sign == 0x4000) return value;
  int64_t positive = 0;
  if (__builtin_sub_overflow(int64_t{0}, value, &positive)) return std::nullopt;
  return positive;
}

std::string_view WithoutPadding(std::string_view text) {
  const size_t end = text.find_last_not_of(' ');
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// Text as it reads: an integer, a uuid, or its bytes.
ValueHash HashAsItReads(const HashKey& key, std::string_view text, bool may_mean_another) {
  if (!text.empty() && text.size() <= 20) {
    if (const auto integer = CanonicalInteger(text)) return {HashInteger(key, *integer), 0};
  } else if (const auto uuid = CanonicalUuid(text)) {
    return {HashUuid(key, *uuid), 0};
  }
  ValueHash value{Hash(key, text.data(), text.size()), 0};
  if (!may_mean_another) return value;
  if (const auto integer = text.size() <= 32 ? LooseInteger(text) : std::nullopt) {
    value.alternate = HashInteger(key, *integer);
  } else if (const auto uuid = LooseUuid(text)) {
    value.alternate = HashUuid(key, *uuid);
  }
  return value;
}

// One element of a text array; NULL is told by the caller.
struct TextArray {
  std::string_view rest;
  std::string unescaped;

  // Skips white space; the next character, or 0 at the end.
  char Peek() {
    while (!rest.empty() && IsSpace(rest.front())) rest.remove_prefix(1);
    return rest.empty() ? '\0' : rest.front();
  }

  // The next element and whether it was quoted; nullopt if there is none.
  std::optional<std::string_view> Element(bool& quoted) {
    quoted = Peek() == '"';
    unescaped.clear();
    if (quoted) {
      for (size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '"') {
          rest.remove_prefix(i + 1);
          return unescaped;
        }
        if (rest[i] == '\\') ++i;
        if (i == rest.size()) return std::nullopt;
        unescaped.push_back(rest[i]);
      }
      return std::nullopt;
    }
    size_t i = 0;
    while (i < rest.size() && rest[i] != ',' && rest[i] != '}') {
      if (rest[i] == '{' || rest[i] == '"') return std::nullopt;
      if (rest[i] == '\\') ++i;
      if (i == rest.size()) return std::nullopt;
      unescaped.push_back(rest[i]);
      ++i;
    }
    rest.remove_prefix(i);
    const std::string_view element = Trimmed(unescaped);
    return element.empty() ? std::nullopt : std::optional(element);
  }
};

bool IsNullWord(std::string_view text) {
  constexpr std::string_view kNull = "null";
  return std::ranges::equal(text, kNull, [](char a, char b) { return (a | 0x20) == b; });
}

int64_t HashTextArray(const HashKey& key, uint32_t element_oid, std::string_view text,
                      std::array<ValueHash, kMaxArrayElements>& out, size_t& out_count) {
  TextArray array{.rest = text, .unescaped = {}};
  if (array.Peek() == '[') {  // explicit bounds: [2:4]={…}
    const size_t equals = array.rest.find('=');
    if (equals == std::string_view::npos || array.rest.substr(0, equals).find("][") != std::string_view::npos)
      return -1;
    array.rest.remove_prefix(equals + 1);
  }
  if (array.Peek() != '{') return -1;
  array.rest.remove_prefix(1);
  int64_t length = 0;
  if (array.Peek() == '}') {
    array.rest.remove_prefix(1);
    return array.Peek() == '\0' && array.rest.empty() ? 0 : -1;
  }
  while (true) {
    bool quoted = false;
    const auto element = array.Element(quoted);
    if (!element) return -1;
    ++length;
    if ((quoted || !IsNullWord(*element)) && out_count < kMaxArrayElements) {
      out[out_count++] = HashTextValue(key, element_oid, *element);
    }
    const char next = array.Peek();
    if (array.rest.empty() || (next != ',' && next != '}')) return -1;
    array.rest.remove_prefix(1);
    if (next == '}') break;
  }
  array.Peek();
  return array.rest.empty() ? length : -1;
}

// Dimensions, a flag for NULLs, the element type, per dimension length and lower bound, then the elements with their
// lengths.
int64_t HashBinaryArray(const HashKey& key, std::string_view bytes, std::array<ValueHash, kMaxArrayElements>& out,
                        size_t& out_count) {
  if (bytes.size() < 12) return -1;
  const auto dimensions = BigEndian<uint32_t>(bytes.substr(0, 4));
  const auto flags = BigEndian<uint32_t>(bytes.substr(4, 4));
  const auto element_oid = BigEndian<uint32_t>(bytes.substr(8, 4));
  if (flags > 1 || element_oid == 0) return -1;
  if (dimensions == 0) return bytes.size() == 12 ? 0 : -1;
  if (dimensions != 1 || bytes.size() < 20) return -1;
  const auto length = BigEndian<uint32_t>(bytes.substr(12, 4));
  bytes.remove_prefix(20);
  if (length > bytes.size() / 4) return -1;  // each element has four bytes of length at least
  for (uint32_t i = 0; i < length; ++i) {
    if (bytes.size() < 4) return -1;
    const auto element_length = BigEndian<uint32_t>(bytes.substr(0, 4));
    bytes.remove_prefix(4);
    if (element_length == ~0U) continue;  // NULL
    if (bytes.size() < element_length) return -1;
    if (out_count < kMaxArrayElements) {
      out[out_count++] = HashBinaryValue(key, element_oid, bytes.substr(0, element_length));
    }
    bytes.remove_prefix(element_length);
  }
  return bytes.empty() ? int64_t{length} : -1;
}

}  // namespace

HashKey HashKey::Random() {
  HashKey key{};
  size_t filled = 0;
  while (filled < key.secret.size()) {
    const ssize_t got = getrandom(key.secret.data() + filled, key.secret.size() - filled, 0);
    if (got > 0) filled += static_cast<size_t>(got);  // EINTR alone can fail here
  }
  return key;
}

HashKey HashKey::ForTests(unsigned char seed) {
  HashKey key{};
  uint64_t state = 0x9e3779b97f4a7c15U * (seed + 1U);
  for (unsigned char& byte : key.secret) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<unsigned char>(state >> 56);
  }
  return key;
}

TypeClass TypeClassOf(uint32_t type_oid) {
  switch (type_oid) {
    case 20:    // int8
    case 21:    // int2
    case 23:    // int4
    case 26:    // oid
    case 28:    // xid
    case 1700:  // numeric
      return TypeClass::kInteger;
    case 2950:
      return TypeClass::kUuid;
    case 18:    // "char"
    case 19:    // name
    case 25:    // text
    case 1042:  // bpchar
    case 1043:  // varchar
      return TypeClass::kText;
    case kByteaOid:
      return TypeClass::kBytes;
    case 16:    // bool
    case 700:   // float4
    case 701:   // float8
    case 790:   // money
    case 1082:  // date
    case 1083:  // time
    case 1114:  // timestamp
    case 1184:  // timestamptz
    case 1186:  // interval
    case 1266:  // timetz
    case 114:   // json
    case 142:   // xml
    case 3802:  // jsonb
    case 600:
    case 601:
    case 602:
    case 603:
    case 604:
    case 628:
    case 718:  // geometric
    case 1560:
    case 1562:  // bit, varbit
    case 3614:
    case 3615:  // tsvector, tsquery
    case 2249:  // record
      return TypeClass::kNotComparable;
    default:
      return ArrayElementType(type_oid) == 0 ? TypeClass::kUnknown : TypeClass::kNotComparable;
  }
}

uint64_t HashBytes(const HashKey& key, std::string_view bytes) { return Hash(key, bytes.data(), bytes.size()); }

struct BytesHasher::State {
  XXH3_state_t xxh3;
};

BytesHasher::BytesHasher(const HashKey& key) : state_(std::make_unique<State>()) {
  XXH3_64bits_reset_withSecret(&state_->xxh3, key.secret.data(), key.secret.size());
}
BytesHasher::~BytesHasher() = default;

void BytesHasher::Add(std::string_view bytes) { XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size()); }

uint64_t BytesHasher::Finish() const { return NeverZero(XXH3_64bits_digest(&state_->xxh3)); }

ValueHash HashTextValue(const HashKey& key, uint32_t type_oid, std::string_view text) {
  switch (TypeClassOf(type_oid)) {
    case TypeClass::kInteger: {
      const auto integer = type_oid == kNumericOid ? IntegralNumeric(text) : LooseInteger(text);
      return {integer ? HashInteger(key, *integer) : 0, 0};
    }
    case TypeClass::kUuid: {
      const auto uuid = LooseUuid(text);
      return {uuid ? HashUuid(key, *uuid) : 0, 0};
    }
    case TypeClass::kText:
      return HashAsItReads(key, type_oid == kBpcharOid ? WithoutPadding(text) : text, false);
    case TypeClass::kBytes: {
      const auto bytes = ByteaFromText(text);
      return {bytes ? HashBytes(key, *bytes) : 0, 0};
    }
    case TypeClass::kNotComparable:
      return {};
    case TypeClass::kUnknown:
      return HashAsItReads(key, text, true);
  }
  return {};
}

ValueHash HashBinaryValue(const HashKey& key, uint32_t type_oid, std::string_view bytes) {
  switch (TypeClassOf(type_oid)) {
    case TypeClass::kInteger: {
      const auto integer = type_oid == kNumericOid ? BinaryIntegralNumeric(bytes) : BinaryInteger(type_oid, bytes);
      return {integer ? HashInteger(key, *integer) : 0, 0};
    }
    case TypeClass::kUuid: {
      Uuid uuid{};
      if (bytes.size() != uuid.size()) return {};
      std::memcpy(uuid.data(), bytes.data(), uuid.size());
      return {HashUuid(key, uuid), 0};
    }
    case TypeClass::kText:
      return HashTextValue(key, type_oid, bytes);
    case TypeClass::kBytes:
      return {HashBytes(key, bytes), 0};
    case TypeClass::kNotComparable:
      return {};
    case TypeClass::kUnknown: {
      // An enum or a domain over text sends its characters; a domain over an integer or uuid sends that.
      ValueHash value = HashAsItReads(key, bytes, false);
      if (const auto integer = BinaryInteger(type_oid, bytes)) {
        value.alternate = HashInteger(key, *integer);
      } else if (bytes.size() == 16) {
        Uuid uuid{};
        std::memcpy(uuid.data(), bytes.data(), uuid.size());
        value.alternate = HashUuid(key, uuid);
      }
      return value;
    }
  }
  return {};
}

int64_t HashArrayElements(const HashKey& key, uint32_t type_oid, bool binary, std::string_view bytes,
                          std::array<ValueHash, kMaxArrayElements>& out, size_t& out_count) {
  out_count = 0;
  const uint32_t element_oid = ArrayElementType(type_oid);
  if (element_oid == 0 && TypeClassOf(type_oid) != TypeClass::kUnknown) return -1;
  const int64_t length =
      binary ? HashBinaryArray(key, bytes, out, out_count) : HashTextArray(key, element_oid, bytes, out, out_count);
  if (length < 0) out_count = 0;
  return length;
}

uint32_t ArrayElementType(uint32_t type_oid) {
  if (type_oid == 0) return 0;
  for (const ArrayType& type : kArrayTypes) {
    if (type.array == type_oid) return type.element;
  }
  return 0;
}

}  // namespace pgassay
