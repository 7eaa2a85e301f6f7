// What storing an execution costs, what it takes on disk, and how long a report's totals take over a long timeline.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "analyzer/trace/histogram.h"
#include "analyzer/trace/recorder.h"
#include "analyzer/trace/trace.h"
#include "proxy/base/clock.h"

namespace pgassay::trace {
namespace {

constexpr int kBatch = 10'000;       // executions a commit
constexpr int kUnitExecutions = 20;  // executions a unit of work
constexpr int kUnitStatements = 4;   // statements a unit uses
constexpr uint64_t kSessions = 32;
constexpr uint64_t kStatements = 50;

class Directory {
 public:
  Directory() {
    path_ = (std::filesystem::temp_directory_path() / "pgassay-bench-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) abort();
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string File() const { return path_ + "/trace.db"; }

 private:
  std::string path_;
};

uint64_t Scramble(uint64_t value) { return (value ^ (value >> 29)) * 0x9E37'79B9'7F4A'7C15; }

// Executions as pgbench sends them: two parameters, one row of a hundred bytes, some 100 µs each.
class Traffic {
 public:
  explicit Traffic(Recorder& recorder) : recorder_(recorder), now_ns_(MonotonicNowNs()) {
    sql::Facts facts;
    facts.operation = sql::Operation::kSelect;
    facts.fingerprint = 1;
    for (uint64_t i = 0; i < kStatements; ++i) {
      statements_[i] = recorder.StatementId(Scramble(i + 1), "SELECT * FROM t WHERE a = $1 AND b = $2", facts);
    }
    for (uint64_t i = 0; i < kSessions; ++i) {
      SessionRow session;
      session.session_id = i + 1;
      session.info.user = "bench";
      recorder.AddSession(session);
    }
  }

  void Batch(bool with_lineage) {
    for (int i = 0; i < kBatch; ++i) {
      const uint64_t hash = Scramble(++count_);
      ExecutionRow row;
      row.execution_no = recorder_.NextExecutionNo();
      row.session_id = count_ % kSessions + 1;
      row.unit_id = static_cast<int64_t>((count_ - 1) / kUnitExecutions) + 1;
      row.statement_id = statements_[count_ % kUnitExecutions % kUnitStatements];
      row.sent_ns = row.busy_from_ns = now_ns_ += 12'345;
      row.done_ns = row.sent_ns + 60'000 + static_cast<int64_t>(hash % 100'000);
      row.first_ns = row.done_ns - 5'000;
      row.rows = 1;
      row.bytes = 100 + hash % 100;
      row.parameters_hash = hash;
      row.result_hash = Scramble(hash);
      recorder_.AddExecution(row);
      if (with_lineage && count_ % kUnitExecutions == 0) Unit(row);
    }
  }

 private:
  void Unit(const ExecutionRow& last) {
    lineage::Unit unit;
    unit.unit_id = last.unit_id;
    unit.session_id = last.session_id;
    unit.label = "GET /orders";
    unit.begin_ns = last.sent_ns;
    unit.end_ns = last.done_ns;
    unit.statements = unit.round_trips = kUnitExecutions;
    recorder_.OnUnit(unit);
    for (int i = 0; i < kUnitStatements; ++i) {
      lineage::UnitStatement row;
      row.unit_id = last.unit_id;
      row.statement_id = statements_[static_cast<size_t>(i)];
      row.calls = kUnitExecutions / kUnitStatements;
      row.first_no = last.execution_no - kUnitExecutions + 1;
      row.last_no = last.execution_no;
      recorder_.OnUnitStatement(row);
    }
    lineage::Edge edge;
    edge.unit_id = last.unit_id;
    edge.parent_statement_id = statements_[0];
    edge.child_statement_id = statements_[1];
    edge.parent_column = {"users", "id", 16384, 1, 20};
    edge.children = 5;
    recorder_.OnEdge(edge);
  }

  Recorder& recorder_;
  int64_t now_ns_;
  uint64_t count_ = 0;
  int64_t statements_[kStatements] = {};
};

void Store(benchmark::State& state, bool with_lineage) {
  const Directory directory;
  auto recorder = Recorder::Open({.path = directory.File(), .command = "run"});
  if (!recorder) return state.SkipWithError(recorder.error().message.c_str());
  Traffic traffic(**recorder);
  int64_t commits = 0;
  for (auto _ : state) {
    traffic.Batch(with_lineage);
    if (!(*recorder)->Commit(++commits)) return state.SkipWithError("commit failed");
  }
  if (!(*recorder)->Finish(++commits, true)) return state.SkipWithError("finish failed");
  const auto executions = state.iterations() * kBatch;
  state.SetItemsProcessed(executions);
  state.counters["bytes_per_execution"] =
      static_cast<double>(std::filesystem::file_size(directory.File())) / static_cast<double>(executions);
  state.counters["cpu_per_execution"] =
      benchmark::Counter(static_cast<double>(executions), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void StoreExecutions(benchmark::State& state) { Store(state, false); }
void StoreExecutionsAndLineage(benchmark::State& state) { Store(state, true); }
BENCHMARK(StoreExecutions)->Iterations(100)->Unit(benchmark::kMillisecond);
BENCHMARK(StoreExecutionsAndLineage)->Iterations(100)->Unit(benchmark::kMillisecond);

// Everything that the loader of a report reads besides rows of lineage, of `range` executions.
void ReportTotals(benchmark::State& state) {
  const Directory directory;
  {
    auto recorder = Recorder::Open({.path = directory.File(), .command = "run"});
    if (!recorder) return state.SkipWithError(recorder.error().message.c_str());
    Traffic traffic(**recorder);
    for (int64_t stored = 0; stored < state.range(0); stored += kBatch) {
      traffic.Batch(true);
      if (!(*recorder)->Commit(stored + 1)) return state.SkipWithError("commit failed");
    }
    if (!(*recorder)->Finish(state.range(0), true)) return state.SkipWithError("finish failed");
  }
  for (auto _ : state) {
    const auto trace = Trace::Open(directory.File());
    const auto totals = trace ? trace->ReadTotals() : Result<Totals>(std::unexpected(trace.error()));
    if (!totals || totals->executions != static_cast<uint64_t>(state.range(0)))
      return state.SkipWithError("wrong totals");
  }
}
BENCHMARK(ReportTotals)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void TimelineOfOneUnit(benchmark::State& state) {
  const Directory directory;
  {
    auto recorder = Recorder::Open({.path = directory.File(), .command = "run"});
    if (!recorder) return state.SkipWithError(recorder.error().message.c_str());
    Traffic traffic(**recorder);
    for (int64_t commit = 1; commit <= 100; ++commit) {
      traffic.Batch(true);
      if (!(*recorder)->Commit(commit)) return state.SkipWithError("commit failed");
    }
    if (!(*recorder)->Finish(101, true)) return state.SkipWithError("finish failed");
  }
  const auto trace = Trace::Open(directory.File());
  for (auto _ : state) {
    if (trace->Timeline(25'000, 1000)->size() != kUnitExecutions) return state.SkipWithError("wrong timeline");
  }
}
BENCHMARK(TimelineOfOneUnit)->Unit(benchmark::kMicrosecond);

void HistogramAdd(benchmark::State& state) {
  Histogram histogram;
  uint64_t value = 1;
  for (auto _ : state) {
    value = Scramble(value);
    histogram.Add(static_cast<int64_t>(value % 1'000'000));
  }
  benchmark::DoNotOptimize(histogram.Quantile(0.99));
}
BENCHMARK(HistogramAdd);

}  // namespace
}  // namespace pgassay::trace
