#include "analyzer/lineage/lineage.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "analyzer/lineage/claims.h"
#include "analyzer/lineage/columns.h"
#include "analyzer/lineage/counting.h"
#include "analyzer/lineage/edges.h"
#include "analyzer/lineage/layouts.h"
#include "analyzer/lineage/result_rows.h"
#include "analyzer/lineage/scope_units.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/sources.h"
#include "analyzer/lineage/unit_assignment.h"
#include "analyzer/lineage/units.h"

namespace pgassay::lineage {

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
  explicit State(LineageSink& sink) : sink_(sink), units_(sink) {}

  void OpenSession(const SessionInfo& info) {
    SessionState& session = SessionOf(info.session_id);
    session.info = info;
    session.process_known = info.client_process != 0;
    // Of an unknown process the account and the application's name are the best guess; the edge says that it is one.
    std::string group = info.database + '\n' + info.user + '\n' +
                        (session.process_known ? std::to_string(info.client_process) : '\n' + info.application_name);
    if (group == session.group->name) return;
    LeaveGroup(session);
    sources_.EnterGroup(session, std::move(group));
  }

  void CloseSession(uint64_t session_id) {
    const auto found = sessions_.find(session_id);
    if (found == sessions_.end()) return;
    assignment_.EndTransaction(found->second, false);
    LeaveGroup(found->second);
    sessions_.erase(found);
  }

  void MarkScope(const session::ScopeMark& mark) {
    if (const Scope* changed = scopes_.OnMark(mark)) sink_.OnScope(*changed);
  }

  void RenameApplication(uint64_t session_id, std::string_view name) { SessionOf(session_id).OnApplicationName(name); }

  void Prepare(uint64_t session_id, std::string_view name) { SessionOf(session_id).OnPrepared(name); }

  void AddRows(const session::RowBatch& batch, const StatementProfile& statement,
               std::span<const ResultColumn> columns) {
    if (batch.hashed_columns.empty() || batch.row_count == 0) return;
    if (statement.facts != nullptr && statement.facts->catalog_only) return;
    columns_.Learn(statement);
    SessionState& session = SessionOf(batch.session_id);
    const Layout& layout = layouts_.Of(statement, batch.columns_hash, columns, batch.hashed_columns);
    rows_.Add(session, batch.execution_id, statement.statement_id, layout,
              {batch.time_ns, batch.first_row, batch.row_count, batch.hashes});
  }

  int64_t Execute(const Execution& execution) {
    sources_.Advance(execution.done_ns);
    StatementInfo& info = columns_.Learn(execution.statement);
    columns_.LearnTypes(info, execution.columns);
    SessionState& session = SessionOf(execution.session_id);
    PendingRows pending = rows_.Take(session, execution.execution_id);
    rows_.PromoteStreams(sessions_, *session.group, execution);

    UnitState* unit =
        pending.promoted != kNobody ? &units_.Root(pending.promoted_unit) : &assignment_.Assign(session, execution);
    const bool driver = execution.statement.facts != nullptr && execution.statement.facts->catalog_only;
    outcomes_.clear();
    if (execution.completed && !driver) claims_.Find(session, *unit, execution, info, outcomes_);
    unit = &edges_.Follow(session, *unit, execution, outcomes_);

    CountExecution(session, *unit, execution);
    units_.Touch(*unit);
    CountStatement(session, *unit, execution, outcomes_, columns_);
    if (execution.completed && !driver) {
      for (const SinkOutcome& outcome : outcomes_) edges_.Record(session, *unit, execution, outcome);
      CountRepeat(*unit, execution);
      rows_.Insert(session, *unit, execution, pending, outcomes_);
    }
    assignment_.Apply(session, *unit, execution);
    session.busy_ns += std::max<int64_t>(execution.done_ns - execution.busy_from_ns, 0);
    session.last_done_ns = execution.done_ns;
    rows_.Recycle(std::move(pending));
    return unit->row.unit_id;
  }

  uint64_t ambiguous_executions() const { return assignment_.ambiguous_executions(); }

  void Flush(int64_t now_ns, bool everything) {
    units_.EmitTouched(rows_.parents(), columns_);
    units_.CloseIdle(now_ns, everything, rows_.parents(), columns_, [this](UnitState& unit) { Release(unit); });
  }

 private:
  SessionState& SessionOf(uint64_t session_id) {
    const auto [at, fresh] = sessions_.try_emplace(session_id);
    if (fresh) {
      at->second.info.session_id = session_id;
      sources_.EnterGroup(at->second, "session " + std::to_string(session_id));
    }
    return at->second;
  }

  void LeaveGroup(SessionState& session) {
    sources_.LeaveGroup(session);
    rows_.ForgetSession(session.info.session_id);
  }

  void Release(UnitState& unit) {
    for (const auto& source : unit.sources) sources_.Drop(*source);
    for (const uint32_t parent : unit.parents) rows_.Release(parent);
  }

  LineageSink& sink_;
  std::unordered_map<uint64_t, SessionState> sessions_;
  Columns columns_;
  Layouts layouts_{columns_};
  ClaimFinder claims_{columns_};
  Sources sources_;
  Units units_;
  ScopeUnits scopes_{units_};
  ResultRows rows_{columns_, sources_, units_, scopes_, claims_};
  Edges edges_{units_, sources_, rows_.parents()};
  UnitAssignment assignment_{units_, scopes_, edges_};
  std::vector<SinkOutcome> outcomes_;  // of the execution at hand
};

Lineage::Lineage(LineageSink& sink) : state_(std::make_unique<State>(sink)) {}
Lineage::~Lineage() = default;

void Lineage::OnSessionOpened(const SessionInfo& session) { state_->OpenSession(session); }
void Lineage::OnSessionClosed(uint64_t session_id, int64_t /*time_ns*/) { state_->CloseSession(session_id); }
void Lineage::OnApplicationName(uint64_t session_id, std::string_view name) {
  state_->RenameApplication(session_id, name);
}
void Lineage::OnScopeMark(const session::ScopeMark& mark) { state_->MarkScope(mark); }
uint64_t Lineage::ambiguous_executions() const { return state_->ambiguous_executions(); }
void Lineage::OnPrepared(uint64_t session_id, std::string_view name) { state_->Prepare(session_id, name); }
void Lineage::OnRows(const session::RowBatch& batch, const StatementProfile& statement,
                     std::span<const ResultColumn> columns) {
  state_->AddRows(batch, statement, columns);
}
int64_t Lineage::OnExecution(const Execution& execution) { return state_->Execute(execution); }
void Lineage::Flush(int64_t now_ns) { state_->Flush(now_ns, false); }
void Lineage::Finish(int64_t now_ns) { state_->Flush(now_ns, true); }

}  // namespace pgassay::lineage
