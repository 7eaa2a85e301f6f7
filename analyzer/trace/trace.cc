#include "analyzer/trace/trace.h"

#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <utility>

#include "analyzer/trace/execution_flags.h"
#include "analyzer/trace/histogram.h"
#include "analyzer/trace/lineage_tables.h"
#include "analyzer/trace/trace_file.h"

namespace pgassay::trace {
namespace {

lineage::UnitKind UnitKindFromName(std::string_view name) {
  using enum lineage::UnitKind;
  for (const auto kind : {kScope, kTraceparent, kTransaction, kTag, kPool}) {
    if (lineage::UnitKindName(kind) == name) return kind;
  }
  return kGap;
}

lineage::ScopeKind ScopeKindFromName(std::string_view name) {
  using enum lineage::ScopeKind;
  return name == lineage::ScopeKindName(kRoute) ? kRoute : name == lineage::ScopeKindName(kJob) ? kJob : kTest;
}

PlanKind PlanKindFromName(std::string_view name) {
  for (const PlanKind kind : {PlanKind::kValues, PlanKind::kGeneric, PlanKind::kExecuted}) {
    if (name == PlanKindName(kind)) return kind;
  }
  return PlanKind::kNoSequentialScans;
}

lineage::ScopePhase ScopePhaseFromName(std::string_view name) {
  using enum lineage::ScopePhase;
  for (const auto phase : {kSetup, kCall, kTeardown, kBetween}) {
    if (lineage::ScopePhaseName(phase) == name) return phase;
  }
  return kNone;
}

lineage::ScopeOutcome ScopeOutcomeFromName(std::string_view name) {
  using enum lineage::ScopeOutcome;
  for (const auto outcome : {kPassed, kFailed, kSkipped}) {
    if (lineage::ScopeOutcomeName(outcome) == name) return outcome;
  }
  return kUnknown;
}

uint64_t Count(const Query& query, int column) { return static_cast<uint64_t>(query.Int(column)); }

uint64_t FileBytes(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

}  // namespace

class Trace::State {
 public:
  State(std::string path, Database db) : path_(std::move(path)), db_(std::move(db)) {}

  const std::string& path() const { return path_; }

  // Calls read(query) for each row. Bound values come first.
  template <class Read, class... Values>
  Result<> ForEach(const std::string& sql, Read read, const Values&... values) const {
    auto query = Query::Prepare(db_, sql);
    if (!query) return Unreadable(query.error());
    int index = 0;
    (query->Bind(++index, values), ...);
    for (;;) {
      const auto row = query->Step();
      if (!row) return Unreadable(row.error());
      if (!*row) return {};
      read(*query);
    }
  }

  template <class Row, class Read, class... Values>
  Result<std::vector<Row>> Rows(const std::string& sql, Read read, const Values&... values) const {
    std::vector<Row> rows;
    if (auto all = ForEach(sql, [&](const Query& query) { rows.push_back(read(query)); }, values...); !all) {
      return std::unexpected(all.error());
    }
    return rows;
  }

 private:
  Result<> Unreadable(const Error& error) const {
    const int code = db_.LastCode() & 0xFF;
    const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
    return Fail(damaged ? path_ + " is damaged: " + error.message
                        : "cannot read trace " + path_ + ": " + error.message);
  }

  std::string path_;
  Database db_;
};

Trace::Trace(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trace::Trace(Trace&&) noexcept = default;
Trace& Trace::operator=(Trace&&) noexcept = default;
Trace::~Trace() = default;

Result<Trace> Trace::Open(const std::string& path) {
  auto db = OpenTraceToRead(path);
  if (!db) return std::unexpected(db.error());
  return Trace(std::make_unique<State>(path, std::move(*db)));
}

const std::string& Trace::path() const { return state_->path(); }

// No execution is read: whatever the length of the timeline, this takes as long as the rollups are many.
Result<Totals> Trace::ReadTotals() const {
  Totals totals;
  auto read = state_->ForEach(
      "SELECT count(*), sum(calls), sum(rows), sum(bytes), sum(errors), sum(database_ns), sum(fingerprint IS NULL) "
      "FROM statement",
      [&](const Query& row) {
        totals.statements = Count(row, 0);
        totals.executions = Count(row, 1);
        totals.rows = Count(row, 2);
        totals.bytes = Count(row, 3);
        totals.errors = Count(row, 4);
        totals.database_ns = row.Int(5);
        totals.unparsed_statements = Count(row, 6);
      });
  if (read) {
    read = state_->ForEach("SELECT sum(joined_to IS NULL), sum(round_trips) FROM unit_of_work", [&](const Query& row) {
      totals.units = Count(row, 0);
      totals.round_trips = Count(row, 1);
    });
  }
  if (read) {
    read = state_->ForEach("SELECT count(*), count(opaque_reason) FROM session", [&](const Query& row) {
      totals.sessions = Count(row, 0);
      totals.opaque_sessions = Count(row, 1);
    });
  }
  if (read) {
    const std::pair<std::string_view, uint64_t*> counters[] = {{"relayed_bytes", &totals.relayed_bytes},
                                                               {"decoded_bytes", &totals.decoded_bytes},
                                                               {"skipped_bytes", &totals.skipped_bytes},
                                                               {"opaque_bytes", &totals.opaque_bytes},
                                                               {"dropped_events", &totals.dropped_events},
                                                               {"dropped_value_batches", &totals.dropped_value_batches},
                                                               {"ambiguous_executions", &totals.ambiguous_executions}};
    read = state_->ForEach("SELECT name, sum(value) FROM counter GROUP BY name", [&](const Query& row) {
      for (const auto& [name, total] : counters) {
        if (row.Text(0) == name) *total = Count(row, 1);
      }
    });
  }
  if (read) {
    read = state_->ForEach("SELECT count(*) FROM gap", [&](const Query& row) { totals.gaps = Count(row, 0); });
  }
  if (read) {
    read = state_->ForEach("SELECT count(*) FROM scope", [&](const Query& row) { totals.scopes = Count(row, 0); });
  }
  uint64_t whole = 0;
  if (read) {
    read = state_->ForEach("SELECT count(*), sum(complete = 1 AND end_ns IS NOT NULL) FROM recording",
                           [&](const Query& row) {
                             totals.recordings = Count(row, 0);
                             whole = Count(row, 1);
                           });
  }
  if (!read) return std::unexpected(read.error());
  totals.complete = totals.recordings > 0 && whole == totals.recordings && totals.gaps == 0 &&
                    totals.dropped_events == 0 && totals.dropped_value_batches == 0;
  totals.file_bytes = FileBytes(path()) + FileBytes(path() + "-wal");
  return totals;
}

Result<std::vector<StatementRow>> Trace::Statements() const {
  return state_->Rows<StatementRow>(
      "SELECT statement_id, shape_hash, fingerprint, sql, facts, driver, calls, errors, rows, bytes, pipelined, texts, "
      "database_ns, "
      "max_ns, histogram FROM statement ORDER BY statement_id",
      [](const Query& row) {
        StatementRow statement;
        statement.statement_id = row.Int(0);
        statement.shape_hash = Count(row, 1);
        statement.fingerprint = row.Text(2);
        statement.sql = row.Text(3);
        statement.facts = sql::FactsFromJson(row.Text(4));
        statement.driver = row.Int(5) != 0;
        statement.calls = Count(row, 6);
        statement.errors = Count(row, 7);
        statement.rows = Count(row, 8);
        statement.bytes = Count(row, 9);
        statement.pipelined = Count(row, 10);
        statement.texts = Count(row, 11);
        statement.database_ns = row.Int(12);
        statement.max_ns = row.Int(13);
        if (const auto histogram = Histogram::Decode(row.Blob(14))) {
          statement.p50_ns = std::min(histogram->Quantile(0.50), statement.max_ns);
          statement.p95_ns = std::min(histogram->Quantile(0.95), statement.max_ns);
          statement.p99_ns = std::min(histogram->Quantile(0.99), statement.max_ns);
          statement.durations = histogram->Coarse();
        }
        return statement;
      });
}

Result<std::vector<ColumnRow>> Trace::Columns() const {
  return state_->Rows<ColumnRow>(
      "SELECT statement_id, position, name, relation, attribute, table_oid, attnum, type_oid, cells, nulls, bytes FROM "
      "result_column "
      "ORDER BY statement_id, position",
      [](const Query& row) {
        ColumnRow column;
        column.statement_id = row.Int(0);
        column.position = static_cast<int>(row.Int(1));
        column.name = row.Text(2);
        column.column.relation = row.Text(3);
        column.column.column = row.Text(4);
        column.column.table_oid = static_cast<uint32_t>(row.Int(5));
        column.column.attnum = static_cast<int16_t>(row.Int(6));
        column.column.type_oid = static_cast<uint32_t>(row.Int(7));
        column.cells = Count(row, 8);
        column.nulls = Count(row, 9);
        column.bytes = Count(row, 10);
        return column;
      });
}

Result<std::vector<TagRow>> Trace::Tags() const {
  return state_->Rows<TagRow>(
      "SELECT statement_id, key, value, calls FROM statement_tag ORDER BY statement_id, key, value",
      [](const Query& row) {
        return TagRow{row.Int(0), std::string(row.Text(1)), std::string(row.Text(2)), Count(row, 3)};
      });
}

Result<std::vector<SessionSummary>> Trace::Sessions() const {
  return state_->Rows<SessionSummary>(
      "SELECT session_id, ifnull(database.name, ''), user_name, application_name, ifnull(opaque_reason, '') "
      "FROM session LEFT JOIN database USING (database_id) ORDER BY session_id",
      [](const Query& row) {
        return SessionSummary{row.Int(0), std::string(row.Text(1)), std::string(row.Text(2)), std::string(row.Text(3)),
                              std::string(row.Text(4))};
      });
}

Result<std::vector<CatalogRow>> Trace::Catalogs() const {
  std::vector<CatalogRow> rows;
  std::string unreadable;
  const auto all = state_->ForEach(
      "SELECT d.upstream, d.name, c.snapshot, c.problem FROM catalog c JOIN database d USING (database_id) "
      "ORDER BY d.database_id, c.recording_id",
      [&](const Query& row) {
        if (rows.empty() || rows.back().upstream != row.Text(0) || rows.back().database != row.Text(1)) {
          rows.push_back({.upstream = std::string(row.Text(0)),
                          .database = std::string(row.Text(1)),
                          .snapshot = {},
                          .problem = {}});
        }
        rows.back().problem = row.Text(3);
        if (row.IsNull(2)) return;
        auto snapshot = catalog::SnapshotFromJson(row.Text(2));
        if (!snapshot) {
          unreadable = snapshot.error().message;
          return;
        }
        snapshot->upstream = rows.back().upstream;
        snapshot->database = rows.back().database;
        rows.back().snapshot = std::move(*snapshot);
      });
  if (!all) return std::unexpected(all.error());
  if (!unreadable.empty()) return Fail("cannot read trace " + path() + ": " + unreadable);
  return rows;
}

Result<std::vector<PlanRow>> Trace::Plans() const {
  return state_->Rows<PlanRow>(
      "SELECT d.upstream, d.name, p.statement_id, p.kind, p.how, p.executions, p.total_cost, p.rows, p.indexes, "
      "p.sequential_scans, p.plan, p.problem, max(p.recording_id) FROM plan p JOIN database d USING (database_id) "
      "GROUP BY p.database_id, p.statement_id, p.kind ORDER BY p.database_id, p.statement_id, "
      "p.kind = 'executed', p.kind = 'no sequential scans', p.kind = 'generic'",
      [](const Query& row) {
        return PlanRow{.upstream = std::string(row.Text(0)),
                       .database = std::string(row.Text(1)),
                       .statement_id = row.Int(2),
                       .kind = PlanKindFromName(row.Text(3)),
                       .how = std::string(row.Text(4)),
                       .executions = Count(row, 5),
                       .total_cost = row.Real(6),
                       .rows = row.Real(7),
                       .indexes = catalog::NamesFromJson(row.Text(8)),
                       .sequential_scans = catalog::NamesFromJson(row.Text(9)),
                       .plan_json = std::string(row.Text(10)),
                       .problem = std::string(row.Text(11))};
      });
}

Result<std::vector<ExampleRow>> Trace::Examples(int64_t statement_id) const {
  std::vector<ExampleRow> examples;
  const auto read = [&](const Query& row) {
    if (examples.empty() || examples.back().execution_no != row.Int(0)) {
      examples.push_back({.statement_id = statement_id, .execution_no = row.Int(0)});
    }
    const std::string_view left_out = row.Text(4);
    examples.back().values.push_back({.number = static_cast<int>(row.Int(1)),
                                      .element = static_cast<int>(row.Int(2)),
                                      .null = row.IsNull(3) && left_out.empty(),
                                      .value = std::string(row.Text(3)),
                                      .left_out = std::string(left_out)});
  };
  const auto all = state_->ForEach(
      "SELECT execution_no, number, element, value, left_out FROM example_value WHERE statement_id = ?1 "
      "ORDER BY execution_no DESC, number, element",
      read, statement_id);
  if (!all) return std::unexpected(all.error());
  return examples;
}

Result<std::vector<TrialRow>> Trace::Trials() const {
  return state_->Rows<TrialRow>(
      "SELECT d.upstream, d.name, t.statement_id, t.index_definition, t.kind, t.how, t.structural, t.executions, "
      "t.used, t.cost_before, t.cost_after, t.plan_before, t.plan_after, t.problem, t.columns, max(t.recording_id) "
      "FROM trial t JOIN database d USING (database_id) "
      "GROUP BY t.database_id, t.statement_id, t.index_definition, t.columns "
      "ORDER BY t.database_id, t.statement_id, t.index_definition, t.columns",
      [](const Query& row) {
        return TrialRow{
            .upstream = std::string(row.Text(0)),
            .database = std::string(row.Text(1)),
            .statement_id = row.Int(2),
            .index = std::string(row.Text(3)),
            .columns = std::string(row.Text(14)),
            .kind = row.Text(4) == TrialKindName(TrialKind::kBuilt) ? TrialKind::kBuilt : TrialKind::kHypothetical,
            .how = std::string(row.Text(5)),
            .structural = row.Int(6) != 0,
            .executions = Count(row, 7),
            .used = row.Int(8) != 0,
            .cost_before = row.Real(9),
            .cost_after = row.Real(10),
            .plan_before = std::string(row.Text(11)),
            .plan_after = std::string(row.Text(12)),
            .problem = std::string(row.Text(13))};
      });
}

Result<std::vector<SlotRow>> Trace::Slots() const {
  return state_->Rows<SlotRow>(
      "SELECT statement_id, slot, executions, top_executions, literals, named, patterns, leading_wildcards, "
      "literal_part, max_elements, share, constant FROM slot ORDER BY statement_id, slot",
      [](const Query& row) {
        return SlotRow{.statement_id = row.Int(0),
                       .slot = static_cast<int>(row.Int(1)),
                       .executions = Count(row, 2),
                       .top_executions = Count(row, 3),
                       .literals = Count(row, 4),
                       .named = Count(row, 5),
                       .patterns = Count(row, 6),
                       .leading_wildcards = Count(row, 7),
                       .literal_part = Count(row, 8),
                       .max_elements = Count(row, 9),
                       .share = row.Real(10),
                       .constant = std::string(row.Text(11))};
      });
}

Result<std::vector<ScopeRow>> Trace::Scopes() const {
  return state_->Rows<ScopeRow>(
      "SELECT scope_id, kind, name, file, line, worker, begin_ns, ifnull(end_ns, 0), outcome FROM scope "
      "ORDER BY scope_id",
      [](const Query& row) {
        ScopeRow scope;
        scope.scope_id = row.Int(0);
        scope.kind = ScopeKindFromName(row.Text(1));
        scope.name = row.Text(2);
        scope.file = row.Text(3);
        scope.line = static_cast<int32_t>(row.Int(4));
        scope.worker = row.Text(5);
        scope.begin_ns = row.Int(6);
        scope.end_ns = row.Int(7);
        scope.outcome = ScopeOutcomeFromName(row.Text(8));
        return scope;
      });
}

Result<std::vector<lineage::Unit>> Trace::Units() const {
  return state_->Rows<lineage::Unit>(
      "SELECT unit_id, joined_to, u.kind, shared_connection, schema_change, session_id, label, trace_id, u.begin_ns, "
      "u.end_ns, statements, round_trips, rows, bytes, database_ns, think_ns, transaction_conflict, phase, u.scope_id, "
      "s.name, s.file, s.line FROM unit_of_work u LEFT JOIN scope s USING (scope_id) ORDER BY unit_id",
      [](const Query& row) {
        lineage::Unit unit;
        unit.unit_id = row.Int(0);
        unit.joined_to = row.Int(1);
        unit.kind = UnitKindFromName(row.Text(2));
        unit.shared_connection = row.Int(3) != 0;
        unit.schema_change = row.Int(4) != 0;
        unit.session_id = Count(row, 5);
        unit.label = row.Text(6);
        unit.trace_id = row.Text(7);
        unit.begin_ns = row.Int(8);
        unit.end_ns = row.Int(9);
        unit.statements = Count(row, 10);
        unit.round_trips = Count(row, 11);
        unit.rows = Count(row, 12);
        unit.bytes = Count(row, 13);
        unit.database_ns = row.Int(14);
        unit.think_ns = row.Int(15);
        unit.transaction_conflict = row.Int(16) != 0;
        unit.phase = ScopePhaseFromName(row.Text(17));
        unit.scope_id = row.Int(18);
        unit.scope = row.Text(19);
        unit.scope_file = row.Text(20);
        unit.scope_line = static_cast<int32_t>(row.Int(21));
        return unit;
      });
}

Result<std::vector<lineage::UnitStatement>> Trace::UnitStatements() const {
  return state_->Rows<lineage::UnitStatement>(SelectSql<UnitStatementTable, lineage::UnitStatement>(),
                                              ReadRow<UnitStatementTable, lineage::UnitStatement>);
}

Result<std::vector<lineage::Edge>> Trace::Edges() const {
  return state_->Rows<lineage::Edge>(SelectSql<EdgeTable, lineage::Edge>(), ReadRow<EdgeTable, lineage::Edge>);
}

Result<std::vector<lineage::Repeat>> Trace::Repeats() const {
  return state_->Rows<lineage::Repeat>(SelectSql<RepeatTable, lineage::Repeat>(),
                                       ReadRow<RepeatTable, lineage::Repeat>);
}

Result<std::vector<GapRow>> Trace::Gaps() const {
  return state_->Rows<GapRow>(
      "SELECT from_ns, ifnull(to_ns, from_ns), reason, lost FROM gap ORDER BY gap_id",
      [](const Query& row) { return GapRow{row.Int(0), row.Int(1), std::string(row.Text(2)), Count(row, 3)}; });
}

// By the blocks between a statement's first and last execution.
Result<std::vector<AnswerRow>> Trace::Answers(const std::vector<int64_t>& statement_ids, uint64_t limit) const {
  std::string wanted;  // JSON array
  for (const int64_t id : statement_ids) wanted += (wanted.empty() ? "[" : ",") + std::to_string(id);
  if (wanted.empty()) return std::vector<AnswerRow>{};
  wanted += ']';
  const auto blocks = state_->Rows<int64_t>(
      "SELECT DISTINCT b.first_no FROM unit_statement u CROSS JOIN execution_block b "
      "WHERE u.statement_id IN (SELECT value FROM json_each(?1)) AND u.calls > 0 AND b.first_no <= u.last_no "
      "  AND b.first_no >= (SELECT ifnull(max(first_no), 0) FROM execution_block WHERE first_no <= u.first_no) "
      "ORDER BY b.first_no",
      [](const Query& row) { return row.Int(0); }, std::string_view(wanted));
  if (!blocks) return std::unexpected(blocks.error());
  std::vector<AnswerRow> answers;
  for (const int64_t block : *blocks) {
    if (answers.size() >= limit) break;
    const auto read = state_->ForEach(
        "SELECT e.value ->> 3, b.first_no + (e.value ->> 0), ifnull(s.recording_id, 0), ifnull(s.database_id, 0), "
        "  e.value ->> 2, b.sent_ns + (e.value ->> 4), (e.value ->> 6) - (e.value ->> 7), e.value ->> 8, "
        "  e.value ->> 11, e.value ->> 12 "
        "FROM execution_block b CROSS JOIN json_each(b.executions) e "
        "  LEFT JOIN session s ON s.session_id = e.value ->> 1 "
        "WHERE b.first_no = ?1 AND (e.value ->> 3) IN (SELECT value FROM json_each(?2)) "
        "  AND (e.value ->> 10) & ?3 = 0 "
        "  AND b.first_no + (e.value ->> 0) >= (SELECT ifnull(max(timeline_from_no), 0) FROM recording) "
        "ORDER BY e.key LIMIT ?4",
        [&](const Query& row) {
          answers.push_back({.statement_id = row.Int(0),
                             .execution_no = row.Int(1),
                             .recording_id = row.Int(2),
                             .database_id = row.Int(3),
                             .unit_id = row.Int(4),
                             .sent_ns = row.Int(5),
                             .busy_ns = row.Int(6),
                             .rows = Count(row, 7),
                             .parameters_hash = Count(row, 8),
                             .result_hash = Count(row, 9)});
        },
        block, std::string_view(wanted),
        int64_t{kFlagFailed | kFlagConnectionLost | kFlagAbandoned | kFlagPortalInPieces},
        std::min<uint64_t>(limit - answers.size(), INT64_MAX));
    if (!read) return std::unexpected(read.error());
  }
  std::ranges::stable_sort(answers, {},
                           [](const AnswerRow& row) { return std::pair(row.statement_id, row.execution_no); });
  return answers;
}

// The unit's rollups say between which executions to look, so the timeline needs no index on units. Block by block:
// most units are at their limit, or at their end, after the first.
Result<std::vector<TimelineRow>> Trace::Timeline(int64_t unit_id, uint64_t limit) const {
  std::string members;  // JSON array
  const auto found = state_->ForEach(
      "WITH RECURSIVE "
      "up (unit_id, joined_to) AS ("
      "  SELECT unit_id, joined_to FROM unit_of_work WHERE unit_id = ?1 "
      "  UNION SELECT u.unit_id, u.joined_to FROM up JOIN unit_of_work u ON u.unit_id = up.joined_to), "
      "members (unit_id) AS ("
      "  SELECT unit_id FROM up "
      "  UNION SELECT u.unit_id FROM members m JOIN unit_of_work u ON u.joined_to = m.unit_id) "
      "SELECT json_group_array(unit_id) FROM members",
      [&](const Query& row) { members = row.Text(0); }, unit_id);
  if (!found) return std::unexpected(found.error());
  const auto blocks = state_->Rows<int64_t>(
      "WITH extent (first_no, last_no) AS (SELECT min(first_no), max(last_no) FROM unit_statement "
      "  WHERE unit_id IN (SELECT value FROM json_each(?1))) "
      "SELECT b.first_no FROM extent x CROSS JOIN execution_block b "
      "WHERE b.first_no <= x.last_no AND b.last_no >= x.first_no ORDER BY b.first_no",
      [](const Query& row) { return row.Int(0); }, std::string_view(members));
  if (!blocks) return std::unexpected(blocks.error());
  std::vector<TimelineRow> timeline;
  for (const int64_t block : *blocks) {
    if (timeline.size() >= limit) break;
    const auto read = state_->ForEach(
        "SELECT b.first_no + (e.value ->> 0), e.value ->> 1, e.value ->> 2, e.value ->> 3, "
        "  b.sent_ns + (e.value ->> 4) + ifnull(r.begin_ns, 0), e.value ->> 5, e.value ->> 6, "
        "  (e.value ->> 6) - (e.value ->> 7), e.value ->> 8, e.value ->> 9, e.value ->> 10, e.value ->> 13 "
        "FROM execution_block b CROSS JOIN json_each(b.executions) e "
        "  LEFT JOIN session s ON s.session_id = e.value ->> 1 LEFT JOIN recording r USING (recording_id) "
        "WHERE b.first_no = ?1 AND (e.value ->> 2) IN (SELECT value FROM json_each(?2)) "
        "  AND b.first_no + (e.value ->> 0) >= (SELECT ifnull(max(timeline_from_no), 0) FROM recording) "
        "ORDER BY e.key LIMIT ?3",
        [&](const Query& row) {
          TimelineRow& execution = timeline.emplace_back();
          execution.execution_no = row.Int(0);
          execution.session_id = row.Int(1);
          execution.unit_id = row.Int(2);
          execution.statement_id = row.Int(3);
          execution.sent_ns = row.Int(4);
          execution.first_ns = row.Int(5);
          execution.duration_ns = row.Int(6);
          execution.busy_ns = row.Int(7);
          execution.rows = Count(row, 8);
          execution.bytes = Count(row, 9);
          execution.flags = static_cast<uint32_t>(row.Int(10));
          execution.sqlstate = row.Text(11);
        },
        block, std::string_view(members), std::min<uint64_t>(limit - timeline.size(), INT64_MAX));
    if (!read) return std::unexpected(read.error());
  }
  return timeline;
}

}  // namespace pgassay::trace
