// What lineage keeps of clients that are gone. Under a sanitizer the allocator tells nothing, and these hold by
// default.
#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/analyzer/lineage/traffic.h"

namespace pgassay::lineage::testing {
namespace {

class Forgetful : public LineageSink {
  void OnScope(const Scope& /*scope*/) override {}
  void OnUnit(const Unit& /*unit*/) override {}
  void OnUnitStatement(const UnitStatement& /*row*/) override {}
  void OnEdge(const Edge& /*edge*/) override {}
  void OnRepeat(const Repeat& /*repeat*/) override {}
};

// Each client is a process of its own that reads a parent and its children, and goes.
class Clients {
 public:
  void ComeAndGo(int count) {
    for (int i = 0; i < count; ++i) OneClient();
    lineage_.Flush(now_ns_ += 20 * kS);
  }

 private:
  void OneClient() {
    const uint64_t session_id = ++last_session_;
    lineage_.OnSessionOpened({.session_id = session_id,
                              .client_process = static_cast<int64_t>(session_id),
                              .database = "shop",
                              .user = "app",
                              .application_name = "job",
                              .time_ns = now_ns_});
    Execute(session_id, users_, 0, {1, 2, 3});
    for (int64_t user = 1; user <= 3; ++user) Execute(session_id, orders_, user, {10 * user});
    lineage_.OnSessionClosed(session_id, now_ns_);
    if (session_id % 100 == 0) lineage_.Flush(now_ns_);
  }

  void Execute(uint64_t session_id, const Query& query, int64_t parameter, const std::vector<int64_t>& ids) {
    const int64_t sent_ns = now_ns_ + kMs;
    now_ns_ = sent_ns + kMs;
    const StatementProfile profile{.statement_id = query.id, .operation = query.facts.operation, .facts = &query.facts};
    std::vector<uint64_t> hashes;
    for (const int64_t id : ids) hashes.push_back(HashOf(id));
    const std::vector<uint16_t> hashed_columns = {0};
    session::RowBatch batch{};
    batch.session_id = session_id;
    batch.execution_id = ++last_execution_;
    batch.time_ns = now_ns_;
    batch.columns_hash = static_cast<uint64_t>(query.id);
    batch.row_count = static_cast<uint32_t>(ids.size());
    batch.column_count = 1;
    batch.hashed_columns = hashed_columns;
    batch.hashes = hashes;
    lineage_.OnRows(batch, profile, query.columns);
    std::vector<SinkValue> sinks;
    if (parameter != 0) {
      sinks.emplace_back();
      sinks.back().comparison = 0;
      sinks.back().type_oid = kInt8;
      sinks.back().hashes.push_back({HashOf(parameter), 0});
    }
    Execution execution;
    execution.execution_no = static_cast<int64_t>(last_execution_);
    execution.session_id = session_id;
    execution.execution_id = last_execution_;
    execution.statement = profile;
    execution.columns_hash = batch.columns_hash;
    execution.columns = query.columns;
    execution.sinks = sinks;
    execution.sent_ns = execution.busy_from_ns = sent_ns;
    execution.done_ns = now_ns_;
    execution.rows = ids.size();
    lineage_.OnExecution(execution);
  }

  Traffic statements_;
  const Query& users_ = statements_.Select({"users.id"});
  const Query& orders_ = statements_.Select({"orders.id"}, {"orders.user_id"});
  Forgetful sink_;
  Lineage lineage_{sink_};
  int64_t now_ns_ = kS;
  uint64_t last_session_ = 0, last_execution_ = 0;
};

TEST(LineageMemory, ClientsThatCameAndWentLeaveNothing) {
  Clients clients;
  clients.ComeAndGo(2000);
  const size_t before = mallinfo2().uordblks;
  clients.ComeAndGo(2000);
  EXPECT_LT(mallinfo2().uordblks, before + 50'000) << "some bytes of each of 2000 clients";
}

}  // namespace
}  // namespace pgassay::lineage::testing
