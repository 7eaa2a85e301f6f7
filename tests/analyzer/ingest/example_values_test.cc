#include "analyzer/ingest/example_values.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgassay::ingest {
namespace {

using catalog::BindValue;
using trace::ExampleValue;

bool MayKeep(const std::string& text) {
  const HashKey key = HashKey::ForTests(1);
  sql::Analyzer analyzer;
  const sql::Statement statement = sql::Scan(key, text).front();
  return MayKeepValues(analyzer.Analyze(text, statement), statement.sql);
}

std::vector<ExampleValue> ValuesOf(const std::string& text, const std::vector<BindValue>& binds = {}) {
  return ExampleValues().Take(1, 0, text, binds);
}

// Of a text parameter.
std::string WhyLeftOut(const std::string& value) {
  return ValuesOf("SELECT $1", {{.type_oid = 25, .value = value}}).front().left_out;
}

TEST(ExampleValues, AreOfStatementsThatSelectOrChangeRows) {
  for (const char* text : {"SELECT * FROM t WHERE a = 1", "INSERT INTO t (a) VALUES (1)", "UPDATE t SET a = 1",
                           "DELETE FROM t WHERE a = 1", "WITH x AS (SELECT 1 AS a) SELECT * FROM t, x"}) {
    EXPECT_TRUE(MayKeep(text)) << text;
  }
  for (const char* text :
       {"SET app.a = 'b'", "CREATE ROLE r PASSWORD 'x'", "ALTER USER r PASSWORD 'x'", "COPY t FROM STDIN",
        "CREATE USER MAPPING FOR r SERVER s OPTIONS (user 'x')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p", "NOTIFY c, 'x'", "EXECUTE p('x')",
        "PREPARE p AS SELECT 1", "CALL p('x')", "DO 'x'", "SELECT FROM WHERE 'x'", "COMMENT ON TABLE t IS 'x'",
        "SELECT rolname FROM pg_roles WHERE oid = 1", "BEGIN; SELECT 1"}) {
    EXPECT_FALSE(MayKeep(text)) << text;
  }
}

TEST(ExampleValues, AreNeverOfAStatementThatNamesACredential) {
  for (const char* text :
       {"UPDATE users SET password = 'x'", "SELECT * FROM t WHERE Access_Token = 'x'",
        "SELECT set_config('a', 'b', true)", "SELECT pgp_sym_encrypt('x', 'y') FROM t",
        "SELECT crypt('x', gen_salt('bf')) FROM t", "SELECT encode(digest('x', 'sha256'), 'hex') FROM t",
        "SELECT hmac('x', 'y', 'sha1') FROM t", "SELECT * FROM dblink('host=h', 'SELECT 1') AS x(a int)",
        "INSERT INTO keys (api_key) VALUES ($1)", "SELECT $1::bytea FROM t", "SELECT pg_notify('c', 'x')"}) {
    EXPECT_FALSE(MayKeep(text)) << text;
  }
}

TEST(ExampleValues, AreNeverOfAnInsertThatNamesNoColumns) {
  for (const char* text :
       {"INSERT INTO users VALUES ($1, $2)", "INSERT INTO s.users AS u VALUES ('x')", "INSERT INTO users SELECT $1",
        "INSERT INTO users (SELECT $1, $2)", "WITH x AS (INSERT INTO users VALUES ($1) RETURNING id) SELECT * FROM x",
        "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES ($1)"}) {
    EXPECT_FALSE(MayKeep(text)) << text;
  }
  for (const char* text : {"INSERT INTO \"my users\" (a) VALUES ($1)", "INSERT INTO s.users AS u (a) SELECT $1",
                           "INSERT INTO users DEFAULT VALUES", "SELECT \"insert\" FROM t WHERE a = 1",
                           "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES ($1)"}) {
    EXPECT_TRUE(MayKeep(text)) << text;
  }
}

TEST(ExampleValues, ThatLookLikeACredentialAreLeftOut) {
  for (const char* value : {"host=h password=x", "postgresql://u:p@h/d", "https://u@h", "SCRAM-SHA-256$4096:a$b:c",
                            "md5"
                            "0123456789abcdef0123456789ABCDEF",
                            "-----BEGIN PRIVATE KEY-----", "$2b$12$abcdefghijklmnopqrstuv", "Bearer abc",
                            "eyJhbGciOiJIUzI1NiJ9.e30.x", R"({"secret": "x"})"}) {
    EXPECT_EQ(WhyLeftOut(value), "secret") << value;
  }
  for (const char* value : {"", "42", "md5", "a@b.example", "https://h/p?q=a@b", "it's"}) {
    EXPECT_EQ(WhyLeftOut(value), "") << value;
  }
}

TEST(ExampleValues, ThatAreBytesOrLongAreLeftOut) {
  EXPECT_EQ(WhyLeftOut("\\x00ff"), "bytes");
  EXPECT_EQ(ValuesOf("SELECT $1", {{.type_oid = 17, .value = "abc"}}).front().left_out, "bytes");
  EXPECT_EQ(ValuesOf("SELECT $1", {{.type_oid = 17, .binary = true, .value = "abc"}}).front().left_out, "bytes");
  EXPECT_EQ(WhyLeftOut(std::string(ExampleValues::kMaxValueBytes, 'a')), "");
  EXPECT_EQ(WhyLeftOut(std::string(ExampleValues::kMaxValueBytes + 1, 'a')), "long");
}

TEST(ExampleValues, InBinaryAreReadWhereTheirTypeIsKnown) {
  const auto read = [](uint32_t type, std::string_view bytes) {
    const ExampleValue value =
        ValuesOf("SELECT $1", {{.type_oid = type, .binary = true, .value = std::string(bytes)}}).front();
    return value.left_out.empty() ? value.value : "left out: " + value.left_out;
  };
  EXPECT_EQ(read(16, std::string_view("\1", 1)), "true");
  EXPECT_EQ(read(21, std::string_view("\xff\xfe", 2)), "-2");
  EXPECT_EQ(read(23, std::string_view("\0\0\1\2", 4)), "258");
  EXPECT_EQ(read(20, std::string_view("\x80\0\0\0\0\0\0\0", 8)), "-9223372036854775808");
  EXPECT_EQ(read(25, "abc"), "abc");
  EXPECT_EQ(read(2950, "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0"),
            "12345678-9abc-def0-1234-56789abcdef0");
  EXPECT_EQ(read(1114, std::string_view("\0\0\0\0\0\0\0\1", 8)), "left out: type");
  EXPECT_EQ(read(23, "abc"), "left out: type");
  EXPECT_EQ(read(0, "abc"), "left out: type");
}

TEST(ExampleValues, HaveTheNumbersOfTheStatementAsItIsShown) {
  const std::string text = "SELECT a FROM t WHERE a = $1 AND b IN (7, 8, -9) AND c = 'it''s' AND d = $2 AND e = NULL";
  EXPECT_EQ(sql::Scan(HashKey::ForTests(1), text).front().sql,
            "SELECT a FROM t WHERE a = $1 AND b IN ($3, …) AND c = $4 AND d = $2 AND e = $5");
  const std::vector<ExampleValue> wanted = {{.number = 1, .value = "x"},
                                            {.number = 2, .null = true},
                                            {.number = 3, .element = 0, .value = "7"},
                                            {.number = 3, .element = 1, .value = "8"},
                                            {.number = 3, .element = 2, .value = "-9"},
                                            {.number = 4, .value = "it's"},
                                            {.number = 5, .null = true}};
  EXPECT_EQ(ValuesOf(text, {{.type_oid = 25, .value = "x"}, {.null = true}}), wanted);
}

TEST(ExampleValues, OfAListThatBeginsWithAParameterHaveItsNumber) {
  const std::string text = "SELECT a FROM t WHERE a IN ($1, -2, $2) AND b = 3";
  EXPECT_EQ(sql::Scan(HashKey::ForTests(1), text).front().sql, "SELECT a FROM t WHERE a IN ($1, …) AND b = $3");
  const std::vector<ExampleValue> wanted = {{.number = 1, .element = 0, .value = "1"},
                                            {.number = 1, .element = 1, .value = "-2"},
                                            {.number = 2, .value = "4"},
                                            {.number = 3, .value = "3"}};
  EXPECT_EQ(ValuesOf(text, {{.type_oid = 25, .value = "1"}, {.type_oid = 25, .value = "4"}}), wanted);
}

TEST(ExampleValues, AreNotReadFromATextWhoseQuotesLookBroken) {
  EXPECT_TRUE(ValuesOf("SELECT 'it's a', 'b'").empty());
  EXPECT_TRUE(ValuesOf("SELECT 1, 'b").empty());
  EXPECT_TRUE(ValuesOf("my word is 'b'").empty());
}

TEST(ExampleValues, AreOfThreeExecutionsThatDiffer) {
  ExampleValues examples;
  EXPECT_TRUE(examples.Wants(1, 7));
  examples.Take(1, 7, "SELECT 7", {});
  EXPECT_FALSE(examples.Wants(1, 7));
  EXPECT_TRUE(examples.Wants(2, 7));
  for (const uint64_t hash : {8, 9}) {
    EXPECT_TRUE(examples.Wants(1, hash));
    examples.Take(1, hash, "SELECT 8", {});
  }
  EXPECT_FALSE(examples.Wants(1, 10));
}

TEST(ExampleValues, AreBounded) {
  std::string list = "SELECT 0";
  for (int i = 1; i < 100; ++i) list += ", '" + std::string(100, 'a') + "'";
  ExampleValues examples;
  int64_t statements = 0;
  size_t bytes = 0;
  while (examples.Wants(++statements, 1)) {
    const auto values = examples.Take(statements, 1, list, {});
    ASSERT_EQ(values.size(), ExampleValues::kMaxValues);
    for (const ExampleValue& value : values) bytes += value.value.size();
    ASSERT_LT(bytes, size_t{40} << 20);
  }
  EXPECT_GT(statements, 1'000);
}

}  // namespace
}  // namespace pgassay::ingest
