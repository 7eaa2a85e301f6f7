#include "analyzer/trace/recorder.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "analyzer/trace/execution_flags.h"
#include "analyzer/trace/trace_writer.h"
#include "proxy/base/clock.h"

namespace pgassay::trace {
namespace {

constexpr int64_t kCommitEveryNs = 200'000'000;
constexpr int64_t kRetryEveryNs = 1'000'000'000;  // while paused
constexpr size_t kCommitExecutions = 10'000;
constexpr size_t kMaxWaitingExecutions = 200'000;  // 24 MiB, while paused
constexpr size_t kMaxWaitingRows = 200'000;        // of each lineage table, while paused
constexpr size_t kMaxTexts = 1024;                 // distinct texts counted per statement
constexpr size_t kMaxTagValues = 1024;             // distinct (key, value) per statement; later ones count as value "…"
constexpr size_t kMaxDatabases = 10'000;
constexpr size_t kMaxEndedSessions =
    100'000;  // whose ids are kept for units that are written after their session's end

int64_t UnixNowNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t WallOffsetNs() { return UnixNowNs() - MonotonicNowNs(); }

std::string_view PauseReason(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_FULL:
      return "disk_full";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "locked";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "damaged";
    default:
      return "io_error";
  }
}

}  // namespace

class Recorder::State {
 public:
  State(TraceWriter writer, TraceContent content, uint64_t max_executions, int64_t begin_ns)
      : writer_(std::make_unique<TraceWriter>(std::move(writer))),
        max_executions_(max_executions),
        begin_ns_(begin_ns),
        last_commit_ns_(begin_ns),
        databases_(std::move(content.databases)),
        last_database_id_(content.last_database_id),
        last_session_id_(content.last_session_id),
        unit_base_(content.last_unit_id),
        scope_base_(content.last_scope_id),
        last_statement_id_(content.last_statement_id),
        last_execution_no_(content.last_execution_no) {
    for (auto& rollup : content.statements) {
      shapes_[rollup.shape_hash] = rollup.statement_id;
      const int64_t id = rollup.statement_id;
      statements_.emplace(id, std::move(rollup));
    }
  }

  // ---- statements

  int64_t StatementId(uint64_t shape_hash, std::string_view sql, const sql::Facts& facts) {
    if (const auto found = shapes_.find(shape_hash); found != shapes_.end()) return found->second;
    const int64_t id = ++last_statement_id_;
    shapes_.emplace(shape_hash, id);
    StatementRollup& rollup = statements_[id];
    rollup.statement_id = id;
    rollup.shape_hash = shape_hash;
    rollup.sql = sql;
    rollup.operation = sql::OperationName(facts.operation);
    rollup.facts = sql::FactsToJson(facts);
    rollup.fingerprint = facts.fingerprint;
    rollup.driver = facts.catalog_only;
    Touch(rollup);
    return id;
  }

  void AddText(int64_t statement_id, uint64_t text_hash) {
    StatementRollup* rollup = Find(statement_id);
    if (rollup == nullptr || rollup->text_hashes.size() >= kMaxTexts || !rollup->text_hashes.insert(text_hash).second)
      return;
    if (rollup->text_hashes.size() <= rollup->texts) return;  // an earlier recording saw more
    rollup->texts = rollup->text_hashes.size();
    Touch(*rollup);
  }

  void AddTag(int64_t statement_id, std::string_view key, std::string_view value) {
    StatementRollup* rollup = Find(statement_id);
    if (rollup == nullptr) return;
    const uint64_t hash = CombineHashes(std::hash<std::string_view>{}(key), std::hash<std::string_view>{}(value));
    if (!rollup->tag_hashes.contains(hash)) {
      if (rollup->tag_hashes.size() < kMaxTagValues) {
        rollup->tag_hashes.insert(hash);
      } else {
        value = "…";
      }
    }
    ++tag_calls_[{statement_id, std::string(key), std::string(value)}];
  }

  void AddColumn(int64_t statement_id, int position, std::string_view name, const lineage::ResultColumn& column) {
    StatementRollup* rollup = Find(statement_id);
    ColumnRollup* stored = rollup == nullptr ? nullptr : ColumnAt(*rollup, position);
    if (stored == nullptr) return;
    const lineage::ResultColumn& known = stored->column;
    if (stored->described && stored->name == name && known.relation == column.relation &&
        known.column == column.column && known.table_oid == column.table_oid && known.attnum == column.attnum &&
        known.type_oid == column.type_oid) {
      return;
    }
    stored->described = true;
    stored->name = name;
    stored->column = column;
    TouchColumn(*rollup, *stored);
  }

  void AddCells(int64_t statement_id, int position, uint64_t cells, uint64_t nulls, uint64_t bytes) {
    StatementRollup* rollup = Find(statement_id);
    ColumnRollup* stored = rollup == nullptr ? nullptr : ColumnAt(*rollup, position);
    if (stored == nullptr) return;
    stored->cells += cells;
    stored->nulls += nulls;
    stored->bytes += bytes;
    TouchColumn(*rollup, *stored);
  }

  // ---- sessions

  void AddSession(const SessionRow& row) {
    SessionIds& ids = sessions_[row.session_id];
    if (ids.session_id == 0) ids.session_id = ++last_session_id_;
    if (!row.upstream_address.empty() || !row.info.database.empty()) {
      ids.database_id = DatabaseId({row.upstream_address, row.info.database});
    }
    new_sessions_.push_back({.session_id = ids.session_id,
                             .database_id = ids.database_id,
                             .user = row.info.user,
                             .application_name = row.info.application_name,
                             .client_address = row.client_address,
                             .server_version = row.server_version,
                             .client_pid = row.info.client_process,
                             .begin_ns = row.info.time_ns,
                             .route = row.route});
  }

  void EndSession(uint64_t session_id, int64_t time_ns, std::string_view end_reason, std::string_view opaque_reason,
                  uint64_t relayed, uint64_t decoded, uint64_t skipped, uint64_t opaque) {
    ended_sessions_.push_back({.session_id = FileSession(session_id),
                               .end_ns = time_ns,
                               .end_reason = std::string(end_reason),
                               .opaque_reason = std::string(opaque_reason),
                               .relayed = relayed,
                               .decoded = decoded,
                               .skipped = skipped,
                               .opaque = opaque});
    forgettable_sessions_.push_back(session_id);
    if (forgettable_sessions_.size() > kMaxEndedSessions) {
      sessions_.erase(forgettable_sessions_.front());
      forgettable_sessions_.pop_front();
    }
  }

  void SetApplicationName(uint64_t session_id, std::string_view name) {
    application_names_[FileSession(session_id)] = name;
  }

  void LearnRelation(uint64_t session_id, uint32_t table_oid, std::string_view schema, std::string_view name) {
    FileSession(session_id);
    const int64_t database_id = sessions_[session_id].database_id;
    if (database_id == 0) return;
    auto& known = relations_[{database_id, table_oid}];
    if (known.first == schema && known.second == name) return;
    known = {std::string(schema), std::string(name)};
    new_relations_[{database_id, table_oid}] = known;
  }

  void SetCatalog(CatalogInsert catalog) {
    if (DatabaseId(catalog.database) == 0) return;
    const DatabaseName name = catalog.database;
    catalogs_.insert_or_assign(name, std::move(catalog));
  }

  void AddExample(ExampleRow example) { examples_.push_back(std::move(example)); }
  void SetPlan(PlanRow plan) {
    const int64_t database_id = DatabaseId({plan.upstream, plan.database});
    if (database_id != 0) plans_.insert_or_assign({database_id, plan.statement_id, plan.kind}, std::move(plan));
  }

  void SetTrial(TrialRow trial) {
    const int64_t database_id = DatabaseId({trial.upstream, trial.database});
    if (database_id != 0)
      trials_.insert_or_assign({database_id, trial.statement_id, trial.index, trial.columns}, std::move(trial));
  }

  void SetSlot(SlotRow slot) { slots_.insert_or_assign({slot.statement_id, slot.slot}, std::move(slot)); }

  // ---- executions

  int64_t NextExecutionNo() { return ++last_execution_no_; }

  void AddExecution(const ExecutionRow& row) {
    const int64_t busy_from_ns = std::clamp(row.busy_from_ns, row.sent_ns, std::max(row.sent_ns, row.done_ns));
    const int64_t busy_ns = std::max<int64_t>(row.done_ns - busy_from_ns, 0);
    if (StatementRollup* rollup = Find(row.statement_id)) {
      ++rollup->calls;
      rollup->errors += row.failed ? 1 : 0;
      rollup->rows += row.rows;
      rollup->bytes += row.bytes;
      rollup->database_ns += busy_ns;
      rollup->max_ns = std::max(rollup->max_ns, busy_ns);
      rollup->pipelined += (row.flags & kFlagPipelined) != 0 ? 1 : 0;
      rollup->histogram.Add(busy_ns);
      Touch(*rollup);
    }
    if (executions_.size() >= kMaxWaitingExecutions) {
      ++lost_;
      return;
    }
    TimelineInsert insert{.execution_no = row.execution_no,
                          .session_id = FileSession(row.session_id),
                          .unit_id = FileUnit(row.unit_id),
                          .statement_id = row.statement_id,
                          .sent_ns = row.sent_ns - begin_ns_,
                          .first_ns = row.first_ns == 0 ? -1 : std::max<int64_t>(row.first_ns - row.sent_ns, 0),
                          .duration_ns = std::max<int64_t>(row.done_ns - row.sent_ns, 0),
                          .waited_ns = busy_from_ns - row.sent_ns,
                          .rows = row.rows,
                          .bytes = row.bytes,
                          .flags = row.flags | (row.failed ? kFlagFailed : 0),
                          .sqlstate = "",
                          .parameters_hash = row.parameters_hash,
                          .result_hash = row.result_hash};
    row.sqlstate.copy(insert.sqlstate, sizeof insert.sqlstate - 1);
    executions_.push_back(insert);
  }

  void SetCounter(std::string_view name, uint64_t value) {
    auto [counter, added] = counters_.try_emplace(std::string(name));
    if (!added && counter->second.value == value) return;
    counter->second = {value, true};
    changed_ = true;
  }

  void AddGap(int64_t from_ns, int64_t to_ns, std::string_view reason, uint64_t lost) {
    gaps_.push_back({from_ns, to_ns, std::string(reason), lost});
    gap_seen_ = true;
  }

  // ---- lineage

  void OnScope(lineage::Scope scope) {
    scope.scope_id = FileScope(scope.scope_id);
    Keep(scopes_, scope.scope_id, std::move(scope));
  }
  void OnUnit(lineage::Unit unit) {
    unit.unit_id = FileUnit(unit.unit_id);
    unit.scope_id = FileScope(unit.scope_id);
    unit.joined_to = FileUnit(unit.joined_to);
    unit.session_id = static_cast<uint64_t>(FileSession(unit.session_id));
    Keep(units_, unit.unit_id, std::move(unit));
  }
  void OnUnitStatement(lineage::UnitStatement row) {
    row.unit_id = FileUnit(row.unit_id);
    Keep(unit_statements_, {row.unit_id, row.statement_id}, row);
  }
  void OnEdge(lineage::Edge edge) {
    edge.unit_id = FileUnit(edge.unit_id);
    const EdgeKey key{edge.unit_id, edge.parent_statement_id, edge.parent_position, edge.child_statement_id,
                      edge.child_comparison};
    Keep(edges_, key, std::move(edge));
  }
  void OnRepeat(lineage::Repeat repeat) {
    repeat.unit_id = FileUnit(repeat.unit_id);
    Keep(repeats_, {repeat.unit_id, repeat.statement_id, repeat.parameters_hash}, repeat);
  }

  // ---- commits

  bool CommitDue(int64_t now_ns) const {
    if (writer_ == nullptr) return false;
    if (paused_from_ns_ != 0) return now_ns - last_commit_ns_ >= kRetryEveryNs;
    return executions_.size() >= kCommitExecutions || (now_ns - last_commit_ns_ >= kCommitEveryNs && Waiting());
  }

  Result<> Commit(int64_t now_ns) {
    if (writer_ == nullptr) return Fail("the trace is finished");
    last_commit_ns_ = now_ns;
    if (!Waiting()) return {};
    if (auto written = Transaction(now_ns, nullptr); !written) return written;
    writer_->CheckpointWhenLarge();
    return {};
  }

  Result<> Finish(int64_t now_ns, bool complete) {
    if (writer_ == nullptr) return {};
    const bool whole =
        complete && !gap_seen_ && Counted("dropped_events") == 0 && Counted("dropped_value_batches") == 0;
    if (auto written = Transaction(now_ns, &whole); !written) return written;
    auto closed = writer_->Close();
    writer_.reset();
    return closed;
  }

 private:
  using EdgeKey = std::tuple<int64_t, int64_t, int32_t, int64_t, int32_t>;
  struct SessionIds {
    int64_t session_id = 0, database_id = 0;  // the file's
  };
  struct Counter {
    uint64_t value = 0;
    bool changed = false;
  };

  StatementRollup* Find(int64_t statement_id) {
    const auto found = statements_.find(statement_id);
    return found == statements_.end() ? nullptr : &found->second;
  }
  void Touch(StatementRollup& rollup) {
    if (std::exchange(rollup.dirty, true)) return;
    dirty_statements_.push_back(&rollup);
  }
  static ColumnRollup* ColumnAt(StatementRollup& rollup, int position) {
    if (position < 0 || static_cast<size_t>(position) >= kMaxColumns) return nullptr;
    const auto index = static_cast<size_t>(position);
    if (rollup.columns.size() <= index) rollup.columns.resize(index + 1);
    return &rollup.columns[index];
  }
  void TouchColumn(StatementRollup& rollup, ColumnRollup& column) {
    column.dirty = true;
    Touch(rollup);
  }

  // 0 for what is beyond those that are kept: any name may come with a connection that the server then refuses.
  int64_t DatabaseId(const DatabaseName& name) {
    if (databases_.size() >= kMaxDatabases && !databases_.contains(name)) return 0;
    const auto [database, added] = databases_.try_emplace(name, last_database_id_ + 1);
    if (added) {
      ++last_database_id_;
      new_databases_.push_back(name);
    }
    return database->second;
  }

  // A session that nobody announced (its announcement was lost) gets a row that knows nothing.
  int64_t FileSession(uint64_t session_id) {
    SessionIds& ids = sessions_[session_id];
    if (ids.session_id == 0) {
      ids.session_id = ++last_session_id_;
      new_sessions_.push_back({.session_id = ids.session_id,
                               .database_id = 0,
                               .user = {},
                               .application_name = {},
                               .client_address = {},
                               .server_version = {},
                               .client_pid = 0,
                               .begin_ns = begin_ns_,
                               .route = 0});
    }
    return ids.session_id;
  }
  int64_t FileUnit(int64_t unit_id) const { return unit_id == 0 ? 0 : unit_base_ + unit_id; }
  int64_t FileScope(int64_t scope_id) const { return scope_id == 0 ? 0 : scope_base_ + scope_id; }

  template <class Rows, class Row>
  void Keep(Rows& rows, const typename Rows::key_type& key, Row&& row) {
    if (rows.size() >= kMaxWaitingRows && !rows.contains(key)) {
      ++lost_;
      return;
    }
    rows.insert_or_assign(key, std::forward<Row>(row));
  }

  uint64_t Counted(const std::string& name) const {
    const auto found = counters_.find(name);
    return found == counters_.end() ? 0 : found->second.value;
  }

  bool Waiting() const {
    return paused_from_ns_ != 0 || lost_ != 0 || changed_ || !dirty_statements_.empty() || !tag_calls_.empty() ||
           !new_sessions_.empty() || !ended_sessions_.empty() || !application_names_.empty() ||
           !new_relations_.empty() || !executions_.empty() || !scopes_.empty() || !units_.empty() ||
           !unit_statements_.empty() || !edges_.empty() || !repeats_.empty() || !gaps_.empty() || !catalogs_.empty() ||
           !plans_.empty() || !examples_.empty() || !trials_.empty() || !slots_.empty();
  }

  // Everything that waits, in one transaction; on failure all of it waits on. `end`: the recording is over, and whether
  // it is whole.
  Result<> Transaction(int64_t now_ns, const bool* end) {
    auto written = writer_->Begin();
    if (written) written = WriteAll(now_ns);
    if (written && end != nullptr) written = writer_->WriteEnd(now_ns, *end && paused_from_ns_ == 0 && lost_ == 0);
    if (written) written = writer_->Commit();
    if (!written) {
      if (paused_from_ns_ == 0) {
        paused_from_ns_ = now_ns;
        pause_reason_ = PauseReason(writer_->LastCode());
      }
      writer_->Rollback();
      return Fail("cannot write trace " + writer_->path() + ": " + written.error().message);
    }
    Written();
    return {};
  }

  Result<> WriteAll(int64_t now_ns) {
    for (auto write : {&State::WriteSessions, &State::WriteStatements, &State::WriteLineage, &State::WriteTimeline}) {
      if (auto written = (this->*write)(); !written) return written;
    }
    for (const auto& gap : gaps_) {
      if (auto written = writer_->WriteGap(gap); !written) return written;
    }
    if (paused_from_ns_ == 0 && lost_ == 0) return {};
    const int64_t from_ns = paused_from_ns_ == 0 ? last_whole_ns_ : paused_from_ns_;
    return writer_->WriteGap({from_ns, now_ns, paused_from_ns_ == 0 ? "overload" : pause_reason_, lost_});
  }

  Result<> WriteSessions() {
    for (const auto& name : new_databases_) {
      if (auto written = writer_->WriteDatabase(databases_[name], name); !written) return written;
    }
    for (const auto& [name, catalog] : catalogs_) {
      if (auto written = writer_->WriteCatalog(databases_[name], catalog); !written) return written;
    }
    for (const auto& [key, plan] : plans_) {
      if (auto written = writer_->WritePlan(std::get<0>(key), plan); !written) return written;
    }
    for (const auto& [key, slot] : slots_) {
      if (auto written = writer_->WriteSlot(slot); !written) return written;
    }
    for (const auto& [key, trial] : trials_) {
      if (auto written = writer_->WriteTrial(std::get<0>(key), trial); !written) return written;
    }
    for (const auto& session : new_sessions_) {
      if (auto written = writer_->WriteSession(session); !written) return written;
    }
    for (const auto& [session_id, name] : application_names_) {
      if (auto written = writer_->WriteApplicationName(session_id, name); !written) return written;
    }
    for (const auto& session : ended_sessions_) {
      if (auto written = writer_->WriteSessionEnd(session); !written) return written;
    }
    for (const auto& [key, relation] : new_relations_) {
      if (auto written = writer_->WriteRelation(key.first, key.second, relation.first, relation.second); !written)
        return written;
    }
    for (const auto& [name, counter] : counters_) {
      if (!counter.changed) continue;
      if (auto written = writer_->WriteCounter(name, counter.value); !written) return written;
    }
    return {};
  }

  Result<> WriteStatements() {
    for (const StatementRollup* rollup : dirty_statements_) {
      if (auto written = writer_->WriteStatement(*rollup); !written) return written;
      if (auto written = writer_->WriteColumns(*rollup); !written) return written;
    }
    for (const auto& [tag, calls] : tag_calls_) {
      const auto& [statement_id, key, value] = tag;
      if (auto written = writer_->AddTagCalls(statement_id, key, value, calls); !written) return written;
    }
    for (const ExampleRow& example : examples_) {
      if (auto written = writer_->WriteExample(example); !written) return written;
    }
    return {};
  }

  Result<> WriteLineage() {
    for (const auto& [key, scope] : scopes_) {
      if (auto written = writer_->WriteScope(scope); !written) return written;
    }
    for (const auto& [key, unit] : units_) {
      if (auto written = writer_->WriteUnit(unit); !written) return written;
    }
    for (const auto& [key, row] : unit_statements_) {
      if (auto written = writer_->WriteUnitStatement(row); !written) return written;
    }
    for (const auto& [key, edge] : edges_) {
      if (auto written = writer_->WriteEdge(edge); !written) return written;
    }
    for (const auto& [key, repeat] : repeats_) {
      if (auto written = writer_->WriteRepeat(repeat); !written) return written;
    }
    return {};
  }

  // The timeline holds the last `max_executions_` numbers: oldest go first.
  Result<> WriteTimeline() {
    if (executions_.empty()) return {};
    if (auto written = writer_->WriteLastExecution(last_execution_no_); !written) return written;
    if (max_executions_ == 0 || last_execution_no_ <= static_cast<int64_t>(max_executions_))
      return writer_->WriteExecutions(executions_);
    const int64_t from_no = last_execution_no_ - static_cast<int64_t>(max_executions_) + 1;
    const auto kept = std::ranges::lower_bound(executions_, from_no, {}, &TimelineInsert::execution_no);
    if (auto written = writer_->WriteExecutions({kept, executions_.end()}); !written) return written;
    return writer_->CutTimelineBefore(from_no);
  }

  void Written() {
    for (StatementRollup* rollup : dirty_statements_) {
      rollup->dirty = false;
      if (!std::exchange(rollup->stored, true)) {
        rollup->sql = {};
        rollup->facts = {};
        rollup->operation = {};
      }
      for (ColumnRollup& column : rollup->columns) column.dirty = false;
    }
    dirty_statements_.clear();
    for (auto& [name, counter] : counters_) counter.changed = false;
    changed_ = false;
    tag_calls_.clear();
    examples_.clear();
    new_databases_.clear();
    catalogs_.clear();
    plans_.clear();
    trials_.clear();
    slots_.clear();
    new_sessions_.clear();
    ended_sessions_.clear();
    application_names_.clear();
    new_relations_.clear();
    executions_.clear();
    scopes_.clear();
    units_.clear();
    unit_statements_.clear();
    edges_.clear();
    repeats_.clear();
    gaps_.clear();
    if (paused_from_ns_ != 0 || lost_ != 0) gap_seen_ = true;
    paused_from_ns_ = 0;
    lost_ = 0;
    last_whole_ns_ = last_commit_ns_;
  }

  std::unique_ptr<TraceWriter> writer_;  // null: finished
  uint64_t max_executions_;
  int64_t begin_ns_;

  int64_t last_commit_ns_;             // the last attempt
  int64_t last_whole_ns_ = begin_ns_;  // the last one that succeeded
  int64_t paused_from_ns_ = 0;         // 0: not paused
  std::string pause_reason_;
  uint64_t lost_ = 0;  // since the last commit that succeeded
  bool gap_seen_ = false, changed_ = false;

  std::unordered_map<uint64_t, int64_t> shapes_;
  std::unordered_map<int64_t, StatementRollup> statements_;  // nodes do not move
  std::vector<StatementRollup*> dirty_statements_;
  std::map<std::tuple<int64_t, std::string, std::string>, uint64_t> tag_calls_;

  std::vector<ExampleRow> examples_;

  std::map<DatabaseName, int64_t> databases_;
  std::vector<DatabaseName> new_databases_;
  std::map<DatabaseName, CatalogInsert> catalogs_;                   // that wait
  std::map<std::tuple<int64_t, int64_t, PlanKind>, PlanRow> plans_;  // by database and statement; that wait
  std::map<std::tuple<int64_t, int64_t, std::string, std::string>, TrialRow> trials_;
  std::map<std::pair<int64_t, int>, SlotRow> slots_;
  int64_t last_database_id_;
  std::unordered_map<uint64_t, SessionIds> sessions_;
  int64_t last_session_id_;
  std::deque<uint64_t> forgettable_sessions_;
  std::vector<SessionInsert> new_sessions_;
  std::vector<SessionEndRow> ended_sessions_;
  std::map<int64_t, std::string> application_names_;
  std::map<std::pair<int64_t, uint32_t>, std::pair<std::string, std::string>> relations_, new_relations_;
  std::map<std::string, Counter> counters_;
  std::vector<GapInsert> gaps_;

  int64_t unit_base_, scope_base_;
  std::map<int64_t, lineage::Scope> scopes_;
  std::map<int64_t, lineage::Unit> units_;
  std::map<std::pair<int64_t, int64_t>, lineage::UnitStatement> unit_statements_;
  std::map<EdgeKey, lineage::Edge> edges_;
  std::map<std::tuple<int64_t, int64_t, uint64_t>, lineage::Repeat> repeats_;

  int64_t last_statement_id_, last_execution_no_;
  std::vector<TimelineInsert> executions_;
};

Recorder::Recorder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Recorder::~Recorder() = default;

Result<std::unique_ptr<Recorder>> Recorder::Open(const OpenOptions& options) {
  auto writer = TraceWriter::Open(options.path, options.append);
  if (!writer) return std::unexpected(writer.error());
  auto content = writer->ReadContent();
  if (!content) return std::unexpected(content.error());
  const int64_t begin_ns = MonotonicNowNs();
  const RecordingInsert recording{.tool_version = PGASSAY_VERSION,
                                  .parser = options.parser,
                                  .command = options.command,
                                  .begin_ns = begin_ns,
                                  .wall_offset_ns = WallOffsetNs()};
  if (const auto started = writer->StartRecording(recording, content->timeline_from_no); !started) {
    return std::unexpected(started.error());
  }
  auto state = std::make_unique<State>(std::move(*writer), std::move(*content), options.max_executions, begin_ns);
  return std::unique_ptr<Recorder>(new Recorder(std::move(state)));
}

int64_t Recorder::StatementId(uint64_t shape_hash, std::string_view redacted_sql, const sql::Facts& facts) {
  return state_->StatementId(shape_hash, redacted_sql, facts);
}
void Recorder::AddText(int64_t statement_id, uint64_t text_hash) { state_->AddText(statement_id, text_hash); }
void Recorder::AddTag(int64_t statement_id, std::string_view key, std::string_view value) {
  state_->AddTag(statement_id, key, value);
}
void Recorder::AddSession(const SessionRow& session) { state_->AddSession(session); }
void Recorder::EndSession(uint64_t session_id, int64_t time_ns, std::string_view end_reason,
                          std::string_view opaque_reason, uint64_t relayed, uint64_t decoded, uint64_t skipped,
                          uint64_t opaque) {
  state_->EndSession(session_id, time_ns, end_reason, opaque_reason, relayed, decoded, skipped, opaque);
}
void Recorder::SetApplicationName(uint64_t session_id, std::string_view name) {
  state_->SetApplicationName(session_id, name);
}
void Recorder::LearnRelation(uint64_t session_id, uint32_t table_oid, std::string_view schema, std::string_view name) {
  state_->LearnRelation(session_id, table_oid, schema, name);
}
void Recorder::AddColumn(int64_t statement_id, int position, std::string_view described_name,
                         const lineage::ResultColumn& column) {
  state_->AddColumn(statement_id, position, described_name, column);
}
void Recorder::AddCells(int64_t statement_id, int position, uint64_t cells, uint64_t nulls, uint64_t bytes) {
  state_->AddCells(statement_id, position, cells, nulls, bytes);
}
void Recorder::SetCatalog(std::string_view upstream_address, std::string_view database,
                          const catalog::Snapshot* snapshot, std::string_view problem) {
  state_->SetCatalog({.database = {std::string(upstream_address), std::string(database)},
                      .taken_unix_ns = snapshot == nullptr ? UnixNowNs() : snapshot->taken_unix_ns,
                      .snapshot = snapshot == nullptr ? std::string() : catalog::SnapshotToJson(*snapshot),
                      .problem = std::string(problem)});
}
void Recorder::AddExample(ExampleRow example) { state_->AddExample(std::move(example)); }
void Recorder::SetPlan(PlanRow plan) { state_->SetPlan(std::move(plan)); }
void Recorder::SetSlot(SlotRow slot) { state_->SetSlot(std::move(slot)); }
void Recorder::SetTrial(TrialRow trial) { state_->SetTrial(std::move(trial)); }
int64_t Recorder::NextExecutionNo() { return state_->NextExecutionNo(); }
void Recorder::AddExecution(const ExecutionRow& row) { state_->AddExecution(row); }
void Recorder::SetCounter(std::string_view name, uint64_t value) { state_->SetCounter(name, value); }
void Recorder::AddGap(int64_t from_ns, int64_t to_ns, std::string_view reason, uint64_t lost) {
  state_->AddGap(from_ns, to_ns, reason, lost);
}
void Recorder::OnScope(const lineage::Scope& scope) { state_->OnScope(scope); }
void Recorder::OnUnit(const lineage::Unit& unit) { state_->OnUnit(unit); }
void Recorder::OnUnitStatement(const lineage::UnitStatement& row) { state_->OnUnitStatement(row); }
void Recorder::OnEdge(const lineage::Edge& edge) { state_->OnEdge(edge); }
void Recorder::OnRepeat(const lineage::Repeat& repeat) { state_->OnRepeat(repeat); }
bool Recorder::CommitDue(int64_t now_ns) const { return state_->CommitDue(now_ns); }
Result<> Recorder::Commit(int64_t now_ns) { return state_->Commit(now_ns); }
Result<> Recorder::Finish(int64_t now_ns, bool complete) { return state_->Finish(now_ns, complete); }

}  // namespace pgassay::trace
