// Read-only view of a trace file: the only door detectors and reports have. Reads rollups; executions only where a
// timeline is drawn, or of statements that are named. A trace that is being written can be read at the same time.
// Threads: one owner per Trace. Rows come in a fixed order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/catalog/snapshot.h"
#include "analyzer/lineage/lineage.h"
#include "analyzer/trace/example_row.h"
#include "analyzer/trace/plan_row.h"
#include "analyzer/trace/slot_row.h"
#include "analyzer/trace/trial_row.h"
#include "proxy/base/result.h"

namespace pgassay::trace {

struct StatementRow {
  int64_t statement_id = 0;
  uint64_t shape_hash = 0;
  std::string fingerprint, sql;
  sql::Facts facts;
  bool driver = false;
  uint64_t calls = 0, errors = 0, rows = 0, bytes = 0, pipelined = 0, texts = 0;
  int64_t database_ns = 0, max_ns = 0, p50_ns = 0, p95_ns = 0, p99_ns = 0;
  std::vector<std::pair<int64_t, uint64_t>> durations;  // Histogram::Coarse()
};

struct ColumnRow {
  int64_t statement_id = 0;
  int position = 0;
  std::string name;  // as described
  lineage::ResultColumn column;
  uint64_t cells = 0, nulls = 0, bytes = 0;
};

struct TagRow {
  int64_t statement_id = 0;
  std::string key, value;
  uint64_t calls = 0;
};
using ScopeRow = lineage::Scope;  // ids are the file's
struct SessionSummary {
  int64_t session_id = 0;
  std::string database, user, application_name, opaque_reason;
};
// A database whose catalogue was asked for.
struct CatalogRow {
  std::string upstream, database;
  std::optional<catalog::Snapshot> snapshot;  // of the last recording that has one
  std::string problem;                        // why there is none, or why it is out of date; "" if all is well
};
struct GapRow {
  int64_t from_ns = 0, to_ns = 0;
  std::string reason;
  uint64_t lost = 0;
};
struct TimelineRow {
  int64_t execution_no = 0, session_id = 0, unit_id = 0, statement_id = 0, sent_ns = 0, first_ns = 0, duration_ns = 0,
          busy_ns = 0;
  uint64_t rows = 0, bytes = 0;
  uint32_t flags = 0;
  std::string sqlstate;
};

// What one execution was asked and what it answered, as far as hashes tell. They compare within a recording only.
struct AnswerRow {
  int64_t statement_id = 0, execution_no = 0, recording_id = 0, database_id = 0, unit_id = 0;
  int64_t sent_ns = 0;  // on the recording's clock
  int64_t busy_ns = 0;  // its share of the server's time
  uint64_t rows = 0;
  uint64_t parameters_hash = 0;  // 0: not known
  uint64_t result_hash = 0;      // 0: no rows
};

struct Totals {
  uint64_t executions = 0, statements = 0, units = 0, sessions = 0, round_trips = 0, rows = 0, bytes = 0, errors = 0;
  int64_t database_ns = 0;
  uint64_t relayed_bytes = 0, decoded_bytes = 0, skipped_bytes = 0, opaque_bytes = 0;
  uint64_t dropped_events = 0, dropped_value_batches = 0, opaque_sessions = 0, unparsed_statements = 0, gaps = 0;
  uint64_t scopes = 0, ambiguous_executions = 0;  // ambiguous: sent while several open scopes could have sent them
  uint64_t recordings = 0;
  bool complete = false;  // every recording ended in order, nothing dropped, no gap
  uint64_t file_bytes = 0;
};

class Trace {
 public:
  // Refuses what is no trace, or a newer format, with a sentence that names it.
  static Result<Trace> Open(const std::string& path);
  Trace(Trace&&) noexcept;
  Trace& operator=(Trace&&) noexcept;
  ~Trace();

  const std::string& path() const;
  Result<Totals> ReadTotals() const;
  Result<std::vector<StatementRow>> Statements() const;  // by id
  Result<std::vector<ColumnRow>> Columns() const;        // by statement, position
  Result<std::vector<TagRow>> Tags() const;
  Result<std::vector<SessionSummary>> Sessions() const;
  Result<std::vector<CatalogRow>> Catalogs() const;                      // by database
  Result<std::vector<PlanRow>> Plans() const;                            // the last ones; by database, statement, kind
  Result<std::vector<ExampleRow>> Examples(int64_t statement_id) const;  // with --keep-values; the last ones first
  Result<std::vector<TrialRow>> Trials() const;      // the last ones; by database, statement, index, columns
  Result<std::vector<SlotRow>> Slots() const;        // by statement, slot
  Result<std::vector<ScopeRow>> Scopes() const;      // by id
  Result<std::vector<lineage::Unit>> Units() const;  // by id
  Result<std::vector<lineage::UnitStatement>> UnitStatements() const;
  Result<std::vector<lineage::Edge>> Edges() const;  // by key
  Result<std::vector<lineage::Repeat>> Repeats() const;
  Result<std::vector<GapRow>> Gaps() const;
  // Of the timeline, what succeeded and was read to its end; by statement, execution_no. The first `limit` executions.
  Result<std::vector<AnswerRow>> Answers(const std::vector<int64_t>& statement_ids, uint64_t limit) const;
  Result<std::vector<TimelineRow>> Timeline(int64_t unit_id,
                                            uint64_t limit) const;  // by execution_no, joined units included

 private:
  class State;
  explicit Trace(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pgassay::trace
