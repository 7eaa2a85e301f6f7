// Value provenance: which earlier result column fed this parameter, and which executions belong to one unit of work.
// Source: the project's rules of detection (ARCHITECTURE.md, "Lineage"): sources, echoes, claims with explaining-away,
// units.
//
// Fed by ingest in the order of time, over all loops: rows as they arrive, executions at their completion. Claims are
// made when an execution completes, against values that reached the client before it was sent. What it stores per
// (unit, parent column, child slot) is an Edge: facts only; gates and confidence are judged later by the detector, from
// the edges of the whole trace. Memory: bounded by bytes (64 MiB of value sets in all), not by executions; truncation
// is recorded in the edge. Threads: one owner. No clock: times come in. Pure: the same calls give the same edges.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analyzer/sql/statement.h"
#include "proxy/session/query_event.h"

namespace pgassay::lineage {

enum class UnitKind : uint8_t { kScope, kTraceparent, kTransaction, kTag, kPool, kGap };
std::string_view UnitKindName(UnitKind kind);

using session::ScopeKind;
using session::ScopeOutcome;
using session::ScopePhase;
std::string_view ScopeKindName(ScopeKind kind);           // "test" …
std::string_view ScopePhaseName(ScopePhase phase);        // "setup" …; kNone: "none"
std::string_view ScopeOutcomeName(ScopeOutcome outcome);  // "passed" …

// A test, request or job that a runner opened over the control socket, whether or not it sent anything.
struct Scope {
  int64_t scope_id = 0;
  ScopeKind kind = ScopeKind::kTest;
  std::string name = {};    // "tests/test_orders.py::test_list"
  std::string file = {};    // as the runner gave it, mostly relative to the project; "" if unknown
  int32_t line = 0;         // 0: unknown
  std::string worker = {};  // "gw0" of a parallel runner; "" if there is one only
  int64_t begin_ns = 0;
  int64_t end_ns = 0;  // 0: still open, or its end was not seen
  ScopeOutcome outcome = ScopeOutcome::kUnknown;
};

// One column of a result, as far as it is known.
struct ResultColumn {
  std::string relation;  // schema-less name, partitions as named; "" for an expression or an unknown OID
  std::string column;    // attribute name, "" for an expression
  uint32_t table_oid = 0;
  int16_t attnum = 0;
  uint32_t type_oid = 0;
  friend bool operator==(const ResultColumn&, const ResultColumn&) = default;
};

// What ingest knows of a statement, once per (database, shape); outlives the lineage that refers to it.
struct StatementProfile {
  int64_t statement_id = 0;
  sql::Operation operation = sql::Operation::kUnknown;
  const sql::Facts* facts = nullptr;
};

// One sink of an execution: a slot compared by =, IN or = ANY with a base column; a tuple is one sink with several
// columns.
struct SinkValue {
  int comparison = -1;             // index into facts->comparisons (of a tuple: its first member)
  uint32_t type_oid = 0;           // 0: unknown
  int64_t elements = 1;            // of a list or array; > 1 is a batch
  std::vector<ValueHash> hashes;   // one per element; empty of a tuple
  std::vector<ValueHash> members;  // of a tuple of one row: one per member, in the order of its comparisons; else empty
};

struct Execution {
  int64_t execution_no = 0;  // in the trace, grows
  uint64_t session_id = 0;
  uint64_t execution_id = 0;  // in the session, as in RowBatch
  StatementProfile statement;
  uint64_t columns_hash = 0;
  std::span<const ResultColumn> columns;  // empty: no result or never described
  std::span<const SinkValue> sinks;
  uint64_t parameters_hash = 0;  // of all values, in order; 0: some were not hashed
  uint64_t result_hash = 0;
  int64_t sent_ns = 0, first_ns = 0, done_ns = 0, busy_from_ns = 0, ready_before_ns = 0;
  uint64_t rows = 0, bytes = 0;
  char transaction_before = 0;  // as in QueryEvent
  char sqlstate[6] = "";
  bool pipelined = false;
  bool completed = true;  // false: failed, lost, skipped
  bool first_execution_of_parse = true;
  bool simple_protocol = false;
  bool rows_follow = false;  // of an SQL cursor: later FETCHes bring more rows under this execution_id
  std::span<const sql::Tag> tags;
};

struct SessionInfo {
  uint64_t session_id = 0;
  int64_t client_process = 0;                // pid, 0: unknown
  std::vector<int64_t> client_parents = {};  // of it, nearest first, as far as they matter to scopes
  std::string database, user, application_name;
  int64_t time_ns = 0;       // connected
  int64_t logged_in_ns = 0;  // 0: not known
};

// One unit of work. Written again whenever it changed.
struct Unit {
  int64_t unit_id = 0;
  int64_t joined_to = 0;  // another unit that this one turned out to belong to; 0: none
  UnitKind kind = UnitKind::kGap;
  bool shared_connection = false;        // a pooler's: claims at most `likely`
  bool schema_change = false;            // DDL in it: migrations raise nothing
  bool transaction_conflict = false;     // a statement failed with 40001 or 40P01: how much was sent is chance
  int64_t scope_id = 0;                  // 0: no scope was open for its connection
  ScopePhase phase = ScopePhase::kNone;  // kBetween: of a runner's process that had no scope open then
  std::string scope, scope_file;         // name and file of that scope, "" if none
  int32_t scope_line = 0;
  uint64_t session_id = 0;
  std::string label;     // route, controller#action, job or test; "" if none
  std::string trace_id;  // of the traceparent
  int64_t begin_ns = 0, end_ns = 0;
  uint64_t statements = 0, round_trips = 0, rows = 0, bytes = 0;
  int64_t database_ns = 0;  // sum of done - busy_from
  int64_t think_ns = 0;     // client time between statements
};

// All of one unit's children of one statement and sink that one parent statement's column claimed.
struct Edge {
  int64_t unit_id = 0;
  int64_t parent_statement_id = 0;
  int32_t parent_position = 0;  // of the column in the parent's result; of a tuple: its first
  ResultColumn parent_column;
  int64_t child_statement_id = 0;
  int32_t child_comparison = 0;  // index into the child's facts.comparisons
  uint32_t child_type_oid = 0;

  uint64_t children = 0;               // child executions claimed
  uint64_t child_executions = 0;       // of that statement in the unit, claimed or not
  uint64_t distinct_values = 0;        // among the claimed
  uint64_t child_distinct_values = 0;  // among all child_executions, those left out that another related source claimed
  uint64_t contained_values = 0;       // of child_distinct_values: in this source, whoever claimed them
  uint64_t parent_executions = 0;      // that claimed at least one child
  uint64_t parent_executions_claimed = 0;  // of these: themselves children of another source in the unit
  uint64_t parent_executions_total = 0;    // of the parent statement in the unit
  uint64_t max_children_per_parent = 0;    // children of one parent execution, and their distinct values
  uint64_t max_distinct_per_parent = 0;
  uint64_t max_children_per_ancestor =
      0;  // children of parents that share one ancestor execution (a chain of one-row results)
  uint64_t max_distinct_per_ancestor = 0;
  uint64_t parent_rows = 0, parent_distinct = 0;  // of the parent executions that claimed
  uint64_t values_as_often = 0;  // distinct values that occurred once, or exactly as often as in the parent's rows
  uint64_t holes = 0;            // unclaimed executions of the child statement between the first and the last claimed
  double order_tau =
      0;  // Kendall's tau of first-seen child order against row order, within one parent (or ancestor) execution
  uint64_t order_values = 0;      // values it was taken over
  double order_log10_p = 0;       // -log10 of the upper-tail p-value of order_tau
  uint64_t same_connection = 0;   // children on the parent's connection
  uint64_t same_process = 0;      // children on another connection of the same client process
  uint64_t same_transaction = 0;  // children in the explicit transaction of their parent
  uint64_t rejoined =
      0;  // children that only this claim brought into the parent's unit: after an idle gap, or of another connection
  uint64_t from_outside =
      0;                     // children whose parent merely echoed a parameter that nobody claimed (a request's own id)
  uint64_t untested = 0;     // child executions above the cut-off of this sampled source: neither claimed nor missed
  uint64_t values_hash = 0;  // of the set of claimed values, order-free: tells whether two units' sets differ
  uint64_t sink_domain = 0;  // distinct values ever seen of the sink's column, in results and in slots (estimate)
  uint64_t pipelined = 0;    // children sent without waiting
  int64_t first_child_delay_ns =
      0;  // the longest pause in the unit's work between the parent's row and the first child
  int64_t gap_p90_ns = 0, child_median_ns = 0;
  int64_t child_ns = 0;  // database time of the claimed children
  uint64_t child_rows = 0, child_bytes = 0;
  bool truncated = false;                                        // a set was sampled or evicted
  int64_t first_child_no = 0, last_child_no = 0, parent_no = 0;  // execution_no, for the timeline
};

// Same statement, same values, same result, no write in between, in one unit.
struct Repeat {
  int64_t unit_id = 0;
  int64_t statement_id = 0;
  uint64_t parameters_hash = 0;
  uint64_t executions = 0;       // identical ones, the first included
  uint64_t rows = 0, bytes = 0;  // of the repeats, the first not included
  int64_t repeat_ns = 0;         // database time of the repeats
  int64_t gap_median_ns = 0;
  bool regular_interval = false;  // polling
  int64_t first_no = 0, last_no = 0;
};

// Executions of one statement in one unit.
struct UnitStatement {
  int64_t unit_id = 0;
  int64_t statement_id = 0;
  uint64_t calls = 0, errors = 0, rows = 0, bytes = 0, pipelined = 0;
  uint64_t batches = 0;  // executions whose sink held more than one element
  uint64_t batch_elements = 0;
  uint64_t distinct_parameters = 0;   // bottom-k of 1 024
  uint64_t unclaimed = 0;             // executions that have a sink and no claim at all
  uint64_t unclaimed_distinct = 0;    // distinct sink values among them
  uint64_t unclaimed_max_repeat = 0;  // the most often seen of them
  int64_t database_ns = 0;
  int64_t gap_p90_ns = 0, median_ns = 0;
  int64_t first_no = 0, last_no = 0;
};

// What the lineage has to say; rows are written again (same key) whenever they changed. When a unit joins another one,
// its rows move there and are written once more under the old key with their counts at 0: readers pass over rows
// without calls, children or executions. Implemented by trace::Recorder.
class LineageSink {
 public:
  virtual ~LineageSink() = default;
  virtual void OnScope(const Scope& scope) = 0;  // when it opens and when it is over
  virtual void OnUnit(const Unit& unit) = 0;
  virtual void OnUnitStatement(const UnitStatement& row) = 0;
  virtual void OnEdge(const Edge& edge) = 0;
  virtual void OnRepeat(const Repeat& repeat) = 0;
};

class Lineage {
 public:
  explicit Lineage(LineageSink& sink);
  ~Lineage();

  void OnSessionOpened(const SessionInfo& session);
  void OnSessionClosed(uint64_t session_id, int64_t time_ns);
  void OnApplicationName(uint64_t session_id, std::string_view name);
  void OnScopeMark(const session::ScopeMark& mark);
  // Executions sent while several scopes were open that could have sent them: in none of them.
  uint64_t ambiguous_executions() const;
  // A named statement was prepared: names that poolers make tell a connection that applications share.
  void OnPrepared(uint64_t session_id, std::string_view name);
  void OnRows(const session::RowBatch& batch, const StatementProfile& statement, std::span<const ResultColumn> columns);
  // Returns the unit that the execution was put in.
  int64_t OnExecution(const Execution& execution);
  // Hands every changed row to the sink; closes what `now_ns` says is over. Called before each commit.
  void Flush(int64_t now_ns);
  // The end: everything is closed and handed over.
  void Finish(int64_t now_ns);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace pgassay::lineage
