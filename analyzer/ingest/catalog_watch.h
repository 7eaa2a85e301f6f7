// When which database's catalogue is read, and by whom: a thread of the recorder process asks over connections of its
// own (analyzer/catalog), so that neither the traffic nor the recording waits. Test databases are made, filled and
// dropped within a run, so a database is read when it is first used, again when its DDL has been quiet for
// kQuietNs, more and more seldom while it is written to, and once more when its last session has closed. Each look is
// one short connection, closed at once: nobody's DROP DATABASE fails over it. What could not be read is a reason in the
// trace, never an error. In the same look, when nobody is connected or the recording ends, the costliest statements are
// planned with what was kept of their executions (plan_statements.h), and where indexes that do not exist can be tried,
// once more with those that the advisor would make. Threads: one owner, besides the thread within.
// Times: the monotonic clock, nanoseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/snapshot.h"
#include "analyzer/ingest/samples.h"
#include "analyzer/sql/statement.h"
#include "analyzer/trace/recorder.h"

namespace pgassay::ingest {

// What is asked of the planner, about statements that sessions ran.
enum class Explain : uint8_t {
  kOff,      // nothing; no execution is kept
  kPlans,    // EXPLAIN
  kAnalyze,  // and, when the recording ends, EXPLAIN ANALYZE of what changes nothing
};

// How to reach the databases that sessions use. The first that fits is taken.
struct CatalogSource {
  std::string upstream = {};    // as sessions have it; "": any
  std::string database = {};    // the only one that may be read; "": whichever the session uses
  catalog::Target target = {};  // without the database
  bool session_user = false;    // nobody was named: log in as the session did
  Explain explain = Explain::kPlans;
  bool sandbox = false;  // the database is nobody's: at the end, advised indexes are built and rolled back
  // What is counted after each look, for at most kMeasureBudget. Called by the thread within. Empty: nothing.
  std::function<std::vector<catalog::MeasureTask>(const catalog::Snapshot&)> wanted = {};
};

class CatalogWatch {
 public:
  static constexpr int64_t kQuietNs = 150'000'000;

  explicit CatalogWatch(std::vector<CatalogSource> sources);  // none: nothing is ever read
  ~CatalogWatch();

  struct Use {
    uint64_t session_id = 0;
    std::string_view upstream, database, user;
    int64_t time_ns = 0;
  };
  void OnSessionOpened(const Use& use);
  void OnSessionClosed(uint64_t session_id);
  // A statement that succeeded. `facts` outlives this.
  struct Executed {
    int64_t statement_id = 0;
    const sql::Facts* facts = nullptr;
    uint64_t rows = 0;
    std::span<const lineage::SinkValue> sinks = {};
    int64_t done_ns = 0;
  };
  void OnExecution(uint64_t session_id, const Executed& executed);

  // Whether this execution, which succeeded, is one to plan again; KeepSample() follows then.
  bool WantsSample(uint64_t session_id, int64_t statement_id, Samples::Values values, int64_t database_ns,
                   uint64_t rows);
  void KeepSample(uint64_t session_id, int64_t statement_id, Planning planning);

  // Starts what is due and stores what was read.
  void Poll(int64_t now_ns, trace::Recorder& recorder);
  // Stores what is left, after a last look at what has changed; takes ten seconds at most, twenty where statements are
  // executed, with a sandbox two minutes.
  void Finish(trace::Recorder& recorder);

 private:
  class State;
  std::unique_ptr<State> state_;  // null: no sources
};

}  // namespace pgassay::ingest
