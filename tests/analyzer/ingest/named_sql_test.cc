#include "analyzer/ingest/named_sql.h"

#include <gtest/gtest.h>

namespace pgassay::ingest {
namespace {

struct Case {
  const char* text;
  NamedVerb verb;
  const char* name;
  const char* inner;
  const char* anonymous;
};

TEST(NamedSql, ReadsTheNameAndWhatStandsBehindIt) {
  const Case cases[] = {
      {"PREPARE get_user (int) AS SELECT 1", NamedVerb::kPrepare, "get_user", " SELECT 1",
       "PREPARE name (int) AS SELECT 1"},
      {"prepare P as select 1", NamedVerb::kPrepare, "p", " select 1", "prepare name as select 1"},
      {"PREPARE x (numeric(10, 2)) AS SELECT $1", NamedVerb::kPrepare, "x", " SELECT $1",
       "PREPARE name (numeric(10, 2)) AS SELECT $1"},
      {"EXECUTE \"Get \"\"it\"\"\" (1)", NamedVerb::kExecute, "Get \"it\"", "", "EXECUTE name (1)"},
      {"/* hello */ EXECUTE p(1, 'a')", NamedVerb::kExecute, "p", "", "/* hello */ EXECUTE name(1, 'a')"},
      {"DEALLOCATE pdo_stmt_00000001", NamedVerb::kDeallocate, "pdo_stmt_00000001", "", "DEALLOCATE name"},
      {"DEALLOCATE PREPARE p", NamedVerb::kDeallocate, "p", "", "DEALLOCATE PREPARE name"},
      {"DEALLOCATE ALL", NamedVerb::kDeallocate, "", "", "DEALLOCATE ALL"},
      {"DECLARE \"_django_curs_1\" NO SCROLL CURSOR WITH HOLD FOR SELECT 1 FOR UPDATE", NamedVerb::kDeclare,
       "_django_curs_1", " SELECT 1 FOR UPDATE", "DECLARE name NO SCROLL CURSOR WITH HOLD FOR SELECT 1 FOR UPDATE"},
      {"FETCH FORWARD 2000 FROM \"_django_curs_1\"", NamedVerb::kFetch, "_django_curs_1", "",
       "FETCH FORWARD 2000 FROM name"},
      {"FETCH c -- done", NamedVerb::kFetch, "c", "", "FETCH name -- done"},
      {"MOVE 10 IN c;", NamedVerb::kMove, "c", "", "MOVE 10 IN name;"},
      {"CLOSE ALL", NamedVerb::kClose, "", "", "CLOSE ALL"},
      {"CLOSE Cur", NamedVerb::kClose, "cur", "", "CLOSE name"},
  };
  for (const Case& c : cases) {
    const NamedSql read = ReadNamedSql(c.text);
    EXPECT_EQ(read.verb, c.verb) << c.text;
    EXPECT_EQ(read.name, c.name) << c.text;
    EXPECT_EQ(read.inner, c.inner) << c.text;
    EXPECT_EQ(read.anonymous, c.anonymous) << c.text;
  }
}

TEST(NamedSql, LeavesEveryOtherStatementAlone) {
  for (const char* text :
       {"SELECT 1", "", "  ", "PREPARE TRANSACTION 'gid'", "PREPARE", "PREPARE p", "DECLARE c CURSOR", "EXECUTE",
        "FETCH", "EXECUTEX p", "(SELECT 1)", "/* unclosed", "DEALLOCATE"}) {
    const NamedSql read = ReadNamedSql(text);
    EXPECT_EQ(read.verb, NamedVerb::kNone) << text;
    EXPECT_EQ(read.anonymous, "") << text;
  }
}

}  // namespace
}  // namespace pgassay::ingest
