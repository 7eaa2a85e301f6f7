#include "analyzer/detectors/summary_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace pgassay::detectors {
namespace {

// The view of a statement whose result's columns have these names: "name (columns) AS body · key · reading".
std::string ViewOf(const std::string& sql, const std::vector<std::string>& names, std::set<std::string> taken = {}) {
  static sql::Analyzer analyzer;
  const auto scanned = sql::Scan(HashKey::ForTests(1), sql);
  trace::StatementRow statement;
  statement.facts = analyzer.Analyze(sql, scanned.at(0));
  statement.sql = scanned.at(0).sql;
  std::vector<trace::ColumnRow> columns;
  for (const std::string& name : names) columns.push_back({.name = name, .column = {}});
  const auto view = SummaryViewOf(statement, columns, taken);
  if (!view) return "";
  return fmt::format("{} ({}) AS {} · {} · {}", view->name, fmt::join(view->columns, ", "), view->body,
                     fmt::join(view->key, ", "), view->Reading());
}

TEST(SummaryView, KeepsTheStatementWithoutItsOrder) {
  EXPECT_EQ(
      ViewOf("SELECT status, count(*), sum(total) FROM orders GROUP BY status ORDER BY 3 DESC LIMIT 5",
             {"status", "count", "sum"}),
      "orders_by_status (status, count, sum) AS SELECT status, count(*), sum(total) FROM orders GROUP BY status · "
      "status · SELECT status, count, sum FROM orders_by_status");
  EXPECT_EQ(ViewOf("SELECT count(*) FROM orders WHERE deleted_at IS NULL", {"count"}),
            "orders_totals (count) AS SELECT count(*) FROM orders WHERE deleted_at IS NULL · count · SELECT count FROM "
            "orders_totals");
}

TEST(SummaryView, NamesColumnsThatHaveNoNameOfTheirOwn) {
  EXPECT_EQ(ViewOf("SELECT a, b, count(*), count(c), sum(d) + 0.0 * sum(e) FROM t GROUP BY b, a",
                   {"a", "b", "count", "count", "?column?"}),
            "");  // 0.0 is masked
  EXPECT_EQ(ViewOf("SELECT a, b, count(*), count(c), sum(d) - sum(e) FROM t GROUP BY b, a",
                   {"a", "b", "count", "count", "?column?"}),
            "t_by_a_and_b (a, b, count, count_2, value) AS SELECT a, b, count(*), count(c), sum(d) - sum(e) FROM t "
            "GROUP BY b, a · a, b · SELECT a, b, count, count_2, value FROM t_by_a_and_b");
}

TEST(SummaryView, HasEqualitiesAsColumns) {
  EXPECT_EQ(
      ViewOf("SELECT count(*) FROM t WHERE t.state = 'x'::text AND gone IS NULL", {"count"}),
      "t_by_state (state, count) AS SELECT t.state, count(*) FROM t WHERE gone IS NULL GROUP BY t.state · state · "
      "SELECT count FROM t_by_state WHERE state = $1::text");
  EXPECT_EQ(
      ViewOf("SELECT state, day, count(*) FROM t WHERE (state = $1) GROUP BY state, day", {"state", "day", "count"}),
      "t_by_state_and_day (state, day, count) AS SELECT state, day, count(*) FROM t GROUP BY state, day · state, "
      "day · SELECT state, day, count FROM t_by_state_and_day WHERE state = $1");
}

TEST(SummaryView, ReturnsWhatItIsGroupedBy) {
  EXPECT_EQ(ViewOf("SELECT u.name, count(*) FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id, u.name",
                   {"name", "count"}),
            "users_by_id_and_name (id, name, count) AS SELECT u.id, u.name, count(*) FROM users u JOIN orders o ON "
            "o.user_id = u.id GROUP BY u.id, u.name · id, name · SELECT name, count FROM users_by_id_and_name");
  EXPECT_EQ(ViewOf("SELECT status, count(*) FROM orders GROUP BY 1", {"status", "count"}),
            "orders_by_status (status, count) AS SELECT status, count(*) FROM orders GROUP BY status · status · SELECT "
            "status, count FROM orders_by_status");
  EXPECT_EQ(
      ViewOf("SELECT lower(city) AS town, count(*) FROM shops GROUP BY lower(city)", {"town", "count"}),
      "shops_by_town (town, count) AS SELECT lower(city) AS town, count(*) FROM shops GROUP BY lower(city) · town "
      "· SELECT town, count FROM shops_by_town");
}

TEST(SummaryView, QuotesWhatHasToBeAndTakesAFreeName) {
  EXPECT_EQ(
      ViewOf("SELECT \"Status\", count(*) FROM orders GROUP BY \"Status\"", {"Status", "count"}, {"orders_by_Status"}),
      "orders_by_Status_2 (Status, count) AS SELECT \"Status\", count(*) FROM orders GROUP BY \"Status\" · Status "
      "· SELECT \"Status\", count FROM \"orders_by_Status_2\"");
  EXPECT_LE(ViewOf("SELECT a" + std::string(60, 'x') + ", count(*) FROM orders GROUP BY a" + std::string(60, 'x'),
                   {"a" + std::string(60, 'x'), "count"})
                .find(' '),
            63U);
}

TEST(SummaryView, IsNoneWhereValuesAreMissingOrRowsCannotBeToldApart) {
  for (const char* sql :
       {"SELECT count(*) FROM t WHERE total > 5", "SELECT count(*) FROM t WHERE a = 1 OR b = 2",
        "SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > 3", "SELECT coalesce(sum(a), 0) FROM t",
        "SELECT count(*) FROM t WHERE a IN (1, 2)", "SELECT count(*) FROM t WHERE lower(a) = 'x'",
        "SELECT date_trunc('day', a), count(*) FROM t GROUP BY 1", "SELECT a, count(*) FROM t GROUP BY ROLLUP (a)",
        "SELECT count(*) FROM t UNION ALL SELECT count(*) FROM u", "SELECT DISTINCT count(*) FROM t",
        "SELECT count(*) FROM t WHERE a BETWEEN 1 AND 2 AND b = 3", "SELECT count(*) FROM lists WHERE a = 1 + b"}) {
    EXPECT_EQ(ViewOf(sql, {"x"}), "") << sql;
  }
}

TEST(SummaryView, StaysWithinAnyText) {
  const std::string sql =
      "WITH x AS (SELECT 'a') SELECT o.\"status\" AS s, count(*) FROM orders o WHERE (o.a = 'b'::text AND c IS NULL) "
      "GROUP BY o.\"status\" ORDER BY 2 LIMIT 3";
  for (size_t from = 0; from < sql.size(); ++from) {
    for (size_t length = 1; from + length <= sql.size(); length += 3) {
      trace::StatementRow statement;
      statement.sql = sql.substr(from, length);
      statement.facts.relations.push_back({"", "orders", "o"});
      statement.facts.outputs.resize(2);
      statement.facts.group_by.resize(1);
      std::set<std::string> taken;
      SummaryViewOf(statement, {}, taken);
    }
  }
}

}  // namespace
}  // namespace pgassay::detectors
