#include "analyzer/ingest/ingest.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "analyzer/ingest/example_values.h"
#include "analyzer/ingest/session_settings.h"
#include "analyzer/ingest/texts.h"
#include "analyzer/lineage/lineage.h"
#include "analyzer/trace/execution_flags.h"

namespace pgassay::ingest {
namespace {

using lineage::ResultColumn;
using session::QueryEvent;
using session::QueryOutcome;
using session::RowBatch;

// The tags that may be stored: what names code, never what names a person or a request.
constexpr std::array<std::string_view, 9> kAllowedTags = {"route", "controller", "action",    "job", "file",
                                                          "line",  "framework",  "db_driver", "test"};

std::string_view EndName(session::SessionEnd end) {
  using session::SessionEnd;
  switch (end) {
    case SessionEnd::kTerminated:
      return "terminated";
    case SessionEnd::kClientClosed:
      return "client_closed";
    case SessionEnd::kServerClosed:
      return "server_closed";
    case SessionEnd::kReset:
      return "reset";
    case SessionEnd::kServerFatal:
      return "server_fatal";
    case SessionEnd::kShutdown:
      return "shutdown";
  }
  return "";
}

std::string_view OpaqueName(session::OpaqueReason reason) {
  using session::OpaqueReason;
  switch (reason) {
    case OpaqueReason::kNone:
      return "";
    case OpaqueReason::kBadLength:
      return "bad_length";
    case OpaqueReason::kUnknownType:
      return "unknown_type";
    case OpaqueReason::kBadBody:
      return "bad_body";
    case OpaqueReason::kUnexpectedReply:
      return "unexpected_reply";
    case OpaqueReason::kLimit:
      return "limit";
    case OpaqueReason::kEncrypted:
      return "encrypted";
    case OpaqueReason::kReplication:
      return "replication";
  }
  return "";
}

std::vector<int64_t> ParentsOf(const session::SessionOpened& opened) {
  std::vector<int64_t> parents;
  for (const int32_t parent : opened.client_parents) {
    if (parent != 0) parents.push_back(parent);
  }
  return parents;
}

// Parameters that outlive their record: of a Bind, or the arguments of EXECUTE. Memory that the next execution uses
// again.
struct Parameter {
  uint32_t type_oid = 0;
  int64_t array_length = -1;
  size_t first_hash = 0, hash_count = 0;  // in Parameters::hashes
};
struct Parameters {
  std::vector<Parameter> list;
  std::vector<ValueHash> hashes;

  void Clear() {
    list.clear();
    hashes.clear();
  }
  std::span<const ValueHash> HashesOf(const Parameter& parameter) const {
    return std::span(hashes).subspan(parameter.first_hash, parameter.hash_count);
  }
};

struct DescribedColumn {
  std::string name;
  uint32_t table_oid;
  int16_t attnum;
  uint32_t type_oid;
};

struct Cursor {
  TextStatement statement;
  Parameters parameters;
  uint64_t execution_id = 0;  // of the first FETCH: the one that counts as the execution
  uint64_t rows = 0;
};

struct Prepared {
  uint64_t text_hash = 0;             // by the protocol
  std::shared_ptr<const Text> inner;  // by SQL
};

struct RelationName {
  std::string schema, name;
};

struct ColumnSet {
  std::vector<ResultColumn> columns;
  bool whole = false;        // every OID has a name
  uint64_t names_known = 0;  // of the database when it was made
};

// A statement's result as it was described.
struct ResultKey {
  int64_t statement_id = 0;
  uint64_t columns_hash = 0;
  friend bool operator==(const ResultKey&, const ResultKey&) = default;
};
struct HashResultKey {
  size_t operator()(const ResultKey& key) const {
    return CombineHashes(key.columns_hash, static_cast<uint64_t>(key.statement_id));
  }
};

// What scopes OIDs: a database of an upstream.
struct Database {
  std::map<uint32_t, RelationName> relation_names;
  std::unordered_map<ResultKey, ColumnSet, HashResultKey> column_sets;
};

struct SessionState {
  Database* database = nullptr;  // never null once it is in sessions_
  std::map<std::string, Prepared, std::less<>> prepared;
  std::map<std::string, Cursor, std::less<>> cursors;
  SessionSettings settings;
  uint64_t values_of = 0;  // execution_id
  std::vector<catalog::BindValue> values;
};

// What an execution runs, after names are resolved.
struct Resolved {
  const Shape* shape = nullptr;
  const TextStatement* statement = nullptr;  // whose slots the sinks refer to; null: no SQL
  const TextStatement* sent = nullptr;       // what was sent: EXECUTE, FETCH, or the same
  bool with_arguments = false;               // of EXECUTE: they stand in place of the Bind's parameters
  Cursor* cursor = nullptr;                  // first FETCH of it
  const Cursor* continued = nullptr;         // later FETCH of it
};

}  // namespace

class Ingest::State {
 public:
  State(const HashKey& key, trace::Recorder& recorder, IngestOptions options)
      : recorder_(recorder),
        plans_(!options.catalogs.empty() && options.from_the_start),
        keeps_values_(options.keep_values),
        texts_(key, recorder, options.loops, plans_ || keeps_values_),
        lineage_(recorder),
        catalogs_(std::move(options.catalogs)) {
    for (std::string_view tag : kAllowedTags) kept_tags_.emplace(tag);
    for (std::string& tag : options.kept_tags) kept_tags_.insert(std::move(tag));
  }

  void On(const session::SessionOpened& opened) {
    SessionState& state = SessionOf(opened.session_id);
    state.database = &DatabaseOf(opened);
    state.settings = SessionSettings(std::string(opened.user));
    trace::SessionRow row;
    row.session_id = opened.session_id;
    row.info = {.session_id = opened.session_id,
                .client_process = opened.client_pid,
                .client_parents = ParentsOf(opened),
                .database = std::string(opened.database),
                .user = std::string(opened.user),
                .application_name = std::string(opened.application_name),
                .time_ns = opened.connected_ns,
                .logged_in_ns = opened.time_ns};
    row.client_address = opened.client_address;
    row.upstream_address = opened.upstream_address;
    row.server_version = opened.server_version;
    row.route = opened.route;
    recorder_.AddSession(row);
    lineage_.OnSessionOpened(row.info);
    if (opened.replication || opened.server_version.empty()) return;  // never logged in
    catalogs_.OnSessionOpened({.session_id = opened.session_id,
                               .upstream = opened.upstream_address,
                               .database = opened.database,
                               .user = opened.user,
                               .time_ns = opened.time_ns});
  }

  void On(const session::SessionClosed& closed) {
    recorder_.EndSession(closed.session_id, closed.time_ns, EndName(closed.end), OpaqueName(closed.opaque),
                         closed.relayed_frontend_bytes + closed.relayed_backend_bytes, closed.decoded_bytes,
                         closed.skipped_bytes, closed.opaque_bytes);
    lineage_.OnSessionClosed(closed.session_id, closed.time_ns);
    catalogs_.OnSessionClosed(closed.session_id);
    sessions_.erase(closed.session_id);
  }

  void On(const session::StatementText& text) {
    texts_.Add(text.text_hash, text.text, text.full_length == text.text.size());
  }

  void On(const session::ColumnsDescribed& described) {
    if (described_.size() >= kMaxDescribed) {
      described_.clear();
      for (auto& [name, database] : databases_) database.column_sets.clear();
    }
    auto& columns = described_[described.columns_hash];
    columns.clear();
    for (const session::Column& column : described.columns) {
      columns.push_back({std::string(column.name), column.table_oid, column.attnum, column.type_oid});
    }
  }

  void On(const session::StatementPrepared& prepared) {
    texts_.Pin(prepared.text_hash);
    SessionOf(prepared.session_id).prepared[std::string(prepared.name)] = {.text_hash = prepared.text_hash,
                                                                           .inner = {}};
    lineage_.OnPrepared(prepared.session_id, prepared.name);
  }

  void On(const session::StatementClosed& closed) {
    auto& prepared = SessionOf(closed.session_id).prepared;
    if (const auto found = prepared.find(closed.name); found != prepared.end()) prepared.erase(found);
  }

  void On(const session::SettingChanged& changed) {
    if (plans_) SessionOf(changed.session_id).settings.OnReport(changed.name, changed.value);
    if (changed.name != "application_name") return;
    recorder_.SetApplicationName(changed.session_id, changed.value);
    lineage_.OnApplicationName(changed.session_id, changed.value);
  }

  void On(const session::SentValues& sent) {
    SessionState& session = SessionOf(sent.session_id);
    session.values_of = sent.execution_id;
    session.values.clear();
    for (const session::SentValue& value : sent.values) {
      session.values.push_back(
          {.type_oid = value.type_oid, .null = value.null, .binary = value.binary, .value = std::string(value.value)});
    }
  }

  void On(const session::ScopeMark& mark) { lineage_.OnScopeMark(mark); }

  void On(const RowBatch& batch) {
    SessionState& session = SessionOf(batch.session_id);
    const Resolved resolved = Resolve(session, batch.text_hash, batch.statement_index, batch.statement_name);
    if (resolved.shape == nullptr) return;
    const auto columns = ColumnsOf(session, batch.session_id, *resolved.shape, batch.columns_hash);
    for (uint32_t i = 0; i < batch.column_count && i < columns.size(); ++i) {
      recorder_.AddCells(resolved.shape->statement_id, static_cast<int>(i), batch.row_count, batch.column_nulls[i],
                         batch.column_bytes[i]);
    }
    RowBatch placed = batch;
    if (resolved.cursor != nullptr) {
      resolved.cursor->execution_id = batch.execution_id;
    } else if (resolved.continued != nullptr) {
      placed.execution_id = resolved.continued->execution_id;
      placed.first_row += resolved.continued->rows;
    }
    lineage_.OnRows(placed, ProfileOf(*resolved.shape), columns);
  }

  void On(const QueryEvent& event) {
    if (event.outcome == QueryOutcome::kSkipped) return;  // the server never ran it
    SessionState& session = SessionOf(event.session_id);
    const Resolved resolved = ResolveQuery(session, event);
    const auto columns = ColumnsOf(session, event.session_id, *resolved.shape, event.columns_hash);
    ReadParameters(resolved, event);
    const bool continues_cursor = resolved.continued != nullptr;

    lineage::Execution execution;
    execution.execution_no = recorder_.NextExecutionNo();
    execution.session_id = event.session_id;
    execution.execution_id = event.execution_id;
    // A later FETCH brings rows of an execution that is already counted: it stands under its own text.
    const Shape& shape = continues_cursor ? *resolved.sent->shape : *resolved.shape;
    execution.statement = ProfileOf(shape);
    execution.columns_hash = event.columns_hash;
    if (!continues_cursor) execution.columns = columns;
    execution.rows_follow = resolved.cursor != nullptr;
    if (!continues_cursor) execution.sinks = SinkValues(resolved);
    execution.parameters_hash = ParametersHash(event, resolved);
    execution.result_hash = event.result_hash;
    execution.sent_ns = event.sent_ns;
    execution.first_ns = event.first_ns;
    execution.done_ns = event.done_ns;
    execution.busy_from_ns = event.busy_from_ns;
    execution.ready_before_ns = event.ready_before_ns;
    execution.rows = event.rows;
    execution.bytes = event.result_bytes;
    execution.transaction_before = event.transaction_before;
    std::copy_n(event.sqlstate.begin(), sizeof execution.sqlstate, execution.sqlstate);
    execution.pipelined = event.pipelined;
    execution.completed = event.outcome == QueryOutcome::kCompleted || event.outcome == QueryOutcome::kEmpty ||
                          event.outcome == QueryOutcome::kAbandoned;
    execution.first_execution_of_parse = event.first_execution_of_parse;
    execution.simple_protocol = event.protocol == session::QueryProtocol::kSimple;
    if (resolved.sent != nullptr) execution.tags = resolved.sent->tags;

    const int64_t unit_id = lineage_.OnExecution(execution);
    Store(event, execution, unit_id);
    StoreTags(execution);
    if (execution.completed) {
      catalogs_.OnExecution(event.session_id, {.statement_id = shape.statement_id,
                                               .facts = &shape.facts,
                                               .rows = event.rows,
                                               .sinks = execution.sinks,
                                               .done_ns = event.done_ns});
    }
    if (execution.completed && keeps_values_) KeepExample(session, resolved, event, execution);
    if (execution.completed && plans_) KeepForPlanning(session, resolved, event);
    if (execution.completed) ApplyNames(session, resolved, event);
  }

  void PollCatalogs(int64_t now_ns) { catalogs_.Poll(now_ns, recorder_); }
  void Flush(int64_t now_ns) {
    lineage_.Flush(now_ns);
    SetCounters();
  }
  void Finish(int64_t now_ns) {
    lineage_.Finish(now_ns);
    catalogs_.Finish(recorder_);
    SetCounters();
  }

 private:
  static constexpr size_t kMaxDescribed = 16'384;
  static constexpr size_t kMaxDatabases = 1'000;
  static constexpr size_t kMaxNames = 10'000;  // that SQL gave in one session; as many as the relay keeps

  void SetCounters() {
    recorder_.SetCounter("ambiguous_executions", lineage_.ambiguous_executions());
    recorder_.SetCounter("forgotten_names", forgotten_names_);
  }

  static lineage::StatementProfile ProfileOf(const Shape& shape) {
    return {.statement_id = shape.statement_id, .operation = shape.facts.operation, .facts = &shape.facts};
  }

  SessionState& SessionOf(uint64_t session_id) {
    SessionState& session = sessions_[session_id];
    if (session.database == nullptr) session.database = &databases_[{}];  // its announcement was lost
    return session;
  }

  // Which statement runs: the text's k-th, or what EXECUTE or FETCH stand for. A null shape: unknown.
  Resolved Resolve(SessionState& session, uint64_t text_hash, uint32_t index, std::string_view bound_name) {
    Resolved resolved;
    const Text* const text = text_hash != 0 ? texts_.Find(text_hash) : PreparedText(session, bound_name);
    if (text == nullptr || index >= text->statements.size()) return resolved;
    resolved.sent = resolved.statement = &text->statements[index];
    resolved.shape = resolved.sent->shape;
    if (resolved.sent->verb == NamedVerb::kExecute) {
      const Text* const named = PreparedText(session, resolved.sent->name);
      if (named != nullptr && named->statements.size() == 1) {
        resolved.with_arguments = true;
        resolved.statement = &named->statements.front();
        resolved.shape = resolved.statement->shape;
      }
    } else if (resolved.sent->verb == NamedVerb::kFetch) {
      if (const auto found = session.cursors.find(resolved.sent->name); found != session.cursors.end()) {
        Cursor& cursor = found->second;
        resolved.statement = &cursor.statement;
        resolved.shape = cursor.statement.shape;
        if (cursor.rows == 0) {
          resolved.cursor = &cursor;
        } else {
          resolved.continued = &cursor;
        }
      }
    }
    return resolved;
  }

  Resolved ResolveQuery(SessionState& session, const QueryEvent& event) {
    Resolved resolved;
    if (event.outcome == QueryOutcome::kEmpty) {
      resolved.shape = texts_.Pseudo("(empty query)");
    } else if (event.protocol == session::QueryProtocol::kFunctionCall) {
      resolved.shape = texts_.Pseudo("(function call)");
    } else {
      resolved = Resolve(session, event.text_hash, event.statement_index, event.statement_name);
      if (resolved.shape == nullptr) resolved.shape = texts_.Pseudo("(statement unknown)");
    }
    return resolved;
  }

  const Text* PreparedText(const SessionState& session, std::string_view name) {
    const auto found = session.prepared.find(name);
    if (found == session.prepared.end()) return nullptr;
    return found->second.inner ? found->second.inner.get() : texts_.Find(found->second.text_hash);
  }

  void ReadParameters(const Resolved& resolved, const QueryEvent& event) {
    if (resolved.cursor != nullptr) {
      parameters_ = resolved.cursor->parameters;
      return;
    }
    parameters_.Clear();
    if (resolved.with_arguments) return ReadArguments(*resolved.sent);
    for (const session::ParameterHash& sent : event.parameters) {
      parameters_.list.push_back({.type_oid = sent.type_oid,
                                  .array_length = sent.array_length,
                                  .first_hash = parameters_.hashes.size(),
                                  .hash_count = sent.hashed ? sent.hashes.size() : 0});
      for (size_t i = 0; sent.hashed && i < sent.hashes.size(); ++i) {
        parameters_.hashes.push_back({sent.hashes[i], sent.alternates[i]});
      }
    }
  }

  // EXECUTE name (a, b): each slot of the text is an argument.
  void ReadArguments(const TextStatement& execute) {
    for (const sql::SlotValue& value : execute.values) {
      const bool hashed = value.hash.hash != 0;
      parameters_.list.push_back(
          {.first_hash = parameters_.hashes.size(), .hash_count = hashed ? size_t{1} : size_t{0}});
      if (hashed) parameters_.hashes.push_back(value.hash);
    }
  }

  void AddSlot(lineage::SinkValue& sink, const TextStatement& statement, int slot, bool any_array) const {
    const sql::Slot& at = statement.slots[static_cast<size_t>(slot)];
    sink.elements = at.value_count;
    for (uint32_t i = at.first_value; i < at.first_value + at.value_count; ++i) {
      const sql::SlotValue& value = statement.values[i];
      if (value.parameter == 0) {
        if (value.hash.hash != 0) sink.hashes.push_back(value.hash);
        continue;
      }
      const auto number = static_cast<size_t>(value.parameter);
      if (number > parameters_.list.size()) continue;
      const Parameter& parameter = parameters_.list[number - 1];
      sink.type_oid = parameter.type_oid;
      if (parameter.array_length >= 0) {
        sink.elements = parameter.array_length;
      } else if (any_array) {
        sink.elements = 2;  // an array whose elements were not read: a batch of unknown length
        continue;
      }
      const std::span<const ValueHash> hashes = parameters_.HashesOf(parameter);
      sink.hashes.insert(sink.hashes.end(), hashes.begin(), hashes.end());
    }
  }

  static void Clear(lineage::SinkValue& sink, int comparison) {
    sink.comparison = comparison;
    sink.type_oid = 0;
    sink.elements = 1;
    sink.hashes.clear();
    sink.members.clear();
  }

  // In memory that the next execution uses again.
  std::span<const lineage::SinkValue> SinkValues(const Resolved& resolved) {
    if (resolved.statement == nullptr) return {};
    const std::vector<Sink>& sinks = resolved.shape->sinks;
    if (sink_values_.size() < sinks.size()) sink_values_.resize(sinks.size());
    for (size_t i = 0; i < sinks.size(); ++i) {
      const Sink& sink = sinks[i];
      lineage::SinkValue& value = sink_values_[i];
      Clear(value, sink.comparison);
      for (const int slot : sink.slots) {
        if (static_cast<size_t>(slot) >= resolved.statement->slots.size()) continue;
        if (sink.slots.size() == 1) {
          AddSlot(value, *resolved.statement, slot, sink.any_array);
          continue;
        }
        Clear(member_, -1);
        AddSlot(member_, *resolved.statement, slot, sink.any_array);
        value.elements = std::max(value.elements, member_.elements);
        value.members.push_back(member_.hashes.size() == 1 ? member_.hashes[0] : ValueHash{});
      }
    }
    return std::span(sink_values_).first(sinks.size());
  }

  // All values of an execution as one hash. Literals that are not comparable (floats, times) are told apart by the
  // whole text. 0: unknown.
  static uint64_t ParametersHash(const QueryEvent& event, const Resolved& resolved) {
    if (resolved.cursor != nullptr || resolved.continued != nullptr) return 0;
    uint64_t hash = event.parameters_hash;
    if (event.parameter_count > 0 && hash == 0) return 0;
    const TextStatement* sent = resolved.sent;
    if (sent == nullptr) return hash;
    for (const sql::SlotValue& value : sent->values) {
      if (value.parameter != 0) continue;
      if (value.hash.hash == 0 && !value.null) return CombineHashes(event.text_hash, event.statement_index + 1);
      const uint64_t next = value.null ? 1 : value.hash.hash;
      hash = hash == 0 ? next : CombineHashes(hash, next);
    }
    return hash == 0 ? 1 : hash;  // no values at all: every execution is alike
  }

  // Base columns behind a described result, as far as names are known; learns OID <-> name on the way.
  std::span<const ResultColumn> ColumnsOf(const SessionState& session, uint64_t session_id, const Shape& shape,
                                          uint64_t columns_hash) {
    if (columns_hash == 0) return {};
    auto& names = session.database->relation_names;
    const auto known = session.database->column_sets.find({shape.statement_id, columns_hash});
    if (known != session.database->column_sets.end() &&
        (known->second.whole || (!known->second.columns.empty() && known->second.names_known == names.size()))) {
      return known->second.columns;
    }
    const auto described = described_.find(columns_hash);
    if (described == described_.end()) return {};
    ColumnSet& set = session.database->column_sets[{shape.statement_id, columns_hash}];
    LearnNames(session_id, names, shape.facts, described->second);
    const bool listed = !shape.facts.has_star && shape.facts.outputs.size() == described->second.size();
    set.columns.clear();
    set.whole = true;
    for (size_t i = 0; i < described->second.size(); ++i) {
      const DescribedColumn& column = described->second[i];
      ResultColumn result{.relation = {},
                          .column = {},
                          .table_oid = column.table_oid,
                          .attnum = column.attnum,
                          .type_oid = column.type_oid};
      if (column.table_oid != 0) {
        const auto name = names.find(column.table_oid);
        if (name == names.end())
          set.whole = false;
        else
          result.relation = name->second.name;
        const bool plain = listed && shape.facts.outputs[i].kind == sql::Output::Kind::kColumn;
        result.column = plain ? shape.facts.outputs[i].column.column : column.name;
      }
      recorder_.AddColumn(shape.statement_id, static_cast<int>(i), column.name, result);
      set.columns.push_back(std::move(result));
    }
    set.names_known = names.size();
    return set.columns;
  }

  void LearnNames(uint64_t session_id, std::map<uint32_t, RelationName>& names, const sql::Facts& facts,
                  const std::vector<DescribedColumn>& described) {
    const bool listed = !facts.has_star && facts.outputs.size() == described.size();
    for (size_t i = 0; i < described.size(); ++i) {
      const uint32_t oid = described[i].table_oid;
      if (oid == 0 || names.contains(oid)) continue;
      int relation = -1;
      if (listed && facts.outputs[i].kind == sql::Output::Kind::kColumn) relation = facts.outputs[i].column.relation;
      if (relation < 0 && facts.relations.size() == 1) relation = 0;
      if (relation < 0) continue;
      const sql::Relation& known = facts.relations[static_cast<size_t>(relation)];
      names[oid] = {known.schema, known.name};
      recorder_.LearnRelation(session_id, oid, known.schema, known.name);
    }
  }

  void Store(const QueryEvent& event, const lineage::Execution& execution, int64_t unit_id) {
    trace::ExecutionRow row;
    row.execution_no = execution.execution_no;
    row.session_id = event.session_id;
    row.unit_id = unit_id;
    row.statement_id = execution.statement.statement_id;
    row.sent_ns = event.sent_ns;
    row.first_ns = event.first_ns;
    row.done_ns = event.done_ns;
    row.busy_from_ns = event.busy_from_ns;
    row.rows = event.rows;
    row.bytes = event.result_bytes;
    row.failed = !execution.completed;
    row.sqlstate = event.sqlstate.data();
    row.parameters_hash = execution.parameters_hash;
    row.result_hash = event.result_hash;
    const auto flag = [&row](bool set, uint32_t bit) { row.flags |= set ? bit : 0u; };
    flag(execution.simple_protocol, trace::kFlagSimple);
    flag(event.pipelined, trace::kFlagPipelined);
    flag(event.transaction_before == 'T' || event.transaction_before == 'E', trace::kFlagInTransaction);
    flag(event.outcome == QueryOutcome::kFailed, trace::kFlagFailed);
    flag(event.outcome == QueryOutcome::kConnectionLost, trace::kFlagConnectionLost);
    flag(event.outcome == QueryOutcome::kAbandoned, trace::kFlagAbandoned);
    flag(event.copy != session::CopyDirection::kNone, trace::kFlagCopy);
    flag(event.fetches > 1, trace::kFlagPortalInPieces);
    flag(event.protocol == session::QueryProtocol::kFunctionCall, trace::kFlagFunctionCall);
    recorder_.AddExecution(row);
  }

  void StoreTags(const lineage::Execution& execution) {
    for (const sql::Tag& tag : execution.tags) {
      if (kept_tags_.contains(tag.key)) recorder_.AddTag(execution.statement.statement_id, tag.key, tag.value);
    }
  }

  // What was sent for an execution; "" where that is not known, or stands for another: EXECUTE, FETCH.
  std::string_view SentText(const Resolved& resolved, const QueryEvent& event) {
    if (resolved.sent == nullptr || resolved.sent != resolved.statement) return {};
    const Text* text = texts_.Find(event.text_hash);
    if (text == nullptr || text->raw.empty()) return {};
    return std::string_view(text->raw).substr(resolved.sent->offset, resolved.sent->length);
  }

  void KeepExample(const SessionState& session, const Resolved& resolved, const QueryEvent& event,
                   const lineage::Execution& execution) {
    const int64_t statement_id = resolved.shape->statement_id;
    if (!resolved.shape->may_keep_values || !examples_.Wants(statement_id, execution.parameters_hash)) return;
    const std::string_view own = SentText(resolved, event);
    const bool sent = event.parameter_count > 0 && session.values_of == event.execution_id;
    if (own.empty() || (event.parameter_count > 0 && !sent)) return;
    const std::span<const catalog::BindValue> binds = session.values;
    auto values = examples_.Take(statement_id, execution.parameters_hash, own, sent ? binds : binds.first(0));
    if (values.empty()) return;
    recorder_.AddExample(
        {.statement_id = statement_id, .execution_no = execution.execution_no, .values = std::move(values)});
  }

  // What the statement sets, and the execution itself if it is one to plan again.
  void KeepForPlanning(SessionState& session, const Resolved& resolved, const QueryEvent& event) {
    const std::string_view own = SentText(resolved, event);
    if (own.empty()) return;
    const sql::Facts& facts = resolved.shape->facts;
    if (MayBePlanned(facts)) {
      const int64_t database_ns = std::max<int64_t>(event.done_ns - event.busy_from_ns, 0);
      const bool sent = session.values_of == event.execution_id && event.parameter_count > 0;
      const Samples::Values values = event.parameter_count == 0 ? Samples::Values::kInText
                                     : sent                     ? Samples::Values::kDrawn
                                                                : Samples::Values::kUnknown;
      if (catalogs_.WantsSample(event.session_id, resolved.shape->statement_id, values, database_ns, event.rows)) {
        Planning planning{.sample = {.sql = std::string(own),
                                     .context = session.settings.Context(),
                                     .database_ns = database_ns,
                                     .rows = event.rows,
                                     .named = IsNamed(session, event.text_hash)},
                          .values_known = values != Samples::Values::kUnknown};
        if (sent) planning.sample.binds = session.values;
        for (size_t i = 0; !sent && i < parameters_.list.size(); ++i) {
          planning.sample.binds.push_back({.type_oid = parameters_.list[i].type_oid, .null = true});
        }
        catalogs_.KeepSample(event.session_id, resolved.shape->statement_id, std::move(planning));
      }
    }
    session.settings.OnStatement(facts.operation, own, event.transaction_before);
  }

  // What is known of databases that nobody uses goes when there are too many: any name may come with a connection.
  Database& DatabaseOf(const session::SessionOpened& opened) {
    std::string name = std::string(opened.upstream_address) + "/" + std::string(opened.database);
    if (databases_.size() >= kMaxDatabases && !databases_.contains(name)) {
      std::set<const Database*> used;
      for (const auto& [id, session] : sessions_) used.insert(session.database);
      std::erase_if(databases_, [&](const auto& entry) { return !used.contains(&entry.second); });
    }
    return databases_[std::move(name)];
  }

  static bool MayBePlanned(const sql::Facts& facts) {
    using enum sql::Operation;
    const bool kind = facts.operation == kSelect || facts.operation == kInsert || facts.operation == kUpdate ||
                      facts.operation == kDelete || facts.operation == kMerge;
    return kind && !facts.catalog_only && !facts.single_row_insert && !facts.relations.empty();
  }

  static bool IsNamed(const SessionState& session, uint64_t text_hash) {
    return std::ranges::any_of(session.prepared,
                               [&](const auto& entry) { return entry.second.text_hash == text_hash; });
  }

  // All names go at once when there are too many: who makes so many seldom comes back to one.
  template <class Names>
  void MakeRoom(Names& names, const std::string& name) {
    if (names.size() < kMaxNames || names.contains(name)) return;
    forgotten_names_ += names.size();
    names.clear();
  }

  // The names that a completed statement made or took away.
  void ApplyNames(SessionState& session, const Resolved& resolved, const QueryEvent& event) {
    if (resolved.cursor != nullptr) {
      resolved.cursor->execution_id = event.execution_id;
      resolved.cursor->rows = event.rows;
    } else if (resolved.continued != nullptr) {
      session.cursors.find(resolved.sent->name)->second.rows += event.rows;
    }
    if (resolved.sent == nullptr) return;
    const TextStatement& sent = *resolved.sent;
    switch (sent.verb) {
      case NamedVerb::kPrepare:
        if (!sent.inner) break;
        MakeRoom(session.prepared, sent.name);
        session.prepared[sent.name] = {.text_hash = 0, .inner = sent.inner};
        break;
      case NamedVerb::kDeallocate:
        if (sent.name.empty())
          session.prepared.clear();
        else
          session.prepared.erase(sent.name);
        break;
      case NamedVerb::kDeclare:
        if (sent.inner && sent.inner->statements.size() == 1) {
          MakeRoom(session.cursors, sent.name);
          session.cursors[sent.name] = {.statement = sent.inner->statements.front(), .parameters = parameters_};
        }
        break;
      case NamedVerb::kClose:
        if (sent.name.empty())
          session.cursors.clear();
        else
          session.cursors.erase(sent.name);
        break;
      case NamedVerb::kNone:
        if (sent.shape->facts.operation == sql::Operation::kDiscard) {
          session.prepared.clear();
          session.cursors.clear();
        }
        break;
      case NamedVerb::kExecute:
      case NamedVerb::kFetch:
      case NamedVerb::kMove:
        break;
    }
  }

  trace::Recorder& recorder_;
  const bool plans_;         // whether statements are planned again
  const bool keeps_values_;  // whether examples are stored
  ExampleValues examples_;
  Texts texts_;
  lineage::Lineage lineage_;
  CatalogWatch catalogs_;
  std::set<std::string, std::less<>> kept_tags_;
  std::unordered_map<uint64_t, SessionState> sessions_;
  std::unordered_map<uint64_t, std::vector<DescribedColumn>> described_;
  std::map<std::string, Database> databases_;  // by upstream and name
  uint64_t forgotten_names_ = 0;
  // Of the execution at hand.
  Parameters parameters_;
  std::vector<lineage::SinkValue> sink_values_;
  lineage::SinkValue member_;  // of a tuple
};

Ingest::Ingest(const HashKey& key, trace::Recorder& recorder, IngestOptions options)
    : state_(std::make_unique<State>(key, recorder, std::move(options))) {}
Ingest::~Ingest() = default;

void Ingest::OnRecord(const session::Record& record) {
  std::visit([this](const auto& value) { state_->On(value); }, record);
}
void Ingest::PollCatalogs(int64_t now_ns) { state_->PollCatalogs(now_ns); }
void Ingest::Flush(int64_t now_ns) { state_->Flush(now_ns); }
void Ingest::Finish(int64_t now_ns) { state_->Finish(now_ns); }

}  // namespace pgassay::ingest
