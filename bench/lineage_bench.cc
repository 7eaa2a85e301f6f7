// Lineage: rows taken in per second, and claims made per second, by the shapes of traffic that cost most. The simulator
// that plays the events is part of the time.
#include <benchmark/benchmark.h>

#include "tests/analyzer/lineage/traffic.h"

namespace pgassay::lineage {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the simulator's vocabulary

class Silent : public LineageSink {
 public:
  void OnScope(const Scope& /*scope*/) override {}
  void OnUnit(const Unit& /*unit*/) override {}
  void OnUnitStatement(const UnitStatement& /*row*/) override {}
  void OnEdge(const Edge& /*edge*/) override {}
  void OnRepeat(const Repeat& /*repeat*/) override {}
};

// Results of state.range(0) rows with three columns that are tracked.
void RowsTakenIn(benchmark::State& state) {
  Traffic traffic;
  Connection& connection = traffic.Connect(1);
  constexpr int kResults = 50;
  for (int result = 0; result < kResults; ++result) {
    Query& list = traffic.Select({"a.id", "a.b_id", "a.c_id"});
    Rows rows;
    for (int64_t i = 0; i < state.range(0); ++i) rows.push_back({i + 1, i % 100 + 1, i * 7 + 1});
    traffic.Run(connection, list, {}, rows);
  }
  for (auto _ : state) {
    Silent silent;
    traffic.Play(silent);
  }
  state.SetItemsProcessed(state.iterations() * kResults * state.range(0));
}
BENCHMARK(RowsTakenIn)->Arg(20)->Arg(1000)->Arg(4000)->Unit(benchmark::kMillisecond);

// One parent of 500 rows, four loads for each, in one transaction: every child is claimed.
void ClaimsInOneUnit(benchmark::State& state) {
  Traffic traffic;
  Connection& connection = traffic.Connect(1);
  Query& users = traffic.Select({"users.id", "users.age"});
  std::vector<Query*> children;
  for (const std::string relation : {"orders", "addresses", "payments", "reviews"}) {
    children.push_back(&traffic.Select({relation + ".id", relation + ".user_id"}, {relation + ".user_id"}));
  }
  Rows rows;
  for (int64_t id = 1; id <= 500; ++id) rows.push_back({id, 30});
  traffic.Begin(connection);
  traffic.Run(connection, users, {}, rows);
  int64_t next = 10'000;
  for (const Row& row : rows) {
    for (const Query* child : children) traffic.Run(connection, *child, {row[0]}, {{++next, row[0]}, {++next, row[0]}});
  }
  traffic.Commit(connection);
  for (auto _ : state) {
    Silent silent;
    traffic.Play(silent);
  }
  state.SetItemsProcessed(state.iterations() * 2000);
}
BENCHMARK(ClaimsInOneUnit)->Unit(benchmark::kMillisecond);

// Many short requests over many connections of one process: every look-up sees the sources of all of them.
void LookUpsBesideManySources(benchmark::State& state) {
  Traffic traffic;
  Query& user = traffic.Select({"users.id", "users.team_id"}, {"users.id"});
  Query& orders = traffic.Select({"orders.id", "orders.user_id"}, {"orders.user_id"});
  std::vector<Connection*> pool;
  for (int64_t i = 0; i < state.range(0); ++i) pool.push_back(&traffic.Connect(1));
  constexpr int kRequests = 4000;
  for (int request = 0; request < kRequests; ++request) {
    Connection& on = *pool[static_cast<size_t>(request) % pool.size()];
    const int64_t id = traffic.Between(1, 1'000'000);
    traffic.Begin(on, 7 * kMs);
    traffic.Run(on, user, {id}, {{id, 5}});
    traffic.Run(on, orders, {id}, {{id + 1, id}, {id + 2, id}});
    traffic.Commit(on);
  }
  for (auto _ : state) {
    Silent silent;
    traffic.Play(silent);
  }
  state.SetItemsProcessed(state.iterations() * kRequests * 4);
}
BENCHMARK(LookUpsBesideManySources)->Arg(1)->Arg(32)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pgassay::lineage
