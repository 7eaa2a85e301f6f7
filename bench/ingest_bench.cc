// What the recorder process does for one execution, from the record in the ring to the row in the file: pgbench -S over
// eight sessions, as the sessions of a relay would have told it.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "analyzer/ingest/ingest.h"
#include "proxy/base/clock.h"
#include "proxy/relay/ring_sink.h"
#include "proxy/session/session.h"
#include "tests/support/wire_builder.h"

namespace pgassay {
namespace {

using namespace tests;  // NOLINT(google-build-using-namespace): the wire's vocabulary

constexpr int kSessions = 8;
constexpr int kExecutions = 40'000;
constexpr int kExecutionsPerCommit = 8'000;  // as 200 ms at 40 000 a second
constexpr int64_t kStepNs = 12'000;

class KeepingSink : public session::RecordSink {
 public:
  void Emit(const session::Record& record) override {
    std::vector<std::byte>& encoded = records_.emplace_back();
    session::EncodeRecord(record, encoded);
  }
  bool WantsText(uint64_t hash) override { return texts_.Insert(hash); }
  bool WantsColumns(uint64_t hash) override { return columns_.Insert(hash); }
  const std::vector<std::vector<std::byte>>& records() const { return records_; }

 private:
  std::vector<std::vector<std::byte>> records_;
  relay::RecentHashes texts_{session::kKnownTexts / relay::RecentHashes::kWays}, columns_{64};
};

const std::string kAccount = RowDescription({{"abalance", 23, 1000, 3}});

// The records of kExecutions queries, in the order of time.
class Recorded {
 public:
  explicit Recorded(bool prepared) : prepared_(prepared) {
    for (uint64_t i = 0; i < kSessions; ++i) {
      session::SessionIdentity identity{.session_id = i + 1,
                                        .connected_ns = now_ns_,
                                        .client_pid = 4711,
                                        .route = 0,
                                        .client_address = "127.0.0.1:1",
                                        .upstream_address = "127.0.0.1:5432"};
      sessions_.push_back(std::make_unique<session::Session>(identity, key_, sink_));
      Frontend(i, StartupMessage({{"user", "u"}, {"database", "d"}}));
      Backend(i, AuthenticationOk() + ReadyForQuery());
      if (!prepared) continue;
      Frontend(i, Parse("P0_1", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;", {23}) + Sync());
      Backend(i, ParseComplete() + ReadyForQuery());
    }
    for (uint64_t i = 0; i < kExecutions; ++i) Query(i % kSessions, std::to_string(i * 7919 % 100'000 + 1));
  }

  const std::vector<std::vector<std::byte>>& records() const { return sink_.records(); }
  const HashKey& key() const { return key_; }

 private:
  void Query(uint64_t session, const std::string& aid) {
    const std::string row = DataRow({std::to_string(aid.size())}) + CommandComplete("SELECT 1") + ReadyForQuery();
    if (prepared_) {
      Frontend(session, Bind("", "P0_1", {aid}) + DescribePortal("") + Execute("") + Sync());
      Backend(session, BindComplete() + kAccount + row);
    } else {
      Frontend(session, tests::Query("SELECT abalance FROM pgbench_accounts WHERE aid = " + aid + ";"));
      Backend(session, kAccount + row);
    }
  }
  void Frontend(uint64_t session, std::string_view bytes) { sessions_[session]->OnFrontend(bytes, now_ns_ += kStepNs); }
  void Backend(uint64_t session, std::string_view bytes) { sessions_[session]->OnBackend(bytes, now_ns_ += kStepNs); }

  bool prepared_;
  HashKey key_ = HashKey::ForTests(1);
  KeepingSink sink_;
  std::vector<std::unique_ptr<session::Session>> sessions_;
  int64_t now_ns_ = MonotonicNowNs();
};

void Record(benchmark::State& state, bool prepared) {
  const Recorded recorded(prepared);
  std::string directory = (std::filesystem::temp_directory_path() / "pgassay-bench-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) abort();
  int file = 0;
  for (auto _ : state) {
    auto recorder = trace::Recorder::Open(
        {.path = directory + "/" + std::to_string(++file) + ".db", .append = false, .command = "bench"});
    if (!recorder) abort();
    ingest::Ingest ingest(recorded.key(), **recorder, {});
    session::Record record;
    int64_t now_ns = 0;
    int executions = 0;
    for (const auto& bytes : recorded.records()) {
      session::DecodeRecord(bytes, record);
      now_ns = std::max(now_ns, session::RecordTimeNs(record));
      ingest.OnRecord(record);
      if (!std::holds_alternative<session::QueryEvent>(record) || ++executions % kExecutionsPerCommit != 0) continue;
      ingest.Flush(now_ns);
      if (!(*recorder)->Commit(now_ns)) abort();
    }
    ingest.Finish(now_ns);
    if (!(*recorder)->Finish(now_ns, true)) abort();
  }
  state.SetItemsProcessed(state.iterations() * kExecutions);
  std::filesystem::remove_all(directory);
}

void PreparedExecution(benchmark::State& state) { Record(state, true); }
BENCHMARK(PreparedExecution)->Unit(benchmark::kMillisecond);

void LiteralExecution(benchmark::State& state) { Record(state, false); }
BENCHMARK(LiteralExecution)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pgassay
