#include "proxy/session/session.h"

#include <algorithm>
#include <utility>

#include "proxy/session/request_message.h"
#include "proxy/session/row_message.h"
#include "proxy/session/state.h"

namespace pgassay::session {

RecordSink::RecordSink() : scratch_(std::make_unique<Scratch>()) {}
RecordSink::~RecordSink() = default;

Session::Session(SessionIdentity identity, const HashKey& key, RecordSink& sink)
    : state_(std::make_unique<State>(std::move(identity), key, sink)) {}
Session::~Session() = default;

void Session::OnFrontend(std::string_view bytes, int64_t now_ns) { state_->OnFrontend(bytes, now_ns); }
void Session::OnBackend(std::string_view bytes, int64_t now_ns) { state_->OnBackend(bytes, now_ns); }
void Session::OnEnd(SessionEnd end, int64_t now_ns) { state_->OnEnd(end, now_ns); }
const ByteCounts& Session::bytes() const { return state_->bytes(); }
OpaqueReason Session::opaque() const { return state_->opaque(); }
bool Session::logged_in() const { return state_->logged_in(); }
uint64_t Session::queries() const { return state_->queries(); }
std::string_view Session::cancel_key() const { return state_->cancel_key(); }

Session::State::State(SessionIdentity identity, const HashKey& key, RecordSink& sink)
    : key_(key),
      sink_(sink),
      scratch_(sink.scratch()),
      session_id_(identity.session_id),
      login_(std::make_unique<Login>(std::move(identity))),
      keeps_values_(sink.KeepsValues()) {}

// Speed rests on small sessions: with the reader's strings and a warm loop, an idle one is below 1 KiB.
static_assert(sizeof(Session::State) <= 768);

Session::State::~State() {
  if (pending_) scratch_.Recycle(std::move(pending_));
}

void Session::State::Count() {
  bytes_.decoded = frontend_.decoded() + backend_.decoded() + negotiation_bytes_;
  bytes_.skipped = frontend_.skipped() + backend_.skipped();
  bytes_.opaque = bytes_.frontend + bytes_.backend - bytes_.decoded - bytes_.skipped;
}

// The one-way door: the message that broke the framing, and one cut in the other direction, become opaque with all that
// follows.
void Session::State::Desync(OpaqueReason reason, wire::FrameReader& broken) {
  FlushRows();
  opaque_ = reason;
  broken.Abandon();
  (&broken == &frontend_ ? backend_ : frontend_).AbandonUnfinished();
  LoseOpen({});
  Free();
}

void Session::State::Free() {
  active_ = nullptr;
  if (pending_) scratch_.Recycle(std::move(pending_));
  names_.reset();
  unnamed_statement_ = StatementRef();
  unnamed_portal_.reset();
  split_query_.reset();
  split_parse_.reset();
  split_bind_.reset();
  split_row_.reset();
  skipping_ = copying_in_ = copying_out_ = streamed_ = false;
  unfinished_ = 0;
}

// Whatever was asked and not answered is lost with the connection, or with the understanding of it.
void Session::State::LoseOpen(std::string_view sqlstate) {
  if (unfinished_ > 0) Announce();  // what was sent ahead of a login that never ended is of that session
  copying_in_ = copying_out_ = false;
  while (pending_ && !pending_->empty()) {
    Token& head = pending_->Front();
    switch (head.kind) {
      case TokenKind::kParse:
        if (head.statement) StoreStatement(head.statement_name.view(), std::move(head.statement));
        break;
      case TokenKind::kBind:
        if (head.execution) ApplyBind(head);
        break;
      case TokenKind::kQuery:
      case TokenKind::kFunctionCall:
      case TokenKind::kExecute:
        if (!head.answering) {
          Active();
          EndRun(QueryOutcome::kConnectionLost, {}, sqlstate);
          active_->ForgetRun();
        }
        break;
      default:
        break;
    }
    PopHead();
  }
  ForgetPortals();
}

void Session::State::Announce() {
  if (!login_) return;
  const Login& login = *login_;
  sink_.Emit(SessionOpened{.session_id = session_id_,
                           .time_ns = now_ns_,
                           .connected_ns = login.identity.connected_ns,
                           .client_pid = login.identity.client_pid,
                           .client_parents = login.identity.client_parents,
                           .route = login.identity.route,
                           .replication = login.replication,
                           .client_address = login.identity.client_address,
                           .upstream_address = login.identity.upstream_address,
                           .user = login.user,
                           .database = login.database,
                           .application_name = login.application_name,
                           .server_version = login.server_version});
  for (const auto& [name, value] : login.settings) {
    sink_.Emit(SettingChanged{.session_id = session_id_, .time_ns = now_ns_, .name = name, .value = value});
  }
  login_.reset();
}

void Session::State::OnEnd(SessionEnd end, int64_t now_ns) {
  now_ns_ = now_ns;
  Announce();
  LoseOpen({});
  Free();
  if (server_fatal_ && end != SessionEnd::kShutdown) end = SessionEnd::kServerFatal;
  if (terminated_ && end == SessionEnd::kClientClosed) end = SessionEnd::kTerminated;
  sink_.Emit(SessionClosed{.session_id = session_id_,
                           .time_ns = now_ns,
                           .end = end,
                           .opaque = opaque_,
                           .relayed_frontend_bytes = bytes_.frontend,
                           .relayed_backend_bytes = bytes_.backend,
                           .decoded_bytes = bytes_.decoded,
                           .skipped_bytes = bytes_.skipped,
                           .opaque_bytes = bytes_.opaque});
}

void Session::State::EmitExecution(Execution& execution, QueryOutcome outcome, std::string_view tag,
                                   std::string_view sqlstate) {
  auto& event = std::get<QueryEvent>(scratch_.event);
  const wire::CommandTag parsed = wire::ReadCommandTag(tag);
  event.session_id = session_id_;
  event.execution_id = execution.execution_id;
  event.time_ns = now_ns_;
  event.sent_ns = execution.sent_ns;
  event.first_ns = execution.first_ns;
  event.done_ns = execution.done_ns;
  event.busy_from_ns = execution.busy_from_ns;
  event.ready_before_ns = execution.ready_before_ns;
  event.text_hash = execution.text_hash;
  event.columns_hash = execution.layout.columns_hash;
  event.parameters_hash = execution.parameters_hash;
  event.result_hash = execution.rows == 0 ? 0 : std::max<uint64_t>(execution.row_hash, 1);
  event.rows = execution.rows != 0 ? execution.rows : parsed.count;
  event.affected_rows = parsed.count;
  event.request_bytes = execution.request_bytes;
  event.result_bytes = execution.result_bytes;
  event.statement_index = execution.statement_index;
  event.fetches = execution.fetches;
  event.protocol = execution.protocol;
  event.outcome = outcome;
  event.copy = execution.copy;
  event.transaction_before = execution.transaction_before;
  event.pipelined = execution.pipelined;
  event.first_execution_of_parse = execution.first_execution_of_parse;
  event.rows_truncated = execution.rows > kMaxLineageRows;
  event.parameter_count = execution.parameter_count;
  event.sqlstate.fill('\0');
  sqlstate.copy(event.sqlstate.data(), event.sqlstate.size() - 1);
  event.command_tag.fill('\0');
  parsed.text.copy(event.command_tag.data(), event.command_tag.size() - 1);
  event.statement_name = execution.statement_name.view();
  event.parameters.clear();
  const PreparedStatement* statement = execution.statement.get();
  size_t first = 0;
  for (size_t i = 0; i < execution.parameters.size(); ++i) {
    const Parameter& parameter = execution.parameters[i];
    uint32_t type_oid = parameter.type_oid;
    if (type_oid == 0 && statement != nullptr && i < statement->parameter_types.size()) {
      type_oid = statement->parameter_types[i];
    }
    event.parameters.push_back({.type_oid = type_oid,
                                .null = parameter.null,
                                .hashed = parameter.hashed,
                                .array_length = parameter.array_length,
                                .hashes = {execution.hashes.data() + first, parameter.hash_count},
                                .alternates = {execution.alternates.data() + first, parameter.hash_count}});
    first += parameter.hash_count;
  }
  if (outcome != QueryOutcome::kSkipped) ++queries_;
  if (keeps_values_ && outcome == QueryOutcome::kCompleted) EmitValues(execution, event);
  sink_.Emit(scratch_.event);
}

void Session::State::EmitValues(const Execution& execution, const QueryEvent& event) {
  if (execution.parameter_count == 0 || execution.kept_values.size() != execution.parameter_count) return;
  if (!sink_.WantsValues(event.text_hash, event.done_ns - event.busy_from_ns, event.rows)) return;
  SentValues sent{.session_id = session_id_, .execution_id = event.execution_id, .time_ns = now_ns_, .values = {}};
  for (size_t i = 0; i < execution.kept_values.size(); ++i) {
    const KeptValue& kept = execution.kept_values[i];
    sent.values.push_back({.type_oid = event.parameters[i].type_oid,
                           .null = event.parameters[i].null,
                           .binary = kept.binary,
                           .value = std::string_view(execution.value_bytes).substr(kept.begin, kept.length)});
  }
  sink_.Emit(sent);
}

StatementRef* Session::State::FindStatement(std::string_view name) {
  if (name.empty()) return unnamed_statement_ ? &unnamed_statement_ : nullptr;
  if (!names_) return nullptr;
  const auto found = names_->statements.find(name);
  return found == names_->statements.end() ? nullptr : &found->second;
}

ExecutionPtr* Session::State::FindPortal(std::string_view name) {
  if (name.empty()) return unnamed_portal_ ? &unnamed_portal_ : nullptr;
  if (!names_) return nullptr;
  const auto found = names_->portals.find(name);
  return found == names_->portals.end() ? nullptr : &found->second;
}

// False beyond the limit of names.
bool Session::State::StoreStatement(std::string_view name, StatementRef statement) {
  if (name.empty()) {
    unnamed_statement_ = std::move(statement);
    return true;
  }
  if (!names_) names_ = std::make_unique<Names>();
  if (names_->statements.size() >= kMaxNames && FindStatement(name) == nullptr) return false;
  names_->statements[std::string(name)] = std::move(statement);
  return true;
}

bool Session::State::StorePortal(std::string_view name, ExecutionPtr execution) {
  if (ExecutionPtr* old = FindPortal(name)) Abandon(**old);
  if (name.empty()) {
    unnamed_portal_ = std::move(execution);
    return true;
  }
  if (!names_) names_ = std::make_unique<Names>();
  if (names_->portals.size() >= kMaxNames && FindPortal(name) == nullptr) return false;
  names_->portals[std::string(name)] = std::move(execution);
  return true;
}

void Session::State::ForgetStatement(std::string_view name) {
  if (name.empty()) {
    unnamed_statement_ = StatementRef();
  } else if (names_) {
    if (const auto found = names_->statements.find(name); found != names_->statements.end())
      names_->statements.erase(found);
  }
}

void Session::State::ForgetPortal(std::string_view name) {
  ExecutionPtr* portal = FindPortal(name);
  if (portal == nullptr) return;
  Abandon(**portal);
  if (name.empty()) {
    unnamed_portal_.reset();
  } else {
    names_->portals.erase(names_->portals.find(name));
  }
}

void Session::State::ForgetPortals() {
  ForgetPortal({});
  if (!names_ || names_->portals.empty()) return;
  // In the order of their executions, so that the same bytes give the same records.
  std::vector<Execution*> open;
  for (const auto& [name, execution] : names_->portals) open.push_back(execution.get());
  std::ranges::sort(open, {}, &Execution::execution_id);
  for (Execution* execution : open) Abandon(*execution);
  names_->portals.clear();
}

// A portal that ends before its rows did.
void Session::State::Abandon(Execution& execution) {
  if (execution.execution_id == 0) return;
  EmitExecution(execution, QueryOutcome::kAbandoned, {}, {});
  execution.ForgetRun();
}

}  // namespace pgassay::session
