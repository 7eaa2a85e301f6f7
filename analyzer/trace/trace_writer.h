// The SQL of the recorder: every row of a trace is written here, by cached statements, in transactions that its owner
// opens and closes. Knows the file's own ids only. Errors are SQLite's; LastCode() tells a full disk from a locked
// file. Threads: one owner.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "analyzer/lineage/lineage.h"
#include "analyzer/trace/example_row.h"
#include "analyzer/trace/execution_block.h"
#include "analyzer/trace/histogram.h"
#include "analyzer/trace/plan_row.h"
#include "analyzer/trace/slot_row.h"
#include "analyzer/trace/sqlite.h"
#include "analyzer/trace/trace_file.h"
#include "analyzer/trace/trial_row.h"

namespace pgassay::trace {

inline constexpr size_t kMaxColumns = 1664;  // PostgreSQL's MaxTupleAttributeNumber

struct ColumnRollup {
  std::string name;
  lineage::ResultColumn column;
  uint64_t cells = 0, nulls = 0, bytes = 0;
  bool described = false, dirty = false;
};

struct StatementRollup {
  int64_t statement_id = 0;
  uint64_t shape_hash = 0;
  std::string sql, operation, facts;  // only until they are in the file
  uint64_t fingerprint = 0;
  bool driver = false, stored = false, dirty = false;
  uint64_t calls = 0, errors = 0, rows = 0, bytes = 0, pipelined = 0, texts = 0;
  int64_t database_ns = 0, max_ns = 0;
  Histogram histogram;
  std::unordered_set<uint64_t> text_hashes, tag_hashes;  // of this recording, bounded
  std::vector<ColumnRollup> columns;                     // by position
};

struct SessionInsert {
  int64_t session_id = 0, database_id = 0;  // database 0: not known
  std::string user, application_name, client_address, server_version;
  int64_t client_pid = 0, begin_ns = 0;
  uint16_t route = 0;
};

struct SessionEndRow {
  int64_t session_id = 0, end_ns = 0;
  std::string end_reason, opaque_reason;
  uint64_t relayed = 0, decoded = 0, skipped = 0, opaque = 0;
};

struct GapInsert {
  int64_t from_ns = 0, to_ns = 0;
  std::string reason;
  uint64_t lost = 0;
};

struct DatabaseName {
  std::string upstream, name;
  friend auto operator<=>(const DatabaseName&, const DatabaseName&) = default;
};

struct CatalogInsert {
  DatabaseName database;
  int64_t taken_unix_ns = 0;
  std::string snapshot, problem;  // snapshot "": none
};

struct RecordingInsert {
  std::string tool_version, parser, command;
  int64_t begin_ns = 0, wall_offset_ns = 0;
};

// What a file that is added to already holds; all empty for a new one.
struct TraceContent {
  std::vector<StatementRollup> statements;
  std::map<DatabaseName, int64_t> databases;
  int64_t last_statement_id = 0, last_session_id = 0, last_unit_id = 0, last_execution_no = 0, last_database_id = 0;
  int64_t last_scope_id = 0;
  int64_t timeline_from_no = 0;
};

class TraceWriter {
 public:
  // Creates the file, or opens it when it exists and `append` says so. Takes the lock first.
  static Result<TraceWriter> Open(const std::string& path, bool append);

  Result<TraceContent> ReadContent();
  // Makes the recording's row, in a transaction of its own.
  Result<> StartRecording(const RecordingInsert& recording, int64_t timeline_from_no);

  Result<> Begin();
  Result<> Commit();
  void Rollback();

  Result<> WriteStatement(const StatementRollup& statement);
  Result<> WriteColumns(const StatementRollup& statement);
  Result<> AddTagCalls(int64_t statement_id, std::string_view key, std::string_view value, uint64_t calls);
  Result<> WriteExample(const ExampleRow& example);
  Result<> WriteDatabase(int64_t database_id, const DatabaseName& database);
  Result<> WriteCatalog(int64_t database_id, const CatalogInsert& catalog);
  Result<> WritePlan(int64_t database_id, const PlanRow& plan);
  Result<> WriteSlot(const SlotRow& slot);
  Result<> WriteTrial(int64_t database_id, const TrialRow& trial);
  Result<> WriteSession(const SessionInsert& session);
  Result<> WriteApplicationName(int64_t session_id, std::string_view name);
  Result<> WriteSessionEnd(const SessionEndRow& end);
  Result<> WriteRelation(int64_t database_id, uint32_t table_oid, std::string_view schema, std::string_view name);
  Result<> WriteScope(const lineage::Scope& scope);  // ids are the file's
  Result<> WriteUnit(const lineage::Unit& unit);
  Result<> WriteUnitStatement(const lineage::UnitStatement& row);
  Result<> WriteEdge(const lineage::Edge& edge);
  Result<> WriteRepeat(const lineage::Repeat& repeat);
  Result<> WriteExecutions(std::span<const TimelineInsert> executions);  // numbers ascend, over all calls
  // Earlier ones are seen no more; their room is free again when their whole block is before.
  Result<> CutTimelineBefore(int64_t execution_no);
  Result<> WriteCounter(std::string_view name, uint64_t value);
  Result<> WriteGap(const GapInsert& gap);
  Result<> WriteLastExecution(int64_t execution_no);
  Result<> WriteEnd(int64_t end_ns, bool complete);

  // Folds the write-ahead log into the file when it has grown; never waits for readers.
  void CheckpointWhenLarge();
  // Leaves one plain file that opens anywhere, unless a reader is still at it. Nothing can be written afterwards.
  Result<> Close();

  const std::string& path() const { return path_; }
  int LastCode() const { return db_.LastCode(); }

 private:
  static constexpr int kCheckpointFrames = 4096;  // 16 MiB: a checkpoint then takes some ten milliseconds

  TraceWriter(std::string path, FileLock lock, Database db)
      : path_(std::move(path)), lock_(std::move(lock)), db_(std::move(db)) {}
  Result<> PrepareAll();
  Error Sentence(const Error& error) const;

  std::string path_;
  FileLock lock_;  // outlives the connection
  Database db_;
  std::unique_ptr<int> wal_frames_ =
      std::make_unique<int>(0);  // in the write-ahead log; SQLite's hook holds its address
  int checkpoint_at_frames_ = kCheckpointFrames;
  int64_t recording_id_ = 0;
  std::string block_;  // the last one's text, for its memory
  Query begin_, commit_, insert_statement_, update_statement_, replace_column_, add_tag_, replace_example_,
      insert_database_, replace_catalog_, replace_plan_, replace_trial_, replace_slot_, replace_session_,
      update_application_name_, end_session_, replace_relation_, replace_scope_, replace_unit_, replace_unit_statement_,
      delete_unit_statement_, replace_edge_, delete_edge_, replace_repeat_, delete_repeat_, insert_block_,
      cut_timeline_, note_cut_, replace_counter_, insert_gap_, last_execution_, end_recording_;
};

}  // namespace pgassay::trace
