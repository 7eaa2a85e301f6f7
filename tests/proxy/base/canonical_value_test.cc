#include "proxy/base/canonical_value.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/support/wire_builder.h"

namespace pgassay {
namespace {

using tests::Int16;
using tests::Int32;
using tests::Int64;

constexpr uint32_t kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kOid = 26, kFloat8 = 701,
                   kBpchar = 1042, kVarchar = 1043, kTimestamptz = 1184, kNumeric = 1700, kUuid = 2950,
                   kSomeEnum = 16'500;

const HashKey kKey = HashKey::ForTests(3);
const std::string kUuidText = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
const std::string kUuidBytes = "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11";

uint64_t Text(uint32_t type, std::string_view text) { return HashTextValue(kKey, type, text).hash; }
uint64_t Binary(uint32_t type, std::string_view bytes) { return HashBinaryValue(kKey, type, bytes).hash; }

// numeric's binary form.
std::string Numeric(const std::vector<int>& digits, int weight, bool negative, int scale) {
  std::string bytes =
      Int16(static_cast<int>(digits.size())) + Int16(weight) + Int16(negative ? 0x4000 : 0) + Int16(scale);
  for (const int digit : digits) bytes += Int16(digit);
  return bytes;
}

TEST(CanonicalValue, IntegersAreTheSameInEveryWidthAndForm) {
  for (const int64_t value : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{42}, int64_t{32767}, int64_t{-32768}}) {
    const std::string text = std::to_string(value);
    const uint64_t hash = Text(kInt8, text);
    EXPECT_NE(hash, 0U);
    EXPECT_EQ(Text(kInt2, text), hash) << text;
    EXPECT_EQ(Text(kInt4, text), hash) << text;
    EXPECT_EQ(Text(kNumeric, text), hash) << text;
    EXPECT_EQ(Text(kNumeric, text + ".00"), hash) << text;
    EXPECT_EQ(Text(0, text), hash) << text;
    EXPECT_EQ(Text(kText, text), hash) << text;
    EXPECT_EQ(Binary(kText, text), hash) << text;
    EXPECT_EQ(Binary(kInt2, Int16(static_cast<int>(value))), hash) << text;
    EXPECT_EQ(Binary(kInt4, Int32(value)), hash) << text;
    EXPECT_EQ(Binary(kInt8, Int64(value)), hash) << text;
  }
}

TEST(CanonicalValue, IntegersAtTheirLimits) {
  const int64_t least = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(Text(kInt8, "-9223372036854775808"), Binary(kInt8, Int64(least)));
  EXPECT_EQ(Text(0, "9223372036854775807"), Binary(kInt8, Int64(std::numeric_limits<int64_t>::max())));
  EXPECT_EQ(Text(kInt8, "9223372036854775808"), 0U);
  EXPECT_NE(Text(kText, "9223372036854775808"), 0U);  // text all the same
  EXPECT_EQ(Text(kOid, "4294967295"), Binary(kOid, Int32(0xffffffff)));
  EXPECT_NE(Binary(kOid, Int32(0xffffffff)), Binary(kInt4, Int32(-1)));
}

TEST(CanonicalValue, BinaryNumeric) {
  EXPECT_EQ(Binary(kNumeric, Numeric({}, 0, false, 0)), Text(kInt4, "0"));
  EXPECT_EQ(Binary(kNumeric, Numeric({1, 2345}, 1, false, 0)), Text(kInt4, "12345"));
  EXPECT_EQ(Binary(kNumeric, Numeric({1, 2345}, 1, true, 2)), Text(kInt4, "-12345"));
  EXPECT_EQ(Binary(kNumeric, Numeric({3}, 2, false, 0)), Text(kInt8, "300000000"));  // trailing zeros are not sent
  EXPECT_EQ(Binary(kNumeric, Numeric({922, 3372, 368, 5477, 5808}, 4, true, 0)), Text(kInt8, "-9223372036854775808"));
  EXPECT_EQ(Binary(kNumeric, Numeric({922, 3372, 368, 5477, 5808}, 4, false, 0)), 0U);
  EXPECT_EQ(Binary(kNumeric, Numeric({1, 5000}, 0, false, 1)), 0U);  // 1.5
  EXPECT_EQ(Text(kNumeric, "1.5"), 0U);
  EXPECT_EQ(Text(kNumeric, "NaN"), 0U);
}

TEST(CanonicalValue, Uuids) {
  const uint64_t hash = Text(kUuid, kUuidText);
  EXPECT_NE(hash, 0U);
  EXPECT_EQ(Binary(kUuid, kUuidBytes), hash);
  EXPECT_EQ(Text(kUuid, "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"), hash);
  EXPECT_EQ(Text(kUuid, "a0eebc999c0b4ef8bb6d6bb9bd380a11"), hash);
  EXPECT_EQ(Text(kText, kUuidText), hash);
  EXPECT_EQ(Text(0, kUuidText), hash);
  EXPECT_EQ(HashTextValue(kKey, 0, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11").alternate, hash);
  EXPECT_EQ(HashBinaryValue(kKey, kSomeEnum, kUuidBytes).alternate, hash);
  EXPECT_EQ(Text(kUuid, "not a uuid"), 0U);
  EXPECT_EQ(Binary(kUuid, "short"), 0U);
}

TEST(CanonicalValue, TextIsItsBytes) {
  EXPECT_EQ(Text(kText, "ann"), Binary(kVarchar, "ann"));
  EXPECT_EQ(Text(kText, "ann"), Text(kSomeEnum, "ann"));
  EXPECT_EQ(Text(kText, "ann"), Binary(kSomeEnum, "ann"));
  EXPECT_EQ(Text(kBpchar, "ann   "), Text(kText, "ann"));
  EXPECT_NE(Text(kText, "ann"), Text(kText, "Ann"));
  EXPECT_NE(Text(kText, ""), 0U);
}

TEST(CanonicalValue, WhatReadsAsTwoThingsHasAnAlternate) {
  const ValueHash padded = HashTextValue(kKey, 0, "042");
  EXPECT_NE(padded.hash, Text(kInt4, "42"));
  EXPECT_EQ(padded.alternate, Text(kInt4, "42"));
  EXPECT_EQ(Text(kInt4, "042"), Text(kInt4, "42"));
  EXPECT_EQ(HashTextValue(kKey, kText, "042").alternate, 0U);
  const ValueHash unknown = HashBinaryValue(kKey, 0, Int32(42));
  EXPECT_EQ(unknown.alternate, Text(kInt4, "42"));
}

TEST(CanonicalValue, Bytea) {
  const std::string bytes(
      "\x00\xff"
      "a\\",
      4);
  EXPECT_EQ(Text(kBytea, "\\x00ff615c"), Binary(kBytea, bytes));
  EXPECT_EQ(Text(kBytea, "\\000\\377a\\\\"), Binary(kBytea, bytes));
  EXPECT_EQ(Text(kBytea, "\\x0"), 0U);
}

TEST(CanonicalValue, SomeTypesAreNotCompared) {
  for (const uint32_t type : {kBool, kFloat8, kTimestamptz}) {
    EXPECT_EQ(TypeClassOf(type), TypeClass::kNotComparable);
    EXPECT_EQ(Text(type, "1"), 0U);
    EXPECT_EQ(Binary(type, "12345678"), 0U);
  }
}

TEST(CanonicalValue, MalformedLengthsGiveNothing) {
  EXPECT_EQ(Binary(kInt4, "abc"), 0U);
  EXPECT_EQ(Binary(kInt8, ""), 0U);
  EXPECT_EQ(Binary(kNumeric, "abc"), 0U);
  EXPECT_EQ(Binary(kNumeric, Int16(9) + Int16(0) + Int16(0) + Int16(0)), 0U);
}

TEST(CanonicalValue, AnotherKeyGivesOtherHashes) {
  const HashKey other = HashKey::ForTests(4);
  EXPECT_NE(HashTextValue(other, kInt4, "42").hash, Text(kInt4, "42"));
  EXPECT_NE(HashBytes(other, "x"), HashBytes(kKey, "x"));
  EXPECT_NE(HashKey::Random().secret, HashKey::Random().secret);
}

TEST(CanonicalValue, BytesInPiecesHashAsTheWhole) {
  for (const size_t length : {size_t{0}, size_t{1}, size_t{16}, size_t{240}, size_t{241}, size_t{1024}, size_t{5000}}) {
    std::string bytes(length, 'x');
    for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>(i * 7);
    for (const size_t piece : {size_t{1}, size_t{100}, size_t{4000}}) {
      BytesHasher hasher(kKey);
      for (size_t at = 0; at < length; at += piece) hasher.Add(std::string_view(bytes).substr(at, piece));
      EXPECT_EQ(hasher.Finish(), HashBytes(kKey, bytes)) << length << " by " << piece;
    }
  }
}

struct Elements {
  int64_t length;
  std::vector<uint64_t> hashes;
};
Elements Array(uint32_t type, bool binary, std::string_view bytes) {
  std::array<ValueHash, kMaxArrayElements> out;
  size_t count = 0;
  const int64_t length = HashArrayElements(kKey, type, binary, bytes, out, count);
  Elements elements{length, {}};
  for (size_t i = 0; i < count; ++i) elements.hashes.push_back(out[i].hash);
  return elements;
}
std::string BinaryArray(uint32_t element, const std::vector<tests::Value>& values) {
  std::string bytes = Int32(1) + Int32(0) + Int32(element) + Int32(static_cast<int64_t>(values.size())) + Int32(1);
  for (const tests::Value& value : values)
    bytes += value ? Int32(static_cast<int64_t>(value->size())) + *value : Int32(-1);
  return bytes;
}

constexpr uint32_t kInt4Array = 1007, kTextArray = 1009;

TEST(CanonicalArray, TextAndBinaryGiveTheSameElements) {
  const std::vector<uint64_t> expected = {Text(kInt4, "1"), Text(kInt4, "22"), Text(kInt4, "-3")};
  for (const uint32_t type : {kInt4Array, uint32_t{0}}) {
    const Elements text = Array(type, false, "{1,22,-3}");
    EXPECT_EQ(text.length, 3);
    EXPECT_EQ(text.hashes, expected);
    const Elements binary = Array(type, true, BinaryArray(kInt4, {Int32(1), Int32(22), Int32(-3)}));
    EXPECT_EQ(binary.length, 3);
    EXPECT_EQ(binary.hashes, expected);
  }
}

TEST(CanonicalArray, QuotesEscapesSpacesAndNulls) {
  const Elements text = Array(kTextArray, false, R"({"a,b", NULL ,"c\"d",null,e f,"NULL"})");
  EXPECT_EQ(text.length, 6);
  EXPECT_EQ(text.hashes,
            (std::vector<uint64_t>{Text(kText, "a,b"), Text(kText, "c\"d"), Text(kText, "e f"), Text(kText, "NULL")}));
  EXPECT_EQ(Array(kInt4Array, true, BinaryArray(kInt4, {Int32(1), std::nullopt})).hashes.size(), 1U);
  EXPECT_EQ(Array(kInt4Array, false, "[2:3]={5,6}").length, 2);
  EXPECT_EQ(Array(kInt4Array, false, "{}").length, 0);
  EXPECT_EQ(Array(kInt4Array, true, Int32(0) + Int32(0) + Int32(kInt4)).length, 0);
}

TEST(CanonicalArray, WhatIsNoOneDimensionalArrayIsNone) {
  for (const std::string_view text : {"", "{", "{1", "{1,}", "{1}x", "1,2", "{{1},{2}}", "[1:2][1:2]={{1,2},{3,4}}",
                                      "{\"a\":1}", "{a\"b}", "{\"a", "{a\\"}) {
    EXPECT_EQ(Array(0, false, text).length, -1) << text;
  }
  EXPECT_EQ(Array(kInt4, false, "{1}").length, -1);
  const std::string whole = BinaryArray(kInt4, {Int32(1), Int32(2)});
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(Array(kInt4Array, true, std::string_view(whole).substr(0, length)).length, -1) << length;
  }
  EXPECT_EQ(Array(kInt4Array, true, Int32(1) + Int32(0) + Int32(kInt4) + Int32(0x7fffffff) + Int32(1)).length, -1);
}

TEST(CanonicalArray, LongListsAreCountedWholeAndHashedInPart) {
  std::string text = "{0";
  for (int i = 1; i < 1000; ++i) text += "," + std::to_string(i);
  const Elements elements = Array(kInt4Array, false, text + "}");
  EXPECT_EQ(elements.length, 1000);
  EXPECT_EQ(elements.hashes.size(), kMaxArrayElements);
}

}  // namespace
}  // namespace pgassay
