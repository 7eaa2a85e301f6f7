#include "analyzer/lineage/lineage.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "analyzer/lineage/relation_rules.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/unit_state.h"

namespace pgassay::lineage {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kOutlive = 2 * kSecond;     // sources after their unit's last statement
constexpr int64_t kKeepIdle = 10 * kSecond;   // a unit in memory: a child may have been sent long before it completes
constexpr size_t kMaxIdleUnits = 4096;        // beyond it idle units go after kOutlive already
constexpr int64_t kMaxTaggedPause = kSecond;  // in one request; the next one of the same route is another
constexpr int64_t kMaxUnitLength = 10 * kSecond;  // of a unit that nothing but idle gaps delimits
constexpr uint64_t kMaxUnitExecutions = 10'000;
constexpr size_t kBudgetBytes = size_t{64} << 20;  // of all value sets
constexpr size_t kMaxProbes = 1024;                // sources looked at for one value, latest first
constexpr size_t kMaxParentsPerUnit = 65'536;
constexpr size_t kMaxPendingBatches = 4096;
constexpr size_t kMaxOpenCursors = 32;  // executions per session whose later rows are still placed
constexpr size_t kMaxSpareHashes = 4096;
constexpr size_t kLoopValues = 3;  // distinct ones that an edge over units needs
constexpr size_t kMaxWaiting = 64;
constexpr uint64_t kSmallDomainRows = 64, kSmallDomainValues = 8;

}  // namespace

struct ColumnLayout {
  ResultColumn column;
  int32_t position = 0;
  uint32_t column_id = 0;
  TypeClass type_class = TypeClass::kUnknown;
  bool key_like = false;
  int echo_comparison = -1;  // the comparison whose parameter this column can only repeat
};

// What is known of the hashed columns of one statement's result.
struct Layout {
  std::vector<uint16_t> hashed_columns;
  std::vector<ColumnLayout> columns;
};

struct Group {
  struct Column {
    uint32_t column_id = 0;
    std::vector<Source*> sources;  // lately touched ones towards the end
  };
  std::vector<Column> columns;  // every one that ever had a source; their order does not change
  size_t sources = 0;
  std::vector<uint64_t> sessions;
  size_t streaming = 0;  // executions with rows that have not completed
  std::map<std::pair<int64_t, int32_t>, uint64_t>
      unclaimed;  // executions per child statement and slot that no related source claimed
};

namespace {

struct RowsView {
  int64_t time_ns = 0;
  uint64_t first_row = 0;
  uint32_t row_count = 0;
  std::span<const uint64_t> hashes;  // row_count x hashed columns
};

// What is read from a statement's facts once.
struct StatementInfo {
  bool learned = false;
  std::vector<uint32_t> comparison_columns;  // ids, by comparison
  std::vector<ResultColumn> columns;         // of its result, as last described, and their ids
  std::vector<uint32_t> column_ids;
};

struct Candidate {
  Source* source = nullptr;
  ValueSource::Occurrence occurrence{};
  uint64_t value = 0;
  int level = 0;  // 2 related, 1 unknown, 0 unrelated
  bool same_unit = false, same_session = false, rejoined = false, crossing = false;

  auto Rank() const {
    return std::tuple(level, same_unit, same_session, occurrence.time_ns, occurrence.execution, occurrence.row,
                      source->key.position);
  }
};

struct SinkOutcome {
  const SinkValue* sink = nullptr;
  uint32_t column_id = 0;
  std::optional<Candidate> claim;
  uint64_t value = 0;
  bool untested = false;
};

bool IsSinkComparison(const sql::Comparison& comparison) {
  using enum sql::Comparator;
  return (comparison.comparator == kEqual || comparison.comparator == kInList || comparison.comparator == kAnyArray) &&
         comparison.function.empty() && comparison.slot >= 0 && !comparison.column.column.empty();
}

ColumnName NameOf(const sql::Facts& facts, const sql::ColumnRef& column) {
  ColumnName name;
  name.column = column.column;
  if (column.relation >= 0 && static_cast<size_t>(column.relation) < facts.relations.size()) {
    name.relation = facts.relations[static_cast<size_t>(column.relation)].name;
  } else if (facts.relations.size() == 1) {
    name.relation = facts.relations[0].name;
  }
  return name;
}

bool Conflict(const Unit& a, const Unit& b) {
  return (!a.trace_id.empty() && !b.trace_id.empty() && a.trace_id != b.trace_id) ||
         (!a.label.empty() && !b.label.empty() && a.label != b.label);
}

}  // namespace

std::string_view UnitKindName(UnitKind kind) {
  switch (kind) {
    case UnitKind::kScope:
      return "scope";
    case UnitKind::kTraceparent:
      return "traceparent";
    case UnitKind::kTransaction:
      return "transaction";
    case UnitKind::kTag:
      return "tag";
    case UnitKind::kPool:
      return "pool";
    case UnitKind::kGap:
      return "gap";
  }
  return "";
}

class Lineage::State {
 public:
  explicit State(LineageSink& sink) : sink_(sink) {}

  void OpenSession(const SessionInfo& info) {
    SessionState& session = SessionOf(info.session_id);
    session.info = info;
    session.process_known = info.client_process != 0;
    // Of an unknown process the account and the application's name are the best guess; the edge says that it is one.
    std::string group = info.database + '\n' + info.user + '\n' +
                        (session.process_known ? std::to_string(info.client_process) : '\n' + info.application_name);
    if (group == session.group_name) return;
    LeaveGroup(session);
    EnterGroup(session, std::move(group));
  }

  void CloseSession(uint64_t session_id) {
    const auto found = sessions_.find(session_id);
    if (found == sessions_.end()) return;
    EndTransaction(found->second, false);
    LeaveGroup(found->second);
    sessions_.erase(found);
  }

  void RenameApplication(uint64_t session_id, std::string_view name) { SessionOf(session_id).OnApplicationName(name); }

  void AddRows(const session::RowBatch& batch, const StatementProfile& statement,
               std::span<const ResultColumn> columns) {
    if (batch.hashed_columns.empty() || batch.row_count == 0) return;
    if (statement.facts != nullptr && statement.facts->catalog_only) return;
    Learn(statement);
    SessionState& session = SessionOf(batch.session_id);
    const Layout& layout = LayoutOf(statement, batch.columns_hash, columns, batch.hashed_columns);
    const RowsView rows{batch.time_ns, batch.first_row, batch.row_count, batch.hashes};

    if (!open_cursors_.empty()) {
      const auto open = open_cursors_.find({batch.session_id, batch.execution_id});
      if (open != open_cursors_.end()) return AppendRows(open->second, layout, rows, session);
    }
    PendingRows& pending = PendingOf(session, batch.execution_id, statement.statement_id);
    if (pending.layout != nullptr && pending.layout->columns.size() != layout.columns.size()) return;
    if (pending.promoted != kNobody) {
      parents_[pending.promoted].rows += rows.row_count;
      InsertBatch(pending.promoted, layout, rows, {}, session);
      return;
    }
    pending.layout = &layout;
    if (pending.batches.size() >= kMaxPendingBatches) return;
    pending.batches.push_back({rows.time_ns, rows.first_row, rows.row_count, pending.hashes.size()});
    pending.hashes.insert(pending.hashes.end(), rows.hashes.begin(), rows.hashes.end());
  }

  int64_t Execute(const Execution& execution) {
    latest_ns_ = std::max(latest_ns_, execution.done_ns);
    StatementInfo& info = Learn(execution.statement);
    LearnTypes(info, execution.columns);
    SessionState& session = SessionOf(execution.session_id);
    PendingRows pending = TakePending(session, execution.execution_id);
    PromoteStreams(session, execution);

    UnitState* unit = pending.promoted != kNobody ? &Root(pending.promoted_unit) : &AssignUnit(session, execution);
    const bool driver = execution.statement.facts != nullptr && execution.statement.facts->catalog_only;
    std::vector<SinkOutcome>& outcomes = outcomes_;
    outcomes.clear();
    if (execution.completed && !driver) FindClaims(session, *unit, execution, info, outcomes);
    unit = &FollowClaims(session, *unit, execution, outcomes);

    Count(session, *unit, execution);
    CountStatement(session, *unit, execution, outcomes);
    if (execution.completed && !driver) {
      for (const SinkOutcome& outcome : outcomes) RecordOutcome(session, *unit, execution, outcome);
      CountRepeat(*unit, execution);
      InsertRows(session, *unit, execution, pending, outcomes);
    }
    ApplyTransaction(session, *unit, execution);
    session.busy_ns += std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
    session.last_done_ns = execution.done_ns;
    Recycle(std::move(pending));
    return unit->row.unit_id;
  }

  void Flush(int64_t now_ns, bool everything) {
    for (const int64_t id : std::exchange(dirty_, {})) {
      if (const auto found = units_.find(id); found != units_.end()) Emit(found->second);
    }
    CloseIdle(now_ns, everything);
  }

 private:
  // ---- sessions, groups, units ----

  SessionState& SessionOf(uint64_t session_id) {
    const auto [at, fresh] = sessions_.try_emplace(session_id);
    if (fresh) {
      at->second.info.session_id = session_id;
      EnterGroup(at->second, "session " + std::to_string(session_id));
    }
    return at->second;
  }

  void EnterGroup(SessionState& session, std::string name) {
    session.group = &groups_[name];
    session.group_name = std::move(name);
    session.group->sessions.push_back(session.info.session_id);
  }

  void LeaveGroup(SessionState& session) {
    Group& group = *session.group;
    group.streaming -= std::min(group.streaming, session.pending.size());
    session.pending.clear();
    std::erase(group.sessions, session.info.session_id);
    for (auto at = open_cursors_.lower_bound({session.info.session_id, 0});
         at != open_cursors_.end() && at->first.first == session.info.session_id;) {
      at = open_cursors_.erase(at);
    }
    if (group.sessions.empty() && group.sources == 0) groups_.erase(session.group_name);
  }

  UnitState& Root(int64_t unit_id) {
    for (auto found = units_.find(unit_id);; found = units_.find(found->second.row.joined_to)) {
      if (found->second.row.joined_to == 0) return found->second;
    }
  }

  UnitState* Find(int64_t unit_id) {
    const auto found = unit_id == 0 ? units_.end() : units_.find(unit_id);
    if (found == units_.end()) return nullptr;
    return found->second.row.joined_to == 0 ? &found->second : &Root(found->second.row.joined_to);
  }

  UnitState& NewUnit(SessionState& session, UnitKind kind, int64_t begin_ns) {
    UnitState& unit = units_[++last_unit_];
    unit.row.unit_id = last_unit_;
    unit.row.kind = kind;
    unit.row.session_id = session.info.session_id;
    unit.row.shared_connection = session.shared;
    unit.row.begin_ns = unit.row.end_ns = unit.last_activity_ns = begin_ns;
    session.unit = last_unit_;
    session.boundary = false;
    dirty_.push_back(last_unit_);
    return unit;
  }

  void Touch(UnitState& unit) {
    if (unit.dirty) return;
    unit.dirty = true;
    dirty_.push_back(unit.row.unit_id);
  }

  void Join(UnitState& unit, UnitState& other) {
    if (&unit == &other) return;
    Absorb(unit, other, sink_);
    if (other.emitted) sink_.OnUnit(other.row);
    other.emitted = true;
    if (!other.row.trace_id.empty()) units_by_trace_[other.row.trace_id] = unit.row.unit_id;
    unit.dirty = true;
    dirty_.push_back(unit.row.unit_id);
    sink_.OnUnit(other.row);
  }

  // ---- units of work, in the order of precedence ----

  UnitState& AssignUnit(SessionState& session, const Execution& execution) {
    const bool in_transaction = InTransaction(session, execution);
    WorkTags tags;
    if (execution.simple_protocol || execution.first_execution_of_parse) tags = ReadWorkTags(execution.tags);
    UnitState* current = Find(session.unit);
    const int64_t gap =
        execution.ready_before_ns > 0 ? std::max<int64_t>(execution.sent_ns - execution.ready_before_ns, 0) : 0;

    if (!tags.trace_id.empty()) return TraceUnit(session, execution, tags, current, in_transaction);
    if (in_transaction && current != nullptr) {
      if (current->row.label.empty() && !tags.label.empty()) SetLabel(*current, tags.label);
      return SavepointUnit(session, *current, execution);
    }
    const bool fits = current != nullptr && !StartsAnew(session, *current, execution, tags, gap);
    if (!in_transaction && gap > 0) session.AddGap(gap);
    if (fits) {
      if (!tags.label.empty() && current->row.label.empty()) {
        SetLabel(*current, tags.label);
        if (current->row.kind != UnitKind::kTransaction && current->row.kind != UnitKind::kTraceparent)
          current->row.kind = UnitKind::kTag;
      }
      const bool fresh_transaction = execution.statement.operation == sql::Operation::kBegin;
      if (fresh_transaction && current->statements == 0 && current->row.label.empty()) {
        current->row.kind = UnitKind::kTransaction;
        current->transaction = next_transaction_ + 1;
      } else if (current->row.kind == UnitKind::kTransaction && !IsHousekeeping(execution)) {
        // Work of its own outside the transaction: from here on only gaps hold it together.
        current->row.kind = session.has_boundaries ? UnitKind::kPool : UnitKind::kGap;
        current->transaction = 0;
      } else if (current->row.kind == UnitKind::kTransaction && fresh_transaction) {
        current->row.kind = session.has_boundaries ? UnitKind::kPool : UnitKind::kGap;
        current->transaction = 0;
      }
      return *current;
    }
    return FreshUnit(session, execution, tags, in_transaction);
  }

  UnitState& FreshUnit(SessionState& session, const Execution& execution, const WorkTags& tags, bool in_transaction) {
    UnitKind kind = session.has_boundaries ? UnitKind::kPool : UnitKind::kGap;
    const bool transaction = in_transaction || execution.statement.operation == sql::Operation::kBegin;
    if (transaction) kind = UnitKind::kTransaction;
    if (!tags.label.empty() && !transaction) kind = UnitKind::kTag;
    UnitState& unit = NewUnit(session, kind, execution.sent_ns);
    if (transaction) unit.transaction = in_transaction ? session.transaction : next_transaction_ + 1;
    unit.row.label = tags.label;
    return unit;
  }

  UnitState& TraceUnit(SessionState& session, const Execution& execution, const WorkTags& tags, UnitState* current,
                       bool in_transaction) {
    UnitState* known = nullptr;
    if (const auto found = units_by_trace_.find(tags.trace_id); found != units_by_trace_.end())
      known = Find(found->second);
    UnitState* unit = known;
    // A BEGIN carries no comment: the transaction it opened is the request's own.
    const bool adopts = current != nullptr && current->row.trace_id.empty() && current != known &&
                        (in_transaction || current->statements == 0) && current->wrapper_unit == 0;
    if (adopts && known == nullptr) {
      unit = current;
    } else if (adopts) {
      Join(*known, *current);
    } else if (unit == nullptr) {
      unit = &NewUnit(session, UnitKind::kTraceparent, execution.sent_ns);
    }
    unit->row.kind = UnitKind::kTraceparent;
    unit->row.trace_id = tags.trace_id;
    if (unit->row.label.empty()) unit->row.label = tags.label;
    units_by_trace_[tags.trace_id] = unit->row.unit_id;
    session.unit = unit->row.unit_id;
    session.boundary = false;
    return *unit;
  }

  // A top-level savepoint may be a test's: its statements are kept apart until the transaction says which it was.
  UnitState& SavepointUnit(SessionState& session, UnitState& current, const Execution& execution) {
    if (execution.statement.operation != sql::Operation::kSavepoint || !session.savepoints.empty() ||
        session.transaction_unit == 0) {
      return current;
    }
    UnitState& sub_unit = NewUnit(session, UnitKind::kTransaction, execution.sent_ns);
    sub_unit.transaction = session.transaction;
    sub_unit.wrapper_unit = session.transaction_unit;
    sub_unit.open_in_sessions = 1;
    sub_unit.row.label = current.row.label;
    session.sub_units.push_back(sub_unit.row.unit_id);
    return sub_unit;
  }

  static void SetLabel(UnitState& unit, const std::string& label) { unit.row.label = label; }

  bool StartsAnew(SessionState& session, const UnitState& current, const Execution& execution, const WorkTags& tags,
                  int64_t gap) const {
    const Boundary boundary = BoundaryOf(execution);
    if (boundary == Boundary::kBeginsUnit && current.statements > 0) return true;
    if (session.boundary && current.statements > 0) return true;
    if (session.shared && tags.label.empty()) return true;
    if (!tags.label.empty() && !current.row.label.empty()) {
      return tags.label != current.row.label || gap > kMaxTaggedPause;
    }
    const bool finer_split = session.has_boundaries || !current.row.label.empty();
    if (session.EndsUnit(gap, finer_split)) return true;
    const bool bounded =
        current.row.kind == UnitKind::kGap || current.row.kind == UnitKind::kPool || current.row.kind == UnitKind::kTag;
    return bounded &&
           (current.row.statements >= kMaxUnitExecutions || execution.sent_ns - current.row.begin_ns > kMaxUnitLength);
  }

  bool InTransaction(SessionState& session, const Execution& execution) {
    const bool says_open = execution.transaction_before == 'T' || execution.transaction_before == 'E';
    if (execution.transaction_before == 'I' && session.in_transaction && !execution.pipelined &&
        execution.ready_before_ns > session.transaction_begin_ns) {
      EndTransaction(session, false);  // its end was not seen
    }
    if (says_open && !session.in_transaction) BeginTransaction(session, Find(session.unit), execution.sent_ns);
    return session.in_transaction;
  }

  void BeginTransaction(SessionState& session, UnitState* unit, int64_t time_ns) {
    session.in_transaction = true;
    session.transaction = ++next_transaction_;
    session.transaction_begin_ns = time_ns;
    session.transaction_unit = unit == nullptr ? 0 : unit->row.unit_id;
    session.transaction_statements = 0;
    session.transaction_pinged = false;
    session.savepoints.clear();
    session.sub_units.clear();
    if (unit != nullptr) ++unit->open_in_sessions;
  }

  void EndTransaction(SessionState& session, bool committed) {
    if (!session.in_transaction) return;
    session.in_transaction = false;
    UnitState* main = Find(session.transaction_unit);
    if (main != nullptr && main->open_in_sessions > 0) --main->open_in_sessions;
    for (const int64_t id : session.sub_units) {
      UnitState* sub_unit = Find(id);
      if (sub_unit == nullptr) continue;
      sub_unit->open_in_sessions = 0;
      // Savepoints of the application's own: one unit after all. Rolled back, it was a test's wrapper, and the tests
      // stay apart.
      if (committed && main != nullptr && sub_unit != main) {
        Join(*main, *sub_unit);
        continue;
      }
      sub_unit->deferred.clear();
    }
    if (committed && main != nullptr) {
      for (const DeferredClaim& claim : std::exchange(main->deferred, {})) {
        AddClaim(*main, claim.key, claim.column, claim.child_type_oid, claim.related, claim.claim);
      }
    } else if (main != nullptr) {
      main->deferred.clear();
    }
    if (committed && main != nullptr && !session.sub_units.empty()) session.unit = main->row.unit_id;
    // What follows a wrapper that was rolled back is none of its tests, however empty the last of them was: a driver
    // asks the catalogue under a savepoint, rolls back, and the application's first transaction comes next.
    if (!committed && !session.sub_units.empty()) session.unit = 0;
    session.savepoints.clear();
    session.sub_units.clear();
    if (session.transaction_pinged && session.transaction_statements == 0)
      session.boundary = session.has_boundaries = true;
    session.transaction_unit = 0;
    session.transaction = 0;
  }

  void ApplyTransaction(SessionState& session, UnitState& unit, const Execution& execution) {
    if (!execution.completed) return;
    using enum sql::Operation;
    const std::string name = execution.statement.facts != nullptr ? execution.statement.facts->name : std::string();
    switch (execution.statement.operation) {
      case kBegin:
        if (!session.in_transaction) BeginTransaction(session, &unit, execution.done_ns);
        return;
      case kCommit:
        EndTransaction(session, true);
        return;
      case kRollback:
        if (session.in_transaction)
          EndTransaction(session, false);
        else
          session.boundary = session.has_boundaries = true;
        return;
      case kSavepoint:
        session.savepoints.push_back(name);
        return;
      case kReleaseSavepoint:
        CutSavepoints(session, name, true);
        return;
      case kRollbackToSavepoint:
        CutSavepoints(session, name, false);
        return;
      default:
        break;
    }
    const Boundary boundary = BoundaryOf(execution);
    if (session.in_transaction) {
      if (boundary == Boundary::kBeginsUnit && execution.statement.operation == kSelect)
        session.transaction_pinged = true;
      else if (!IsHousekeeping(execution))
        ++session.transaction_statements;
    } else if (boundary == Boundary::kEndsUnit) {
      session.boundary = session.has_boundaries = true;
    } else if (boundary == Boundary::kBeginsUnit) {
      session.has_boundaries = true;
    }
  }

  static void CutSavepoints(SessionState& session, const std::string& name, bool release) {
    const auto found = std::ranges::find(session.savepoints.rbegin(), session.savepoints.rend(), name);
    if (found == session.savepoints.rend()) return;
    session.savepoints.erase(release ? std::prev(found.base()) : found.base(), session.savepoints.end());
  }

  // ---- names ----

  uint32_t ColumnId(const ColumnName& name) {
    const auto [at, fresh] = column_ids_.try_emplace(name, static_cast<uint32_t>(column_names_.size()));
    if (fresh) {
      column_names_.push_back(name);
      column_types_.push_back(0);
      domains_.emplace_back();
    }
    return at->second;
  }

  StatementInfo& Learn(const StatementProfile& statement) {
    StatementInfo& info = statements_[statement.statement_id];
    if (statement.facts == nullptr || std::exchange(info.learned, true)) return info;
    for (const sql::Comparison& comparison : statement.facts->comparisons)
      info.comparison_columns.push_back(ColumnId(NameOf(*statement.facts, comparison.column)));
    if (statement.facts->catalog_only) return info;
    for (const sql::Relation& relation : statement.facts->relations) rules_.AddRelation(relation.name);
    for (const sql::Join& join : statement.facts->joins) {
      rules_.AddJoin(NameOf(*statement.facts, join.left), NameOf(*statement.facts, join.right));
    }
    return info;
  }

  void LearnTypes(StatementInfo& info, std::span<const ResultColumn> columns) {
    if (!std::ranges::equal(info.columns, columns)) {
      info.columns.assign(columns.begin(), columns.end());
      info.column_ids.clear();
      for (const ResultColumn& column : columns) {
        const bool typed = column.type_oid != 0 && !column.column.empty();
        info.column_ids.push_back(typed ? ColumnId({column.relation, column.column}) : kNobody);
      }
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      if (info.column_ids[i] != kNobody) column_types_[info.column_ids[i]] = columns[i].type_oid;
    }
  }

  Relationship Judge(uint32_t source, uint32_t sink) {
    if (judged_version_ != rules_.version()) {
      judged_.clear();
      judged_version_ = rules_.version();
    }
    if (judged_.size() <= sink) judged_.resize(size_t{sink} + 1);
    auto& of_sink = judged_[sink];
    if (of_sink.size() <= source) of_sink.resize(size_t{source} + 1);
    if (!of_sink[source]) of_sink[source] = rules_.Judge(column_names_[source], column_names_[sink]);
    return *of_sink[source];
  }

  int LevelOf(uint32_t source, uint32_t sink) {
    const Relationship relationship = Judge(source, sink);
    return relationship >= Relationship::kName ? 2 : relationship == Relationship::kUnknown ? 1 : 0;
  }

  const Layout& LayoutOf(const StatementProfile& statement, uint64_t columns_hash,
                         std::span<const ResultColumn> columns, std::span<const uint16_t> hashed_columns) {
    auto& known = layouts_[{statement.statement_id, columns_hash}];
    if (known != nullptr && std::ranges::equal(known->hashed_columns, hashed_columns)) {
      bool same = true;
      for (const ColumnLayout& column : known->columns) {
        const auto at = static_cast<size_t>(column.position);
        same &= at >= columns.size() ||
                (columns[at].type_oid == column.column.type_oid && columns[at].relation == column.column.relation &&
                 columns[at].column == column.column.column);
      }
      if (same) return *known;
    }
    auto layout = std::make_unique<Layout>();
    layout->hashed_columns.assign(hashed_columns.begin(), hashed_columns.end());
    for (const uint16_t position : hashed_columns) {
      ColumnLayout column;
      column.position = position;
      if (position < columns.size()) column.column = columns[position];
      NameFromFacts(column.column, statement, position, columns.size());
      column.column_id = ColumnId({column.column.relation, column.column.column});
      column.type_class = TypeClassOf(column.column.type_oid);
      column.key_like = LooksLikeKey(column.column.column);
      column.echo_comparison = EchoOf(statement, column.column);
      if (column.column.type_oid != 0) column_types_[column.column_id] = column.column.type_oid;
      layout->columns.push_back(std::move(column));
    }
    if (known != nullptr) retired_layouts_.push_back(std::move(known));  // rows in flight may still refer to it
    known = std::move(layout);
    return *known;
  }

  static void NameFromFacts(ResultColumn& column, const StatementProfile& statement, size_t position,
                            size_t column_count) {
    if (!column.column.empty() || statement.facts == nullptr || statement.facts->outputs.size() != column_count) return;
    const sql::Output& output = statement.facts->outputs[position];
    if (output.kind != sql::Output::Kind::kColumn) return;
    const ColumnName name = NameOf(*statement.facts, output.column);
    column.relation = name.relation;
    column.column = name.column;
  }

  // The comparison that fixes this column to a parameter, directly or over equi-joins; -1: none.
  static int EchoOf(const StatementProfile& statement, const ResultColumn& column) {
    if (statement.facts == nullptr || column.column.empty()) return -1;
    const sql::Facts& facts = *statement.facts;
    for (size_t i = 0; i < facts.comparisons.size(); ++i) {
      const sql::Comparison& comparison = facts.comparisons[i];
      if (!comparison.conjunct || comparison.subquery_depth != 0 || !IsSinkComparison(comparison)) continue;
      std::vector<ColumnName> equal{NameOf(facts, comparison.column)};
      for (size_t known = 0; known < equal.size(); ++known) {
        for (const sql::Join& join : facts.joins) {
          const ColumnName left = NameOf(facts, join.left), right = NameOf(facts, join.right);
          if (left == equal[known] && std::ranges::find(equal, right) == equal.end()) equal.push_back(right);
          if (right == equal[known] && std::ranges::find(equal, left) == equal.end()) equal.push_back(left);
        }
      }
      for (const ColumnName& name : equal) {
        if (name.column == column.column &&
            (name.relation == column.relation || name.relation.empty() || column.relation.empty())) {
          return static_cast<int>(i);
        }
      }
    }
    return -1;
  }

  // ---- claims ----

  void FindClaims(SessionState& session, UnitState& unit, const Execution& execution, const StatementInfo& info,
                  std::vector<SinkOutcome>& outcomes) {
    if (execution.statement.facts == nullptr) return;
    const sql::Facts& facts = *execution.statement.facts;
    for (const SinkValue& sink : execution.sinks) {
      if (sink.comparison < 0 || static_cast<size_t>(sink.comparison) >= facts.comparisons.size()) continue;
      const sql::Comparison& comparison = facts.comparisons[static_cast<size_t>(sink.comparison)];
      if (!IsSinkComparison(comparison)) continue;
      SinkOutcome outcome;
      outcome.sink = &sink;
      outcome.column_id = info.comparison_columns[static_cast<size_t>(sink.comparison)];
      if (!sink.members.empty()) {
        FindTupleClaim(outcome, session, unit, execution);
      } else if (sink.elements == 1 && sink.hashes.size() == 1 && sink.hashes[0].hash != 0) {
        outcome.value = sink.hashes[0].hash;
        outcome.claim = FindClaim(session, unit, execution.sent_ns, outcome.column_id,
                                  SinkType(sink, outcome.column_id), sink.hashes[0], &outcome.untested);
        if (outcome.claim) outcome.value = outcome.claim->value;
        domains_[outcome.column_id].Add(outcome.value);
      } else if (sink.elements <= 1) {
        continue;  // NULL, or not hashed
      }
      outcomes.push_back(outcome);
    }
  }

  TypeClass SinkType(const SinkValue& sink, uint32_t column_id) const {
    return TypeClassOf(sink.type_oid != 0 ? sink.type_oid : column_types_[column_id]);
  }

  std::optional<Candidate> FindClaim(SessionState& session, UnitState& unit, int64_t sent_ns, uint32_t column_id,
                                     TypeClass type_class, const ValueHash& value, bool* untested) {
    std::optional<Candidate> best;
    const auto consider = [&](Source& source) {
      Consider(source, session, unit, sent_ns, column_id, type_class, value, best, untested);
    };
    const Group& group = *session.group;
    const bool spans_processes = !unit.row.trace_id.empty();
    size_t probes = 0;
    for (auto at = unit.sources.rbegin(); at != unit.sources.rend() && probes < kMaxProbes; ++at) {
      if (!spans_processes && (*at)->group != &group) continue;
      ++probes;
      consider(**at);
    }
    // What is not related claims nothing across units: only related columns are worth a look.
    for (const Group::Column& column : group.columns) {
      if (column.sources.empty() || LevelOf(column.column_id, column_id) < 2) continue;
      for (auto at = column.sources.rbegin(); at != column.sources.rend() && probes < kMaxProbes; ++at) {
        if ((*at)->unit == &unit) continue;
        ++probes;
        consider(**at);
      }
    }
    if (best && best->level < 2 && *untested) best.reset();
    if (best) *untested = false;
    return best;
  }

  void Consider(Source& source, const SessionState& session, UnitState& unit, int64_t sent_ns, uint32_t column_id,
                TypeClass type_class, const ValueHash& value, std::optional<Candidate>& best, bool* untested) {
    if (source.values.evicted() || source.type_class == TypeClass::kNotComparable) return;
    if (type_class != TypeClass::kUnknown && source.type_class != TypeClass::kUnknown &&
        type_class != source.type_class)
      return;
    if (!source.key_like && source.values.rows() >= kSmallDomainRows &&
        source.values.distinct_estimate() < kSmallDomainValues)
      return;
    Candidate candidate;
    candidate.level = LevelOf(source.column_id, column_id);
    candidate.same_unit = source.unit == &unit;
    candidate.same_session = source.session_id == session.info.session_id;
    if (!candidate.same_unit && !MayCross(*source.unit, unit, sent_ns, candidate)) return;

    uint64_t found_value = value.hash;
    const ValueSource::Occurrence* occurrence = source.values.Latest(value.hash, sent_ns);
    if (occurrence == nullptr && value.alternate != 0) {
      found_value = value.alternate;
      occurrence = source.values.Latest(value.alternate, sent_ns);
    }
    const bool above_cutoff = occurrence == nullptr && !source.values.Tests(value.hash);
    if (occurrence == nullptr && !above_cutoff) return;
    if (above_cutoff) {
      *untested |= candidate.level == 2;
      return;
    }
    candidate.source = &source;
    candidate.occurrence = *occurrence;
    candidate.value = found_value;
    if (!best || candidate.Rank() > best->Rank()) best = candidate;
  }

  // May a child in `unit` be claimed by rows of another unit? Only with a relation, never against tags, and soon.
  static bool MayCross(const UnitState& source_unit, const UnitState& unit, int64_t sent_ns, Candidate& candidate) {
    if (candidate.level < 2) return false;
    const int64_t source_wrapper = source_unit.wrapper_unit != 0 ? source_unit.wrapper_unit : source_unit.row.unit_id;
    const int64_t wrapper = unit.wrapper_unit != 0 ? unit.wrapper_unit : unit.row.unit_id;
    if (source_unit.wrapper_unit != 0 || unit.wrapper_unit != 0) {
      candidate.crossing = source_wrapper == wrapper;
      return candidate.crossing;
    }
    if (Conflict(source_unit.row, unit.row)) return false;
    candidate.rejoined = true;
    return sent_ns - source_unit.last_activity_ns <= kOutlive;
  }

  // (a, b) = ($1, $2): one row must have held all members.
  void FindTupleClaim(SinkOutcome& outcome, SessionState& session, UnitState& unit, const Execution& execution) {
    const sql::Facts& facts = *execution.statement.facts;
    const int tuple = facts.comparisons[static_cast<size_t>(outcome.sink->comparison)].tuple;
    std::vector<uint32_t> columns;
    for (const sql::Comparison& comparison : facts.comparisons) {
      if (comparison.tuple == tuple && tuple >= 0) columns.push_back(ColumnId(NameOf(facts, comparison.column)));
    }
    if (columns.size() != outcome.sink->members.size() || outcome.sink->elements != 1) return;
    for (const ValueHash& member : outcome.sink->members) {
      if (member.hash == 0) return;
      outcome.value = outcome.value * 0x9E3779B97F4A7C15ULL + member.hash;
    }
    auto first = FindClaim(session, unit, execution.sent_ns, columns[0], TypeClassOf(column_types_[columns[0]]),
                           outcome.sink->members[0], &outcome.untested);
    if (!first) return;
    const UnitState& source_unit = *first->source->unit;
    for (size_t i = 1; i < columns.size(); ++i) {
      const bool together = std::ranges::any_of(source_unit.sources, [&](const auto& source) {
        return source->key.statement_id == first->source->key.statement_id &&
               source->key.position != first->source->key.position &&
               source->values.OccursAt(outcome.sink->members[i].hash, first->occurrence.execution,
                                       first->occurrence.row);
      });
      if (!together) return;
    }
    first->value = outcome.value;
    outcome.claim = first;
  }

  // A claim that crossed joins what it connects, once it is a loop: on one connection the whole units, from another
  // connection this execution alone.
  UnitState& FollowClaims(SessionState& session, UnitState& unit, const Execution& execution,
                          const std::vector<SinkOutcome>& outcomes) {
    const SinkOutcome* best = nullptr;
    for (const SinkOutcome& outcome : outcomes) {
      if (!outcome.claim || !outcome.claim->rejoined) continue;
      if (best == nullptr || outcome.claim->Rank() > best->claim->Rank()) best = &outcome;
    }
    if (best == nullptr) return unit;
    UnitState& source_unit = *best->claim->source->unit;
    const EdgeKey key{best->claim->source->key, execution.statement.statement_id, best->sink->comparison};
    ReachingClaims& reaching = source_unit.reaching[key];
    source_unit.last_activity_ns = std::max(source_unit.last_activity_ns, execution.done_ns);
    if (reaching.values.size() < kLoopValues) reaching.values.insert(best->claim->value);
    if (reaching.values.size() < kLoopValues) return unit;
    if (!std::exchange(reaching.established, true)) JoinWaiting(source_unit, key);
    if (!best->claim->same_session) return source_unit;
    UnitState& child_unit = Root(unit.row.unit_id);
    Join(source_unit, child_unit);
    if (session.in_transaction && source_unit.row.kind == UnitKind::kTransaction) source_unit.row.kind = UnitKind::kGap;
    session.unit = source_unit.row.unit_id;
    return source_unit;
  }

  void JoinWaiting(UnitState& source_unit, const EdgeKey& key) {
    for (const ReachingClaims::Entry& entry : std::exchange(source_unit.reaching[key].waiting, {})) {
      const Claim& claim = entry.claim.claim;
      UnitState* child_unit = Find(entry.child_unit);
      if (claim.same_connection && child_unit != nullptr) {
        Join(source_unit, *child_unit);
      } else {
        ++source_unit.Sink(key.child_statement_id, key.child_comparison).values.Insert(claim.value).first->count;
      }
      AddClaim(source_unit, key, entry.claim.column, entry.claim.child_type_oid, true, claim);
    }
  }

  // ---- counting ----

  void Count(const SessionState& session, UnitState& unit, const Execution& execution) {
    Unit& row = unit.row;
    ++row.statements;
    row.round_trips += execution.pipelined ? 0 : 1;
    row.rows += execution.rows;
    row.bytes += execution.bytes;
    row.database_ns += std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
    if (unit.last_session_id == session.info.session_id && unit.last_done_ns > 0) {
      row.think_ns += std::max<int64_t>(execution.sent_ns - unit.last_done_ns, 0);
    }
    if (unit.last_done_ns > 0)
      unit.AddPause(execution.sent_ns, std::max<int64_t>(execution.sent_ns - unit.last_done_ns, 0));
    unit.last_session_id = session.info.session_id;
    unit.last_done_ns = std::max(unit.last_done_ns, execution.done_ns);
    row.end_ns = std::max(row.end_ns, execution.done_ns);
    row.begin_ns = std::min(row.begin_ns, execution.sent_ns);
    row.schema_change |= execution.statement.operation == sql::Operation::kDdl;
    row.shared_connection |= session.shared;
    unit.last_activity_ns = std::max(unit.last_activity_ns, execution.done_ns);
    unit.statements += IsHousekeeping(execution) ? 0 : 1;
    Touch(unit);
  }

  void CountStatement(const SessionState& session, UnitState& unit, const Execution& execution,
                      const std::vector<SinkOutcome>& outcomes) {
    StatementState& state = unit.Statement(execution.statement.statement_id);
    state.dirty = true;
    UnitStatement& row = state.row;
    const int64_t database_ns = std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
    if (row.calls == 0) row.first_no = execution.execution_no;
    row.last_no = execution.execution_no;
    ++row.calls;
    row.errors += execution.completed ? 0 : 1;
    row.rows += execution.rows;
    row.bytes += execution.bytes;
    row.pipelined += execution.pipelined ? 1 : 0;
    row.database_ns += database_ns;
    if (execution.parameters_hash != 0) state.parameters.Add(execution.parameters_hash);
    if (state.durations.size() < kMaxKept) state.durations.push_back(database_ns);
    if (state.last_done_ns > 0 && state.gaps.size() < kMaxKept) {
      int64_t gap = execution.sent_ns - state.last_done_ns;
      if (state.last_session == session.info.session_id) gap -= session.busy_ns - state.last_busy_ns;
      state.gaps.push_back(std::max<int64_t>(gap, 0));
    }
    state.last_done_ns = execution.done_ns;
    state.last_session = session.info.session_id;
    state.last_busy_ns = session.busy_ns + database_ns;

    bool single = false, claimed = false, untested = false, batch = false;
    uint64_t value = 0;
    for (const SinkOutcome& outcome : outcomes) {
      batch |= outcome.sink->elements > 1;
      row.batch_elements += outcome.sink->elements > 1 ? static_cast<uint64_t>(outcome.sink->elements) : 0;
      if (outcome.value == 0) continue;
      single = true;
      value = value * 31 + outcome.value;
      claimed |= outcome.claim && !outcome.claim->source->outside &&
                 MayFeed(*outcome.claim, outcome.column_id, row.statement_id);
      untested |= outcome.untested;
    }
    row.batches += batch ? 1 : 0;
    if (!single || claimed) return;
    if (untested) {
      ++state.untested;
      return;
    }
    ++row.unclaimed;
    uint32_t* const count = state.unclaimed_values.InsertUpTo(kMaxKept, value);
    if (count != nullptr) row.unclaimed_max_repeat = std::max<uint64_t>(row.unclaimed_max_repeat, ++*count);
  }

  // Values that merely coincide leave a loop without a known parent.
  bool MayFeed(const Candidate& claim, uint32_t column_id, int64_t child_statement_id) const {
    if (claim.level == 2) return true;
    return claim.level == 1 && claim.source->key.statement_id != child_statement_id && claim.source->key_like &&
           LooksLikeKey(column_names_[column_id].column);
  }

  void RecordOutcome(SessionState& session, UnitState& unit, const Execution& execution, const SinkOutcome& outcome) {
    if (outcome.value == 0) return;
    SinkState& sink = unit.Sink(execution.statement.statement_id, outcome.sink->comparison);
    sink.column_id = outcome.column_id;
    ++sink.executions;
    uint64_t& unclaimed = session.group->unclaimed[{execution.statement.statement_id, outcome.sink->comparison}];
    if (!outcome.untested && (!outcome.claim || outcome.claim->level < 2)) ++unclaimed;
    SinkState::Value* value = sink.values.InsertUpTo(kMaxKept, outcome.value);
    if (value != nullptr) ++value->count;
    if (!outcome.claim) {
      sink.unclaimed += outcome.untested ? 0 : 1;
      return;
    }
    const Candidate& candidate = *outcome.claim;
    Source& source = *candidate.source;
    source.last_claim_ns = latest_ns_;
    ++source.claims;
    const ParentExecution& parent = parents_[candidate.occurrence.execution];
    Claim claim;
    claim.value = candidate.value;
    claim.parent = candidate.occurrence.execution;
    claim.row = candidate.occurrence.row;
    claim.multiplicity = std::max<uint32_t>(source.values.Multiplicity(candidate.value, claim.parent), 1);
    claim.execution_no = execution.execution_no;
    claim.session_id = session.info.session_id;
    claim.sent_ns = execution.sent_ns;
    claim.done_ns = execution.done_ns;
    claim.database_ns = std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
    claim.busy_before_ns = session.busy_ns;
    claim.pause_ns = unit.LongestPauseSince(candidate.occurrence.time_ns);
    claim.rows = execution.rows;
    claim.bytes = execution.bytes;
    claim.pipelined = execution.pipelined;
    claim.same_connection = candidate.same_session;
    claim.same_process = !candidate.same_session && session.process_known;
    claim.same_transaction = session.in_transaction && parent.transaction == session.transaction;
    claim.rejoined = candidate.rejoined;
    claim.outside = source.outside;
    claim.group_unclaimed = unclaimed;
    const EdgeKey key{source.key, execution.statement.statement_id, outcome.sink->comparison};
    if (candidate.crossing) {
      UnitState* main = Find(session.transaction_unit);
      if (main != nullptr && main->deferred.size() < kMaxKept) {
        main->deferred.push_back({key, source.column, outcome.sink->type_oid, true, claim});
      }
      return;
    }
    if (UnitState& source_unit = *source.unit; candidate.rejoined && &source_unit != &unit) {
      claim.pause_ns = std::max<int64_t>(execution.sent_ns - source_unit.last_done_ns, 0);
      auto& waiting = source_unit.reaching[key].waiting;
      if (waiting.size() < kMaxWaiting) {
        waiting.push_back({{key, source.column, outcome.sink->type_oid, true, claim}, unit.row.unit_id});
      }
      return;
    }
    AddClaim(unit, key, source.column, outcome.sink->type_oid, candidate.level == 2, claim);
  }

  void AddClaim(UnitState& unit, const EdgeKey& key, const ResultColumn& column, uint32_t child_type_oid, bool related,
                const Claim& claim) {
    const auto [at, fresh] = unit.edges.try_emplace(key);
    EdgeState& edge = at->second;
    Edge& row = edge.row;
    SinkState& sink = unit.Sink(key.child_statement_id, key.child_comparison);
    if (fresh) {
      edge.number = ++last_edge_;
      row.parent_statement_id = key.parent.statement_id;
      row.parent_position = key.parent.position;
      row.parent_column = column;
      row.child_statement_id = key.child_statement_id;
      row.child_comparison = key.child_comparison;
      row.first_child_no = claim.execution_no;
    } else {
      // Other connections give their own share: what they ran without a claim in the meantime is not in this unit.
      const uint64_t here = sink.unclaimed - std::min(sink.unclaimed, edge.unclaimed_at_last_claim);
      const uint64_t beside =
          claim.group_unclaimed - std::min(claim.group_unclaimed, edge.group_unclaimed_at_last_claim);
      row.holes += claim.same_connection ? here : std::max(here, beside);
    }
    edge.unclaimed_at_last_claim = sink.unclaimed;
    edge.group_unclaimed_at_last_claim = claim.group_unclaimed;
    edge.related |= related;
    edge.dirty = true;
    if (child_type_oid != 0) row.child_type_oid = child_type_oid;
    ++row.children;
    row.last_child_no = claim.execution_no;
    row.same_connection += claim.same_connection ? 1 : 0;
    row.same_process += claim.same_process ? 1 : 0;
    row.same_transaction += claim.same_transaction ? 1 : 0;
    row.rejoined += claim.rejoined ? 1 : 0;
    row.from_outside += claim.outside ? 1 : 0;
    row.pipelined += claim.pipelined ? 1 : 0;
    row.child_ns += claim.database_ns;
    row.child_rows += claim.rows;
    row.child_bytes += claim.bytes;
    if (edge.claims.size() < kMaxKept) edge.claims.push_back(claim);
    if (related) {
      if (SinkState::Value* value = sink.values.Find(claim.value); value != nullptr) value->related_edge = edge.number;
    }
    Touch(unit);
  }

  void CountRepeat(UnitState& unit, const Execution& execution) {
    const sql::Facts* facts = execution.statement.facts;
    if (facts == nullptr) return;
    if (facts->writes) {
      if (facts->target >= 0) ++unit.writes[facts->relations[static_cast<size_t>(facts->target)].name];
      return;
    }
    if (facts->operation != sql::Operation::kSelect || facts->locking || facts->volatile_functions ||
        facts->relations.empty() || execution.parameters_hash == 0) {
      return;
    }
    uint32_t writes = 0;
    for (const sql::Relation& relation : facts->relations) {
      if (unit.writes.empty()) break;
      if (const auto found = unit.writes.find(relation.name); found != unit.writes.end())
        writes += static_cast<uint32_t>(found->second);
    }
    const int64_t statement_id = execution.statement.statement_id;
    auto& by_parameters = unit.last_seen[statement_id];
    const size_t room = kMaxKept - std::min(kMaxKept, unit.last_seen_count);
    const size_t before = by_parameters.size();
    LastSeen* seen = by_parameters.InsertUpTo(before + room, execution.parameters_hash);
    if (seen == nullptr) return;
    const bool first = by_parameters.size() > before;
    unit.last_seen_count += first ? 1 : 0;
    const bool changed = first || seen->result_hash != execution.result_hash || seen->writes != writes;
    if (!changed || seen->repeat != kNobody) {
      AddRepeat(unit, unit.RepeatOf(statement_id, execution.parameters_hash, *seen), execution, changed, *seen);
    } else {
      seen->first_no = execution.execution_no;
    }
    seen->result_hash = execution.result_hash;
    seen->writes = writes;
    seen->last_sent_ns = execution.sent_ns;
  }

  static void AddRepeat(UnitState& unit, RepeatState& state, const Execution& execution, bool changed,
                        const LastSeen& seen) {
    Repeat& current = state.current;
    if (changed) {
      if (current.executions > state.longest.executions) state.longest = MakeRepeat(unit, state);
      const Repeat before = std::exchange(current, {});
      current.statement_id = before.statement_id;
      current.parameters_hash = before.parameters_hash;
      current.executions = 1;
      current.first_no = current.last_no = execution.execution_no;
      state.gaps.clear();
      return;
    }
    ++current.executions;
    current.last_no = execution.execution_no;
    current.rows += execution.rows;
    current.bytes += execution.bytes;
    current.repeat_ns += std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
    if (state.gaps.size() < kMaxKept) state.gaps.push_back(execution.sent_ns - seen.last_sent_ns);
    unit.MarkRepeatDirty(seen.repeat);
  }

  // ---- sources ----

  PendingRows TakePending(SessionState& session, uint64_t execution_id) {
    const auto found = std::ranges::find(session.pending, execution_id, &PendingRows::execution_id);
    if (found == session.pending.end()) return {};
    PendingRows rows = std::move(*found);
    session.pending.erase(found);
    session.group->streaming -= std::min<size_t>(session.group->streaming, 1);
    return rows;
  }

  PendingRows& PendingOf(SessionState& session, uint64_t execution_id, int64_t statement_id) {
    const auto found = std::ranges::find(session.pending, execution_id, &PendingRows::execution_id);
    if (found != session.pending.end()) return *found;
    PendingRows& rows = session.pending.emplace_back(std::exchange(spare_rows_, {}));
    rows.execution_id = execution_id;
    rows.statement_id = statement_id;
    ++session.group->streaming;
    return rows;
  }

  // Its memory serves the next execution with rows.
  void Recycle(PendingRows&& rows) {
    if (rows.hashes.capacity() <= spare_rows_.hashes.capacity() || rows.hashes.capacity() > kMaxSpareHashes) return;
    rows.batches.clear();
    rows.hashes.clear();
    spare_rows_ = {.execution_id = 0, .batches = std::move(rows.batches), .hashes = std::move(rows.hashes)};
  }

  // Rows of executions that still run count from the moment they reached the client: a child may already follow from
  // them.
  void PromoteStreams(const SessionState& child, const Execution& execution) {
    const Group& group = *child.group;
    if (group.streaming == 0 || execution.sinks.empty()) return;
    for (const uint64_t session_id : group.sessions) {
      SessionState& session = sessions_.at(session_id);
      for (PendingRows& pending : session.pending) {
        if (pending.promoted != kNobody || pending.batches.empty() ||
            pending.batches.front().time_ns > execution.sent_ns)
          continue;
        UnitState* unit = Find(session.unit);
        const bool fits = unit != nullptr && (session.in_transaction ||
                                              pending.batches.front().time_ns - unit->last_activity_ns < kOutlive);
        if (!fits) unit = &NewUnit(session, UnitKind::kGap, pending.batches.front().time_ns);
        pending.promoted_unit = unit->row.unit_id;
        pending.promoted = NewParent(session, *unit, pending.statement_id);
        for (const auto& batch : pending.batches) {
          parents_[pending.promoted].rows += batch.row_count;
          InsertBatch(pending.promoted, *pending.layout, View(pending, batch), {}, session);
        }
        pending.batches.clear();
        pending.hashes.clear();
      }
    }
  }

  uint32_t NewParent(const SessionState& session, UnitState& unit, int64_t statement_id) {
    uint32_t index = static_cast<uint32_t>(parents_.size());
    if (!free_parents_.empty()) {
      index = free_parents_.back();
      free_parents_.pop_back();
      parents_[index] = ParentExecution{};
    } else {
      parents_.emplace_back();
    }
    ParentExecution& parent = parents_[index];
    parent.session_id = session.info.session_id;
    parent.transaction = session.in_transaction ? session.transaction : 0;
    parent.unit_id = unit.row.unit_id;
    parent.statement_id = statement_id;
    parent.ancestor = index;
    unit.parents.push_back(index);
    return index;
  }

  void InsertRows(SessionState& session, UnitState& unit, const Execution& execution, const PendingRows& pending,
                  const std::vector<SinkOutcome>& outcomes) {
    const Layout* columns = pending.layout;
    uint32_t index = pending.promoted;
    if (index == kNobody) {
      if (columns == nullptr || pending.batches.empty() || unit.parents.size() >= kMaxParentsPerUnit) return;
      index = NewParent(session, unit, execution.statement.statement_id);
    }
    {
      ParentExecution& parent = parents_[index];
      parent.execution_no = execution.execution_no;
      parent.rows = std::max(parent.rows, execution.rows);
    }
    const Candidate* best = nullptr;
    for (const SinkOutcome& outcome : outcomes) {
      if (outcome.claim && !outcome.claim->source->outside && (best == nullptr || outcome.claim->Rank() > best->Rank()))
        best = &*outcome.claim;
    }
    if (best != nullptr) SetAncestor(index, unit, *best);
    if (columns == nullptr) return;
    const std::vector<Echo> echoes = EchoesOf(session, unit, execution, *columns, pending, outcomes);
    for (const auto& batch : pending.batches) InsertBatch(index, *columns, View(pending, batch), echoes, session);
    RememberCursor(execution, index, echoes);
  }

  void SetAncestor(uint32_t index, const UnitState& unit, const Candidate& claim) {
    ParentExecution& self = parents_[index];
    self.claimed = true;
    const uint32_t parent = claim.occurrence.execution;
    if (&Root(parents_[parent].unit_id) != &unit) return;
    const bool chained = parents_[parent].rows == 1 && parents_[parent].ancestor != parent;
    self.ancestor = chained ? parents_[parent].ancestor : parent;
    self.ancestor_row = chained ? parents_[parent].ancestor_row : claim.occurrence.row;
  }

  enum class Echo : uint8_t { kNo, kOutside, kInherited };

  struct OpenCursor {
    uint32_t parent = 0;
    std::vector<Echo> echoes;
  };

  // A column that the statement's own equality fixes to a parameter is never a new source: it has the parameter's.
  // Where nobody claimed the parameter, the request brought the value along, and the echo stands for that.
  std::vector<Echo> EchoesOf(SessionState& session, UnitState& unit, const Execution& execution, const Layout& layout,
                             const PendingRows& pending, const std::vector<SinkOutcome>& outcomes) {
    std::vector<Echo> echoes(layout.columns.size(), Echo::kNo);
    for (size_t i = 0; i < layout.columns.size(); ++i) {
      for (const SinkOutcome& outcome : outcomes) {
        const ColumnLayout& column = layout.columns[i];
        const bool by_name = column.echo_comparison == outcome.sink->comparison;
        const bool unnamed = column.column.relation.empty() && column.echo_comparison < 0;
        if (!by_name && !unnamed) continue;
        if (outcome.sink->elements > 1) {
          if (by_name && BatchIsClaimed(session, unit, execution, outcome)) echoes[i] = Echo::kInherited;
        } else if (outcome.value != 0 && OnlyHolds(pending, i, layout.columns.size(), outcome.sink->hashes)) {
          echoes[i] = outcome.claim ? Echo::kInherited : Echo::kOutside;
        }
      }
    }
    return echoes;
  }

  static bool OnlyHolds(const PendingRows& pending, size_t column, size_t width, const std::vector<ValueHash>& value) {
    if (value.size() != 1) return false;
    for (const auto& batch : pending.batches) {
      const RowsView rows = View(pending, batch);
      for (size_t at = column; at < rows.hashes.size(); at += width) {
        if (rows.hashes[at] != value[0].hash && rows.hashes[at] != value[0].alternate) return false;
      }
    }
    return true;
  }

  bool BatchIsClaimed(SessionState& session, UnitState& unit, const Execution& execution, const SinkOutcome& outcome) {
    constexpr size_t kProbed = 8;
    size_t probed = 0, found = 0;
    bool untested = false;
    for (const ValueHash& value : outcome.sink->hashes) {
      if (value.hash == 0 || probed == kProbed) continue;
      ++probed;
      found += FindClaim(session, unit, execution.sent_ns, outcome.column_id,
                         SinkType(*outcome.sink, outcome.column_id), value, &untested)
                   ? 1
                   : 0;
    }
    return probed > 0 && found * 2 > probed;
  }

  static RowsView View(const PendingRows& pending, const PendingRows::Batch& batch) {
    const size_t hashes = batch.row_count * pending.layout->columns.size();
    return {batch.time_ns, batch.first_row, batch.row_count,
            std::span(pending.hashes).subspan(batch.first_hash, hashes)};
  }

  void InsertBatch(uint32_t index, const Layout& layout, const RowsView& batch, std::span<const Echo> echoes,
                   const SessionState& session) {
    UnitState& unit = Root(parents_[index].unit_id);
    unit.last_activity_ns = std::max(unit.last_activity_ns, batch.time_ns);
    const size_t width = layout.columns.size();
    for (size_t i = 0; i < width; ++i) {
      const ColumnLayout& column = layout.columns[i];
      if (column.type_class == TypeClass::kNotComparable) continue;
      // Before an execution ends its parameters are not known; what may be an echo then stays out.
      if (echoes.empty() && column.echo_comparison >= 0) continue;
      if (!echoes.empty() && echoes[i] == Echo::kInherited) continue;
      const bool outside = !echoes.empty() && echoes[i] == Echo::kOutside;
      Source& source = SourceFor(unit, parents_[index].statement_id, column, static_cast<uint32_t>(i), session);
      source.outside = source.values.rows() == 0 ? outside : source.outside && outside;
      for (uint32_t row = 0; row < batch.row_count; ++row) {
        const uint64_t hash = batch.hashes[row * width + i];
        if (hash == 0) continue;
        if (source.values.Add(hash, index, static_cast<uint32_t>(batch.first_row) + row, batch.time_ns))
          ++parents_[index].distinct[i];
        domains_[column.column_id].Add(hash);
      }
      Keep(source, batch.time_ns);
    }
    if (total_bytes_ > kBudgetBytes) EvictSome();
  }

  Source& SourceFor(UnitState& unit, int64_t statement_id, const ColumnLayout& column, uint32_t hashed_index,
                    const SessionState& session) {
    const SourceKey key{statement_id, column.position};
    if (Source* known = unit.FindSource(key, session.info.session_id)) return *known;
    auto source = std::make_unique<Source>();
    source->key = key;
    source->unit = &unit;
    source->session_id = session.info.session_id;
    source->column = column.column;
    source->column_id = column.column_id;
    source->type_class = column.type_class;
    source->key_like = column.key_like;
    source->hashed_index = hashed_index;
    Group& group = *session.group;
    const auto of_column = std::ranges::find(group.columns, column.column_id, &Group::Column::column_id);
    source->group = &group;
    source->group_column = static_cast<size_t>(of_column - group.columns.begin());
    if (of_column == group.columns.end()) group.columns.push_back({column.column_id, {}});
    auto& sources = group.columns[source->group_column].sources;
    source->group_index = sources.size();
    sources.push_back(source.get());
    ++group.sources;
    unit.sources.push_back(std::move(source));
    return *unit.sources.back();
  }

  // After its values changed: the budget, and its place among the lately touched.
  void Keep(Source& source, int64_t time_ns) {
    const size_t bytes = source.values.bytes();
    total_bytes_ += bytes - source.counted_bytes;
    source.counted_bytes = bytes;
    source.touched_ns = std::max(source.touched_ns, time_ns);
    auto& sources = source.group->columns[source.group_column].sources;
    Source* last = sources.back();
    std::swap(sources[source.group_index], sources.back());
    std::swap(last->group_index, source.group_index);
  }

  void Drop(Source& source) {
    total_bytes_ -= source.counted_bytes;
    source.counted_bytes = 0;
    --source.group->sources;
    auto& sources = source.group->columns[source.group_column].sources;
    sources.back()->group_index = source.group_index;
    sources[source.group_index] = sources.back();
    sources.pop_back();
  }

  // Frees a quarter of the budget: first what claimed nothing for two seconds, longest untouched first; last of all a
  // column that lately claimed and has values left that it has not.
  void EvictSome() {
    std::vector<Source*> victims;
    for (auto& [name, group] : groups_) {
      for (const Group::Column& column : group.columns) {
        std::ranges::copy_if(column.sources, std::back_inserter(victims),
                             [](const Source* source) { return !source->values.evicted(); });
      }
    }
    const auto value = [this](const Source* source) {
      const bool claims = source->last_claim_ns > latest_ns_ - kOutlive && source->claims > 0;
      return std::tuple(!claims ? 0 : source->claims >= source->values.distinct() ? 1 : 2, source->touched_ns);
    };
    std::ranges::sort(victims, {}, value);
    for (Source* source : victims) {
      if (total_bytes_ <= kBudgetBytes / 4 * 3) break;
      total_bytes_ -= source->counted_bytes;
      source->counted_bytes = 0;
      source->values.Evict();
    }
  }

  void RememberCursor(const Execution& execution, uint32_t index, std::vector<Echo> echoes) {
    if (!execution.rows_follow) return;
    open_cursors_[{execution.session_id, execution.execution_id}] = {index, std::move(echoes)};
    const auto first = open_cursors_.lower_bound({execution.session_id, 0});
    const auto last = open_cursors_.upper_bound({execution.session_id, UINT64_MAX});
    if (static_cast<size_t>(std::distance(first, last)) > kMaxOpenCursors) open_cursors_.erase(first);
  }

  void AppendRows(const OpenCursor& cursor, const Layout& layout, const RowsView& rows, const SessionState& session) {
    parents_[cursor.parent].rows = std::max<uint64_t>(parents_[cursor.parent].rows, rows.first_row + rows.row_count);
    InsertBatch(cursor.parent, layout, rows, cursor.echoes, session);
  }

  // ---- the end of units ----

  void Emit(UnitState& unit) {
    if (!unit.dirty || unit.row.joined_to != 0) return;
    unit.dirty = false;
    if (unit.row.statements == 0) return;
    unit.emitted = true;
    sink_.OnUnit(unit.row);
    for (auto& [id, state] : unit.statements_by_id) {
      if (std::exchange(state.dirty, false)) sink_.OnUnitStatement(MakeUnitStatement(unit, state));
    }
    for (auto& [key, edge] : unit.edges) {
      if (!std::exchange(edge.dirty, false)) continue;
      const auto sink = unit.sinks.find({key.child_statement_id, key.child_comparison});
      sink_.OnEdge(
          MakeEdge(unit, edge, parents_, sink == unit.sinks.end() ? 0 : domains_[sink->second.column_id].Estimate()));
    }
    for (const uint32_t repeat : std::exchange(unit.dirty_repeats, {})) {
      RepeatState& state = unit.repeats[repeat];
      state.dirty = false;
      sink_.OnRepeat(MakeRepeat(unit, state));
    }
  }

  void CloseIdle(int64_t now_ns, bool everything) {
    const int64_t keep = units_.size() > kMaxIdleUnits ? kOutlive : kKeepIdle;
    for (auto at = units_.begin(); at != units_.end();) {
      UnitState& unit = at->second;
      const bool idle = unit.open_in_sessions == 0 && now_ns - unit.last_activity_ns > keep;
      if (unit.row.joined_to != 0 || (!everything && !idle)) {
        ++at;
        continue;
      }
      // Containment is judged against all that the unit held in the end, whenever it was last written.
      for (auto& [key, edge] : unit.edges) edge.dirty = true;
      unit.dirty |= !unit.edges.empty();
      Emit(unit);
      for (const auto& source : unit.sources) Drop(*source);
      for (const uint32_t parent : unit.parents) FreeParent(parent);
      if (!unit.row.trace_id.empty()) units_by_trace_.erase(unit.row.trace_id);
      at = units_.erase(at);
    }
    // What had joined a unit that is gone is gone with it, and so on.
    const auto orphaned = [this](const auto& entry) {
      return entry.second.row.joined_to != 0 && !units_.contains(entry.second.row.joined_to);
    };
    while (std::erase_if(units_, orphaned) > 0) {
    }
  }

  void FreeParent(uint32_t parent) {
    free_parents_.push_back(parent);
    if (!open_cursors_.empty())
      std::erase_if(open_cursors_, [parent](const auto& entry) { return entry.second.parent == parent; });
  }

  LineageSink& sink_;
  std::unordered_map<uint64_t, SessionState> sessions_;
  std::map<std::string, Group> groups_;
  std::unordered_map<int64_t, UnitState> units_;
  std::unordered_map<std::string, int64_t> units_by_trace_;
  std::vector<int64_t> dirty_;
  Parents parents_;
  std::vector<uint32_t> free_parents_;

  RelationRules rules_;
  std::unordered_map<int64_t, StatementInfo> statements_;
  std::map<ColumnName, uint32_t> column_ids_;
  std::vector<ColumnName> column_names_;
  std::vector<uint32_t> column_types_;
  std::vector<DistinctSketch> domains_;
  std::vector<std::vector<std::optional<Relationship>>> judged_;  // by sink, then source
  uint64_t judged_version_ = 0;
  std::map<std::pair<int64_t, uint64_t>, std::unique_ptr<Layout>> layouts_;
  std::vector<std::unique_ptr<Layout>> retired_layouts_;
  std::map<std::pair<uint64_t, uint64_t>, OpenCursor> open_cursors_;

  std::vector<SinkOutcome> outcomes_;  // of the execution at hand
  PendingRows spare_rows_;

  int64_t last_unit_ = 0;
  uint32_t last_edge_ = 0;
  uint64_t next_transaction_ = 0;
  int64_t latest_ns_ = 0;
  size_t total_bytes_ = 0;
};

Lineage::Lineage(LineageSink& sink) : state_(std::make_unique<State>(sink)) {}
Lineage::~Lineage() = default;

void Lineage::OnSessionOpened(const SessionInfo& session) { state_->OpenSession(session); }
void Lineage::OnSessionClosed(uint64_t session_id, int64_t /*time_ns*/) { state_->CloseSession(session_id); }
void Lineage::OnApplicationName(uint64_t session_id, std::string_view name) {
  state_->RenameApplication(session_id, name);
}
void Lineage::OnRows(const session::RowBatch& batch, const StatementProfile& statement,
                     std::span<const ResultColumn> columns) {
  state_->AddRows(batch, statement, columns);
}
int64_t Lineage::OnExecution(const Execution& execution) { return state_->Execute(execution); }
void Lineage::Flush(int64_t now_ns) { state_->Flush(now_ns, false); }
void Lineage::Finish(int64_t now_ns) { state_->Flush(now_ns, true); }

}  // namespace pgassay::lineage
