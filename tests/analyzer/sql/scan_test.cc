#include <gtest/gtest.h>
#include <pg_query.h>

#include <random>
#include <string>
#include <vector>

#include "analyzer/sql/statement.h"

namespace pgassay::sql {
namespace {

const HashKey kKey = HashKey::ForTests(7);

Statement One(const std::string& sql) {
  auto statements = Scan(kKey, sql);
  EXPECT_EQ(statements.size(), 1U) << sql;
  return statements.empty() ? Statement{} : statements.front();
}
uint64_t Shape(const std::string& sql) { return One(sql).shape_hash; }

TEST(Scan, GivesOneShapeForOtherValuesCommentsAndLetters) {
  const std::vector<std::vector<std::string>> groups = {
      {"SELECT a FROM t WHERE id = 1", "select A from T where ID = $1",
       "SELECT a /* x */ FROM t\nWHERE id = 'abc' -- y", "SELECT a FROM t WHERE id = E'a\\'b'",
       "SELECT a FROM t WHERE id = $x$ ' $x$", "SELECT a FROM t WHERE id = -5", "SELECT a FROM t WHERE id = 0x1F",
       "SELECT a FROM t WHERE id = 1_000", "SELECT a FROM t WHERE id = U&'d\\0061' UESCAPE '!'",
       "SELECT a FROM t WHERE id = 'a'\n  'b'", "SELECT a FROM t WHERE 1 = id", "SELECT a FROM t WHERE id = NULL",
       "SELECT a FROM t WHERE id=-1"},
      {"SELECT a FROM t WHERE id IN (1)", "SELECT a FROM t WHERE id IN ($1)"},
      {"SELECT a FROM t WHERE id IN (1, 2)", "SELECT a FROM t WHERE id IN ($1, $2, 'x', NULL)"},
      {"SELECT a FROM t WHERE id IN ($1::int, $2::int)", "SELECT a FROM t WHERE id IN ($1::int, $2::int, $3::int)"},
      {"SELECT a FROM t WHERE id = ANY($1)", "SELECT a FROM t WHERE id = ANY('{1,2}')"},
      {"SELECT a FROM t WHERE id = ANY(ARRAY[1])", "SELECT a FROM t WHERE id = ANY(ARRAY[1, 2, 3])"},
      {"INSERT INTO t (a, b) VALUES (1, 2)", "INSERT INTO t (a, b) VALUES ($1, NULL)"},
      {"INSERT INTO t (a, b) VALUES (1, 2), (3, 4)", "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4), ($5, $6)"},
      {"SELECT a FROM t WHERE (x, y) IN ((1, 2))"},
      {"SELECT a FROM t WHERE (x, y) IN ((1, 2), (3, 4))", "SELECT a FROM t WHERE (x, y) IN ((1, 2), (3, 4), (5, 6))"},
      {"SELECT a FROM t WHERE $1 = t.user_id AND b = 2", "SELECT a FROM t WHERE t.user_id = 4 AND 2 = b"},
      {"SELECT a FROM t WHERE $1::INTEGER = t.user_id", "SELECT a FROM t WHERE t.user_id = $1::INTEGER"},
      {"SELECT a FROM t WHERE x BETWEEN 1 AND 2 = y"},
      {"SELECT a FROM t WHERE x BETWEEN 1 AND y = 2"},
      {"SELECT a FROM log_20240101"},
      {"SELECT a FROM log_20240102"},
      {"SAVEPOINT sa_1", "SAVEPOINT sa_27"},
      {"SET app.token = 'a'", "SET app.token = b"},
      {"SET search_path = 'a'"},
      {"SET search_path = 'b'"},
  };
  std::vector<uint64_t> seen;
  for (const auto& group : groups) {
    for (const std::string& sql : group) EXPECT_EQ(Shape(sql), Shape(group[0])) << sql;
    for (const uint64_t other : seen) EXPECT_NE(Shape(group[0]), other) << group[0];
    seen.push_back(Shape(group[0]));
  }
}

TEST(Scan, ShowsLiteralsAsParametersAndListsOnce) {
  EXPECT_EQ(One("select  a from t where x = $2 and y = 'q' /* c */ and z in (1, 2, 3)").sql,
            "select a from t where x = $2 and y = $3 and z in ($4, …)");
  EXPECT_EQ(One("INSERT INTO t VALUES (1, now()), (2, now())").sql, "INSERT INTO t VALUES ($1, now()), …");
  EXPECT_EQ(One("SELECT ARRAY[1, 2]").sql, "SELECT ARRAY[$1, …]");
  EXPECT_EQ(One("SELECT $01, $0, 7").sql, "SELECT $1, $0, $2");
}

TEST(Scan, GivesSlotsTheirValues) {
  const Statement tuple = One("SELECT 1 FROM t WHERE (a, b) IN (($1, 7), ($2, 8)) AND c = '9'");
  ASSERT_EQ(tuple.slots.size(), 4U);  // the 1, a's, b's, c's
  EXPECT_EQ(tuple.slots[1].value_count, 2U);
  EXPECT_EQ(tuple.values[tuple.slots[1].first_value + 1].parameter, 2);
  EXPECT_EQ(tuple.values[tuple.slots[2].first_value + 1].hash.hash, HashTextValue(kKey, 0, "8").hash);
  EXPECT_EQ(tuple.values[tuple.slots[3].first_value].hash.hash, HashTextValue(kKey, 0, "9").hash);
  const Statement forms = One("SELECT E'a\\n', 'it''s', $$x$$, -3, 0x10, 'a'\n'b', U&'\\0061'");
  const std::vector<std::string> values = {"a\n", "it's", "x", "-3", "16", "ab", "a"};
  ASSERT_EQ(forms.values.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(forms.values[i].hash.hash, HashTextValue(kKey, 0, values[i]).hash) << values[i];
  }
  EXPECT_TRUE(One("UPDATE t SET a = NULL").values.at(0).null);
  EXPECT_EQ(One("SELECT a FROM t WHERE id = ANY('{1,2,3}')").values.size(), 3U);
}

TEST(Scan, SplitsWhereTheServerDoes) {
  const auto count = [](const std::string& sql) { return Scan(kKey, sql).size(); };
  EXPECT_EQ(count(""), 0U);
  EXPECT_EQ(count(" ; ;/* x */; -- y"), 0U);
  EXPECT_EQ(count("SELECT 1; SELECT ';'; SELECT $$;$$;"), 3U);
  EXPECT_EQ(count("CREATE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2); SELECT 3"), 2U);
  EXPECT_EQ(
      count("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3"),
      2U);
  EXPECT_EQ(count("BEGIN; COMMIT"), 2U);
  const std::string text = "SELECT 1 ; /*a*/ SELECT 2; -- b";
  const auto statements = Scan(kKey, text);
  ASSERT_EQ(statements.size(), 2U);
  EXPECT_EQ(text.substr(statements[0].offset, statements[0].length), "SELECT 1 ");
  EXPECT_TRUE(text.substr(statements[1].offset, statements[1].length).starts_with(" /*a*/ SELECT 2"));
}

TEST(Scan, ReadsTagsOutsideTheShape) {
  const Statement leading = One("/*controller:users,action:show*/ SELECT 1");
  ASSERT_EQ(leading.tags.size(), 2U);
  EXPECT_EQ(leading.tags[1].value, "show");
  const Statement trailing =
      One("SELECT 1 /*route='%2Fa%2Fb',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/;");
  ASSERT_EQ(trailing.tags.size(), 2U);
  EXPECT_EQ(trailing.tags[0].value, "/a/b");
  EXPECT_EQ(leading.shape_hash, trailing.shape_hash);
  EXPECT_TRUE(One("SELECT 1 /* just words */").tags.empty());
  EXPECT_TRUE(One("SELECT /*a='b'*/ 1").tags.empty());
}

// Every place a value can stand in. @ is the marker in its quotes, # the bare marker.
const std::vector<std::string> kPlaces = {"SELECT @",
                                          "SELECT * FROM t WHERE a = @",
                                          "SELECT * FROM t WHERE @ = a",
                                          "SELECT * FROM t WHERE a IN (@, @)",
                                          "SELECT * FROM t WHERE a = ANY(ARRAY[@])",
                                          "SELECT * FROM t WHERE a LIKE @ ESCAPE '\\'",
                                          "SELECT @::text",
                                          "SELECT CAST(@ AS text)",
                                          "SELECT date @",
                                          "SELECT interval @ year",
                                          "SELECT f(@, x => @)",
                                          "SELECT a -> @ ->> @ FROM t",
                                          "SELECT a FROM t LIMIT @",
                                          "SELECT a FROM t OFFSET @",
                                          "SELECT CASE WHEN a = @ THEN @ ELSE @ END FROM t",
                                          "SELECT a FROM t GROUP BY @ HAVING b > @",
                                          "SELECT a FROM t ORDER BY a = @",
                                          "SELECT * FROM (VALUES (@, @), (@, @)) v(a, b)",
                                          "WITH c AS (SELECT @) SELECT * FROM c",
                                          "SELECT * FROM t JOIN u ON t.a = @",
                                          "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE b = @)",
                                          "SELECT a || @ FROM t",
                                          "SELECT a[@] FROM t",
                                          "SELECT ROW(@, @)",
                                          "SELECT * FROM t WHERE (a, b) = (@, @)",
                                          "SELECT * FROM t WHERE a BETWEEN @ AND @",
                                          "SELECT * FROM t WHERE a IS DISTINCT FROM @",
                                          "SELECT * FROM f(@) WITH ORDINALITY",
                                          "SELECT * FROM t TABLESAMPLE system(@)",
                                          "INSERT INTO t VALUES (@)",
                                          "INSERT INTO t (a) VALUES (@), (@)",
                                          "INSERT INTO t SELECT @",
                                          "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = @",
                                          "UPDATE t SET a = @",
                                          "UPDATE t SET (a, b) = (@, @)",
                                          "DELETE FROM t WHERE a = @",
                                          "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = @",
                                          "EXECUTE p(@)",
                                          "CALL p(@)",
                                          "PREPARE p AS SELECT @",
                                          "DECLARE c CURSOR FOR SELECT @",
                                          "EXPLAIN SELECT @",
                                          "COPY t FROM PROGRAM @",
                                          "COPY t TO @",
                                          "COPY (SELECT @) TO STDOUT",
                                          "COPY t FROM STDIN WITH (NULL @)",
                                          "CREATE ROLE r PASSWORD @",
                                          "ALTER ROLE r WITH ENCRYPTED PASSWORD @",
                                          "CREATE USER u PASSWORD @ VALID UNTIL @",
                                          "ALTER USER u SET x = @",
                                          "CREATE USER MAPPING FOR u SERVER s OPTIONS (user @, password @)",
                                          "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host @)",
                                          "CREATE SUBSCRIPTION s CONNECTION @ PUBLICATION p",
                                          "ALTER SUBSCRIPTION s CONNECTION @",
                                          "SET app.secret = @",
                                          "SET app.secret TO @",
                                          "SET LOCAL app.secret = @",
                                          "SET TIME ZONE @",
                                          "SELECT set_config('app.x', @, false)",
                                          "CREATE TABLE t (a text DEFAULT @)",
                                          "ALTER TABLE t ALTER a SET DEFAULT @",
                                          "CREATE TABLE t (a text CHECK (a <> @))",
                                          "CREATE INDEX i ON t (a) WHERE b = @",
                                          "CREATE VIEW v AS SELECT @",
                                          "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS @",
                                          "DO @",
                                          "COMMENT ON TABLE t IS @",
                                          "NOTIFY c, @",
                                          "CREATE TYPE e AS ENUM (@)",
                                          "CREATE POLICY p ON t USING (a = @)",
                                          "CREATE FUNCTION f() RETURNS text BEGIN ATOMIC SELECT @; END",
                                          "CREATE TABLE p PARTITION OF t FOR VALUES IN (@)",
                                          "PREPARE TRANSACTION @",
                                          "SECURITY LABEL ON TABLE t IS @",
                                          "SELECT 1 /* @ */",
                                          "SELECT 1 -- @",
                                          "LOAD @",
                                          "CREATE DATABASE d LOCALE @",
                                          "SELECT * FROM JSON_TABLE(x, @ COLUMNS (a int PATH @))",
                                          "SELECT * FROM t WHERE a = @ FOR UPDATE",
                                          "SET app.secret = #",
                                          "SET app.secret TO a, #",
                                          "ALTER ROLE r SET app.secret = #",
                                          "ALTER ROLE r PASSWORD #",
                                          "SELECT 'O'Reilly #'",
                                          "SELECT 'it\\'s # '",
                                          "SELECT * FROM t WHERE a = 'x' AND b = 'unended #",
                                          "SELECT $x$ #",
                                          "SELECT /* #",
                                          "SELECT \"#",
                                          "SELECT 12#",
                                          "# is no statement",
                                          "Key (email)=(#) already exists.",
                                          "invalid input syntax for type uuid: \"#\"",
                                          "Failing row contains (1, #, null).",
                                          "COPY t, line 1, column a: \"#\"",
                                          "parameters: $1 = '#', $2 = NULL",
                                          "COPY t FROM stdin;\n1\t#\n\\.\n",
                                          "SELECT \xE2\x80\x9C#\xE2\x80\x9D",
                                          "SELECT \xE2\x80\x98#\xE2\x80\x99, 'x'",
                                          "SELECT \x01#",
                                          "SELECT 1 \x7f #",
                                          "SELECT '\\' # \\''"};

std::string Replace(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

TEST(Redaction, KeepsNoValueWhereverItStands) {
  ASSERT_GE(kPlaces.size(), 60U);
  Analyzer analyzer;
  const std::string marker = "zqcanaryzq";
  for (const std::string& place : kPlaces) {
    for (const std::string form :
         {"'#'", "E'#'", "N'#'", "U&'#'", "$$#$$", "$t$#$t$", "'a'\n'#'", "'x''#'", "B'#'", "X'#'"}) {
      const std::string sql = Replace(Replace(place, "@", form), "#", marker);
      EXPECT_EQ(Redact(sql).find(marker), std::string::npos) << sql << "\n-> " << Redact(sql);
      for (const Statement& statement : Scan(kKey, sql)) {
        EXPECT_EQ(statement.sql.find(marker), std::string::npos) << sql << "\n-> " << statement.sql;
        const Facts facts =
            analyzer.Analyze(std::string_view(sql).substr(statement.offset, statement.length), statement);
        EXPECT_EQ(FactsToJson(facts).find(marker), std::string::npos) << sql;
      }
      if (place.find('@') == std::string::npos) break;
    }
    const std::string number = Replace(Replace(place, "@", "987654321"), "#", marker);
    EXPECT_EQ(Redact(number).find("987654321"), std::string::npos) << number;
  }
}

TEST(Redaction, KeepsWhatAMessageNames) {
  EXPECT_EQ(RedactMessage("duplicate key value violates unique constraint \"users_email_key\""),
            "duplicate key value violates unique constraint \"users_email_key\"");
}

TEST(Scan, TakesAnythingInLinearTime) {
  Analyzer analyzer;
  for (const std::string& piece :
       {std::string("("), std::string("["), std::string("IN ("), std::string("VALUES ("), std::string("/*"),
        std::string("'a' "), std::string("1+"), std::string("CASE "), std::string("a."), std::string("$1,"),
        std::string("not "), std::string("ARRAY["), std::string("-"), std::string("select ")}) {
    std::string text = "SELECT ";
    while (text.size() < 1'000'000) text += piece;
    SCOPED_TRACE(piece);
    const auto statements = Scan(kKey, text);
    for (const Statement& statement : statements) analyzer.Analyze(text, statement);
    Redact(text);
    text.resize(60'000);
    for (const Statement& statement : Scan(kKey, text)) {
      analyzer.Analyze(text, statement);
    }
  }
  std::string list = "SELECT a FROM t WHERE id IN (1";
  while (list.size() < 60'000) list += ",1";
  EXPECT_EQ(One(list + ")").slots.size(), 1U);
}

uint64_t Fingerprint(const std::string& sql) {
  PgQueryFingerprintResult result = pg_query_fingerprint(sql.c_str());
  const uint64_t fingerprint = result.error == nullptr ? result.fingerprint : 0;
  pg_query_free_fingerprint_result(result);
  return fingerprint;
}

// Data statements out of a small grammar: the same skeleton twice with other values, list lengths and quoting forms.
class Sentences {
 public:
  explicit Sentences(unsigned seed) : random_(seed) {}

  std::string Make(unsigned skeleton) {
    skeleton_.seed(skeleton);
    switch (Choose(5)) {
      case 0:
        return "INSERT INTO t (a, b) VALUES " + Groups();
      case 1:
        return "UPDATE t SET a = " + Value() + " WHERE " + Conditions();
      case 2:
        return "DELETE FROM t WHERE " + Conditions();
      case 3:
        return "SELECT a, " + Value() + " FROM t JOIN u ON t.a = u.b AND " + Condition() + " WHERE " + Conditions();
      default:
        return "SELECT a FROM t WHERE " + Conditions() + " ORDER BY a LIMIT " + Value();
    }
  }

 private:
  unsigned Choose(unsigned n) { return static_cast<unsigned>(skeleton_() % n); }  // part of the skeleton
  unsigned Vary(unsigned n) { return static_cast<unsigned>(random_() % n); }      // not
  std::string Value() {
    static const std::vector<std::string> forms = {"1",
                                                   "-7",
                                                   "1.5e3",
                                                   ".5",
                                                   "'x'",
                                                   "'it''s ; -- /*'",
                                                   "E'\\'q'",
                                                   "U&'\\0061'",
                                                   "B'01'",
                                                   "X'1F'",
                                                   "$$ ' $$",
                                                   "$q$ $$ $q$",
                                                   "$1",
                                                   "$12",
                                                   "'a'\n 'b'",
                                                   "'?'",
                                                   "U&'d!0061' UESCAPE '!'"};
    return forms[Vary(static_cast<unsigned>(forms.size()))];
  }
  std::string List() {
    const std::string cast = Choose(3) == 0 ? "::int" : "";
    const bool many = Choose(2) != 0;
    std::string list = Unsigned() + cast;
    for (unsigned i = many ? 1 + Vary(4) : 0; i > 0; --i) list += ", " + Unsigned() + cast;
    return list;
  }
  std::string Unsigned() { return Vary(2) == 0 ? "42" : "'x'"; }
  std::string Groups() {
    std::string groups = "(" + Value() + ", " + Value() + ")";
    for (unsigned i = Choose(2) != 0 ? 1 + Vary(3) : 0; i > 0; --i) groups += ", (" + Value() + ", " + Value() + ")";
    return groups;
  }
  std::string Condition() {
    switch (Choose(8)) {
      case 0:
        return "t.a = " + Value();
      case 1:
        return "t.a IN (" + List() + ")";
      case 2:
        return "t.a = ANY(ARRAY[" + List() + "])";
      case 3:
        return "(t.a, t.b) IN (" + Groups() + ")";
      case 4:
        return "t.a BETWEEN " + Value() + " AND " + Value();
      case 5:
        return "t.a - " + Value() + " > " + Value();
      case 6:
        return "lower(t.\"B\") LIKE " + Value();
      default:
        return "t.a IS NULL";
    }
  }
  std::string Conditions() {
    std::string text = Condition();
    for (unsigned i = Choose(3); i > 0; --i)
      text += (Choose(2) != 0 ? " AND " : " OR ") + Condition() + (Vary(2) != 0 ? " /* c */" : "\n");
    return text;
  }

  std::mt19937 skeleton_, random_;
};

TEST(Scan, EqualShapeImpliesEqualFingerprint) {
  Sentences sentences(20240601);
  unsigned compared = 0;
  for (unsigned skeleton = 0; skeleton < 3000; ++skeleton) {
    const std::string first = sentences.Make(skeleton);
    const std::string second = sentences.Make(skeleton);
    const uint64_t one = Fingerprint(first);
    const uint64_t other = Fingerprint(second);
    if (one == 0 || other == 0) continue;
    EXPECT_EQ(Shape(first), Shape(second)) << first << "\n" << second;
    if (Shape(first) == Shape(second)) {
      EXPECT_EQ(one, other) << first << "\n" << second;
      ++compared;
    }
  }
  EXPECT_GT(compared, 2500U);
}

TEST(CalledNames, AreThoseThatStandBeforeAParenthesisAsTheServerFoldsThem) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(CalledNames("SELECT Lower (a), app.\"Odd Name\"(b), 'no(1)', c -- d(1)\n, e/**/(1) FROM t"),
            (Names{"lower", "Odd Name", "e"}));
  EXPECT_EQ(CalledNames("((a + 1) > f(b))"), Names{"f"});
  EXPECT_EQ(CalledNames(""), Names{});
  EXPECT_EQ(CalledNames("SELECT f(1), 'open"), std::nullopt);
}

}  // namespace
}  // namespace pgassay::sql
