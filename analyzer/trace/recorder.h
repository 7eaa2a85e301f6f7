// Writes one trace file. The only writer of a file (flock on FILE.lock); one transaction a batch: every 200 ms or 10
// 000 events, whichever comes first, driven by the owner through Commit(). Crash-safe: WAL, synchronous=NORMAL. When
// the disk refuses, recording pauses and the owner goes on calling: rollups and a bounded number of executions wait in
// memory; what does not fit is counted, and a gap row says so later. Ids: sessions and units are given as the recording
// knows them and become unique in the file here; statements and executions are numbered here. Threads: one owner. The
// only folder that includes sqlite3.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "analyzer/catalog/snapshot.h"
#include "analyzer/lineage/lineage.h"
#include "analyzer/trace/example_row.h"
#include "analyzer/trace/plan_row.h"
#include "analyzer/trace/slot_row.h"
#include "analyzer/trace/trial_row.h"
#include "proxy/base/result.h"

namespace pgassay::trace {

struct OpenOptions {
  std::string path;
  bool append = false;          // an existing trace is refused without it
  std::string command;          // "run" or "proxy"
  uint64_t max_executions = 0;  // timeline bound; 0: keep all
  std::string parser = {};      // libpg_query's grammar, for the reader; "" if not known
};

struct SessionRow {
  uint64_t session_id = 0;  // of this recording; the file's id is given back by the recorder's own mapping
  lineage::SessionInfo info;
  std::string client_address, upstream_address, server_version;
  uint16_t route = 0;
};  // info.database and upstream_address name the database; both "": not known

struct ExecutionRow {
  int64_t execution_no = 0;  // from NextExecutionNo()
  uint64_t session_id = 0;
  int64_t unit_id = 0, statement_id = 0;
  int64_t sent_ns = 0, first_ns = 0, done_ns = 0, busy_from_ns = 0;
  uint64_t rows = 0, bytes = 0;
  uint32_t flags = 0;         // execution_flags.h
  std::string_view sqlstate;  // "" if none
  uint64_t parameters_hash = 0, result_hash = 0;
  bool failed = false;
};

class Recorder : public lineage::LineageSink {
 public:
  // Checks ownership, mode, symlinks, format, lock; creates with 0600. Errors are sentences for a person.
  static Result<std::unique_ptr<Recorder>> Open(const OpenOptions& options);
  ~Recorder() override;

  // The statement's id, made on first sight; `facts` is copied then.
  int64_t StatementId(uint64_t shape_hash, std::string_view redacted_sql, const sql::Facts& facts);
  void AddText(int64_t statement_id, uint64_t text_hash);
  void AddTag(int64_t statement_id, std::string_view key, std::string_view value);
  void AddSession(const SessionRow& session);
  void EndSession(uint64_t session_id, int64_t time_ns, std::string_view end_reason, std::string_view opaque_reason,
                  uint64_t relayed, uint64_t decoded, uint64_t skipped, uint64_t opaque);
  void SetApplicationName(uint64_t session_id, std::string_view name);
  void LearnRelation(uint64_t session_id, uint32_t table_oid, std::string_view schema, std::string_view name);
  void AddColumn(int64_t statement_id, int position, std::string_view described_name,
                 const lineage::ResultColumn& column);
  void AddCells(int64_t statement_id, int position, uint64_t cells, uint64_t nulls, uint64_t bytes);
  // With --keep-values. REQUIRES: once per execution.
  void AddExample(ExampleRow example);
  // A database's catalogue as last seen. `problem`: why there is no snapshot (then `snapshot` is null), or why it is
  // out of date; "" if all is well.
  void SetCatalog(std::string_view upstream_address, std::string_view database, const catalog::Snapshot* snapshot,
                  std::string_view problem);
  // Takes the place of an earlier one of the same statement, database and kind.
  void SetPlan(PlanRow plan);
  // Takes the place of an earlier one of the same statement, database and index.
  void SetTrial(TrialRow trial);
  // Takes the place of an earlier one of the same statement and slot.
  void SetSlot(SlotRow slot);
  int64_t NextExecutionNo();
  void AddExecution(const ExecutionRow& row);
  void SetCounter(std::string_view name, uint64_t value);
  void AddGap(int64_t from_ns, int64_t to_ns, std::string_view reason, uint64_t lost);

  // lineage::LineageSink; unit ids are the lineage's own and become unique in the file here
  void OnScope(const lineage::Scope& scope) override;
  void OnUnit(const lineage::Unit& unit) override;
  void OnUnitStatement(const lineage::UnitStatement& row) override;
  void OnEdge(const lineage::Edge& edge) override;
  void OnRepeat(const lineage::Repeat& repeat) override;

  bool CommitDue(int64_t now_ns) const;
  // An error pauses recording and is returned by each call until the disk takes writes again; that call resumes by
  // itself.
  Result<> Commit(int64_t now_ns);
  // The last commit: marks the recording complete if `complete` and nothing was lost, and leaves one plain file behind
  // (0 readers) or one in WAL mode. Nothing may be added afterwards. Without it the recording counts as killed.
  Result<> Finish(int64_t now_ns, bool complete);

 private:
  class State;
  explicit Recorder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pgassay::trace
