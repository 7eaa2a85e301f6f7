#include "analyzer/sql/select_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgassay::sql {
namespace {

using testing::ElementsAre;
using testing::Eq;
using testing::Optional;

std::vector<std::string_view> Items(std::string_view sql) {
  const auto list = FindSelectList(sql);
  return list ? list->items : std::vector<std::string_view>{};
}

TEST(SelectList, SplitsAtTheOutermostCommas) {
  EXPECT_THAT(Items("SELECT a, b.c AS \"x, y\", coalesce(d, $1), (SELECT e, f FROM g), ARRAY[h, i] FROM t"),
              ElementsAre("a", "b.c AS \"x, y\"", "coalesce(d, $1)", "(SELECT e, f FROM g)", "ARRAY[h, i]"));
  EXPECT_THAT(Items("select * from t"), ElementsAre("*"));
  EXPECT_THAT(Items("SELECT $1"), ElementsAre("$1"));
}

TEST(SelectList, LeavesDistinctAndWithAlone) {
  EXPECT_THAT(Items("SELECT DISTINCT a, b FROM t"), ElementsAre("a", "b"));
  EXPECT_THAT(Items("SELECT DISTINCT ON (a, b) a, c FROM t"), ElementsAre("a", "c"));
  EXPECT_THAT(Items("WITH x AS (SELECT p, q FROM r) SELECT p FROM x"), ElementsAre("p"));
}

TEST(SelectList, DoesNotTakeNamesForKeywords) {
  EXPECT_THAT(Items("SELECT from_date, \"from\", t.selected FROM t"),
              ElementsAre("from_date", "\"from\"", "t.selected"));
}

TEST(SelectList, HasNoneWhereTheTextCannotBeFollowed) {
  for (const std::string_view sql :
       {"", "UPDATE t SET a = 1", "SELECT", "SELECT \"open", "SELECT (a, b FROM t", "SELECT 'x FROM t"}) {
    EXPECT_THAT(FindSelectList(sql), Eq(std::nullopt)) << sql;
  }
}

TEST(SelectList, IsReplacedInPlace) {
  const std::string_view sql = "SELECT DISTINCT a, b  FROM t WHERE a = $1";
  EXPECT_EQ(WithSelectList(sql, *FindSelectList(sql), "x"), "SELECT DISTINCT x  FROM t WHERE a = $1");
}

// Whatever the text is: no crash, and the places are within it.
TEST(SelectList, StaysWithinAnyText) {
  const std::string sql =
      "WITH x AS (SELECT 'it''s' FROM \"a\"\"b\") SELECT DISTINCT ON (a) b, c[1], $2 FROM x WHERE (d) = 'e'";
  for (size_t from = 0; from < sql.size(); ++from) {
    for (size_t length = 0; from + length <= sql.size(); ++length) {
      const std::string_view part = std::string_view(sql).substr(from, length);
      if (const auto list = FindSelectList(part)) {
        EXPECT_LE(list->begin, list->end);
        EXPECT_LE(list->end, part.size());
      }
    }
  }
}

}  // namespace
}  // namespace pgassay::sql
