// What the decoder adds to a relay loop per query: one session, one sink that encodes each record as a ring would have
// it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "proxy/session/session.h"
#include "tests/support/wire_builder.h"

namespace {

using namespace pgassay;
using namespace pgassay::tests;

class EncodingSink : public session::RecordSink {
 public:
  void Emit(const session::Record& record) override {
    session::EncodeRecord(record, bytes_);
    benchmark::DoNotOptimize(bytes_.data());
  }
  bool WantsText(uint64_t hash) override { return texts_.insert(hash).second; }
  bool WantsColumns(uint64_t hash) override { return columns_.insert(hash).second; }

 private:
  std::vector<std::byte> bytes_;
  std::unordered_set<uint64_t> texts_, columns_;
};

struct LoggedIn {
  HashKey key = HashKey::ForTests(1);
  EncodingSink sink;
  session::Session session{
      {.session_id = 1, .connected_ns = 1, .client_pid = 0, .route = 0, .client_address = "", .upstream_address = ""},
      key,
      sink};
  int64_t now = 1;

  LoggedIn() {
    Frontend(StartupMessage({{"user", "u"}}));
    Backend(AuthenticationOk() + ReadyForQuery());
  }
  void Frontend(std::string_view bytes) { session.OnFrontend(bytes, ++now); }
  void Backend(std::string_view bytes) { session.OnBackend(bytes, ++now); }
};

const std::string kAccount =
    RowDescription({{"aid", 23, 1000, 1}, {"bid", 23, 1000, 2}, {"abalance", 23, 1000, 3}, {"filler", 1042, 1000, 4}});
const std::string kRow = DataRow({"12345", "1", "0", std::string(84, ' ')});

// pgbench -S -M prepared: Bind, Execute, Sync, the description known from before.
void PreparedQuery(benchmark::State& state) {
  LoggedIn on;
  on.Frontend(Parse("P0_1", "SELECT * FROM pgbench_accounts WHERE aid = $1", {23}) + DescribeStatement("P0_1") +
              Sync());
  on.Backend(ParseComplete() + ParameterDescription({23}) + kAccount + ReadyForQuery());
  const std::string request = Bind("", "P0_1", {"12345"}) + Execute("") + Sync();
  const std::string reply = BindComplete() + kRow + CommandComplete("SELECT 1") + ReadyForQuery();
  for (auto _ : state) {
    on.Frontend(request);
    on.Backend(reply);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PreparedQuery);

// As libpq's PQexecPrepared sends it: with a Describe of the portal each time.
void PreparedAndDescribedQuery(benchmark::State& state) {
  LoggedIn on;
  on.Frontend(Parse("P0_1", "SELECT * FROM pgbench_accounts WHERE aid = $1", {23}) + Sync());
  on.Backend(ParseComplete() + ReadyForQuery());
  const std::string request = Bind("", "P0_1", {"12345"}) + DescribePortal("") + Execute("") + Sync();
  const std::string reply = BindComplete() + kAccount + kRow + CommandComplete("SELECT 1") + ReadyForQuery();
  for (auto _ : state) {
    on.Frontend(request);
    on.Backend(reply);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PreparedAndDescribedQuery);

void ExtendedQuery(benchmark::State& state) {
  LoggedIn on;
  const std::string request = Parse("", "SELECT * FROM pgbench_accounts WHERE aid = $1", {23}) +
                              Bind("", "", {"12345"}) + DescribePortal("") + Execute("") + Sync();
  const std::string reply =
      ParseComplete() + BindComplete() + kAccount + kRow + CommandComplete("SELECT 1") + ReadyForQuery();
  for (auto _ : state) {
    on.Frontend(request);
    on.Backend(reply);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ExtendedQuery);

void SimpleQuery(benchmark::State& state) {
  LoggedIn on;
  const std::string request = Query("SELECT * FROM pgbench_accounts WHERE aid = 12345;");
  const std::string reply = kAccount + kRow + CommandComplete("SELECT 1") + ReadyForQuery();
  for (auto _ : state) {
    on.Frontend(request);
    on.Backend(reply);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SimpleQuery);

void PipelineOfTwenty(benchmark::State& state) {
  LoggedIn on;
  on.Frontend(Parse("s", "SELECT * FROM pgbench_accounts WHERE aid = $1", {23}) + DescribeStatement("s") + Sync());
  on.Backend(ParseComplete() + ParameterDescription({23}) + kAccount + ReadyForQuery());
  std::string request, reply;
  for (int i = 0; i < 20; ++i) {
    request += Bind("", "s", {std::to_string(12345 + i)}) + Execute("");
    reply += BindComplete() + kRow + CommandComplete("SELECT 1");
  }
  request += Sync();
  reply += ReadyForQuery();
  for (auto _ : state) {
    on.Frontend(request);
    on.Backend(reply);
  }
  state.SetItemsProcessed(state.iterations() * 20);
}
BENCHMARK(PipelineOfTwenty);

// Rows of one result in reads of 64 KiB; the argument is how many. The first 4 096 are hashed, the others counted.
void ResultRows(benchmark::State& state) {
  LoggedIn on;
  std::string rows;
  for (int64_t i = 0; i < state.range(0); ++i) rows += DataRow({std::to_string(i), "1", "0", std::string(84, ' ')});
  const std::string request = Query("SELECT * FROM pgbench_accounts");
  const std::string tail = CommandComplete("SELECT " + std::to_string(state.range(0))) + ReadyForQuery();
  for (auto _ : state) {
    on.Frontend(request);
    on.Backend(kAccount);
    for (std::string_view left = rows; !left.empty(); left.remove_prefix(std::min<size_t>(left.size(), 65536))) {
      on.Backend(left.substr(0, 65536));
    }
    on.Backend(tail);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(rows.size()));
}
BENCHMARK(ResultRows)->Arg(1000)->Arg(100'000);

}  // namespace
