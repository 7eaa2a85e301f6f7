#include "analyzer/catalog/explainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "analyzer/catalog/plan_tree.h"
#include "server_session.h"

namespace pgassay::catalog {
namespace {

constexpr uint32_t kInt4 = 23, kText = 25, kNumeric = 1700;

class Explaining : public testing::Test {
 protected:
  void SetUp() override {
    server_.Run(
        "DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC; "
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int, status text, tags int[]); "
        "INSERT INTO orders SELECT i, i % 1000, CASE WHEN i % 100 = 0 THEN 'hot' ELSE 'done' END, ARRAY[i % 50] "
        "FROM generate_series(1, 20000) i; CREATE INDEX orders_status ON orders (status); ANALYZE orders");
  }

  std::unique_ptr<Planner> Explainer(const std::string& user = "", bool sandbox = false) {
    return MakeExplainer(As(user), Look(user), {.sandbox = sandbox});
  }

  // Of a login that may read the tables that are there.
  void MakeReader(const std::string& name) {
    server_.Run("DO $$BEGIN CREATE ROLE " + name + " LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$; " +
                "GRANT USAGE ON SCHEMA public TO " + name + "; GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + name);
  }

  static IndexSpec ByUser(const Planner& planner) {
    const Relation& orders = *planner.snapshot().FindRelation("public", "orders");
    return {.relation_oid = orders.oid, .keys = {{.attnum = 2}}, .name = "orders_user_id"};
  }

  static Sample WithText(const std::string& sql, const std::string& value) {
    return {.sql = sql, .binds = {{.type_oid = kText, .value = value}}};
  }

  ServerSession server_;
};

// Of a sample that has no context.
std::string Without() { return "without the application's role, search_path and settings"; }

std::vector<UsedIndex> Existing(const std::string& name) { return {{.name = name}}; }

TEST_F(Explaining, PlansWithTheValuesThatWereSent) {
  const auto planner = Explainer();
  const auto hot = planner->Plan(WithText("SELECT * FROM orders WHERE status = $1", "hot"));
  const auto done = planner->Plan(WithText("SELECT * FROM orders WHERE status = $1", "done"));
  ASSERT_TRUE(hot) << hot.error().message;
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(hot->indexes_used, Existing("orders_status"));
  EXPECT_EQ(done->sequential_scans, std::vector<std::string>{"public.orders"});
  EXPECT_NEAR(hot->rows, 200, 100);
  EXPECT_NEAR(done->rows, 19800, 500);
  EXPECT_TRUE(hot->how.starts_with("planned with the values of one execution")) << hot->how;
  EXPECT_EQ(planner->calls(), 2U);
}

TEST_F(Explaining, TakesBinaryValuesNullsAndLiterals) {
  const auto planner = Explainer();
  const BindValue seven{.type_oid = kInt4, .binary = true, .value = std::string("\0\0\0\7", 4)};
  const auto binary = planner->Plan({.sql = "SELECT * FROM orders WHERE id = $1", .binds = {seven}});
  ASSERT_TRUE(binary) << binary.error().message;
  EXPECT_EQ(binary->indexes_used, Existing("orders_pkey"));
  const auto null = planner->Plan({.sql = "SELECT * FROM orders WHERE id = $1", .binds = {{.null = true}}});
  ASSERT_TRUE(null) << null.error().message;
  const auto literal = planner->Plan({.sql = "SELECT * FROM orders WHERE status = 'hot'; -- a comment"});
  ASSERT_TRUE(literal) << literal.error().message;
  EXPECT_EQ(literal->indexes_used, Existing("orders_status"));
}

TEST_F(Explaining, PlansGenericallyInTheTypesThatWereDeclared) {
  const auto planner = Explainer();
  Sample sample{.sql = "SELECT * FROM orders WHERE id = $1", .binds = {{.type_oid = kInt4, .value = "7"}}};
  const auto integer = planner->Plan(sample, {}, {.values = Values::kGeneric});
  ASSERT_TRUE(integer) << integer.error().message;
  EXPECT_EQ(integer->indexes_used, Existing("orders_pkey"));
  EXPECT_TRUE(integer->how.starts_with("generic plan")) << integer->how;
  EXPECT_TRUE(integer->plan_json.contains("$1")) << integer->plan_json;
  sample.binds[0].type_oid = kNumeric;  // the column is cast, and no index serves that
  const auto numeric = planner->Plan(sample, {}, {.values = Values::kGeneric});
  ASSERT_TRUE(numeric) << numeric.error().message;
  EXPECT_EQ(numeric->sequential_scans, std::vector<std::string>{"public.orders"});
}

TEST_F(Explaining, PlansGenericallyWhereNoValuesWereKept) {
  const auto planner = Explainer();
  for (int i = 0; i < 2; ++i) {  // nothing of the first is in the way of the second
    const auto plan = planner->Plan({.sql = "SELECT * FROM orders WHERE id = $1 AND status = $2 LIMIT $3"});
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_TRUE(plan->how.starts_with("generic plan")) << plan->how;
    EXPECT_EQ(plan->indexes_used, Existing("orders_pkey"));
  }
  EXPECT_FALSE(planner->Plan({.sql = "SELECT * FROM nowhere WHERE id = $1"}));
  EXPECT_TRUE(planner->Plan({.sql = "SELECT * FROM orders WHERE id = $1"}));
}

TEST_F(Explaining, SeesAllPartitionsGenerically) {
  server_.Run(
      "CREATE TABLE event (id int, day date) PARTITION BY RANGE (day); "
      "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); "
      "CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')");
  const auto planner = Explainer();
  const auto plan = planner->Plan({.sql = "SELECT * FROM event WHERE day = $1"});
  ASSERT_TRUE(plan) << plan.error().message;
  if (planner->snapshot().server_version >= 160000) {
    EXPECT_EQ(plan->sequential_scans, (std::vector<std::string>{"public.event_1", "public.event_2"}));
  } else {
    EXPECT_TRUE(plan->how.starts_with("generic plan that does not show all partitions")) << plan->how;
  }
}

TEST_F(Explaining, KeepsNoValueOfThePlan) {
  const auto planner = Explainer();
  const auto plan = planner->Plan(
      {.sql = "SELECT * FROM orders WHERE status = $1 AND user_id = 4711 AND status || 'canary' <> 'canaries'",
       .binds = {{.type_oid = kText, .value = "canary"}}});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_FALSE(plan->plan_json.contains("canar")) << plan->plan_json;
  EXPECT_FALSE(plan->plan_json.contains("4711")) << plan->plan_json;
  EXPECT_TRUE(plan->plan_json.contains("user_id = $")) << plan->plan_json;
}

TEST_F(Explaining, RefusesWhatIsNoSingleStatementOfThoseThatArePlanned) {
  const auto planner = Explainer();
  for (const char* sql :
       {"SELECT 1; DROP TABLE orders", "DROP TABLE orders", "TRUNCATE orders", "VACUUM", "", "COMMIT", "not sql",
        "EXPLAIN ANALYZE DELETE FROM orders", "ANALYZE DELETE FROM orders", "CREATE TABLE x AS SELECT 1"}) {
    EXPECT_FALSE(planner->Plan({.sql = sql})) << sql;
  }
  EXPECT_EQ(planner->calls(), 0U);
  EXPECT_EQ(server_.Run("SELECT count(*) FROM orders"), "20000");
}

TEST_F(Explaining, PlansWritesAndRunsNone) {
  const auto planner = Explainer();
  for (const char* sql : {"DELETE FROM orders", "UPDATE orders SET status = 'x' WHERE id = 7",
                          "INSERT INTO orders (id) VALUES (0)", "SELECT * FROM orders WHERE id = 7 FOR UPDATE",
                          "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone"}) {
    const auto plan = planner->Plan({.sql = sql});
    EXPECT_TRUE(plan) << sql << ": " << plan.error().message;
  }
  EXPECT_EQ(server_.Run("SELECT count(*) FROM orders WHERE status <> 'x' AND id > 0"), "20000");
}

TEST_F(Explaining, ExecutesWhatReadsAndSaysWhatCame) {
  const auto planner = Explainer();
  const auto hot = planner->Plan(WithText("SELECT id FROM orders WHERE status = $1", "hot"), {}, {.execute = true});
  ASSERT_TRUE(hot) << hot.error().message;
  EXPECT_EQ(hot->how, "executed once more with the values of one execution, " + Without());
  const auto tree = PlanTree(hot->plan_json);
  ASSERT_TRUE(tree && tree->actual) << hot->plan_json;
  EXPECT_EQ(tree->actual->rows, 200);
  EXPECT_FALSE(hot->plan_json.contains("hot\"")) << hot->plan_json;
  server_.Run("CREATE FUNCTION calm(int) RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RETURN $1; END$$");
  for (const char* sql :
       {"SELECT count(*), sum(id), array_agg(lower(status)), now() FROM orders WHERE id > 19990",
        "SELECT calm(id), row_number() OVER (ORDER BY id), id::text || 'x' FROM orders WHERE id < 9 LIMIT 3",
        "SELECT extract(year FROM current_date), coalesce(NULL, 1), ARRAY(SELECT id FROM orders WHERE id IN (1, 2))",
        "SELECT * FROM generate_series(1, 3) g JOIN orders ON id = g", "SELECT tags @> ARRAY[1] FROM orders LIMIT 1"}) {
    const auto plan = planner->Plan({.sql = sql}, {}, {.execute = true});
    EXPECT_TRUE(plan) << sql << ": " << plan.error().message;
  }
}

TEST_F(Explaining, ExecutesNothingThatCouldDoMoreThanToRead) {
  MakeReader("watched");
  server_.Run(
      "CREATE TABLE log (id int); CREATE SEQUENCE numbers; CREATE TABLE guarded (id int); "
      "CREATE FUNCTION touch() RETURNS int LANGUAGE sql AS 'INSERT INTO log VALUES (1) RETURNING 1'; "
      "CREATE FUNCTION poke(orders) RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1; END$$; "
      "CREATE VIEW seen AS SELECT id FROM orders LIMIT touch(); "
      "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (id = touch()); "
      "GRANT SELECT ON guarded TO watched");
  const auto planner = Explainer();
  const auto watched = Explainer("watched");
  EXPECT_TRUE(watched->Plan({.sql = "SELECT id FROM guarded"}));
  EXPECT_FALSE(watched->Plan({.sql = "SELECT id FROM guarded"}, {}, {.execute = true}));
  for (const char* sql :
       {"DELETE FROM orders", "SELECT id FROM orders FOR UPDATE", "SELECT id FROM orders LIMIT touch()",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone", "SELECT nextval('numbers')",
        "SELECT * FROM (VALUES (touch())) v", "SELECT id FROM seen", "SELECT o.poke FROM orders o WHERE id = 1",
        "SELECT pg_sleep(0)", "SELECT \"touch\"()", "SELECT id FROM orders WHERE random() < 1"}) {
    EXPECT_TRUE(planner->Plan({.sql = sql})) << sql;
    const auto plan = planner->Plan({.sql = sql}, {}, {.execute = true});
    EXPECT_TRUE(!plan && plan.error().message.starts_with("it is not executed")) << sql;
  }
  EXPECT_FALSE(planner->Plan({.sql = "SELECT id FROM orders WHERE id = $1"}, {}, {.execute = true}));  // no values
  EXPECT_EQ(server_.Run("SELECT count(*) FROM log"), "0");
  EXPECT_EQ(server_.Run("SELECT is_called FROM numbers"), "f");
  server_.Run(
      "CREATE FUNCTION odd(int, int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RETURN true; END$$; "
      "CREATE OPERATOR ~@~ (LEFTARG = int, RIGHTARG = int, FUNCTION = odd)");
  const auto plain = planner->Plan({.sql = "SELECT id FROM orders WHERE id = 1"}, {}, {.execute = true});
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().message, "it is not executed: the operator ~@~ is volatile");
}

TEST_F(Explaining, ExecutesReadOnlyAndForTwoSecondsWhateverAFunctionPromises) {
  server_.Run(
      "CREATE TABLE log (id int); "
      "CREATE FUNCTION touch() RETURNS int LANGUAGE sql AS 'INSERT INTO log VALUES (1) RETURNING 1'; "
      "CREATE FUNCTION liar() RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RETURN touch(); END$$");
  const auto planner = Explainer();
  const auto lied = planner->Plan({.sql = "SELECT liar() FROM orders LIMIT 1"}, {}, {.execute = true});
  ASSERT_FALSE(lied);
  EXPECT_EQ(lied.error().message, "cannot execute INSERT in a read-only transaction");
  const auto long_one = planner->Plan(
      {.sql = "SELECT count(*) FROM orders a, orders b, orders c WHERE a.id + b.id < c.id"}, {}, {.execute = true});
  ASSERT_FALSE(long_one);
  EXPECT_EQ(long_one.error().message, "canceling statement due to statement timeout");
  EXPECT_EQ(server_.Run("SELECT count(*) FROM log"), "0");
  EXPECT_TRUE(planner->Plan({.sql = "SELECT id FROM orders WHERE id = 1"}, {}, {.execute = true}));
}

TEST_F(Explaining, SaysThatATableIsLockedAndDoesNotHang) {
  const auto planner = Explainer();
  ServerSession holder;
  holder.Run("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
  const auto before = std::chrono::steady_clock::now();
  const auto plan = planner->Plan({.sql = "SELECT * FROM orders"});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message, "canceling statement due to lock timeout");
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  holder.Run("ROLLBACK");
  EXPECT_TRUE(planner->Plan({.sql = "SELECT * FROM orders"}));
}

TEST_F(Explaining, NeitherWritesNorWaitsForFunctionsThatThePlannerRuns) {
  server_.Run(
      "CREATE TABLE written (x int); "
      "CREATE FUNCTION writes(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
      "$$BEGIN INSERT INTO written VALUES (1); RETURN 1; END$$; "
      "CREATE FUNCTION sleeps(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
      "$$BEGIN PERFORM pg_sleep(60); RETURN 1; END$$");
  const auto planner = Explainer();
  const auto writes = planner->Plan({.sql = "SELECT * FROM orders WHERE id = writes(1)"});
  EXPECT_FALSE(writes);
  EXPECT_EQ(server_.Run("SELECT count(*) FROM written"), "0");
  const auto sleeps = planner->Plan({.sql = "SELECT * FROM orders WHERE id = sleeps(1)"});
  ASSERT_FALSE(sleeps);
  EXPECT_EQ(sleeps.error().message, "canceling statement due to statement timeout");
}

TEST_F(Explaining, PlansAsARoleThatMayOnlyRead) {
  MakeReader("reader");
  const auto planner = Explainer("reader");
  EXPECT_TRUE(planner->Plan(WithText("SELECT * FROM orders WHERE status = $1", "hot")));
  const auto write = planner->Plan({.sql = "DELETE FROM orders"});
  ASSERT_FALSE(write);
  EXPECT_TRUE(write.error().message.starts_with("permission denied for table")) << write.error().message;
  const auto context = std::make_shared<SessionContext>(SessionContext{.user = "shop"});
  const auto other = planner->Plan({.sql = "SELECT * FROM orders WHERE id = 1", .context = context});
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(other->how, "planned with the values of one execution, without the application's role");
}

TEST_F(Explaining, TakesOnTheSessionsRoleSettingsAndPath) {
  server_.Run(
      "CREATE SCHEMA IF NOT EXISTS tenant_2; CREATE TABLE IF NOT EXISTS tenant_2.orders (id int); "
      "CREATE TABLE document (tenant int, body text); ALTER TABLE document ENABLE ROW LEVEL SECURITY; "
      "CREATE POLICY own ON document USING (tenant = current_setting('app.tenant')::int)");
  MakeReader("tenant");
  server_.Run("GRANT ALL ON SCHEMA tenant_2 TO tenant; GRANT SELECT ON tenant_2.orders TO tenant");
  const auto planner = Explainer();
  const Sample document{.sql = "SELECT body FROM document"};
  const auto owner = planner->Plan(document);
  ASSERT_TRUE(owner) << owner.error().message;
  EXPECT_FALSE(owner->plan_json.contains("Filter")) << owner->plan_json;  // policies do not hold for it
  EXPECT_TRUE(owner->how.ends_with("without the application's role, search_path and settings")) << owner->how;

  SessionContext session{.user = "tenant", .settings = {{"app.tenant", "4711"}, {"search_path", "tenant_2"}}};
  const auto planned = [&](const std::string& sql) {
    return planner->Plan({.sql = sql, .context = std::make_shared<SessionContext>(session)});
  };
  const auto tenant = planned("SELECT body FROM public.document");
  ASSERT_TRUE(tenant) << tenant.error().message;
  EXPECT_EQ(tenant->how, "planned with the values of one execution");
  EXPECT_TRUE(tenant->plan_json.contains("tenant = (current_setting($")) << tenant->plan_json;
  EXPECT_FALSE(tenant->plan_json.contains("4711"));
  EXPECT_EQ(planned("SELECT * FROM orders")->sequential_scans, std::vector<std::string>{"tenant_2.orders"});

  session.settings = {{"enable_indexscan", "off"}, {"enable_bitmapscan", "off"}, {"nobody's", "x"}};
  const auto partly = planned("SELECT * FROM public.orders WHERE id = 7");
  ASSERT_TRUE(partly) << partly.error().message;
  EXPECT_EQ(partly->sequential_scans, std::vector<std::string>{"public.orders"});
  EXPECT_EQ(partly->how, "planned with the values of one execution, without some of the application's settings");
}

TEST_F(Explaining, KnowsWhatTheRoleOfAnotherLoginSets) {
  server_.Run("CREATE SCHEMA IF NOT EXISTS its_own; CREATE TABLE IF NOT EXISTS its_own.orders (id int)");
  MakeReader("configured");
  server_.Run(
      "GRANT USAGE ON SCHEMA its_own TO configured; GRANT SELECT ON its_own.orders TO configured; "
      "ALTER ROLE configured SET search_path = its_own, public; ALTER ROLE configured SET statement_timeout = 0");
  const auto context = std::make_shared<SessionContext>(SessionContext{.user = "configured"});
  const auto plan = Explainer()->Plan({.sql = "SELECT * FROM orders", .context = context});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->sequential_scans, std::vector<std::string>{"its_own.orders"});
}

TEST_F(Explaining, TellsWhetherAnIndexCouldServeByTurningSequentialScansOff) {
  server_.Run("CREATE TABLE tiny (id int PRIMARY KEY, note text); INSERT INTO tiny VALUES (1, 'a'); ANALYZE tiny");
  const auto planner = Explainer();
  const PlanOptions structural{.sequential_scans = false};
  const Sample by_id{.sql = "SELECT * FROM tiny WHERE id = 1"}, by_note{.sql = "SELECT * FROM tiny WHERE note = 'a'"};
  EXPECT_EQ(planner->Plan(by_id)->sequential_scans, std::vector<std::string>{"public.tiny"});
  EXPECT_TRUE(planner->Plan(by_id, {}, structural)->sequential_scans.empty());
  EXPECT_EQ(planner->Plan(by_note, {}, structural)->sequential_scans, std::vector<std::string>{"public.tiny"});
}

TEST_F(Explaining, SupposesIndexesWithHypoPg) {
  if (server_.Run("SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'") == "0") GTEST_SKIP();
  server_.Run(
      "CREATE SCHEMA \"x'; drop table orders;--\"; CREATE EXTENSION hypopg SCHEMA \"x'; drop table orders;--\"");
  const auto planner = Explainer();
  const IndexSpec index = ByUser(*planner);
  IndexSpec gin = index;
  gin.access_method = "gin";
  EXPECT_EQ(planner->CanTry(index), Hypothetical::kHypoPg);
  EXPECT_EQ(planner->CanTry(gin), Hypothetical::kNone);
  EXPECT_EQ(Explainer("", true)->CanTry(gin), Hypothetical::kSandbox);
  const Sample sample{.sql = "SELECT * FROM orders WHERE user_id = 7"};
  const auto with = planner->Plan(sample, {&index, 1});
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_EQ(with->indexes_used, (std::vector<UsedIndex>{{.name = "orders_user_id", .hypothetical = 0}}));
  EXPECT_TRUE(with->plan_json.contains("orders_user_id")) << with->plan_json;
  ASSERT_EQ(with->hypothetical_bytes.size(), 1U);
  EXPECT_GT(with->hypothetical_bytes[0], 100'000);
  const auto without = planner->Plan(sample);
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_TRUE(without->indexes_used.empty());
  EXPECT_LT(2 * with->total_cost, without->total_cost);
  EXPECT_FALSE(planner->Plan(sample, {&gin, 1}));
  server_.Run("DROP SCHEMA \"x'; drop table orders;--\" CASCADE");
}

TEST_F(Explaining, BuildsIndexesInTheSandboxAndLeavesNone) {
  server_.Run("CREATE SCHEMA \"x'; drop table t;--\"; CREATE TABLE \"x'; drop table t;--\".t AS SELECT * FROM orders");
  server_.Run("ANALYZE");
  const auto planner = Explainer("", true);
  const Relation& table = *planner->snapshot().FindRelation("x'; drop table t;--", "t");
  const std::string from = "SELECT * FROM " + QualifiedName(table) + " WHERE ";
  const std::vector<IndexSpec> indexes = {
      {.relation_oid = table.oid, .access_method = "gin", .keys = {{.attnum = 4}}, .name = "by_tag"},
      {.relation_oid = table.oid, .keys = {{.expression = "user_id % 777"}}, .name = "by_rest"},
      {.relation_oid = table.oid, .keys = {{.attnum = 1}}, .predicate = "status = 'hot'", .name = "hot"}};
  const auto used = [&](const std::string& condition) {
    const auto plan = planner->Plan({.sql = from + condition}, indexes);
    EXPECT_TRUE(plan) << plan.error().message;
    if (!plan) return std::vector<UsedIndex>{};
    EXPECT_GT(plan->hypothetical_bytes.at(0), 8192);
    return plan->indexes_used;
  };
  EXPECT_EQ(used("tags @> '{7}'"), (std::vector<UsedIndex>{{.name = "by_tag", .hypothetical = 0}}));
  EXPECT_EQ(used("user_id % 777 = 5"), (std::vector<UsedIndex>{{.name = "by_rest", .hypothetical = 1}}));
  EXPECT_EQ(used("status = 'hot' AND id < 3000"), (std::vector<UsedIndex>{{.name = "hot", .hypothetical = 2}}));
  EXPECT_EQ(server_.Run("SELECT count(*) FROM pg_indexes WHERE schemaname LIKE 'x''%'"), "0");
  EXPECT_EQ(server_.Run("SELECT count(*) FROM " + QualifiedName(table)), "20000");
  server_.Run("DROP SCHEMA \"x'; drop table t;--\" CASCADE");
}

TEST_F(Explaining, BuildsWithAnExtensionWhereverThatIsAndMakesItForTheTrial) {
  if (server_.Run("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'") == "0") GTEST_SKIP();
  const auto planner = Explainer("", true);
  const IndexSpec index{.relation_oid = planner->snapshot().FindRelation("public", "orders")->oid,
                        .access_method = "gin",
                        .keys = {{.attnum = 3, .operator_class = "gin_trgm_ops"}},
                        .name = "by_part",
                        .extension = "pg_trgm"};
  const auto used = [&] {
    const auto plan = planner->Plan({.sql = "SELECT * FROM orders WHERE status LIKE '%nowhere%'"}, {&index, 1});
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? plan->indexes_used : std::vector<UsedIndex>{};
  };
  EXPECT_EQ(used(), (std::vector<UsedIndex>{{.name = "by_part", .hypothetical = 0}}));
  EXPECT_EQ(server_.Run("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"), "0");
  server_.Run("CREATE SCHEMA \"x'; drop table t;--\"; CREATE EXTENSION pg_trgm SCHEMA \"x'; drop table t;--\"");
  EXPECT_EQ(used(), (std::vector<UsedIndex>{{.name = "by_part", .hypothetical = 0}}));
  server_.Run("DROP SCHEMA \"x'; drop table t;--\" CASCADE");
}

TEST_F(Explaining, KnowsTheIndexesOfPartitionsAsTheOneThatWasAskedFor) {
  server_.Run(
      "CREATE TABLE event (id int, day date) PARTITION BY RANGE (day); "
      "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); "
      "CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); "
      "INSERT INTO event SELECT i, date '2024-01-01' + i % 700 FROM generate_series(1, 20000) i; ANALYZE event");
  const auto planner = Explainer("", true);
  const IndexSpec index{.relation_oid = planner->snapshot().FindRelation("public", "event")->oid,
                        .keys = {{.attnum = 1}},
                        .name = "event_id"};
  const auto plan = planner->Plan({.sql = "SELECT * FROM event WHERE id = 7"}, {&index, 1});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->indexes_used, (std::vector<UsedIndex>{{.name = "event_id", .hypothetical = 0}}));
}

TEST_F(Explaining, CannotTryAnIndexWithoutHypoPgAndSandbox) {
  const auto planner = Explainer();
  const IndexSpec index = ByUser(*planner);
  EXPECT_EQ(planner->CanTry(index), Hypothetical::kNone);
  EXPECT_FALSE(planner->Plan({.sql = "SELECT 1"}, {&index, 1}));
}

TEST_F(Explaining, SaysThatADatabaseIsGone) {
  const auto planner = MakeExplainer({.overrides = {{"dbname", "nowhere"}}}, Look());
  const auto plan = planner->Plan({.sql = "SELECT 1"});
  ASSERT_FALSE(plan);
  EXPECT_TRUE(plan.error().message.contains("does not exist")) << plan.error().message;
}

}  // namespace
}  // namespace pgassay::catalog
