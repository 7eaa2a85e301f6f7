#include "analyzer/trace/trace_writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "analyzer/catalog/snapshot.h"
#include "analyzer/trace/lineage_tables.h"

namespace pgassay::trace {
namespace {

constexpr int64_t kLastId = int64_t{1} << 62;  // an id beyond was not made by counting

// What joins units may be any request id that a client made up; what is stored is a trace id of W3C's form or nothing.
std::string_view StoredTraceId(std::string_view id) {
  constexpr size_t kTraceIdDigits = 32;
  const bool stored = id.size() == kTraceIdDigits && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return stored ? id : std::string_view();
}

std::string Hex(uint64_t value) {
  std::string hex(16, '0');
  for (size_t i = 16; i-- > 0; value >>= 4) hex[i] = "0123456789abcdef"[value & 15];
  return hex;
}

void BindText(Query& query, int index, std::string_view text) {  // "" as NULL
  if (text.empty()) {
    query.BindNull(index);
  } else {
    query.Bind(index, text);
  }
}

void BindId(Query& query, int index, int64_t id) {  // 0 as NULL
  if (id == 0) {
    query.BindNull(index);
  } else {
    query.Bind(index, id);
  }
}

// Binds its arguments from parameter 1 and runs.
template <class... Values>
Result<> Write(Query& query, const Values&... values) {
  int index = 0;
  (query.Bind(++index, values), ...);
  return query.Finish();
}

template <class Table, class Row>
Result<> ReplaceOrDelete(Query& replace, Query& remove, const Row& row) {
  if (Table::Empty(row)) {
    BindRow<Table>(remove, row, Table::kKeyColumns);
    return remove.Finish();
  }
  BindRow<Table>(replace, row);
  return replace.Finish();
}

}  // namespace

Error TraceWriter::Sentence(const Error& error) const {
  return Error{"cannot write trace " + path_ + ": " + error.message};
}

Result<TraceWriter> TraceWriter::Open(const std::string& path, bool append) {
  auto lock = FileLock::Acquire(path);
  if (!lock) return std::unexpected(lock.error());
  struct stat info{};
  const bool exists = append && lstat(path.c_str(), &info) == 0;
  auto db = exists ? OpenTraceToAppend(path) : CreateTrace(path);
  if (!db) return std::unexpected(db.error());
  TraceWriter writer(path, std::move(*lock), std::move(*db));
  if (const auto prepared = writer.PrepareAll(); !prepared) {
    return Fail(path + " is damaged: " + prepared.error().message);  // only a foreign hand changes the schema
  }
  return writer;
}

Result<> TraceWriter::PrepareAll() {
  const std::pair<Query*, std::string> queries[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&insert_statement_,
       "INSERT INTO statement (statement_id, shape_hash, fingerprint, sql, operation, driver, facts) VALUES (?, ?, ?, "
       "?, ?, ?, ?)"},
      {&update_statement_,
       "UPDATE statement SET calls = ?2, errors = ?3, rows = ?4, bytes = ?5, database_ns = ?6, max_ns = ?7, pipelined "
       "= ?8, "
       "texts = ?9, histogram = ?10 WHERE statement_id = ?1"},
      {&replace_column_,
       "REPLACE INTO result_column (statement_id, position, name, relation, attribute, table_oid, attnum, type_oid, "
       "cells, nulls, bytes) "
       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&add_tag_,
       "INSERT INTO statement_tag (statement_id, key, value, calls) VALUES (?, ?, ?, ?) "
       "ON CONFLICT (statement_id, key, value) DO UPDATE SET calls = calls + excluded.calls"},
      {&replace_example_,
       "REPLACE INTO example_value (statement_id, execution_no, number, element, value, left_out) "
       "VALUES (?, ?, ?, ?, ?, ?)"},
      {&insert_database_, "INSERT OR IGNORE INTO database (database_id, upstream, name) VALUES (?, ?, ?)"},
      {&replace_catalog_,
       "REPLACE INTO catalog (recording_id, database_id, taken_unix_ns, snapshot, problem) VALUES (?, ?, ?, ?, ?)"},
      {&replace_plan_,
       "REPLACE INTO plan (recording_id, database_id, statement_id, kind, how, executions, total_cost, rows, indexes, "
       "sequential_scans, plan, problem) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&replace_slot_,
       "REPLACE INTO slot (statement_id, slot, executions, top_executions, literals, named, patterns, "
       "leading_wildcards, literal_part, max_elements, share, constant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&replace_trial_,
       "REPLACE INTO trial (recording_id, database_id, statement_id, index_definition, kind, how, structural, "
       "executions, used, cost_before, cost_after, plan_before, plan_after, problem, columns) "
       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&replace_session_,
       "REPLACE INTO session (session_id, recording_id, database_id, user_name, application_name, client_address, "
       "client_pid, "
       "server_version, route, begin_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&update_application_name_, "UPDATE session SET application_name = ?2 WHERE session_id = ?1"},
      {&end_session_,
       "UPDATE session SET end_ns = ?2, end_reason = ?3, opaque_reason = ?4, relayed_bytes = ?5, decoded_bytes = ?6, "
       "skipped_bytes = ?7, opaque_bytes = ?8 WHERE session_id = ?1"},
      {&replace_relation_, "REPLACE INTO relation (database_id, table_oid, schema, name) VALUES (?, ?, ?, ?)"},
      {&replace_scope_,
       "REPLACE INTO scope (scope_id, recording_id, kind, name, file, line, worker, begin_ns, end_ns, outcome) "
       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&replace_unit_,
       "REPLACE INTO unit_of_work (unit_id, recording_id, session_id, joined_to, scope_id, phase, kind, "
       "shared_connection, schema_change, transaction_conflict, label, trace_id, begin_ns, end_ns, statements, "
       "round_trips, rows, bytes, database_ns, think_ns) "
       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&replace_unit_statement_, ReplaceSql<UnitStatementTable, lineage::UnitStatement>()},
      {&delete_unit_statement_, DeleteSql<UnitStatementTable, lineage::UnitStatement>()},
      {&replace_edge_, ReplaceSql<EdgeTable, lineage::Edge>()},
      {&delete_edge_, DeleteSql<EdgeTable, lineage::Edge>()},
      {&replace_repeat_, ReplaceSql<RepeatTable, lineage::Repeat>()},
      {&delete_repeat_, DeleteSql<RepeatTable, lineage::Repeat>()},
      {&insert_block_, "INSERT INTO execution_block (first_no, last_no, sent_ns, executions) VALUES (?, ?, ?, ?)"},
      {&cut_timeline_, "DELETE FROM execution_block WHERE first_no < ?1 AND last_no < ?1"},
      {&note_cut_, "UPDATE recording SET timeline_from_no = ?1 WHERE timeline_from_no < ?1"},
      {&replace_counter_, "REPLACE INTO counter (recording_id, name, value) VALUES (?, ?, ?)"},
      {&insert_gap_, "INSERT INTO gap (recording_id, from_ns, to_ns, reason, lost) VALUES (?, ?, ?, ?, ?)"},
      {&last_execution_, "UPDATE recording SET last_execution_no = ?2 WHERE recording_id = ?1"},
      {&end_recording_, "UPDATE recording SET end_ns = ?2, complete = ?3 WHERE recording_id = ?1"},
  };
  sqlite3_wal_hook(
      db_.get(),
      [](void* frames, sqlite3*, const char*, int count) {
        *static_cast<int*>(frames) = count;
        return SQLITE_OK;
      },
      wal_frames_.get());
  for (const auto& [query, sql] : queries) {
    auto prepared = Query::Prepare(db_, sql);
    if (!prepared) return std::unexpected(prepared.error());
    *query = std::move(*prepared);
  }
  return {};
}

Result<TraceContent> TraceWriter::ReadContent() {
  TraceContent content;
  const auto damaged = [this](const Error& error) { return Fail(path_ + " is damaged: " + error.message); };
  const std::pair<int64_t*, const char*> lasts[] = {
      {&content.last_statement_id, "SELECT max(statement_id) FROM statement"},
      {&content.last_session_id, "SELECT max(session_id) FROM session"},
      {&content.last_unit_id, "SELECT max(unit_id) FROM unit_of_work"},
      {&content.last_scope_id, "SELECT max(scope_id) FROM scope"},
      {&content.last_database_id, "SELECT max(database_id) FROM database"},
      {&content.last_execution_no,
       "SELECT max(ifnull((SELECT last_no FROM execution_block ORDER BY first_no DESC LIMIT 1), 0), "
       "ifnull((SELECT max(last_execution_no) FROM recording), 0))"},
      {&content.timeline_from_no, "SELECT max(timeline_from_no) FROM recording"},
  };
  for (const auto& [last, sql] : lasts) {
    const auto number = db_.Number(sql);
    if (!number) return damaged(number.error());
    if (*number < 0 || *number > kLastId) return damaged(Error{"an id is out of range"});
    *last = *number;
  }
  auto databases = Query::Prepare(db_, "SELECT upstream, name, database_id FROM database");
  if (!databases) return damaged(databases.error());
  for (;;) {
    const auto row = databases->Step();
    if (!row) return damaged(row.error());
    if (!*row) break;
    content.databases[{std::string(databases->Text(0)), std::string(databases->Text(1))}] = databases->Int(2);
  }
  auto statements =
      Query::Prepare(db_,
                     "SELECT statement_id, shape_hash, calls, errors, rows, bytes, database_ns, max_ns, pipelined, "
                     "texts, histogram FROM statement ORDER BY statement_id");
  auto columns =
      Query::Prepare(db_,
                     "SELECT position, name, relation, attribute, table_oid, attnum, type_oid, cells, nulls, bytes "
                     "FROM result_column WHERE statement_id = ? ORDER BY position");
  if (!statements) return damaged(statements.error());
  if (!columns) return damaged(columns.error());
  for (;;) {
    const auto row = statements->Step();
    if (!row) return damaged(row.error());
    if (!*row) break;
    StatementRollup rollup;
    rollup.stored = true;
    rollup.statement_id = statements->Int(0);
    rollup.shape_hash = static_cast<uint64_t>(statements->Int(1));
    uint64_t* const counts[] = {&rollup.calls, &rollup.errors, &rollup.rows, &rollup.bytes};
    for (int i = 0; i < 4; ++i) *counts[i] = static_cast<uint64_t>(statements->Int(2 + i));
    rollup.database_ns = statements->Int(6);
    rollup.max_ns = statements->Int(7);
    rollup.pipelined = static_cast<uint64_t>(statements->Int(8));
    rollup.texts = static_cast<uint64_t>(statements->Int(9));
    if (!statements->IsNull(10)) {
      auto histogram = Histogram::Decode(statements->Blob(10));
      if (!histogram) return damaged(Error{"a histogram cannot be read"});
      rollup.histogram = std::move(*histogram);
    }
    columns->Bind(1, rollup.statement_id);
    for (;;) {
      const auto column_row = columns->Step();
      if (!column_row) return damaged(column_row.error());
      if (!*column_row) break;
      const auto position = static_cast<uint64_t>(columns->Int(0));
      if (position >= kMaxColumns) continue;
      if (rollup.columns.size() <= position) rollup.columns.resize(position + 1);
      ColumnRollup& column = rollup.columns[position];
      column.described = true;
      column.name = columns->Text(1);
      column.column = {std::string(columns->Text(2)), std::string(columns->Text(3)),
                       static_cast<uint32_t>(columns->Int(4)), static_cast<int16_t>(columns->Int(5)),
                       static_cast<uint32_t>(columns->Int(6))};
      column.cells = static_cast<uint64_t>(columns->Int(7));
      column.nulls = static_cast<uint64_t>(columns->Int(8));
      column.bytes = static_cast<uint64_t>(columns->Int(9));
    }
    columns->Reset();
    content.statements.push_back(std::move(rollup));
  }
  return content;
}

Result<> TraceWriter::StartRecording(const RecordingInsert& recording, int64_t timeline_from_no) {
  auto insert = Query::Prepare(
      db_,
      "INSERT INTO recording (tool_version, parser, command, begin_ns, wall_offset_ns, timeline_from_no) "
      "VALUES (?, ?, ?, ?, ?, ?)");
  if (!insert) return std::unexpected(Sentence(insert.error()));
  const auto written =
      Write(*insert, std::string_view(recording.tool_version), std::string_view(recording.parser),
            std::string_view(recording.command), recording.begin_ns, recording.wall_offset_ns, timeline_from_no);
  if (!written) return std::unexpected(Sentence(written.error()));
  recording_id_ = sqlite3_last_insert_rowid(db_.get());
  return {};
}

Result<> TraceWriter::Begin() { return begin_.Finish(); }
Result<> TraceWriter::Commit() { return commit_.Finish(); }

void TraceWriter::Rollback() {
  if (sqlite3_get_autocommit(db_.get()) == 0) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<> TraceWriter::WriteStatement(const StatementRollup& statement) {
  if (!statement.stored) {
    const std::string fingerprint = statement.fingerprint == 0 ? "" : Hex(statement.fingerprint);
    insert_statement_.Bind(1, statement.statement_id);
    insert_statement_.Bind(2, statement.shape_hash);
    BindText(insert_statement_, 3, fingerprint);
    insert_statement_.Bind(4, std::string_view(statement.sql));
    insert_statement_.Bind(5, std::string_view(statement.operation));
    insert_statement_.Bind(6, statement.driver);
    insert_statement_.Bind(7, std::string_view(statement.facts));
    if (auto inserted = insert_statement_.Finish(); !inserted) return inserted;
  }
  const std::string histogram = statement.histogram.Encode();
  update_statement_.BindBlob(10, histogram);
  return Write(update_statement_, statement.statement_id, statement.calls, statement.errors, statement.rows,
               statement.bytes, statement.database_ns, statement.max_ns, statement.pipelined, statement.texts);
}

Result<> TraceWriter::WriteColumns(const StatementRollup& statement) {
  for (size_t position = 0; position < statement.columns.size(); ++position) {
    const ColumnRollup& column = statement.columns[position];
    if (!column.dirty) continue;
    auto written =
        Write(replace_column_, statement.statement_id, position, std::string_view(column.name),
              std::string_view(column.column.relation), std::string_view(column.column.column), column.column.table_oid,
              column.column.attnum, column.column.type_oid, column.cells, column.nulls, column.bytes);
    if (!written) return written;
  }
  return {};
}

Result<> TraceWriter::AddTagCalls(int64_t statement_id, std::string_view key, std::string_view value, uint64_t calls) {
  return Write(add_tag_, statement_id, key, value, calls);
}

Result<> TraceWriter::WriteExample(const ExampleRow& example) {
  for (const ExampleValue& value : example.values) {
    replace_example_.Bind(1, example.statement_id);
    replace_example_.Bind(2, example.execution_no);
    replace_example_.Bind(3, value.number);
    replace_example_.Bind(4, value.element);
    if (value.null || !value.left_out.empty()) {
      replace_example_.BindNull(5);
    } else {
      replace_example_.Bind(5, std::string_view(value.value));
    }
    replace_example_.Bind(6, std::string_view(value.left_out));
    if (auto written = replace_example_.Finish(); !written) return written;
  }
  return {};
}

Result<> TraceWriter::WriteDatabase(int64_t database_id, const DatabaseName& database) {
  return Write(insert_database_, database_id, std::string_view(database.upstream), std::string_view(database.name));
}

Result<> TraceWriter::WriteCatalog(int64_t database_id, const CatalogInsert& catalog) {
  replace_catalog_.Bind(1, recording_id_);
  replace_catalog_.Bind(2, database_id);
  replace_catalog_.Bind(3, catalog.taken_unix_ns);
  BindText(replace_catalog_, 4, catalog.snapshot);
  replace_catalog_.Bind(5, std::string_view(catalog.problem));
  return replace_catalog_.Finish();
}

Result<> TraceWriter::WritePlan(int64_t database_id, const PlanRow& plan) {
  const std::string indexes = catalog::NamesToJson(plan.indexes);
  const std::string scans = catalog::NamesToJson(plan.sequential_scans);
  replace_plan_.Bind(1, recording_id_);
  replace_plan_.Bind(2, database_id);
  replace_plan_.Bind(3, plan.statement_id);
  replace_plan_.Bind(4, PlanKindName(plan.kind));
  replace_plan_.Bind(5, std::string_view(plan.how));
  replace_plan_.Bind(6, plan.executions);
  replace_plan_.Bind(7, plan.total_cost);
  replace_plan_.Bind(8, plan.rows);
  replace_plan_.Bind(9, std::string_view(indexes));
  replace_plan_.Bind(10, std::string_view(scans));
  BindText(replace_plan_, 11, plan.plan_json);
  replace_plan_.Bind(12, std::string_view(plan.problem));
  return replace_plan_.Finish();
}

Result<> TraceWriter::WriteSlot(const SlotRow& slot) {
  return Write(replace_slot_, slot.statement_id, slot.slot, slot.executions, slot.top_executions, slot.literals,
               slot.named, slot.patterns, slot.leading_wildcards, slot.literal_part, slot.max_elements, slot.share,
               std::string_view(slot.constant));
}

Result<> TraceWriter::WriteTrial(int64_t database_id, const TrialRow& trial) {
  replace_trial_.Bind(1, recording_id_);
  replace_trial_.Bind(2, database_id);
  replace_trial_.Bind(3, trial.statement_id);
  replace_trial_.Bind(4, std::string_view(trial.index));
  replace_trial_.Bind(5, TrialKindName(trial.kind));
  replace_trial_.Bind(6, std::string_view(trial.how));
  replace_trial_.Bind(7, trial.structural);
  replace_trial_.Bind(8, trial.executions);
  replace_trial_.Bind(9, trial.used);
  replace_trial_.Bind(10, trial.cost_before);
  replace_trial_.Bind(11, trial.cost_after);
  BindText(replace_trial_, 12, trial.plan_before);
  BindText(replace_trial_, 13, trial.plan_after);
  replace_trial_.Bind(14, std::string_view(trial.problem));
  replace_trial_.Bind(15, std::string_view(trial.columns));
  return replace_trial_.Finish();
}

Result<> TraceWriter::WriteSession(const SessionInsert& session) {
  replace_session_.Bind(1, session.session_id);
  replace_session_.Bind(2, recording_id_);
  BindId(replace_session_, 3, session.database_id);
  replace_session_.Bind(4, std::string_view(session.user));
  replace_session_.Bind(5, std::string_view(session.application_name));
  replace_session_.Bind(6, std::string_view(session.client_address));
  replace_session_.Bind(7, session.client_pid);
  replace_session_.Bind(8, std::string_view(session.server_version));
  replace_session_.Bind(9, session.route);
  replace_session_.Bind(10, session.begin_ns);
  return replace_session_.Finish();
}

Result<> TraceWriter::WriteApplicationName(int64_t session_id, std::string_view name) {
  return Write(update_application_name_, session_id, name);
}

Result<> TraceWriter::WriteSessionEnd(const SessionEndRow& end) {
  end_session_.Bind(1, end.session_id);
  end_session_.Bind(2, end.end_ns);
  BindText(end_session_, 3, end.end_reason);
  BindText(end_session_, 4, end.opaque_reason);
  end_session_.Bind(5, end.relayed);
  end_session_.Bind(6, end.decoded);
  end_session_.Bind(7, end.skipped);
  end_session_.Bind(8, end.opaque);
  return end_session_.Finish();
}

Result<> TraceWriter::WriteRelation(int64_t database_id, uint32_t table_oid, std::string_view schema,
                                    std::string_view name) {
  return Write(replace_relation_, database_id, table_oid, schema, name);
}

Result<> TraceWriter::WriteScope(const lineage::Scope& scope) {
  replace_scope_.Bind(1, scope.scope_id);
  replace_scope_.Bind(2, recording_id_);
  replace_scope_.Bind(3, lineage::ScopeKindName(scope.kind));
  replace_scope_.Bind(4, std::string_view(scope.name));
  replace_scope_.Bind(5, std::string_view(scope.file));
  replace_scope_.Bind(6, scope.line);
  replace_scope_.Bind(7, std::string_view(scope.worker));
  replace_scope_.Bind(8, scope.begin_ns);
  BindId(replace_scope_, 9, scope.end_ns);
  replace_scope_.Bind(10, lineage::ScopeOutcomeName(scope.outcome));
  return replace_scope_.Finish();
}

Result<> TraceWriter::WriteUnit(const lineage::Unit& unit) {
  replace_unit_.Bind(1, unit.unit_id);
  replace_unit_.Bind(2, recording_id_);
  replace_unit_.Bind(3, unit.session_id);
  BindId(replace_unit_, 4, unit.joined_to);
  BindId(replace_unit_, 5, unit.scope_id);
  replace_unit_.Bind(6, lineage::ScopePhaseName(unit.phase));
  replace_unit_.Bind(7, lineage::UnitKindName(unit.kind));
  replace_unit_.Bind(8, unit.shared_connection);
  replace_unit_.Bind(9, unit.schema_change);
  replace_unit_.Bind(10, unit.transaction_conflict);
  replace_unit_.Bind(11, std::string_view(unit.label));
  replace_unit_.Bind(12, StoredTraceId(unit.trace_id));
  replace_unit_.Bind(13, unit.begin_ns);
  replace_unit_.Bind(14, unit.end_ns);
  replace_unit_.Bind(15, unit.statements);
  replace_unit_.Bind(16, unit.round_trips);
  replace_unit_.Bind(17, unit.rows);
  replace_unit_.Bind(18, unit.bytes);
  replace_unit_.Bind(19, unit.database_ns);
  replace_unit_.Bind(20, unit.think_ns);
  return replace_unit_.Finish();
}

Result<> TraceWriter::WriteUnitStatement(const lineage::UnitStatement& row) {
  return ReplaceOrDelete<UnitStatementTable>(replace_unit_statement_, delete_unit_statement_, row);
}

Result<> TraceWriter::WriteEdge(const lineage::Edge& edge) {
  return ReplaceOrDelete<EdgeTable>(replace_edge_, delete_edge_, edge);
}

Result<> TraceWriter::WriteRepeat(const lineage::Repeat& repeat) {
  return ReplaceOrDelete<RepeatTable>(replace_repeat_, delete_repeat_, repeat);
}

Result<> TraceWriter::WriteExecutions(std::span<const TimelineInsert> executions) {
  while (!executions.empty()) {
    const auto block = executions.first(std::min(executions.size(), kBlockExecutions));
    EncodeBlock(block, block_);
    const TimelineInsert& first = block.front();
    auto written =
        Write(insert_block_, first.execution_no, block.back().execution_no, first.sent_ns, std::string_view(block_));
    if (!written) return written;
    executions = executions.subspan(block.size());
  }
  return {};
}

Result<> TraceWriter::CutTimelineBefore(int64_t execution_no) {
  if (auto cut = Write(cut_timeline_, execution_no); !cut) return cut;
  return Write(note_cut_, execution_no);
}

Result<> TraceWriter::WriteCounter(std::string_view name, uint64_t value) {
  return Write(replace_counter_, recording_id_, name, value);
}

Result<> TraceWriter::WriteGap(const GapInsert& gap) {
  return Write(insert_gap_, recording_id_, gap.from_ns, gap.to_ns, std::string_view(gap.reason), gap.lost);
}

Result<> TraceWriter::WriteLastExecution(int64_t execution_no) {
  return Write(last_execution_, recording_id_, execution_no);
}
Result<> TraceWriter::WriteEnd(int64_t end_ns, bool complete) {
  return Write(end_recording_, recording_id_, end_ns, complete);
}

void TraceWriter::CheckpointWhenLarge() {
  if (*wal_frames_ < checkpoint_at_frames_) return;
  // PASSIVE: as far as readers allow; when that was all, the next writer begins the log again. A failure loses nothing,
  // the log only grows.
  int frames = 0;
  int folded = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &folded);
  checkpoint_at_frames_ = code == SQLITE_OK && folded == frames ? kCheckpointFrames : *wal_frames_ + kCheckpointFrames;
}

Result<> TraceWriter::Close() {
  sqlite3_busy_timeout(db_.get(), 0);
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) & 0xFF;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return {};  // the last reader to leave folds it
  if (code != SQLITE_OK) {
    return Fail("cannot fold " + path_ + "-wal into " + path_ + ": " + db_.LastError().message +
                "; keep both files together");
  }
  // Out of WAL mode the trace is one file, which read-only places can open too. It stays in WAL mode while it is being
  // read.
  sqlite3_exec(db_.get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
  return {};
}

}  // namespace pgassay::trace
