// Traffic without a wire: executions and row batches at chosen times on chosen connections, played into a Lineage in
// the order of time, and what it says collected as a reader of the trace would see it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "analyzer/lineage/lineage.h"

namespace pgassay::lineage::testing {

inline constexpr int64_t kUs = 1'000, kMs = 1'000'000, kS = 1'000'000'000;
inline constexpr uint32_t kInt8 = 20, kUuid = 2950, kText = 25;

inline uint64_t HashOf(int64_t value) {
  uint64_t x = static_cast<uint64_t>(value) + 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return (x ^ (x >> 31)) | 1;
}

// The rows as they stand at the end; later writes of a key replace earlier ones, as in the trace.
class Collected : public LineageSink {
 public:
  void OnScope(const Scope& scope) override { scopes[scope.scope_id] = scope; }
  void OnUnit(const Unit& unit) override { units[unit.unit_id] = unit; }
  void OnUnitStatement(const UnitStatement& row) override { unit_statements[{row.unit_id, row.statement_id}] = row; }
  void OnEdge(const Edge& edge) override {
    edges[{edge.unit_id, edge.parent_statement_id, edge.parent_position, edge.child_statement_id,
           edge.child_comparison}] = edge;
  }
  void OnRepeat(const Repeat& repeat) override {
    repeats[{repeat.unit_id, repeat.statement_id, repeat.parameters_hash}] = repeat;
  }

  std::vector<Edge> Edges(int64_t parent, int64_t child) const {
    std::vector<Edge> found;
    for (const auto& [key, edge] : edges) {
      if (edge.children > 0 && edge.parent_statement_id == parent && edge.child_statement_id == child)
        found.push_back(edge);
    }
    return found;
  }

  std::map<int64_t, Scope> scopes;
  std::map<int64_t, Unit> units;
  std::map<std::pair<int64_t, int64_t>, UnitStatement> unit_statements;
  std::map<std::tuple<int64_t, int64_t, int32_t, int64_t, int32_t>, Edge> edges;
  std::map<std::tuple<int64_t, int64_t, uint64_t>, Repeat> repeats;
};

// A statement and the columns of its result.
struct Query {
  int64_t id = 0;
  std::string sql;
  sql::Facts facts;
  std::vector<ResultColumn> columns;
};

using Row = std::vector<int64_t>;
using Rows = std::vector<Row>;

struct RunOptions {
  int64_t think_ns = 300 * kUs;  // from the reply before to this request
  int64_t duration_ns = 400 * kUs;
  bool pipelined = false;
  bool simple = false;
  bool first_execution = true;
  bool completed = true;
  uint32_t parameter_type = kInt8;
  std::vector<sql::Tag> tags = {};
  int64_t list_length = 1;  // of the first sink: > 1 is a batch, whose elements are `parameters`
};

struct Connection {
  uint64_t session_id = 0;
  int64_t now_ns = 0;    // where its clock stands
  int64_t ready_ns = 0;  // when its last reply ended
  bool in_transaction = false;
  uint64_t executions = 0;
};

class Traffic {
 public:
  explicit Traffic(uint64_t seed = 1) : random(seed) {}

  Connection& Connect(int64_t process, int64_t at_ns = kS, const std::string& application = "app",
                      int64_t login_ns = 0) {
    Connection& connection = connections_.emplace_back();
    connection.session_id = connections_.size();
    connection.now_ns = at_ns + login_ns;
    sessions_.push_back({.session_id = connection.session_id,
                         .client_process = process,
                         .database = "shop",
                         .user = "app",
                         .application_name = application,
                         .time_ns = at_ns,
                         .logged_in_ns = at_ns + login_ns});
    return connection;
  }
  // The processes above the one of the connection that was made last, nearest first.
  void SetParents(std::vector<int64_t> parents) { sessions_.back().client_parents = std::move(parents); }

  // A runner's word: `scope_id` is in `phase` from `at_ns` on. Its name is "test <id>".
  void Mark(uint64_t runner_id, int32_t process, uint64_t scope_id, ScopePhase phase, int64_t at_ns,
            const std::string& application = "") {
    marks_.push_back({runner_id, process, scope_id, phase, at_ns, application});
  }

  // A named statement, prepared before anything runs.
  void Prepare(const Connection& on, const std::string& name) { prepared_.emplace_back(on.session_id, name); }

  // SELECT `columns` ("users.id") FROM … WHERE each of `where` ("orders.user_id") = $n. More relations than those
  // follow in `from`.
  Query& Select(const std::vector<std::string>& columns, const std::vector<std::string>& where = {},
                const std::vector<std::string>& from = {}) {
    Query& query = NewQuery(sql::Operation::kSelect);
    for (const std::string& name : columns) AddOutput(query, name);
    for (const std::string& name : where) AddComparison(query, name);
    for (const std::string& name : from) RelationIndex(query, name);
    WriteSql(query);
    return query;
  }

  Query& Update(const std::string& where) {
    Query& query = NewQuery(sql::Operation::kUpdate);
    AddComparison(query, where);
    query.facts.writes = true;
    query.facts.target = 0;
    query.sql = "UPDATE " + query.facts.relations[0].name + " SET touched = $2 WHERE " +
                query.facts.comparisons[0].column.column + " = $1";
    return query;
  }

  Query& Control(sql::Operation operation, const std::string& name = "") {
    auto [at, fresh] = controls_.try_emplace({operation, name}, nullptr);
    if (fresh) {
      Query& query = NewQuery(operation);
      query.facts.name = name;
      query.sql = std::string(sql::OperationName(operation));
      at->second = &query;
    }
    return *at->second;
  }

  // One execution. Advances the connection's clock.
  void Run(Connection& on, const Query& query, const Row& parameters = {}, const Rows& rows = {},
           RunOptions options = {}) {
    Event event;
    event.query = &query;
    event.session_id = on.session_id;
    event.execution_id = ++on.executions;
    event.options = options;
    event.parameters = parameters;
    event.rows = rows;
    event.ready_before_ns = options.pipelined ? 0 : on.ready_ns;
    event.sent_ns = on.now_ns + options.think_ns;
    event.transaction_before = on.in_transaction ? 'T' : 'I';
    event.done_ns = event.sent_ns + options.duration_ns;
    on.now_ns = on.ready_ns = event.done_ns;
    using enum sql::Operation;
    if (query.facts.operation == kBegin) on.in_transaction = true;
    if (query.facts.operation == kCommit || query.facts.operation == kRollback) on.in_transaction = false;
    events_.push_back(std::move(event));
  }
  // A tuple comparison: all parameters are members of the first sink.
  void RunTuple(Connection& on, const Query& query, const Row& parameters, const Rows& rows) {
    Run(on, query, parameters, rows);
    events_.back().tuple = true;
  }
  void Begin(Connection& on, int64_t think_ns = 300 * kUs) {
    Run(on, Control(sql::Operation::kBegin), {}, {}, {.think_ns = think_ns});
  }
  void Commit(Connection& on) { Run(on, Control(sql::Operation::kCommit)); }
  void Rollback(Connection& on) { Run(on, Control(sql::Operation::kRollback)); }

  // Rows that reach the client while their execution still runs. Returns the execution's number for EndStream.
  size_t BeginStream(Connection& on, const Query& query, RunOptions options = {}) {
    Run(on, query, {}, {}, options);
    events_.back().streamed = true;
    return events_.size() - 1;
  }
  void StreamRows(size_t stream, int64_t at_ns, const Rows& rows) { events_[stream].batches.emplace_back(at_ns, rows); }
  void EndStream(size_t stream, int64_t at_ns) { events_[stream].done_ns = at_ns; }

  void Play(LineageSink& sink, int64_t flush_every_ns = 200 * kMs) {
    Lineage lineage(sink);
    for (const SessionInfo& session : sessions_) lineage.OnSessionOpened(session);
    for (const auto& [session_id, name] : prepared_) lineage.OnPrepared(session_id, name);
    struct Step {
      int64_t time_ns;
      Event* event;
      int batch;
    };  // batch -1: the completion; no event: the batch-th mark
    std::vector<Step> steps;
    for (Event& event : events_) {
      if (!event.streamed && event.batches.empty() && !event.rows.empty())
        event.batches.emplace_back(event.done_ns, event.rows);
      for (size_t i = 0; i < event.batches.size(); ++i)
        steps.push_back({event.batches[i].first, &event, static_cast<int>(i)});
      steps.push_back({event.done_ns, &event, -1});
    }
    for (size_t i = 0; i < marks_.size(); ++i) steps.push_back({marks_[i].at_ns, nullptr, static_cast<int>(i)});
    std::ranges::stable_sort(steps, {}, &Step::time_ns);
    int64_t next_flush = steps.empty() ? 0 : steps.front().time_ns + flush_every_ns;
    for (const Step& step : steps) {
      if (step.time_ns >= next_flush) {
        lineage.Flush(step.time_ns);
        next_flush = step.time_ns + flush_every_ns;
      }
      if (step.event == nullptr)
        Tell(lineage, marks_[static_cast<size_t>(step.batch)]);
      else if (step.batch < 0)
        Complete(lineage, *step.event);
      else
        Deliver(lineage, *step.event, static_cast<size_t>(step.batch));
    }
    lineage.Finish(steps.empty() ? 0 : steps.back().time_ns);
    ambiguous_executions = lineage.ambiguous_executions();
  }

  const std::deque<Query>& queries() const { return queries_; }
  // Shuffled integers of lo..hi, n of them.
  std::vector<int64_t> Sample(int64_t lo, int64_t hi, size_t n) {
    std::vector<int64_t> all;
    for (int64_t i = lo; i <= hi; ++i) all.push_back(i);
    std::ranges::shuffle(all, random);
    all.resize(std::min(n, all.size()));
    return all;
  }
  int64_t Between(int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(random); }
  bool Chance(double p) { return std::bernoulli_distribution(p)(random); }

  std::mt19937_64 random;
  uint64_t ambiguous_executions = 0;  // as Play found them

 private:
  struct ScopeSaid {
    uint64_t runner_id;
    int32_t process;
    uint64_t scope_id;
    ScopePhase phase;
    int64_t at_ns;
    std::string application;
  };
  static void Tell(Lineage& lineage, const ScopeSaid& said) {
    const std::string name = "test " + std::to_string(said.scope_id);
    lineage.OnScopeMark({.runner_id = said.runner_id,
                         .scope_id = said.scope_id,
                         .time_ns = said.at_ns,
                         .opened_ns = said.at_ns,
                         .kind = ScopeKind::kTest,
                         .phase = said.phase,
                         .outcome = said.phase == ScopePhase::kBetween ? ScopeOutcome::kPassed : ScopeOutcome::kUnknown,
                         .client_pid = said.process,
                         .line = 7,
                         .name = name,
                         .file = "tests/test_orders.py",
                         .worker = "",
                         .application_name = said.application});
  }

  struct Event {
    const Query* query = nullptr;
    uint64_t session_id = 0, execution_id = 0;
    RunOptions options;
    Row parameters;
    Rows rows;
    std::vector<std::pair<int64_t, Rows>> batches;
    bool streamed = false, tuple = false;
    int64_t sent_ns = 0, done_ns = 0, ready_before_ns = 0;
    char transaction_before = 'I';
    int64_t execution_no = 0;
  };

  Query& NewQuery(sql::Operation operation) {
    Query& query = queries_.emplace_back();
    query.id = static_cast<int64_t>(queries_.size());
    query.facts.parsed = true;
    query.facts.operation = operation;
    return query;
  }

  static int RelationIndex(Query& query, const std::string& name) {
    const auto found = std::ranges::find(query.facts.relations, name, &sql::Relation::name);
    if (found != query.facts.relations.end()) return static_cast<int>(found - query.facts.relations.begin());
    query.facts.relations.push_back({"", name, ""});
    return static_cast<int>(query.facts.relations.size()) - 1;
  }

  static sql::ColumnRef Ref(Query& query, const std::string& name) {
    const size_t dot = name.find('.');
    return {RelationIndex(query, name.substr(0, dot)), name.substr(dot + 1)};
  }

  static void AddOutput(Query& query, const std::string& name) {
    ResultColumn column;
    sql::Output output;
    if (name.find('.') != std::string::npos) {
      output.kind = sql::Output::Kind::kColumn;
      output.column = Ref(query, name);
      column.relation = name.substr(0, name.find('.'));
      column.column = output.column.column;
      column.table_oid = 16384;
    }
    output.name = column.column;
    column.type_oid = kInt8;
    query.facts.outputs.push_back(output);
    query.columns.push_back(column);
  }

  static void AddComparison(Query& query, const std::string& name) {
    sql::Comparison comparison;
    comparison.column = Ref(query, name);
    comparison.comparator = sql::Comparator::kEqual;
    comparison.slot = static_cast<int>(query.facts.comparisons.size());
    comparison.conjunct = true;
    comparison.operator_name = "=";
    query.facts.comparisons.push_back(comparison);
  }

  static void WriteSql(Query& query) {
    std::string columns, relations, where;
    for (const ResultColumn& column : query.columns)
      columns += (columns.empty() ? "" : ", ") + column.relation + "." + column.column;
    for (const sql::Relation& relation : query.facts.relations)
      relations += (relations.empty() ? "" : ", ") + relation.name;
    for (const sql::Comparison& comparison : query.facts.comparisons) {
      where += (where.empty() ? " WHERE " : " AND ") +
               query.facts.relations[static_cast<size_t>(comparison.column.relation)].name + "." +
               comparison.column.column + " = $" + std::to_string(comparison.slot + 1);
    }
    query.sql = "SELECT " + columns + " FROM " + relations + where;
  }

  static StatementProfile ProfileOf(const Query& query) { return {query.id, query.facts.operation, &query.facts}; }
  static uint64_t ColumnsHash(const Query& query) {
    return static_cast<uint64_t>(query.id) * 1000 + query.columns.size();
  }

  static void Deliver(Lineage& lineage, Event& event, size_t which) {
    const Rows& rows = event.batches[which].second;
    std::vector<uint16_t> hashed;
    for (size_t i = 0; i < event.query->columns.size() && i < session::kMaxLineageColumns; ++i)
      hashed.push_back(static_cast<uint16_t>(i));
    std::vector<uint64_t> hashes;
    for (const Row& row : rows) {
      for (const uint16_t at : hashed) hashes.push_back(at < row.size() && row[at] != 0 ? HashOf(row[at]) : 0);
    }
    uint64_t first_row = 0;
    for (size_t i = 0; i < which; ++i) first_row += event.batches[i].second.size();
    session::RowBatch batch{};
    batch.session_id = event.session_id;
    batch.execution_id = event.execution_id;
    batch.time_ns = event.batches[which].first;
    batch.columns_hash = ColumnsHash(*event.query);
    batch.first_row = first_row;
    batch.row_count = static_cast<uint32_t>(rows.size());
    batch.column_count = static_cast<uint32_t>(event.query->columns.size());
    batch.hashed_columns = hashed;
    batch.hashes = hashes;
    lineage.OnRows(batch, ProfileOf(*event.query), event.query->columns);
  }

  void Complete(Lineage& lineage, Event& event) {
    std::vector<SinkValue> sinks;
    uint64_t parameters_hash = 1;
    for (size_t i = 0; i < event.query->facts.comparisons.size(); ++i) {
      SinkValue sink;
      sink.comparison = static_cast<int>(i);
      sink.type_oid = event.options.parameter_type;
      if (event.tuple) {
        for (const int64_t value : event.parameters) sink.members.push_back({HashOf(value), 0});
        sinks.push_back(std::move(sink));
        break;
      }
      if (i == 0 && event.options.list_length > 1) {
        sink.elements = event.options.list_length;
        for (const int64_t value : event.parameters) sink.hashes.push_back({HashOf(value), 0});
      } else if (i < event.parameters.size()) {
        sink.hashes.push_back({HashOf(event.parameters[i]), 0});
        parameters_hash = parameters_hash * 31 + sink.hashes[0].hash;
      }
      sinks.push_back(std::move(sink));
    }
    Execution execution;
    execution.execution_no = event.execution_no = ++executions_;
    execution.session_id = event.session_id;
    execution.execution_id = event.execution_id;
    execution.statement = ProfileOf(*event.query);
    execution.columns_hash = event.query->columns.empty() ? 0 : ColumnsHash(*event.query);
    execution.columns = event.query->columns;
    execution.sinks = sinks;
    execution.parameters_hash = parameters_hash;
    for (const auto& [time_ns, rows] : event.batches) {
      execution.rows += rows.size();
      for (const Row& row : rows) {
        for (const int64_t value : row) execution.result_hash = execution.result_hash * 31 + HashOf(value);
      }
    }
    execution.bytes = execution.rows * 50;
    execution.sent_ns = event.sent_ns;
    execution.first_ns = execution.done_ns = event.done_ns;
    execution.busy_from_ns = event.sent_ns;
    execution.ready_before_ns = event.ready_before_ns;
    execution.transaction_before = event.options.pipelined ? '\0' : event.transaction_before;
    execution.pipelined = event.options.pipelined;
    execution.completed = event.options.completed;
    execution.first_execution_of_parse = event.options.first_execution;
    execution.simple_protocol = event.options.simple;
    execution.tags = event.options.tags;
    lineage.OnExecution(execution);
  }

  std::deque<Connection> connections_;
  std::vector<SessionInfo> sessions_;
  std::deque<Query> queries_;
  std::map<std::pair<sql::Operation, std::string>, Query*> controls_;
  std::deque<Event> events_;
  std::vector<ScopeSaid> marks_;
  std::vector<std::pair<uint64_t, std::string>> prepared_;  // session, name
  int64_t executions_ = 0;
};

}  // namespace pgassay::lineage::testing
