// The scanner on what clients send: a text of a known shape with new literals, and a new shape through libpg_query.
#include <benchmark/benchmark.h>

#include <string>

#include "analyzer/sql/statement.h"

namespace pgassay::sql {
namespace {

const HashKey kKey = HashKey::ForTests(1);

const char* const kTexts[] = {
    "SELECT id, name FROM users WHERE id = 4711",
    "SELECT orders.id AS orders_id, orders.user_id AS orders_user_id, orders.status AS orders_status, orders.total AS "
    "orders_total "
    "FROM orders WHERE 4711 = orders.user_id ORDER BY orders.created_at DESC LIMIT 20",
    "SELECT a FROM t WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)",
    "INSERT INTO audit_log (table_name, record_id, actor, payload) VALUES ('orders', 4711, 'somebody@example.org', "
    "'{\"status\": \"paid\", \"total\": 12.5}') RETURNING id"};

void BM_Scan(benchmark::State& state) {
  const std::string text = kTexts[state.range(0)];
  for (auto _ : state) benchmark::DoNotOptimize(Scan(kKey, text));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(text.size()));
  state.counters["per_100_bytes"] =
      benchmark::Counter(static_cast<double>(text.size()) * 1e-11,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Scan)->DenseRange(0, 3);

void BM_HashText(benchmark::State& state) {
  const std::string text = kTexts[1];
  for (auto _ : state) benchmark::DoNotOptimize(HashBytes(kKey, text));
}
BENCHMARK(BM_HashText);

void BM_Analyze(benchmark::State& state) {
  Analyzer analyzer;
  const std::string text = kTexts[state.range(0)];
  const Statement statement = Scan(kKey, text).front();
  for (auto _ : state) benchmark::DoNotOptimize(analyzer.Analyze(text, statement));
}
BENCHMARK(BM_Analyze)->DenseRange(0, 3);

}  // namespace
}  // namespace pgassay::sql
