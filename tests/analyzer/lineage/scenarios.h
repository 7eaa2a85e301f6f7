// Families of traffic with known truth: positive ones hold N+1s between columns that are named, negative ones look like
// it and hold none. Each is made anew from a seed: dense or sparse ids, small or larger tables, unrelated work before
// and beside it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/analyzer/lineage/traffic.h"

namespace pgassay::lineage::testing {

struct Scenario {
  std::vector<std::string> expected;  // "orders.user_id <- users.id"
};

// How long the body of each loop takes beyond its queries; only the families that take it slow down.
struct Style {
  int64_t body_ns = 0;
};

class World {
 public:
  World(Traffic& traffic, Style style)
      : t(traffic), style_(style), dense_(t.Chance(0.6)), table_(t.Chance(0.5) ? 60 : 2000) {
    app = &t.Connect(kProcess, kS);
    BackgroundBefore();
  }

  // n ids as a table would give them: dense from 1, or spread; in order.
  std::vector<int64_t> Ids(size_t n) {
    std::vector<int64_t> ids;
    int64_t id = dense_ ? 1 : t.Between(1'000, 50'000);
    for (size_t i = 0; i < n; ++i, id += dense_ ? 1 : t.Between(1, 40)) ids.push_back(id);
    return ids;
  }
  static Rows OneColumn(const std::vector<int64_t>& ids) {
    Rows rows;
    for (const int64_t id : ids) rows.push_back({id});
    return rows;
  }
  // Rows of a child: fresh ids, the key repeated.
  Rows Children(int64_t key, int64_t n) {
    Rows rows;
    for (int64_t i = 0; i < n; ++i) rows.push_back({++next_child_, key, t.Between(1, 500)});
    return rows;
  }
  RunOptions Body() const { return {.think_ns = 200 * kUs + style_.body_ns}; }
  bool Ordered() const { return !dense_; }

  // Lists and look-ups that have nothing to do with it, on this connection, well before.
  void BackgroundBefore() {
    const int64_t n = t.Between(0, 3);
    for (int64_t i = 0; i < n; ++i) {
      auto& list = t.Select({"tickets.id", "tickets.priority"});
      Rows rows;
      for (const int64_t id : Ids(static_cast<size_t>(t.Between(5, 60)))) rows.push_back({id, t.Between(1, 4)});
      t.Run(*app, list, {}, rows);
      t.Run(*app, t.Select({"settings.id", "settings.value"}, {"settings.id"}), {t.Between(1, 30)}, {{1, 2}});
    }
    app->now_ns += t.Between(20, 400) * kMs;
  }

  static constexpr int64_t kProcess = 4711;
  Traffic& t;
  Connection* app = nullptr;
  int64_t table() const { return table_; }
  int64_t next_child_ = 0;

 private:
  Style style_;
  bool dense_;
  int64_t table_;
};

using Family = std::function<Scenario(Traffic&, Style)>;
struct NamedFamily {
  std::string_view name;
  bool positive;
  Family make;
};

inline Scenario HasMany(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(4, 50)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, w.Children(id, t.Between(0, 4)), w.Body());
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

inline Scenario BelongsTo(Traffic& t, Style style, bool identity_map) {
  World w(t, style);
  t.Begin(*w.app);
  Rows rows;
  const int64_t n = t.Between(12, 40);
  for (int64_t i = 1; i <= n; ++i) rows.push_back({i, t.Between(1, 200)});
  t.Run(*w.app, t.Select({"orders.id", "orders.user_id"}), {}, rows);
  auto& child = t.Select({"users.id", "users.age"}, {"users.id"});
  std::vector<int64_t> seen;
  for (const Row& row : rows) {
    if (identity_map && std::ranges::find(seen, row[1]) != seen.end()) continue;
    seen.push_back(row[1]);
    t.Run(*w.app, child, {row[1]}, {{row[1], 30}}, w.Body());
  }
  t.Commit(*w.app);
  return {{"users.id <- orders.user_id"}};
}

inline Scenario FilteredLoop(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(20, 60)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i < 4 || t.Chance(0.5)) t.Run(*w.app, child, {ids[i]}, w.Children(ids[i], 2), w.Body());
  }
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

// One finding: the items are a step of it.
inline Scenario Nested(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(4, 15)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& orders = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  auto& items = t.Select({"order_items.id", "order_items.order_id", "order_items.quantity"}, {"order_items.order_id"});
  for (const int64_t id : ids) {
    const Rows rows = w.Children(id, t.Between(2, 4));
    t.Run(*w.app, orders, {id}, rows, w.Body());
    for (const Row& row : rows) t.Run(*w.app, items, {row[0]}, w.Children(row[0], 2), w.Body());
  }
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

// Autocommit over several connections of one process; `at_once`: all children start within one tick.
inline Scenario Pooled(Traffic& t, Style style, int connections, bool at_once) {
  World w(t, style);
  std::vector<Connection*> pool{w.app};
  for (int i = 1; i < connections; ++i) {
    Connection& connection = t.Connect(World::kProcess, kS / 2);
    t.Run(connection, t.Select({"settings.id"}, {"settings.id"}), {t.Between(1, 9)}, {{1}});
    pool.push_back(&connection);
  }
  const auto ids = w.Ids(static_cast<size_t>(t.Between(8, 40)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  const int64_t start = w.app->now_ns;
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (Connection* connection : pool) connection->now_ns = std::max(connection->now_ns, start);
  size_t next = 0;
  for (const int64_t id : ids) {
    Connection* on =
        at_once ? pool[next++ % pool.size()] : *std::ranges::min_element(pool, {}, [](auto* c) { return c->now_ns; });
    t.Run(*on, child, {id}, w.Children(id, 2),
          {.think_ns = t.Between(50, 900) * kUs, .duration_ns = t.Between(200, 1500) * kUs});
  }
  return {{"orders.user_id <- users.id"}};
}

inline Scenario ThreeRows(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(3);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, w.Children(id, 2), w.Body());
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

inline Scenario TwoRelations(Traffic& t, Style style, bool interleaved) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(5, 40)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& orders = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  auto& addresses = t.Select({"addresses.id", "addresses.user_id", "addresses.zip"}, {"addresses.user_id"});
  for (const int64_t id : ids) {
    t.Run(*w.app, orders, {id}, w.Children(id, 2), w.Body());
    if (interleaved) t.Run(*w.app, addresses, {id}, w.Children(id, 1), w.Body());
  }
  for (const int64_t id : ids) {
    if (!interleaved) t.Run(*w.app, addresses, {id}, w.Children(id, 1), w.Body());
  }
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id", "addresses.user_id <- users.id"}};
}

inline Scenario UuidKeys(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  std::vector<int64_t> ids;
  for (int64_t i = 0, n = t.Between(4, 40); i < n; ++i) ids.push_back(t.Between(1, INT64_MAX / 2));
  auto& list = t.Select({"users.id", "users.age"});
  auto& child = t.Select({"orders.id", "orders.user_id"}, {"orders.user_id"});
  list.columns[0].type_oid = child.columns[0].type_oid = child.columns[1].type_oid = kUuid;
  t.Run(*w.app, list, {}, World::OneColumn(ids));
  RunOptions options = w.Body();
  options.parameter_type = t.Chance(0.5) ? 0 : kUuid;
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, {{t.Between(1, INT64_MAX / 2), id}}, options);
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

inline Scenario UpdateLoop(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(5, 40)));
  t.Run(*w.app, t.Select({"orders.id", "orders.total"}), {}, World::OneColumn(ids));
  auto& child = t.Update("orders.id");
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, {}, w.Body());
  t.Commit(*w.app);
  return {{"orders.id <- orders.id"}};
}

// Two lists with equal ids: the later one feeds the loop.
inline Scenario EqualLists(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(5, 40)));
  t.Run(*w.app, t.Select({"products.id", "products.price"}), {}, World::OneColumn(ids));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, w.Children(id, 2), w.Body());
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

inline Scenario ShuffledOrder(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  auto ids = w.Ids(static_cast<size_t>(t.Between(8, 40)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  std::ranges::shuffle(ids, t.random);
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, w.Children(id, 2), w.Body());
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

inline Scenario SlowAutocommit(Traffic& t, Style style) {
  World w(t, style);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(5, 40)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids), {.think_ns = 400 * kMs});
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, w.Children(id, 2), {.think_ns = t.Between(28, 32) * kMs});
  return {{"orders.user_id <- users.id"}};
}

inline Scenario TransactionPerRow(Traffic& t, Style style) {
  World w(t, style);
  const auto ids = w.Ids(static_cast<size_t>(t.Between(5, 40)));
  t.Begin(*w.app, 400 * kMs);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  t.Commit(*w.app);
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (const int64_t id : ids) {
    t.Begin(*w.app);
    t.Run(*w.app, child, {id}, w.Children(id, 2), w.Body());
    t.Commit(*w.app);
  }
  return {{"orders.user_id <- users.id"}};
}

// Children on a second connection while the parent's rows still arrive.
inline Scenario Streamed(Traffic& t, Style style) {
  World w(t, style);
  Connection& second = t.Connect(World::kProcess, kS / 2);
  const auto ids = w.Ids(40);
  t.Begin(*w.app);
  const size_t stream = t.BeginStream(*w.app, t.Select({"users.id", "users.age"}));
  second.now_ns = w.app->now_ns;
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (size_t from = 0; from < ids.size(); from += 10) {
    t.StreamRows(stream, second.now_ns,
                 World::OneColumn({ids.begin() + static_cast<std::ptrdiff_t>(from),
                                   ids.begin() + static_cast<std::ptrdiff_t>(from + 10)}));
    for (size_t i = from; i < from + 10; ++i) t.Run(second, child, {ids[i]}, w.Children(ids[i], 2), w.Body());
  }
  t.EndStream(stream, second.now_ns + kMs);
  w.app->now_ns = second.now_ns + 2 * kMs;
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

// item -> product -> category, one row each: one finding with its outermost edge.
inline Scenario Chain(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  Rows rows;
  for (int64_t i = 1, n = t.Between(6, 30); i <= n; ++i) rows.push_back({100 + i, 1000 + i});
  std::ranges::shuffle(rows, t.random);
  t.Run(*w.app, t.Select({"order_items.id", "order_items.product_id"}), {}, rows);
  auto& product = t.Select({"products.id", "products.category_id"}, {"products.id"});
  auto& category = t.Select({"categories.id", "categories.rank"}, {"categories.id"});
  for (const Row& row : rows) {
    const int64_t category_id = 5000 + row[1];
    t.Run(*w.app, product, {row[1]}, {{row[1], category_id}}, w.Body());
    t.Run(*w.app, category, {category_id}, {{category_id, 3}}, w.Body());
  }
  t.Commit(*w.app);
  return {{"products.id <- order_items.product_id"}};
}

inline Scenario TreeWalk(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const Rows roots = {{1, 0}, {2, 0}, {3, 0}};
  t.Run(*w.app, t.Select({"categories.id", "categories.parent_id"}), {}, roots);
  auto& child = t.Select({"categories.id", "categories.parent_id"}, {"categories.parent_id"});
  int64_t next = 3;
  const std::function<void(int64_t, int)> walk = [&](int64_t id, int depth) {
    Rows rows;
    for (int64_t i = 0, n = depth == 0 ? 0 : t.Between(2, 3); i < n; ++i) rows.push_back({++next, id});
    t.Run(*w.app, child, {id}, rows, w.Body());
    for (const Row& row : rows) walk(row[0], depth - 1);
  };
  for (const Row& root : roots) walk(root[0], 2);
  t.Commit(*w.app);
  return {{"categories.parent_id <- categories.id"}};
}

// 500 parents, four lazy loads each, on one connection.
inline Scenario FourLoads(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(500);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  std::vector<Query*> children;
  Scenario scenario;
  for (const std::string relation : {"orders", "addresses", "payments", "reviews"}) {
    children.push_back(&t.Select({relation + ".id", relation + ".user_id"}, {relation + ".user_id"}));
    scenario.expected.push_back(relation + ".user_id <- users.id");
  }
  for (const int64_t id : ids) {
    for (Query* child : children) t.Run(*w.app, *child, {id}, {{++w.next_child_, id}, {++w.next_child_, id}}, w.Body());
  }
  t.Commit(*w.app);
  return scenario;
}

// Columns whose names tell nothing, in requests of their own over lists of many sizes: children grow with the parent's
// rows, and each time hold that request's values alone.
inline Scenario UnrelatedNamesAgainAndAgain(Traffic& t, Style style) {
  World w(t, style);
  auto& list = t.Select({"people.code", "people.age"});
  auto& child = t.Select({"badges.id", "badges.owner", "badges.level"}, {"badges.owner"});
  for (int64_t i = 0, n = t.Between(6, 10); i < n; ++i) {
    t.Begin(*w.app, t.Between(300, 900) * kMs);
    const auto codes = t.Sample(10'000, 900'000, static_cast<size_t>(t.Between(4, 30)));
    t.Run(*w.app, list, {}, World::OneColumn(codes));
    for (const int64_t code : codes) t.Run(*w.app, child, {code}, w.Children(code, 2), w.Body());
    t.Commit(*w.app);
  }
  return {{"badges.owner <- people.code"}};
}

// Behind a pooler: the connection carries one application after the other, but a transaction is one application's.
inline Scenario BehindAPooler(Traffic& t, Style style) {
  World w(t, style);
  t.Prepare(*w.app, "PGBOUNCER_1");
  const auto ids = w.Ids(static_cast<size_t>(t.Between(5, 40)));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  t.Begin(*w.app);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, w.Children(id, 2), w.Body());
  t.Commit(*w.app);
  return {{"orders.user_id <- users.id"}};
}

// ---- negative ----

// Always the same five look-ups of configured codes, after lists of every size that happen to hold them.
inline Scenario FixedLookups(Traffic& t, Style style) {
  World w(t, style);
  auto& list = t.Select({"people.code", "people.age"});
  auto& child = t.Select({"badges.id", "badges.owner", "badges.level"}, {"badges.owner"});
  for (int64_t i = 0, n = t.Between(6, 10); i < n; ++i) {
    t.Begin(*w.app, t.Between(300, 900) * kMs);
    std::vector<int64_t> codes;
    for (int64_t code = 1, last = t.Between(10, 300); code <= last; ++code) codes.push_back(code);
    std::ranges::shuffle(codes, t.random);
    t.Run(*w.app, list, {}, World::OneColumn(codes));
    for (const int64_t code : {2, 3, 5, 7, 8}) t.Run(*w.app, child, {code}, w.Children(code, 2), w.Body());
    t.Commit(*w.app);
  }
  return {};
}

// Behind a pooler, autocommit: one application lists, and requests of another one each look up one of its rows.
inline Scenario StrangersBehindAPooler(Traffic& t, Style style) {
  World w(t, style);
  t.Prepare(*w.app, "PGBOUNCER_1");
  auto ids = w.Ids(static_cast<size_t>(t.Between(8, 40)));
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  if (t.Chance(0.5)) std::ranges::shuffle(ids, t.random);
  for (const int64_t id : ids) {
    t.Run(*w.app, child, {id}, w.Children(id, 2), {.think_ns = t.Between(1, 30) * kMs});
  }
  return {};
}

inline Scenario LoadTest(Traffic& t, Style style) {
  World w(t, style);
  std::vector<int64_t> ids;
  for (int64_t i = 1; i <= 50; ++i) ids.push_back(i);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  std::vector<Connection*> pool;
  for (int64_t i = 0, n = t.Between(1, 4); i < n; ++i) pool.push_back(i == 0 ? w.app : &t.Connect(World::kProcess, kS));
  const int64_t start = w.app->now_ns + t.Between(250, 3000) * kMs;
  for (Connection* connection : pool) connection->now_ns = start;
  if (t.Chance(0.5)) std::ranges::shuffle(ids, t.random);
  auto& user = t.Select({"users.id", "users.age"}, {"users.id"});
  auto& orders = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  const bool fast = t.Chance(0.5), detail = t.Chance(0.5);
  for (size_t i = 0; i < ids.size(); ++i) {
    Connection& on = *pool[i % pool.size()];
    t.Run(on, user, {ids[i]}, {{ids[i], 30}}, {.think_ns = fast ? t.Between(1, 4) * kMs : t.Between(10, 120) * kMs});
    if (detail) t.Run(on, orders, {ids[i]}, w.Children(ids[i], 2));
  }
  return {};
}

inline Scenario KeysetPaging(Traffic& t, Style style) {
  World w(t, style);
  auto& page = t.Select({"orders.id", "orders.total"}, {"orders.id"});
  page.facts.comparisons[0].comparator = sql::Comparator::kRange;
  page.facts.comparisons[0].operator_name = ">";
  int64_t last = 0;
  for (int64_t i = 0; i < 20; ++i) {
    Rows rows;
    for (int64_t k = 1; k <= 20; ++k) rows.push_back({last + k});
    t.Run(*w.app, page, {last == 0 ? -1 : last}, rows);
    last += 20;
  }
  return {};
}

inline Scenario WorkerLoop(Traffic& t, Style style) {
  World w(t, style);
  auto& pick = t.Select({"jobs.id", "jobs.user_id"});
  auto& load = t.Select({"users.id", "users.age"}, {"users.id"});
  auto& done = t.Update("jobs.id");
  for (int64_t i = 1; i <= 30; ++i) {
    const int64_t user = t.Between(1, w.table());
    t.Begin(*w.app, t.Between(1, 30) * kMs);
    t.Run(*w.app, pick, {}, {{i, user}});
    t.Run(*w.app, load, {user}, {{user, 30}});
    t.Run(*w.app, done, {i});
    t.Commit(*w.app);
  }
  return {};
}

inline Scenario FileImport(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  auto& find = t.Select({"products.id", "products.sku"}, {"products.sku"});
  auto& stock = t.Update("stock.product_id");
  for (int64_t i = 0; i < 40; ++i) {
    const int64_t sku = t.Between(1'000'000, 9'000'000), product = t.Between(1, w.table());
    t.Run(*w.app, find, {sku}, {{product, sku}});
    if (t.Chance(0.2)) t.Run(*w.app, stock, {product});
  }
  t.Commit(*w.app);
  return {};
}

// A short list of a table, and then its rows looked up at random, mostly outside the list.
inline Scenario RandomLookups(Traffic& t, Style style) {
  World w(t, style);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(t.Sample(1, w.table(), 20)));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (int64_t i = 0; i < 40; ++i) {
    const int64_t user = t.Between(1, w.table());
    t.Run(*w.app, child, {user}, w.Children(user, 1), {.think_ns = t.Between(1, 60) * kMs});
  }
  return {};
}

// for level in 1..k, after a list whose ids happen to be 1..k.
inline Scenario ConstantLoop(Traffic& t, Style style, const std::string& sink) {
  World w(t, style);
  if (t.Chance(0.5)) t.Begin(*w.app);
  const int64_t k = t.Between(8, 40);
  std::vector<int64_t> ids;
  for (int64_t i = 1; i <= k; ++i) ids.push_back(i);
  t.Run(*w.app, t.Select({"products.id", "products.price"}), {}, World::OneColumn(ids));
  t.Run(*w.app, t.Select({"users.id", "users.age"}, {"users.id"}), {99'999}, {{99'999, 1}});
  auto& child = t.Select({"scores.id", sink, "scores.points"}, {sink});
  for (const int64_t id : ids) t.Run(*w.app, child, {id}, w.Children(id, 2));
  if (w.app->in_transaction) t.Commit(*w.app);
  return {};
}

inline Scenario SameUser(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(20);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& child = t.Select({"users.id", "users.age"}, {"users.id"});
  for (int64_t i = 0; i < 20; ++i) t.Run(*w.app, child, {ids[3]}, {{ids[3], 30}});
  t.Commit(*w.app);
  return {};
}

// Many requests that each load one row and one detail, beside a dashboard that lists the same table.
inline Scenario OneToOneRequests(Traffic& t, Style style) {
  World w(t, style);
  Connection& dashboard = t.Connect(World::kProcess, kS);
  std::vector<int64_t> ids;
  for (int64_t i = 1; i <= 40; ++i) ids.push_back(i);
  auto& list = t.Select({"users.id", "users.age"});
  auto& user = t.Select({"users.id", "users.age"}, {"users.id"});
  auto& orders = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (int64_t i = 0; i < 40; ++i) {
    const int64_t id = t.Between(1, w.table());
    const bool transaction = t.Chance(0.5);
    if (transaction) t.Begin(*w.app, t.Between(1, 50) * kMs);
    t.Run(*w.app, user, {id}, {{id, 30}}, {.think_ns = transaction ? 300 * kUs : t.Between(1, 50) * kMs});
    t.Run(*w.app, orders, {id}, w.Children(id, 2));
    if (transaction) t.Commit(*w.app);
    if (i % 10 == 5) {
      dashboard.now_ns = w.app->now_ns;
      t.Run(dashboard, list, {}, World::OneColumn(ids));
    }
  }
  return {};
}

inline Scenario ListThenClick(Traffic& t, Style style) {
  World w(t, style);
  auto& list = t.Select({"users.id", "users.age"});
  auto& user = t.Select({"users.id", "users.age"}, {"users.id"});
  const auto ids = w.Ids(30);
  for (int64_t i = 0; i < 8; ++i) {
    t.Run(*w.app, list, {}, World::OneColumn(ids), {.think_ns = t.Between(300, 2500) * kMs});
    const int64_t id = ids[static_cast<size_t>(t.Between(0, 29))];
    t.Run(*w.app, user, {id}, {{id, 30}}, {.think_ns = t.Between(700, 3000) * kMs});
  }
  return {};
}

// Values from a file; a list before it holds some of them by chance.
inline Scenario CsvLookups(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(t.Sample(1, w.table(), 20)));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  for (const int64_t user : t.Sample(1, w.table(), 30)) t.Run(*w.app, child, {user}, w.Children(user, 1));
  t.Commit(*w.app);
  return {};
}

inline Scenario SelectinBatches(Traffic& t, Style style) {
  World w(t, style);
  t.Begin(*w.app);
  const auto ids = w.Ids(60);
  t.Run(*w.app, t.Select({"users.id", "users.age"}), {}, World::OneColumn(ids));
  auto& child = t.Select({"orders.id", "orders.user_id", "orders.total"}, {"orders.user_id"});
  child.facts.comparisons[0].comparator = sql::Comparator::kAnyArray;
  for (size_t from = 0; from < ids.size(); from += 10) {
    Rows rows;
    Row keys(ids.begin() + static_cast<std::ptrdiff_t>(from), ids.begin() + static_cast<std::ptrdiff_t>(from + 10));
    for (const int64_t id : keys) rows.push_back({++w.next_child_, id, 5});
    t.Run(*w.app, child, keys, rows, {.list_length = 10});
  }
  t.Commit(*w.app);
  return {};
}

inline std::vector<NamedFamily> Families() {
  return {
      {"has-many", true, HasMany},
      {"belongs-to", true, [](Traffic& t, Style s) { return BelongsTo(t, s, false); }},
      {"belongs-to with identity map", true, [](Traffic& t, Style s) { return BelongsTo(t, s, true); }},
      {"filtered loop", true, FilteredLoop},
      {"nested", true, Nested},
      {"pool", true, [](Traffic& t, Style s) { return Pooled(t, s, static_cast<int>(t.Between(2, 8)), false); }},
      {"all at once over 20 connections", true, [](Traffic& t, Style s) { return Pooled(t, s, 20, true); }},
      {"three rows", true, ThreeRows},
      {"two relations interleaved", true, [](Traffic& t, Style s) { return TwoRelations(t, s, true); }},
      {"two relations in turn", true, [](Traffic& t, Style s) { return TwoRelations(t, s, false); }},
      {"uuid keys", true, UuidKeys},
      {"update loop", true, UpdateLoop},
      {"two equal lists", true, EqualLists},
      {"shuffled order", true, ShuffledOrder},
      {"autocommit, 30 ms per row", true, SlowAutocommit},
      {"transaction per row", true, TransactionPerRow},
      {"streamed parent", true, Streamed},
      {"chain", true, Chain},
      {"tree walk", true, TreeWalk},
      {"names that tell nothing, again and again", true, UnrelatedNamesAgainAndAgain},
      {"transaction behind a pooler", true, BehindAPooler},
      {"fixed look-ups after lists of every size", false, FixedLookups},
      {"strangers behind a pooler", false, StrangersBehindAPooler},
      {"load test after a list", false, LoadTest},
      {"keyset paging", false, KeysetPaging},
      {"worker loop", false, WorkerLoop},
      {"file import", false, FileImport},
      {"random look-ups", false, RandomLookups},
      {"constant loop, other reference", false,
       [](Traffic& t, Style s) { return ConstantLoop(t, s, "scores.user_id"); }},
      {"constant loop, plain column", false, [](Traffic& t, Style s) { return ConstantLoop(t, s, "scores.level"); }},
      {"same user again", false, SameUser},
      {"one row, one detail per request", false, OneToOneRequests},
      {"list, then a click", false, ListThenClick},
      {"csv look-ups", false, CsvLookups},
      {"selectin batches", false, SelectinBatches},
  };
}

}  // namespace pgassay::lineage::testing
