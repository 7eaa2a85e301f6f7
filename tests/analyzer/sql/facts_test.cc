#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analyzer/sql/batch_sql.h"
#include "analyzer/sql/orm.h"
#include "analyzer/sql/statement.h"

namespace pgassay::sql {
namespace {

const HashKey kKey = HashKey::ForTests(7);

Facts Read(const std::string& sql) {
  static Analyzer analyzer;
  const auto statements = Scan(kKey, sql);
  EXPECT_EQ(statements.size(), 1U) << sql;
  return analyzer.Analyze(sql, statements.at(0));
}

std::string Text(const Facts& facts, const ColumnRef& column) {
  const std::string relation =
      column.relation < 0 ? "?" : facts.relations.at(static_cast<size_t>(column.relation)).name;
  return relation + "." + column.column;
}

// Facts in short, for tables of cases.
std::string Brief(const Facts& facts) {
  static constexpr const char* kComparators[] = {"=",    "in",      "any",      "<>",  "range", "like",  "ilike",
                                                 "null", "notnull", "contains", "key", "text",  "notin", "other"};
  std::string out(facts.parsed ? OperationName(facts.operation) : "unparsed");
  for (const Relation& relation : facts.relations)
    out += " " + (relation.schema.empty() ? "" : relation.schema + ".") + relation.name;
  if (facts.target >= 0) out += fmt::format(" target={}", facts.target);
  for (const Comparison& c : facts.comparisons) {
    out += fmt::format(" [{} {}",
                       c.function.empty() ? Text(facts, c.column) : c.function + "(" + Text(facts, c.column) + ")",
                       kComparators[static_cast<size_t>(c.comparator)]);
    if (c.slot >= 0) out += fmt::format(" #{}", c.slot);
    if (!c.conjunct) out += " maybe";
    if (c.tuple >= 0) out += fmt::format(" tuple{}", c.tuple);
    if (c.subquery_depth > 0) out += fmt::format(" depth{}", c.subquery_depth);
    out += "]";
  }
  for (const Join& join : facts.joins) out += fmt::format(" <{}={}>", Text(facts, join.left), Text(facts, join.right));
  for (const ColumnRef& column : facts.group_by) out += " group:" + Text(facts, column);
  for (const SortKey& key : facts.order_by)
    out += " order:" + (key.expression ? "expr" : Text(facts, key.column)) + (key.descending ? "-" : "");
  for (const Assignment& a : facts.assignments)
    out += fmt::format(" {}:={}", a.column.column, a.expression ? "expr" : std::to_string(a.slot));
  return out;
}

std::string Outputs(const Facts& facts) {
  std::string out;
  for (const Output& output : facts.outputs) {
    static constexpr const char* kKinds[] = {"column", "star", "aggregate", "expression"};
    out += fmt::format(
        "{}:{}:{} ", kKinds[static_cast<size_t>(output.kind)], output.name,
        output.kind == Output::Kind::kColumn || output.kind == Output::Kind::kStar ? Text(facts, output.column) : "");
  }
  return out;
}

struct Case {
  std::string sql, brief;
};

TEST(Facts, SayWhatAStatementComparesJoinsAndSorts) {
  const std::vector<Case> cases = {
      {"SELECT a FROM t WHERE id = 1", "SELECT t [t.id = #0]"},
      {"SELECT o.id AS o_id FROM orders AS o WHERE $1 = o.user_id ORDER BY o.id DESC",
       "SELECT orders [orders.user_id = #0] order:orders.id-"},
      {"SELECT orders.id AS orders_id FROM orders WHERE $1::INTEGER = orders.user_id ORDER BY orders_id",
       "SELECT orders [orders.user_id = #0] order:orders.id"},
      {"SELECT a FROM t WHERE id IN (1, 2) AND x = ANY($1) AND y = ANY(ARRAY[1, 2])",
       "SELECT t [t.id in #0] [t.x any #1] [t.y any #2]"},
      {"SELECT a FROM t WHERE (a, b) = ($1, $2)", "SELECT t [t.a = #0 tuple0] [t.b = #1 tuple0]"},
      {"SELECT a FROM t WHERE (a, b) IN ((1, 2), (3, 4))", "SELECT t [t.a in #0 tuple0] [t.b in #1 tuple0]"},
      {"SELECT a FROM t WHERE a = 1 OR b = 2", "SELECT t [t.a = #0 maybe] [t.b = #1 maybe]"},
      {"SELECT a FROM t WHERE NOT a = 1 AND b NOT IN (1, 2)", "SELECT t [t.a <> #0 maybe] [t.b notin #1]"},
      {"SELECT a FROM t WHERE lower(n) = $1 AND d::date = $2 AND j->>'k' = $3",
       "SELECT t [lower(t.n) = #0] [cast(t.d) = #1] [->>(t.j) = #3]"},
      {"SELECT a FROM t WHERE a IS NULL AND b IS NOT NULL AND c BETWEEN 1 AND 2 AND d LIKE 'x%' AND e @> $1",
       "SELECT t [t.a null] [t.b notnull] [t.c range #0] [t.c range #1] [t.d like #2] [t.e contains #3]"},
      {"SELECT u.id FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = -5",
       "SELECT users orders [users.id = #0] <orders.user_id=users.id>"},
      {"SELECT 1 FROM users u, orders o WHERE o.user_id = u.id AND x = 3",
       "SELECT users orders [?.x = #1] <orders.user_id=users.id>"},
      {"SELECT 1 FROM a JOIN b USING (k)", "SELECT a b <a.k=b.k>"},
      {"SELECT a FROM t LEFT JOIN u ON u.t_id = t.id AND u.kind = 'x'", "SELECT t u [u.kind = #0 maybe] <u.t_id=t.id>"},
      {"SELECT a FROM t WHERE id IN (SELECT t_id FROM u WHERE u.x = 1)", "SELECT t u [u.x = #0 depth1] <t.id=u.t_id>"},
      {"WITH c AS (SELECT id FROM t WHERE k = 1) SELECT * FROM c JOIN u ON u.t_id = c.id",
       "SELECT t u [t.k = #0 depth1] <u.t_id=t.id>"},
      {"SELECT anon_1.users_id FROM (SELECT users.id AS users_id FROM users LIMIT 5) AS anon_1 JOIN o ON "
       "anon_1.users_id = o.user_id",
       "SELECT users o <users.id=o.user_id>"},
      {"SELECT a, count(*) FROM s.t GROUP BY 1 ORDER BY 2", "SELECT s.t group:t.a order:expr"},
      {"SELECT a FROM t WHERE id = 1 UNION SELECT b FROM u WHERE id = 2",
       "SELECT t u [t.id = #0 depth1] [u.id = #1 depth1]"},
      {"INSERT INTO t (a, b, c) VALUES ($1, now(), 3) RETURNING id", "INSERT t target=0 a:=0 b:=expr c:=1"},
      {"INSERT INTO t (a, b) VALUES (1, 2), (3, 4)", "INSERT t target=0 a:=0 b:=1"},
      {"INSERT INTO t (a) SELECT b FROM u WHERE k = 1", "INSERT t u target=0 [u.k = #0] a:=expr"},
      {"UPDATE t SET a = $1, n = n + 1, (c, d) = (2, 3) WHERE id = $2",
       "UPDATE t target=0 [t.id = #4] a:=0 n:=expr c:=2 d:=3"},
      {"DELETE FROM t USING u WHERE t.u_id = u.id AND u.x = 1", "DELETE t u target=0 [u.x = #0] <t.u_id=u.id>"},
      {"MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1", "MERGE t s target=0 <t.id=s.id> a:=0"},
      {"SELECT a FROM t WHERE b = CAST($1 AS uuid)", "SELECT t [t.b = #0]"},
      {"SELECT a FROM t WHERE a = N'x'", "SELECT t [t.a = #0]"},
      {"SELECT a FROM t WHERE b = true", "SELECT t [t.b = #0]"},
      {"SELECT a FROM t, JSON_TABLE(b, '$' COLUMNS (c int PATH '$.c')) AS j", "unparsed t"},
      {"UPDATE t SET a = 1 WHERE id = 0x1F RETURNING WITH (OLD AS o) o.a", "unparsed t target=0"},
      {"TRUNCATE a, b", "TRUNCATE a b target=0"},
      {"COPY t FROM STDIN", "COPY t target=0"},
  };
  for (const Case& c : cases) EXPECT_EQ(Brief(Read(c.sql)), c.brief) << c.sql;
}

TEST(Facts, ResolveOutputs) {
  EXPECT_EQ(Outputs(Read("SELECT users.id AS users_id, u2.*, count(*) AS n, a + 1 FROM users, t u2")),
            "column:users_id:users.id star:*:t. aggregate:n: expression:: ");
  EXPECT_TRUE(Read("SELECT max(a) AS most FROM t").outputs.at(0).extremum);
  EXPECT_FALSE(Read("SELECT max(a + 1) FROM t").outputs.at(0).extremum);
  EXPECT_FALSE(Read("SELECT max(a) OVER () FROM t").outputs.at(0).extremum);
  EXPECT_EQ(Outputs(Read("SELECT q.x FROM (SELECT id AS x FROM t) q")), "column:x:t.id ");
  const Facts star = Read("SELECT * FROM t");
  EXPECT_TRUE(star.has_star);
  EXPECT_EQ(star.outputs.at(0).column.relation, 0);
  EXPECT_TRUE(Read("SELECT count(*), coalesce(sum(a), 0) FROM t").aggregate_only);
  EXPECT_TRUE(Read("SELECT EXISTS (SELECT 1 FROM t)").aggregate_only);
  EXPECT_FALSE(Read("SELECT count(*) FROM t GROUP BY a").aggregate_only);
  EXPECT_FALSE(Read("SELECT sum(a) OVER () FROM t").aggregate_only);
}

TEST(Facts, KnowTheKindOfStatement) {
  const std::vector<std::pair<std::string, std::pair<Operation, std::string>>> cases = {
      {"BEGIN", {Operation::kBegin, ""}},
      {"START TRANSACTION READ ONLY", {Operation::kBegin, ""}},
      {"END", {Operation::kCommit, ""}},
      {"ABORT", {Operation::kRollback, ""}},
      {"SAVEPOINT a", {Operation::kSavepoint, "a"}},
      {"RELEASE a", {Operation::kReleaseSavepoint, "a"}},
      {"ROLLBACK TO SAVEPOINT a", {Operation::kRollbackToSavepoint, "a"}},
      {"SET search_path TO a, b", {Operation::kSet, "search_path"}},
      {"RESET ALL", {Operation::kReset, ""}},
      {"SHOW x", {Operation::kShow, "x"}},
      {"DISCARD ALL", {Operation::kDiscard, ""}},
      {"PREPARE p AS SELECT 1", {Operation::kPrepare, "p"}},
      {"EXECUTE p(1)", {Operation::kExecute, "p"}},
      {"DEALLOCATE p", {Operation::kDeallocate, "p"}},
      {"DECLARE c CURSOR WITH HOLD FOR SELECT 1", {Operation::kDeclareCursor, "c"}},
      {"FETCH FORWARD 20 FROM c", {Operation::kFetch, "c"}},
      {"CLOSE c", {Operation::kCloseCursor, "c"}},
      {"LISTEN c", {Operation::kListen, ""}},
      {"EXPLAIN SELECT 1", {Operation::kExplain, ""}},
      {"LOCK TABLE t", {Operation::kLock, ""}},
      {"CALL p(1)", {Operation::kCall, ""}},
      {"REFRESH MATERIALIZED VIEW v", {Operation::kRefresh, ""}},
      {"CREATE TABLE t (a int)", {Operation::kDdl, ""}},
      {"CREATE INDEX i ON t (a)", {Operation::kDdl, ""}},
      {"VACUUM t", {Operation::kVacuum, ""}},
      {"DO $$ $$", {Operation::kOther, ""}},
      {"VALUES (1)", {Operation::kSelect, ""}}};
  for (const auto& [sql, expected] : cases) {
    const Facts facts = Read(sql);
    EXPECT_EQ(OperationName(facts.operation), OperationName(expected.first)) << sql;
    EXPECT_EQ(facts.name, expected.second) << sql;
    EXPECT_EQ(OperationFromName(OperationName(facts.operation)), facts.operation);
  }
  EXPECT_EQ(Read("SET search_path TO a, b").setting_value, "a, b");
  EXPECT_EQ(Read("FETCH FORWARD 20 FROM c").fetch_count, 20);
  EXPECT_EQ(Read("FETCH ALL FROM c").fetch_count, -1);
}

TEST(Facts, Flags) {
  EXPECT_TRUE(Read("SELECT version()").catalog_only);
  EXPECT_TRUE(
      Read("SELECT c.relname FROM pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace").catalog_only);
  EXPECT_FALSE(Read("SELECT 1").catalog_only);
  EXPECT_FALSE(Read("SELECT 1 FROM pg_class, t").catalog_only);
  EXPECT_TRUE(Read("SELECT a FROM t FOR UPDATE").locking);
  EXPECT_TRUE(Read("SELECT now()").volatile_functions);
  EXPECT_TRUE(Read("SELECT CURRENT_TIMESTAMP").volatile_functions);
  EXPECT_TRUE(Read("SELECT my_own(a) FROM t").unknown_functions);
  EXPECT_FALSE(Read("SELECT lower(a) FROM t").unknown_functions);
  EXPECT_TRUE(Read("WITH d AS (DELETE FROM t RETURNING id) SELECT * FROM d").writes);
  EXPECT_TRUE(Read("INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING").on_conflict);
  EXPECT_TRUE(Read("INSERT INTO t (a) VALUES (1)").single_row_insert);
  EXPECT_FALSE(Read("INSERT INTO t (a) VALUES (1), (2)").single_row_insert);
  const Facts page = Read("SELECT DISTINCT a FROM t LIMIT 21 OFFSET $1");
  EXPECT_TRUE(page.distinct);
  EXPECT_EQ(page.limit.value, 21);
  EXPECT_EQ(page.offset.kind, Bound::kParameter);
  EXPECT_EQ(page.offset.slot, 1);
}

TEST(Facts, KnowSubqueriesThatRunForEachRow) {
  const auto per_row = [](const std::string& sql) {
    std::string names;
    for (const Relation& relation : Read(sql).relations) names += relation.per_row ? relation.name + " " : "";
    return names;
  };
  EXPECT_EQ(per_row("SELECT u.id, (SELECT count(*) FROM o WHERE o.u = u.id) FROM u"), "o ");
  EXPECT_EQ(per_row("SELECT u.id, ARRAY(SELECT o.id FROM o JOIN i ON i.o = o.id WHERE o.u = u.id) FROM u"), "o i ");
  EXPECT_EQ(per_row("SELECT * FROM u CROSS JOIN LATERAL (SELECT * FROM o WHERE o.u = u.id LIMIT 1) x"), "o ");
  EXPECT_EQ(per_row("SELECT * FROM u LEFT JOIN LATERAL (SELECT sum(o.t) FROM o WHERE o.u = u.id) x ON true"), "o ");
  EXPECT_EQ(per_row("SELECT t0.id, t1.j FROM u AS t0 LEFT JOIN LATERAL (SELECT COALESCE(jsonb_agg(d), '[]') AS j FROM "
                    "(SELECT t3.* FROM (SELECT t2.* FROM o AS t2 WHERE t0.id = t2.u) AS t3) AS d) AS t1 ON true"),
            "o ")
      << "as Prisma writes it";
  EXPECT_EQ(per_row("SELECT * FROM u, LATERAL (SELECT * FROM o WHERE o.u = u.id) x"), "") << "a join";
  EXPECT_EQ(per_row("SELECT * FROM u WHERE EXISTS (SELECT 1 FROM o WHERE o.u = u.id)"), "") << "a semi-join";
  EXPECT_EQ(per_row("SELECT * FROM u WHERE id IN (SELECT u FROM o LIMIT 5)"), "");
  EXPECT_EQ(per_row("SELECT * FROM (SELECT * FROM o LIMIT 5) x"), "");
}

TEST(Facts, SurviveJson) {
  for (const std::string sql :
       {"SELECT u.id, count(*) FROM users u JOIN s.o ON o.a = u.id WHERE (u.x, u.y) = ($1, 2) AND lower(u.n) LIKE 'x' "
        "GROUP BY u.id ORDER BY 1 DESC LIMIT 3 OFFSET $2",
        "SELECT (SELECT max(o.t) FROM o WHERE o.u = u.id) FROM u",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING RETURNING *", "FETCH 5 FROM c", "not sql"}) {
    const std::string json = FactsToJson(Read(sql));
    EXPECT_EQ(FactsToJson(FactsFromJson(json)), json);
    EXPECT_EQ(Brief(FactsFromJson(json)), Brief(Read(sql)));
  }
  for (const std::string broken :
       {"", "[]", "{\"relations\":3}", "{\"comparisons\":[{\"column\":[\"a\",1],\"kind\":99}]}"})
    FactsFromJson(broken);
}

TEST(BatchedSql, AsksOnceForAllParents) {
  const std::vector<Case> cases = {
      {"SELECT id, user_id FROM orders WHERE user_id = $1", "SELECT id, user_id FROM orders WHERE user_id = ANY($1)"},
      {"SELECT o.id AS o_id FROM orders AS o WHERE $1::INTEGER = o.user_id",
       "SELECT o.user_id, o.id AS o_id FROM orders AS o WHERE o.user_id = ANY($1::INTEGER[])"},
      {"SELECT * FROM orders WHERE user_id IN ($1) ORDER BY id",
       "SELECT * FROM orders WHERE user_id = ANY($1) ORDER BY id"},
      {"SELECT count(*) FROM orders WHERE user_id = $1 AND paid",
       "SELECT user_id, count(*) FROM orders WHERE user_id = ANY($1) AND paid GROUP BY user_id"},
      {"UPDATE orders SET paid = $1 WHERE id = $2", ""},
      {"UPDATE orders SET views = views + $1 WHERE id = $2", "UPDATE orders SET views = views + $1 WHERE id = ANY($2)"},
      {"DELETE FROM orders WHERE id = $1", "DELETE FROM orders WHERE id = ANY($1)"},
      {"SELECT id FROM orders WHERE user_id = $1 ORDER BY id DESC LIMIT 3",
       "SELECT parent.key, child.* FROM (SELECT DISTINCT user_id FROM \"orders\" WHERE user_id = ANY($1)) AS "
       "parent(key) CROSS JOIN LATERAL "
       "(SELECT id FROM orders WHERE user_id = parent.key ORDER BY id DESC LIMIT $2) AS child"},
      {"SELECT id FROM orders WHERE user_id = $1::bigint LIMIT $2",
       "SELECT parent.key, child.* FROM unnest($1::bigint[]) AS parent(key) CROSS JOIN LATERAL (SELECT id FROM orders "
       "WHERE user_id = parent.key LIMIT $2) AS child"},
      {"SELECT a, b FROM t WHERE (a, b) = ($1::int, $2::text)",
       "SELECT a, b FROM t WHERE (a, b) IN (SELECT * FROM unnest($1::int[], $2::text[]))"},
      {"SELECT a FROM t WHERE x = $1 OR y = 2", ""},
      {"SELECT a FROM t WHERE x = $1 FOR UPDATE", ""},
      {"SELECT a FROM t WHERE x = $1 UNION SELECT 2", ""},
      {"SELECT DISTINCT a FROM t WHERE x = $1", ""},
      {"SELECT max(a) FROM t WHERE x = $1 GROUP BY b", ""},
      {"SELECT a FROM t WHERE x = $1 AND y = $1", ""},
  };
  for (const Case& c : cases) {
    const auto statements = Scan(kKey, c.sql);
    const Facts facts = Read(c.sql);
    const std::string batched = BatchedSql(statements.at(0).sql, facts, 0);
    EXPECT_EQ(batched, c.brief) << c.sql;
    if (!batched.empty()) {
      EXPECT_TRUE(Read(batched).parsed) << batched;
    }
  }
}

TEST(GuessOrm, KnowsTheHandwriting) {
  const std::vector<std::pair<std::string, Orm>> cases = {
      {"SELECT users.id AS users_id, users.name AS users_name FROM users WHERE users.id = $1", Orm::kSqlAlchemy},
      {"SELECT \"shop_user\".\"id\", \"shop_user\".\"name\" FROM \"shop_user\" WHERE \"shop_user\".\"id\" = $1 LIMIT "
       "21",
       Orm::kDjango},
      {"SELECT \"users\".* FROM \"users\" WHERE \"users\".\"id\" = $1 LIMIT $2", Orm::kRails},
      {"SELECT \"public\".\"User\".\"id\", \"public\".\"User\".\"name\" FROM \"public\".\"User\" WHERE 1=1 OFFSET $1",
       Orm::kPrisma},
      {"SELECT \"User\".\"id\" AS \"User_id\", \"User\".\"name\" AS \"User_name\" FROM \"user\" \"User\"",
       Orm::kTypeOrm},
      {"select u1_0.id,u1_0.name from users u1_0 where u1_0.id=$1", Orm::kHibernate},
      {"SELECT id, name FROM users WHERE id = $1", Orm::kUnknown},
      {"SELECT u.id, u.name FROM users u", Orm::kUnknown}};
  for (const auto& [sql, orm] : cases) EXPECT_EQ(OrmName(GuessOrm(sql)), OrmName(orm)) << sql;
  const std::vector<Tag> tags = {{"framework", "django:4.2"}};
  EXPECT_EQ(GuessOrm("SELECT 1", tags), Orm::kDjango);
}

}  // namespace
}  // namespace pgassay::sql
