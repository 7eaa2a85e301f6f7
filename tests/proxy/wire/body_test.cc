// The readers of bodies: the same fields for every split, and false for what does not parse.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/wire/reply_body.h"
#include "proxy/wire/request_body.h"
#include "tests/support/wire_builder.h"

namespace pgassay::wire {
namespace {

using namespace tests;

std::string BodyOf(const std::string& message) { return message.substr(5); }

struct BindFields {
  std::string seen, raw;
  void OnPortal(std::string_view name) { seen += "portal=" + std::string(name); }
  void OnStatement(std::string_view name) { seen += " statement=" + std::string(name); }
  void OnParameterCount(uint16_t count) { seen += " count=" + std::to_string(count); }
  void OnParameter(const BoundValue& value, std::string_view bytes) {
    if (value.first) {
      seen += " " + std::to_string(value.index) + (value.binary ? "b" : "t") + std::to_string(value.length) + ":";
    }
    seen += bytes;
    if (value.last) seen += ".";
  }
  void OnResultFormat(uint16_t count, uint16_t index, bool binary) {
    seen += " f" + std::to_string(index) + "/" + std::to_string(count) + (binary ? "b" : "t");
  }
  void OnRawValues(std::string_view piece, bool last) {
    raw += piece;
    if (last) raw += "|";
  }
};

TEST(BindReader, GivesTheSameFieldsForEverySplit) {
  const std::string long_value = "0123456789abcdefghijklmnopqrstuvwxyz";
  const std::string formats = Formats({0, 1, 0, 0});
  const std::string values = Values({"ann", Int32(5), std::nullopt, long_value});
  const std::string body = BodyOf(Bind("p", "s", {"ann", Int32(5), std::nullopt, long_value}, {0, 1, 0, 0}, {1, 0}));
  BindFields whole;
  BindReader whole_reader(24, 256);
  ASSERT_TRUE(whole_reader.Feed(body, whole));
  ASSERT_TRUE(whole_reader.Complete());
  EXPECT_EQ(whole.seen,
            "portal=p statement=s count=4 0t3:ann. 1b4:" + Int32(5) + ". 2t-1:. 3t36:" + long_value + ". f0/2b f1/2t");
  EXPECT_EQ(whole.raw, formats + values + "|");
  for (size_t first = 0; first <= body.size(); ++first) {
    for (size_t second = first; second <= body.size(); ++second) {
      BindFields split;
      BindReader reader(24, 256);
      ASSERT_TRUE(reader.Feed(body.substr(0, first), split));
      ASSERT_TRUE(reader.Feed(body.substr(first, second - first), split));
      ASSERT_TRUE(reader.Feed(body.substr(second), split));
      EXPECT_TRUE(reader.Complete());
      EXPECT_EQ(split.seen, whole.seen) << first << ", " << second;
      EXPECT_EQ(split.raw, whole.raw) << first << ", " << second;
    }
  }
}

TEST(BindReader, OneFormatIsForAllAndParametersBeyondTheMostArePassedOver) {
  BindFields fields;
  BindReader reader(24, 1);
  ASSERT_TRUE(reader.Feed(BodyOf(Bind("", "", {"a", "b", "c"}, {1})), fields));
  EXPECT_TRUE(reader.Complete());
  EXPECT_EQ(fields.seen, "portal= statement= count=3 0b1:a.");
}

TEST(BindReader, RefusesWhatDoesNotParse) {
  const auto reads = [](const std::string& body) {
    BindFields fields;
    BindReader reader(24, 256);
    return reader.Feed(body, fields) && reader.Complete();
  };
  const std::string body = BodyOf(Bind("p", "s", {"ann"}, {0}, {0}));
  EXPECT_TRUE(reads(body));
  for (size_t length = 0; length < body.size(); ++length) EXPECT_FALSE(reads(body.substr(0, length))) << length;
  EXPECT_FALSE(reads(body + "x"));
  EXPECT_FALSE(reads(BodyOf(Bind("p", "s", {"ann"}, {2}))));
  EXPECT_FALSE(reads(BodyOf(Bind("p", "s", {"ann"}, {0, 0}))));
  EXPECT_FALSE(reads(BodyOf(Bind("p", "s", {"ann"}, {}, {7}))));
}

struct ParseFields {
  std::string seen;
  void OnName(std::string_view name) { seen += "name=" + std::string(name) + " "; }
  void OnText(std::string_view piece, bool last) {
    seen += piece;
    if (last) seen += ".";
  }
  void OnType(uint32_t oid) { seen += " " + std::to_string(oid); }
};

TEST(ParseReader, GivesTheSameFieldsForEverySplit) {
  const std::string body = BodyOf(Parse("s1", "select $1, $2", {23, 25}));
  for (size_t at = 0; at <= body.size(); ++at) {
    ParseFields fields;
    ParseReader reader;
    ASSERT_TRUE(reader.Feed(body.substr(0, at), fields));
    ASSERT_TRUE(reader.Feed(body.substr(at), fields));
    EXPECT_TRUE(reader.Complete());
    EXPECT_EQ(fields.seen, "name=s1 select $1, $2. 23 25") << at;
  }
  for (size_t length = 0; length < body.size(); ++length) {
    ParseFields fields;
    ParseReader reader;
    EXPECT_FALSE(reader.Feed(body.substr(0, length), fields) && reader.Complete()) << length;
  }
}

struct RowFields {
  std::string seen;
  bool WantsCell(uint16_t index) const { return index != 1; }
  void OnColumns(uint16_t count) { seen += "columns=" + std::to_string(count); }
  void OnCell(uint16_t index, int32_t length, std::string_view bytes) {
    seen += " " + std::to_string(index) + ":" + std::to_string(length) + ":" + std::string(bytes);
  }
};

TEST(DataRowReader, GivesTheSameCellsWholeAndForEverySplit) {
  const std::string body = BodyOf(DataRow({"ann", "unwanted", std::nullopt, "", "far too long for it"}));
  RowFields whole;
  ASSERT_TRUE(DataRowReader(10).ReadWhole(body, whole));
  EXPECT_EQ(whole.seen, "columns=5 0:3:ann 1:8: 2:-1: 3:0: 4:19:");
  for (size_t first = 0; first <= body.size(); ++first) {
    for (size_t second = first; second <= body.size(); ++second) {
      RowFields split;
      DataRowReader reader(10);
      ASSERT_TRUE(reader.Feed(body.substr(0, first), split));
      ASSERT_TRUE(reader.Feed(body.substr(first, second - first), split));
      ASSERT_TRUE(reader.Feed(body.substr(second), split));
      EXPECT_TRUE(reader.Complete());
      EXPECT_EQ(split.seen, whole.seen) << first << ", " << second;
    }
  }
}

TEST(DataRowReader, RefusesWhatDoesNotParse) {
  const auto reads = [](const std::string& body) {
    RowFields whole, split;
    const bool at_once = DataRowReader(10).ReadWhole(body, whole);
    DataRowReader reader(10);
    EXPECT_EQ(reader.Feed(body, split) && reader.Complete(), at_once);
    return at_once;
  };
  const std::string body = BodyOf(DataRow({"ann", "bob"}));
  EXPECT_TRUE(reads(body));
  for (size_t length = 0; length < body.size(); ++length) EXPECT_FALSE(reads(body.substr(0, length))) << length;
  EXPECT_FALSE(reads(body + "x"));
  EXPECT_FALSE(reads(Int16(1) + Int32(-2)));
  EXPECT_FALSE(reads(Int16(1) + Int32(0x7fffffff) + "x"));
}

TEST(RowDescriptionTest, RefusesWhatDoesNotParse) {
  const std::string body = BodyOf(RowDescription({{"id", 23}, {"name", 25}}));
  const auto columns = [](const std::string& bytes) {
    int count = 0;
    return ReadRowDescription(bytes, [&](uint16_t, const FieldDescription&) { ++count; }) ? count : -1;
  };
  EXPECT_EQ(columns(body), 2);
  for (size_t length = 0; length < body.size(); ++length) EXPECT_EQ(columns(body.substr(0, length)), -1) << length;
  EXPECT_EQ(columns(body + "x"), -1);
  EXPECT_EQ(columns(Int16(-1)), -1);
}

TEST(ErrorFieldsTest, FindsSeverityAndCode) {
  EXPECT_EQ(ReadError(BodyOf(ErrorResponse("42601"))).sqlstate, "42601");
  EXPECT_FALSE(ReadError(BodyOf(ErrorResponse("42601"))).fatal);
  EXPECT_TRUE(ReadError(BodyOf(ErrorResponse("57P01", "FATAL"))).fatal);
  EXPECT_TRUE(ReadError(BodyOf(ErrorResponse("57P02", "PANIC"))).fatal);
  EXPECT_TRUE(ReadError('S' + Cstring("FATAL") + 'C' + Cstring("28P01")).fatal);  // before 9.6 there was no V
  EXPECT_TRUE(ReadError('S' + Cstring("FATAL") + 'V' + Cstring("FATAL")).fatal);
  EXPECT_FALSE(ReadError('V' + Cstring("ERROR") + 'S' + Cstring("FATAL")).fatal);
  EXPECT_EQ(ReadError('C' + Cstring("bad")).sqlstate, "");
  EXPECT_EQ(ReadError("").sqlstate, "");
  EXPECT_EQ(ReadError("C42601").sqlstate, "");  // cut
}

TEST(CommandTagTest, TheLastWordIsTheCount) {
  EXPECT_EQ(ReadCommandTag(Cstring("INSERT 0 5")).count, 5U);
  EXPECT_EQ(ReadCommandTag(Cstring("SELECT 12")).count, 12U);
  EXPECT_EQ(ReadCommandTag(Cstring("SELECT 12")).text, "SELECT 12");
  EXPECT_FALSE(ReadCommandTag(Cstring("CREATE TABLE")).has_count);
  EXPECT_FALSE(ReadCommandTag(Cstring("BEGIN")).has_count);
  EXPECT_FALSE(ReadCommandTag(Cstring("SELECT 99999999999999999999")).has_count);
  EXPECT_EQ(ReadCommandTag("").text, "");
}

}  // namespace
}  // namespace pgassay::wire
