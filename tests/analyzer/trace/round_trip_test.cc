// What is given to the recorder comes out of the trace, column by column.
#include <gmock/gmock.h>

#include "analyzer/trace/lineage_tables.h"
#include "tests/analyzer/trace/trace_fixture.h"

namespace pgassay::trace {
namespace {

using RoundTrip = TraceTest;

// Gives every member a value of its own, keys kept.
template <class Table, class Row>
Row Numbered(Row row, int from) {
  int index = 0;
  Table::Visit(row, [&](const char* name, auto& member) {
    using Member = std::remove_reference_t<decltype(member)>;
    if (index++ < Table::kKeyColumns) return;
    if constexpr (std::is_same_v<Member, std::string>) {
      member = name;
    } else if constexpr (std::is_same_v<Member, bool>) {
      member = true;
    } else {
      member = static_cast<Member>(from + index);
    }
  });
  return row;
}

template <class Table, class Row>
std::vector<std::string> Values(const Row& row) {
  std::vector<std::string> values;
  Table::Visit(row, [&](const char* name, const auto& member) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, std::string>) {
      values.push_back(std::string(name) + "=" + member);
    } else {
      values.push_back(std::string(name) + "=" + std::to_string(member));
    }
  });
  return values;
}

TEST_F(RoundTrip, LineageRowsKeepEveryColumn) {
  auto recorder = MustOpen(Options(path_));
  lineage::UnitStatement in_unit;
  in_unit.unit_id = 3;
  in_unit.statement_id = 5;
  in_unit = Numbered<UnitStatementTable>(in_unit, 100);
  lineage::Edge edge;
  edge.unit_id = 3;
  edge.parent_statement_id = 5;
  edge.parent_position = 2;
  edge.child_statement_id = 6;
  edge.child_comparison = 1;
  edge = Numbered<EdgeTable>(edge, 200);
  edge.order_tau = -0.375;
  edge.values_hash = 0xFFFF'FFFF'FFFF'FFFE;
  lineage::Repeat repeat;
  repeat.unit_id = 3;
  repeat.statement_id = 6;
  repeat.parameters_hash = 0x8000'0000'0000'0001;
  repeat = Numbered<RepeatTable>(repeat, 300);
  recorder->OnUnitStatement(in_unit);
  recorder->OnEdge(edge);
  recorder->OnRepeat(repeat);
  ASSERT_TRUE(recorder->Commit(1).has_value());

  const auto trace = Trace::Open(path_);
  ASSERT_TRUE(trace.has_value());
  const auto in_units = trace->UnitStatements();
  const auto edges = trace->Edges();
  const auto repeats = trace->Repeats();
  ASSERT_EQ(in_units->size(), 1U);
  ASSERT_EQ(edges->size(), 1U);
  ASSERT_EQ(repeats->size(), 1U);
  EXPECT_EQ(Values<UnitStatementTable>(in_units->front()), Values<UnitStatementTable>(in_unit));
  EXPECT_EQ(Values<EdgeTable>(edges->front()), Values<EdgeTable>(edge));
  EXPECT_EQ(Values<RepeatTable>(repeats->front()), Values<RepeatTable>(repeat));
}

TEST_F(RoundTrip, TheSchemaHasTheColumnsOfTheStructs) {
  MustOpen(Options(path_));
  const std::string columns = "SELECT group_concat(name, ', ') FROM pragma_table_info('";
  EXPECT_EQ(TextIn(path_, columns + "unit_statement')"), (ColumnList<UnitStatementTable, lineage::UnitStatement>()));
  EXPECT_EQ(TextIn(path_, columns + "repeat')"), (ColumnList<RepeatTable, lineage::Repeat>()));
  const int64_t edge_columns = NumberIn(path_, "SELECT count(*) FROM pragma_table_info('lineage')");
  const std::string listed = ColumnList<EdgeTable, lineage::Edge>();
  EXPECT_EQ(std::count(listed.begin(), listed.end(), ',') + 1, edge_columns);
}

TEST_F(RoundTrip, RowsWrittenAgainReplaceAndEmptyOnesVanish) {
  auto recorder = MustOpen(Options(path_));
  lineage::Edge edge;
  edge.unit_id = 1;
  edge.children = 3;
  recorder->OnEdge(edge);
  ASSERT_TRUE(recorder->Commit(1).has_value());
  edge.children = 4;
  recorder->OnEdge(edge);
  ASSERT_TRUE(recorder->Commit(2).has_value());
  EXPECT_EQ(Trace::Open(path_)->Edges()->at(0).children, 4U);
  edge.children = 0;
  recorder->OnEdge(edge);
  ASSERT_TRUE(recorder->Commit(3).has_value());
  EXPECT_TRUE(Trace::Open(path_)->Edges()->empty());
}

TEST_F(RoundTrip, StatementsWithColumnsTagsAndPercentiles) {
  auto recorder = MustOpen(Options(path_));
  const int64_t id =
      recorder->StatementId(0xF000'0000'0000'0001, "SELECT name FROM users WHERE id = $1", SelectFacts());
  EXPECT_EQ(recorder->StatementId(0xF000'0000'0000'0001, "", SelectFacts()), id);
  for (uint64_t text = 1; text <= 3; ++text) recorder->AddText(id, text % 2);
  recorder->AddTag(id, "route", "/users");
  recorder->AddTag(id, "route", "/users");
  recorder->AddTag(id, "route", "/orders");
  recorder->AddColumn(id, 1, "n", {"users", "name", 16384, 2, 25});
  recorder->AddCells(id, 1, 10, 4, 60);
  recorder->AddCells(id, 1, 5, 1, 40);
  for (int i = 1; i <= 100; ++i) {
    ExecutionRow row;
    row.execution_no = recorder->NextExecutionNo();
    row.session_id = 1;
    row.statement_id = id;
    row.sent_ns = 5'000'000'000;
    row.busy_from_ns = row.sent_ns + 2'000'000;  // behind another execution: not its own time
    row.done_ns = row.busy_from_ns + i * 100'000;
    row.rows = 2;
    row.bytes = 7;
    row.failed = i == 1;
    row.flags = i <= 20 ? kFlagPipelined : 0;
    recorder->AddExecution(row);
  }
  const int64_t other = recorder->StatementId(2, "not SQL", sql::Facts{});
  ASSERT_TRUE(recorder->Finish(1, true).has_value());

  const auto trace = Trace::Open(path_);
  const auto statements = trace->Statements();
  ASSERT_TRUE(statements.has_value());
  ASSERT_EQ(statements->size(), 2U);
  const StatementRow& statement = statements->front();
  EXPECT_EQ(statement.statement_id, id);
  EXPECT_EQ(statement.shape_hash, 0xF000'0000'0000'0001U);
  EXPECT_EQ(statement.fingerprint, "fedcba9876543210");
  EXPECT_EQ(statement.sql, "SELECT name FROM users WHERE id = $1");
  EXPECT_EQ(statement.facts.operation, sql::Operation::kSelect);
  EXPECT_FALSE(statement.driver);
  EXPECT_EQ(statement.calls, 100U);
  EXPECT_EQ(statement.errors, 1U);
  EXPECT_EQ(statement.rows, 200U);
  EXPECT_EQ(statement.bytes, 700U);
  EXPECT_EQ(statement.pipelined, 20U);
  EXPECT_EQ(statement.texts, 2U);
  EXPECT_EQ(statement.database_ns, 5050 * 100'000);
  EXPECT_EQ(statement.max_ns, 10'000'000);
  EXPECT_NEAR(static_cast<double>(statement.p50_ns), 5e6, 5e4);
  EXPECT_NEAR(static_cast<double>(statement.p95_ns), 9.5e6, 9.5e4);
  EXPECT_NEAR(static_cast<double>(statement.p99_ns), 9.9e6, 9.9e4);
  EXPECT_EQ(statements->back().statement_id, other);
  EXPECT_EQ(statements->back().fingerprint, "");
  EXPECT_EQ(trace->ReadTotals()->unparsed_statements, 1U);

  const auto columns = trace->Columns();
  ASSERT_EQ(columns->size(), 1U);
  const ColumnRow& column = columns->front();
  EXPECT_EQ(column.statement_id, id);
  EXPECT_EQ(column.position, 1);
  EXPECT_EQ(column.name, "n");
  EXPECT_EQ(column.column.relation, "users");
  EXPECT_EQ(column.column.column, "name");
  EXPECT_EQ(column.column.table_oid, 16384U);
  EXPECT_EQ(column.column.attnum, 2);
  EXPECT_EQ(column.column.type_oid, 25U);
  EXPECT_EQ(column.cells, 15U);
  EXPECT_EQ(column.nulls, 5U);
  EXPECT_EQ(column.bytes, 100U);

  const auto tags = trace->Tags();
  ASSERT_EQ(tags->size(), 2U);
  EXPECT_EQ(tags->at(0).value, "/orders");
  EXPECT_EQ(tags->at(0).calls, 1U);
  EXPECT_EQ(tags->at(1).value, "/users");
  EXPECT_EQ(tags->at(1).calls, 2U);
}

TEST_F(RoundTrip, DistinctTextsAndTagValuesAreBounded) {
  auto recorder = MustOpen(Options(path_));
  const int64_t id = recorder->StatementId(1, "SELECT 1", SelectFacts());
  for (uint64_t i = 0; i < 5000; ++i) {
    recorder->AddText(id, i);
    recorder->AddTag(id, "route", "/" + std::to_string(i));
  }
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
  const auto trace = Trace::Open(path_);
  EXPECT_EQ(trace->Statements()->front().texts, 1024U);
  const auto tags = trace->Tags();
  EXPECT_EQ(tags->size(), 1025U);
  uint64_t calls = 0;
  for (const auto& tag : *tags) calls += tag.calls;
  EXPECT_EQ(calls, 5000U);
}

TEST_F(RoundTrip, DatabasesAreBoundedAndSessionsAreNot) {
  auto recorder = MustOpen(Options(path_));
  for (uint64_t i = 1; i <= 10'050; ++i) {
    SessionRow session;
    session.session_id = i;
    session.info.database = "db" + std::to_string(i % 10'040);
    recorder->AddSession(session);
  }
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
  const auto trace = Trace::Open(path_);
  const auto sessions = trace->Sessions();
  ASSERT_EQ(sessions->size(), 10'050U);
  EXPECT_EQ(std::ranges::count(*sessions, std::string(), &SessionSummary::database), 40);
}

TEST_F(RoundTrip, SessionsRelationsGapsAndCounters) {
  auto recorder = MustOpen(Options(path_));
  SessionRow session;
  session.session_id = 0xFFFF'FFFF'0000'0001;
  session.info = {.session_id = session.session_id,
                  .client_process = 42,
                  .database = "shop",
                  .user = "ann",
                  .application_name = "web",
                  .time_ns = 11};
  session.client_address = "127.0.0.1:5000";
  session.upstream_address = "db:5432";
  session.server_version = "15.4";
  session.route = 2;
  recorder->AddSession(session);
  recorder->SetApplicationName(session.session_id, "worker");
  recorder->LearnRelation(session.session_id, 16384, "public", "users");
  recorder->EndSession(session.session_id, 99, "terminated", "encrypted", 100, 60, 30, 10);
  SessionRow second = session;
  second.session_id = 5;
  recorder->AddSession(second);
  recorder->SetCounter("relayed_bytes", 100);
  recorder->SetCounter("relayed_bytes", 200);
  recorder->SetCounter("decoded_bytes", 150);
  recorder->SetCounter("skipped_bytes", 40);
  recorder->SetCounter("opaque_bytes", 10);
  recorder->SetCounter("dropped_value_batches", 3);
  recorder->AddGap(5, 9, "recorder_restart", 4);
  ASSERT_TRUE(recorder->Finish(1, true).has_value());

  const auto trace = Trace::Open(path_);
  const auto sessions = trace->Sessions();
  ASSERT_EQ(sessions->size(), 2U);
  EXPECT_EQ(sessions->front().session_id, 1);
  EXPECT_EQ(sessions->front().database, "shop");
  EXPECT_EQ(sessions->front().user, "ann");
  EXPECT_EQ(sessions->front().application_name, "worker");
  EXPECT_EQ(sessions->front().opaque_reason, "encrypted");
  EXPECT_EQ(sessions->back().application_name, "web");
  EXPECT_EQ(sessions->back().opaque_reason, "");
  EXPECT_EQ(TextIn(path_,
                   "SELECT client_address || ' ' || client_pid || ' ' || server_version || ' ' || route || ' ' || "
                   "begin_ns || ' ' "
                   "|| end_ns || ' ' || end_reason || ' ' || relayed_bytes || ' ' || decoded_bytes || ' ' || "
                   "skipped_bytes || ' ' "
                   "|| opaque_bytes FROM session WHERE session_id = 1"),
            "127.0.0.1:5000 42 15.4 2 11 99 terminated 100 60 30 10");
  EXPECT_EQ(TextIn(path_,
                   "SELECT upstream || ' ' || d.name || ' ' || table_oid || ' ' || schema || ' ' || r.name "
                   "FROM relation r JOIN database d USING (database_id)"),
            "db:5432 shop 16384 public users");
  const auto gaps = trace->Gaps();
  ASSERT_EQ(gaps->size(), 1U);
  EXPECT_EQ(gaps->front().from_ns, 5);
  EXPECT_EQ(gaps->front().to_ns, 9);
  EXPECT_EQ(gaps->front().reason, "recorder_restart");
  EXPECT_EQ(gaps->front().lost, 4U);
  const auto totals = trace->ReadTotals();
  EXPECT_EQ(totals->relayed_bytes, 200U);
  EXPECT_EQ(totals->decoded_bytes + totals->skipped_bytes + totals->opaque_bytes, 200U);
  EXPECT_EQ(totals->dropped_value_batches, 3U);
  EXPECT_EQ(totals->opaque_sessions, 1U);
  EXPECT_EQ(totals->sessions, 2U);
  EXPECT_EQ(totals->gaps, 1U);
}

TEST_F(RoundTrip, UnitsAndTheirTimelineWithJoinedOnes) {
  auto recorder = MustOpen(Options(path_));
  const int64_t id = recorder->StatementId(1, "SELECT 1", SelectFacts());
  const auto add = [&](int64_t unit_id, int64_t sent_ns) {
    ExecutionRow row;
    row.execution_no = recorder->NextExecutionNo();
    row.session_id = 77;
    row.unit_id = unit_id;
    row.statement_id = id;
    row.sent_ns = sent_ns;
    row.busy_from_ns = sent_ns + 10;
    row.first_ns = sent_ns + 20;
    row.done_ns = sent_ns + 50;
    row.rows = 3;
    row.bytes = 44;
    row.flags = kFlagSimple | kFlagFailed;
    row.sqlstate = "23505";
    row.failed = true;
    recorder->AddExecution(row);
    lineage::UnitStatement in_unit;
    in_unit.unit_id = unit_id;
    in_unit.statement_id = id;
    in_unit.calls = 1;
    in_unit.first_no = in_unit.last_no = row.execution_no;
    recorder->OnUnitStatement(in_unit);
  };
  const auto unit = [&](int64_t unit_id, int64_t joined_to) {
    lineage::Unit row;
    row.unit_id = unit_id;
    row.joined_to = joined_to;
    row.kind = lineage::UnitKind::kTransaction;
    row.shared_connection = true;
    row.schema_change = unit_id == 1;
    row.session_id = 77;
    row.label = "GET /users";
    row.trace_id = unit_id == 2 ? "a request id of any kind at all!" : "4bf92f3577b34da6a3ce929d0e0e4736";
    row.begin_ns = 1;
    row.end_ns = 2;
    row.statements = 3;
    row.round_trips = 4;
    row.rows = 5;
    row.bytes = 6;
    row.database_ns = 7;
    row.think_ns = 8;
    row.transaction_conflict = unit_id == 3;
    row.scope_id = unit_id == 4 ? 2 : 0;
    row.phase = unit_id == 4 ? lineage::ScopePhase::kTeardown : lineage::ScopePhase::kNone;
    recorder->OnUnit(row);
  };
  recorder->OnScope({.scope_id = 1, .name = "sends nothing", .begin_ns = 1});
  recorder->OnScope({.scope_id = 2,
                     .kind = lineage::ScopeKind::kJob,
                     .name = "jobs/mail.py::send",
                     .file = "jobs/mail.py",
                     .line = 12,
                     .worker = "gw1",
                     .begin_ns = 3,
                     .end_ns = 4,
                     .outcome = lineage::ScopeOutcome::kFailed});
  unit(1, 0), unit(2, 1), unit(3, 0), unit(4, 2);
  add(1, 5000), add(3, 5100), add(4, 5200), add(2, 5300);
  ASSERT_TRUE(recorder->Finish(1, true).has_value());

  const auto trace = Trace::Open(path_);
  const auto units = trace->Units();
  ASSERT_EQ(units->size(), 4U);
  const lineage::Unit& first = units->front();
  EXPECT_EQ(first.unit_id, 1);
  EXPECT_EQ(first.joined_to, 0);
  EXPECT_EQ(units->at(3).joined_to, 2);
  EXPECT_EQ(first.kind, lineage::UnitKind::kTransaction);
  EXPECT_TRUE(first.shared_connection && first.schema_change);
  EXPECT_FALSE(units->at(1).schema_change);
  EXPECT_EQ(first.session_id, static_cast<uint64_t>(trace->Sessions()->front().session_id));
  EXPECT_EQ(first.label, "GET /users");
  EXPECT_EQ(first.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(units->at(1).trace_id, "");  // made up by a client: joins units, is not stored
  EXPECT_EQ(first.begin_ns, 1);
  EXPECT_EQ(first.end_ns, 2);
  EXPECT_EQ(first.statements, 3U);
  EXPECT_EQ(first.round_trips, 4U);
  EXPECT_EQ(first.rows, 5U);
  EXPECT_EQ(first.bytes, 6U);
  EXPECT_EQ(first.database_ns, 7);
  EXPECT_EQ(first.think_ns, 8);
  EXPECT_TRUE(units->at(2).transaction_conflict);
  EXPECT_FALSE(first.transaction_conflict);
  EXPECT_EQ(first.phase, lineage::ScopePhase::kNone);
  EXPECT_EQ(first.scope, "");
  EXPECT_EQ(units->at(3).phase, lineage::ScopePhase::kTeardown);
  EXPECT_EQ(units->at(3).scope, "jobs/mail.py::send");
  EXPECT_EQ(units->at(3).scope_file, "jobs/mail.py");
  EXPECT_EQ(units->at(3).scope_line, 12);
  const auto scopes = trace->Scopes();
  ASSERT_EQ(scopes->size(), 2U);
  EXPECT_EQ(scopes->at(0).end_ns, 0);
  EXPECT_EQ(scopes->at(0).outcome, lineage::ScopeOutcome::kUnknown);
  EXPECT_EQ(scopes->at(1).kind, lineage::ScopeKind::kJob);
  EXPECT_EQ(scopes->at(1).worker, "gw1");
  EXPECT_EQ(scopes->at(1).begin_ns, 3);
  EXPECT_EQ(scopes->at(1).end_ns, 4);
  EXPECT_EQ(scopes->at(1).outcome, lineage::ScopeOutcome::kFailed);
  EXPECT_EQ(trace->ReadTotals()->scopes, 2U);
  EXPECT_EQ(trace->ReadTotals()->units, 2U);
  EXPECT_EQ(trace->ReadTotals()->round_trips, 16U);

  for (const int64_t member : {1, 2, 4}) {
    const auto timeline = trace->Timeline(member, 10);
    ASSERT_EQ(timeline->size(), 3U) << member;
    EXPECT_EQ(timeline->at(0).unit_id, 1);
    EXPECT_EQ(timeline->at(1).unit_id, 4);
    EXPECT_EQ(timeline->at(2).unit_id, 2);
  }
  const TimelineRow row = trace->Timeline(1, 1)->at(0);
  EXPECT_EQ(row.execution_no, 1);
  EXPECT_EQ(row.statement_id, id);
  EXPECT_EQ(row.sent_ns, 5000);
  EXPECT_EQ(row.first_ns, 20);
  EXPECT_EQ(row.duration_ns, 50);
  EXPECT_EQ(row.busy_ns, 40);
  EXPECT_EQ(row.rows, 3U);
  EXPECT_EQ(row.bytes, 44U);
  EXPECT_EQ(row.flags, kFlagSimple | kFlagFailed);
  EXPECT_EQ(row.sqlstate, "23505");
  EXPECT_EQ(trace->Timeline(1, 2)->size(), 2U);
  EXPECT_TRUE(trace->Timeline(99, 10)->empty());
}

TEST_F(RoundTrip, AnswersAreOfTheStatementsThatAreAskedFor) {
  auto recorder = MustOpen(Options(path_));
  Record(*recorder, 700, 7, 1);
  Record(*recorder, 3, 8, 2);
  Record(*recorder, 2, 9, 3);
  ExecutionRow failed;
  failed.execution_no = recorder->NextExecutionNo();
  failed.unit_id = 2;
  failed.statement_id = recorder->StatementId(8, "SELECT 1", SelectFacts());
  failed.flags = kFlagFailed;
  recorder->AddExecution(failed);
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
  const auto trace = Trace::Open(path_);
  const auto answers = trace->Answers({2, 3}, 100);
  ASSERT_TRUE(answers.has_value()) << answers.error().message;
  ASSERT_EQ(answers->size(), 5U);
  const AnswerRow& second = answers->at(1);
  EXPECT_EQ(second.statement_id, 2);
  EXPECT_EQ(second.execution_no, 702);
  EXPECT_EQ(second.unit_id, 2);
  EXPECT_EQ(second.sent_ns - answers->at(0).sent_ns, 2'000'000);
  EXPECT_EQ(second.busy_ns, 1'000'000);
  EXPECT_EQ(second.rows, 1U);
  EXPECT_EQ(second.parameters_hash, 0x5678'9ABC'DEF1U);
  EXPECT_EQ(second.result_hash, 0xCBA9'8765'4321U);
  EXPECT_EQ(answers->at(4).statement_id, 3);
  EXPECT_EQ(trace->Answers({1}, 1000)->size(), 700U);
  EXPECT_EQ(trace->Answers({1}, 600)->size(), 600U);
  EXPECT_TRUE(trace->Answers({}, 10)->empty());
  EXPECT_TRUE(trace->Answers({99}, 10)->empty());
}

TEST_F(RoundTrip, CompleteMeansEndedInOrderAndNothingLost) {
  struct Case {
    const char* name;
    bool finish, complete, gap;
    const char* counter;
    bool expected;
  };
  const Case cases[] = {{"whole", true, true, false, "relayed_bytes", true},
                        {"killed", false, true, false, "relayed_bytes", false},
                        {"said to be incomplete", true, false, false, "relayed_bytes", false},
                        {"a gap", true, true, true, "relayed_bytes", false},
                        {"a dropped event", true, true, false, "dropped_events", false},
                        {"a dropped value batch", true, true, false, "dropped_value_batches", false}};
  for (const auto& test : cases) {
    const std::string path = directory_ + "/" + test.counter + test.name;
    auto recorder = MustOpen(Options(path));
    Record(*recorder, 3);
    recorder->SetCounter(test.counter, 1);
    if (test.gap) recorder->AddGap(1, 2, "recorder_restart", 0);
    ASSERT_TRUE((test.finish ? recorder->Finish(1, test.complete) : recorder->Commit(1)).has_value());
    EXPECT_EQ(Trace::Open(path)->ReadTotals()->complete, test.expected) << test.name;
  }
}

TEST_F(RoundTrip, TheTimelineIsBoundedAndTheRollupsAreNot) {
  auto recorder = MustOpen(Options(path_, false, 100));
  for (int i = 0; i < 7; ++i) {
    Record(*recorder, 60);
    ASSERT_TRUE(recorder->Commit(i).has_value());
    const auto stored = NumberIn(path_, "SELECT count(*) FROM execution");
    EXPECT_LE(stored, 100);
    EXPECT_EQ(NumberIn(path_, "SELECT min(execution_no) FROM execution"),
              std::max<int64_t>(NumberIn(path_, "SELECT timeline_from_no FROM recording"), 1));
  }
  Record(*recorder, 1000);  // more at once than there may be
  ASSERT_TRUE(recorder->Finish(9, true).has_value());
  EXPECT_EQ(NumberIn(path_, "SELECT count(*) FROM execution"), 100);
  EXPECT_EQ(NumberIn(path_, "SELECT timeline_from_no FROM recording"), 1321);
  EXPECT_EQ(NumberIn(path_, "SELECT min(execution_no) FROM execution"), 1321);
  EXPECT_EQ(Trace::Open(path_)->ReadTotals()->executions, 1420U);
  EXPECT_TRUE(Trace::Open(path_)->ReadTotals()->complete);
}

TEST_F(RoundTrip, CommitIsDueByTimeOrByCount) {
  auto recorder = MustOpen(Options(path_));
  ASSERT_TRUE(recorder->Commit(1'000'000'000).has_value());
  EXPECT_FALSE(recorder->CommitDue(9'000'000'000));  // nothing waits
  Record(*recorder, 1);
  EXPECT_FALSE(recorder->CommitDue(1'100'000'000));
  EXPECT_TRUE(recorder->CommitDue(1'200'000'000));
  Record(*recorder, 10'000);
  EXPECT_TRUE(recorder->CommitDue(1'000'000'001));
  ASSERT_TRUE(recorder->Commit(1'000'000'001).has_value());
  EXPECT_FALSE(recorder->CommitDue(9'000'000'000));
}

TEST_F(RoundTrip, AnAppendedRecordingAddsUpAndItsIdsGoOn) {
  for (int run = 0; run < 3; ++run) {
    auto recorder = MustOpen(Options(path_, run > 0));
    const int64_t own = recorder->StatementId(100 + static_cast<uint64_t>(run), "SELECT 2", SelectFacts());
    const int64_t common = recorder->StatementId(7, "SELECT 1", SelectFacts());
    EXPECT_EQ(common, run == 0 ? 2 : 2) << "matched by shape";
    EXPECT_EQ(own, run == 0 ? 1 : 2 + run);
    for (uint64_t text = 0; text < 5; ++text) recorder->AddText(common, text);
    recorder->AddTag(common, "route", "/");
    recorder->AddColumn(common, 0, "one", {"", "", 0, 0, 23});
    recorder->AddCells(common, 0, 10, 1, 40);
    SessionRow session;
    session.session_id = 1;
    session.info.database = "shop";
    session.upstream_address = "db:5432";
    recorder->AddSession(session);
    Record(*recorder, 10);
    recorder->SetCounter("relayed_bytes", 1000);
    ASSERT_TRUE(recorder->Finish(run, true).has_value());
  }
  const auto trace = Trace::Open(path_);
  const auto totals = trace->ReadTotals();
  EXPECT_EQ(totals->recordings, 3U);
  EXPECT_EQ(totals->executions, 30U);
  EXPECT_EQ(totals->statements, 4U);
  EXPECT_EQ(totals->sessions, 3U);
  EXPECT_EQ(totals->units, 3U);
  EXPECT_EQ(totals->round_trips, 30U);
  EXPECT_EQ(totals->relayed_bytes, 3000U);
  EXPECT_TRUE(totals->complete);
  const auto statements = trace->Statements();
  EXPECT_EQ(statements->at(1).calls, 30U);
  EXPECT_EQ(statements->at(1).texts, 5U);
  EXPECT_EQ(statements->at(1).database_ns, 30'000'000);
  EXPECT_NEAR(static_cast<double>(statements->at(1).p99_ns), 1e6, 1e4);
  EXPECT_EQ(trace->Columns()->front().cells, 30U);
  EXPECT_EQ(trace->Tags()->front().calls, 3U);
  EXPECT_EQ(NumberIn(path_, "SELECT count(*) FROM database"), 1);
  EXPECT_EQ(NumberIn(path_, "SELECT count(DISTINCT execution_no) FROM execution"), 30);
  for (int64_t unit = 1; unit <= 3; ++unit) {
    const auto timeline = trace->Timeline(unit, 100);
    ASSERT_EQ(timeline->size(), 10U);
    EXPECT_EQ(timeline->front().session_id, unit);
    EXPECT_EQ(timeline->front().sent_ns, 1'000'000'000);
  }
}

TEST_F(RoundTrip, EverySessionOfAnExecutionHasARow) {
  auto recorder = MustOpen(Options(path_));
  Record(*recorder, 1);  // nobody announced session 1
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
  EXPECT_EQ(NumberIn(path_, "SELECT count(*) FROM execution JOIN session USING (session_id)"), 1);
}

catalog::Snapshot OneTable() {
  catalog::Snapshot snapshot;
  snapshot.upstream = "127.0.0.1:5432";
  snapshot.database = "shop";
  snapshot.taken_unix_ns = 17;
  snapshot.relations.push_back({.oid = 16384, .schema = "public", .name = "orders"});
  snapshot.relations[0].columns.push_back({.name = "id", .attnum = 1, .type_oid = 20, .type = "bigint"});
  snapshot.indexes.push_back({.oid = 16390, .relation_oid = 16384, .schema = "public", .name = "orders_pkey"});
  return snapshot;
}

TEST_F(RoundTrip, TheLastCatalogueOfADatabaseIsKept) {
  catalog::Snapshot snapshot = OneTable();
  {
    auto recorder = MustOpen(Options(path_));
    recorder->SetCatalog("127.0.0.1:5432", "shop", nullptr, "not yet");
    ASSERT_TRUE(recorder->Commit(1).has_value());
    recorder->SetCatalog("127.0.0.1:5432", "shop", &snapshot, "");
    recorder->SetCatalog("127.0.0.1:5432", "gone", nullptr, "dropped before it could be read");
    ASSERT_TRUE(recorder->Finish(2, true).has_value());
  }
  auto recorder = MustOpen(Options(path_, true));
  snapshot.role = "reader";
  recorder->SetCatalog("127.0.0.1:5432", "shop", &snapshot, "older than the last DDL");
  ASSERT_TRUE(recorder->Finish(3, true).has_value());

  auto trace = Trace::Open(path_);
  ASSERT_TRUE(trace.has_value());
  const auto catalogs = trace->Catalogs();
  ASSERT_TRUE(catalogs.has_value()) << catalogs.error().message;
  ASSERT_EQ(catalogs->size(), 2U);
  EXPECT_EQ((*catalogs)[0].snapshot, snapshot);
  EXPECT_EQ((*catalogs)[0].problem, "older than the last DDL");
  EXPECT_EQ((*catalogs)[1].snapshot, std::nullopt);
  EXPECT_EQ((*catalogs)[1].problem, "dropped before it could be read");
}

TEST_F(RoundTrip, TheLastPlansOfAStatementAreKept) {
  PlanRow plan{.upstream = "127.0.0.1:5432",
               .database = "shop",
               .kind = PlanKind::kGeneric,
               .how = "generic plan",
               .total_cost = 8.5,
               .rows = 3,
               .indexes = {"a \"quoted\" one", "b"},
               .sequential_scans = {"public.orders"},
               .plan_json = "[]"};
  PlanRow failed{
      .upstream = "127.0.0.1:5432", .database = "shop", .problem = "canceling statement due to lock timeout"};
  {
    auto recorder = MustOpen(Options(path_));
    plan.statement_id = failed.statement_id = recorder->StatementId(7, "SELECT 1", SelectFacts());
    recorder->SetPlan({.upstream = plan.upstream,
                       .database = plan.database,
                       .statement_id = plan.statement_id,
                       .kind = plan.kind,
                       .problem = "not yet"});
    ASSERT_TRUE(recorder->Commit(1).has_value());
    recorder->SetPlan(failed);
    ASSERT_TRUE(recorder->Finish(2, true).has_value());
  }
  auto recorder = MustOpen(Options(path_, true));
  recorder->SetPlan(plan);
  ASSERT_TRUE(recorder->Finish(3, true).has_value());
  const auto plans = Trace::Open(path_)->Plans();
  ASSERT_TRUE(plans.has_value()) << plans.error().message;
  EXPECT_EQ(*plans, (std::vector<PlanRow>{failed, plan}));
}

TEST_F(RoundTrip, ExamplesOfAStatementAreKeptTheLastFirst) {
  const ExampleRow first{.statement_id = 1,
                         .execution_no = 1,
                         .values = {{.number = 1, .value = ""},
                                    {.number = 2, .element = 0, .null = true},
                                    {.number = 2, .element = 1, .left_out = "secret"}}};
  const ExampleRow second{.statement_id = 1, .execution_no = 2, .values = {{.number = 1, .value = "it's"}}};
  {
    auto recorder = MustOpen(Options(path_));
    ASSERT_EQ(recorder->StatementId(7, "SELECT 1", SelectFacts()), 1);
    recorder->AddExample(first);
    ASSERT_TRUE(recorder->Finish(2, true).has_value());
  }
  auto recorder = MustOpen(Options(path_, true));
  recorder->AddExample(second);
  ASSERT_TRUE(recorder->Finish(3, true).has_value());
  const auto trace = Trace::Open(path_);
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  const auto examples = trace->Examples(1);
  ASSERT_TRUE(examples.has_value()) << examples.error().message;
  EXPECT_EQ(*examples, (std::vector<ExampleRow>{second, first}));
  EXPECT_EQ(trace->Examples(2)->size(), 0U);
}

TEST_F(RoundTrip, TheLastTrialsAndSlotsOfAStatementAreKept) {
  TrialRow trial{.upstream = "127.0.0.1:5432",
                 .database = "shop",
                 .index = "CREATE INDEX ON public.orders USING btree (user_id)",
                 .kind = TrialKind::kBuilt,
                 .how = "generic plan",
                 .executions = 3,
                 .used = true,
                 .cost_before = 100.5,
                 .cost_after = 8.25,
                 .plan_before = "[1]",
                 .plan_after = "[2]"};
  TrialRow other{.upstream = trial.upstream, .database = trial.database, .index = "another", .problem = "no"};
  other.structural = true;
  TrialRow narrowed = trial;
  narrowed.columns = "id, user_id";
  SlotRow slot{.slot = 2,
               .executions = 12,
               .top_executions = 11,
               .literals = 10,
               .named = 9,
               .patterns = 8,
               .leading_wildcards = 7,
               .literal_part = 6,
               .max_elements = 5,
               .share = 0.25,
               .constant = "'pending'"};
  {
    auto recorder = MustOpen(Options(path_));
    trial.statement_id = other.statement_id = narrowed.statement_id = slot.statement_id =
        recorder->StatementId(7, "SELECT 1", SelectFacts());
    TrialRow first = trial;
    first.cost_after = 99;
    recorder->SetTrial(first);
    recorder->SetTrial(other);
    recorder->SetTrial(narrowed);
    SlotRow first_slot = slot;
    first_slot.constant.clear();
    recorder->SetSlot(first_slot);
    ASSERT_TRUE(recorder->Finish(2, true).has_value());
  }
  auto recorder = MustOpen(Options(path_, true));
  recorder->SetTrial(trial);
  recorder->SetSlot(slot);
  ASSERT_TRUE(recorder->Finish(3, true).has_value());
  const auto trace = Trace::Open(path_);
  const auto trials = trace->Trials();
  ASSERT_TRUE(trials.has_value()) << trials.error().message;
  EXPECT_EQ(*trials, (std::vector<TrialRow>{trial, narrowed, other}));
  const auto slots = trace->Slots();
  ASSERT_TRUE(slots.has_value()) << slots.error().message;
  EXPECT_EQ(*slots, std::vector<SlotRow>{slot});
}

TEST_F(RoundTrip, TheViewsAnswer) {
  auto recorder = MustOpen(Options(path_));
  Record(*recorder, 5);
  const catalog::Snapshot snapshot = OneTable();
  recorder->SetCatalog("", "shop", &snapshot, "");
  const int64_t child = recorder->StatementId(8, "SELECT 2", SelectFacts());
  lineage::Edge edge;
  edge.unit_id = 1;
  edge.parent_statement_id = 1;
  edge.child_statement_id = child;
  edge.parent_column.relation = "users";
  edge.parent_column.column = "id";
  edge.children = 3;
  recorder->OnEdge(edge);
  ASSERT_TRUE(recorder->Finish(1, true).has_value());
  sqlite3* db = nullptr;  // as people open it
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  for (const char* view : {"top_statements", "n_plus_one", "unit_tree", "slow_executions", "catalog_relation",
                           "catalog_column", "catalog_index"}) {
    int rows = 0;
    const auto count = [](void* sum, int, char**, char**) { return ++*static_cast<int*>(sum), 0; };
    EXPECT_EQ(sqlite3_exec(db, (std::string("SELECT * FROM ") + view).c_str(), count, &rows, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    EXPECT_GT(rows, 0) << view;
  }
  sqlite3_close(db);
}

}  // namespace
}  // namespace pgassay::trace
