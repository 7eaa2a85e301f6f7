// What a server answers: each reply is matched with the request at the head of the queue, and only then do names,
// portals and executions change. The table is in pending_requests.h.
#include <algorithm>
#include <bit>
#include <utility>

#include "proxy/session/request_message.h"
#include "proxy/session/row_message.h"
#include "proxy/session/state.h"

namespace pgassay::session {
namespace {

namespace backend = wire::backend;

// A description of kMaxColumns columns with names of 63 bytes has 136 KiB; what is longer no PostgreSQL sends.
constexpr uint64_t kMaxDescriptionBytes = uint64_t{192} * 1024;
constexpr uint32_t kMaxErrorPrefix = 1024;  // severity and SQLSTATE come first
constexpr uint32_t kMaxTagBytes = 128;
constexpr uint32_t kMaxSettingBytes = 4096;
constexpr uint32_t kMaxKeyBytes = 4 + 256;  // protocol 3.2
constexpr uint32_t kMaxTypesBytes = 2 + 4 * uint32_t{kMaxHashedParameters};
constexpr uint32_t kMaxBatchRows = 512;

bool IsAsynchronous(char type) {
  return type == backend::kNotice || type == backend::kNotification || type == backend::kParameterStatus;
}

// What comes before the first ReadyForQuery; until then no request is answered.
bool IsOfLogin(char type) {
  return IsAsynchronous(type) || type == backend::kAuthentication || type == backend::kBackendKeyData ||
         type == backend::kNegotiateProtocolVersion || type == backend::kError || type == backend::kReadyForQuery;
}

}  // namespace

wire::BodyPolicy Session::State::BackendPolicy(char type, uint64_t body_length) {
  if (reply_first_ns_ == 0 && !IsAsynchronous(type)) reply_first_ns_ = now_ns_;
  switch (type) {
    case backend::kDataRow:
      if (!HeadRuns() || Active().rows >= kMaxLineageRows) return {wire::Want::kSkip, 0};
      return {wire::Want::kStream, 0};
    case backend::kRowDescription:
      if (body_length > kMaxDescriptionBytes) return {wire::Want::kSkip, 0};
      return {wire::Want::kWhole, static_cast<uint32_t>(body_length)};
    case backend::kParameterDescription:
      return {wire::Want::kWhole, kMaxTypesBytes};
    case backend::kCommandComplete:
      return {wire::Want::kWhole, kMaxTagBytes};
    case backend::kError:
      return {wire::Want::kWhole, kMaxErrorPrefix};
    case backend::kReadyForQuery:
      return {wire::Want::kWhole, 1};
    case backend::kParameterStatus:
      return {wire::Want::kWhole, kMaxSettingBytes};
    case backend::kBackendKeyData:
      return {wire::Want::kWhole, kMaxKeyBytes};
    case backend::kNotice:
    case backend::kNotification:
    case backend::kCopyData:
    case backend::kCopyIn:
    case backend::kCopyOut:
    case backend::kCopyBoth:
    case backend::kFunctionCallResponse:
    case backend::kAuthentication:
    case backend::kNegotiateProtocolVersion:
      return {wire::Want::kSkip, 0};
    default:  // those without a body
      return {wire::Want::kWhole, 0};
  }
}

void Session::State::OnBackend(std::string_view bytes, int64_t now_ns) {
  bytes_.backend += bytes.size();
  now_ns_ = now_ns;
  bytes = TakeNegotiationAnswer(bytes);
  wire::Frame frame;
  while (opaque_ == OpaqueReason::kNone && answers_due_ == 0) {
    const auto policy = [this](char type, uint64_t length) { return BackendPolicy(type, length); };
    const auto step = backend_.Next(bytes, policy, frame);
    if (step == wire::FrameReader::Step::kNeedMore) break;
    if (step == wire::FrameReader::Step::kFrame) {
      OnBackendFrame(frame);
    } else {
      Desync(step == wire::FrameReader::Step::kBadLength ? OpaqueReason::kBadLength : OpaqueReason::kUnknownType,
             backend_);
    }
  }
  FlushRows();
  Count();
}

// The one byte that answers SSLRequest or GSSENCRequest: no, or the end of what can be read. An old server may send an
// error instead.
std::string_view Session::State::TakeNegotiationAnswer(std::string_view bytes) {
  while (answers_due_ > 0 && !bytes.empty() && opaque_ == OpaqueReason::kNone) {
    if (bytes[0] == backend::kError) {
      answers_due_ = 0;
      break;
    }
    if (bytes[0] != 'N') {
      Desync(bytes[0] == 'S' || bytes[0] == 'G' ? OpaqueReason::kEncrypted : OpaqueReason::kUnknownType, backend_);
      break;
    }
    --answers_due_;
    ++negotiation_bytes_;
    bytes.remove_prefix(1);
  }
  return bytes;
}

void Session::State::OnBackendFrame(const wire::Frame& frame) {
  if (!logged_in_ && !IsOfLogin(frame.type)) return Desync(OpaqueReason::kUnexpectedReply, backend_);
  if (frame.type == backend::kDataRow) {
    if (!OnDataRow(frame)) Desync(HeadRuns() ? OpaqueReason::kBadBody : OpaqueReason::kUnexpectedReply, backend_);
    return;
  }
  bool expected = true;
  switch (frame.type) {
    case backend::kNotice:
    case backend::kNotification:
      break;
    case backend::kAuthentication:
    case backend::kBackendKeyData:
    case backend::kNegotiateProtocolVersion:
      expected = OnLoginMessage(frame);
      break;
    case backend::kParameterStatus:
      if (!OnParameterStatus(frame)) return Desync(OpaqueReason::kBadBody, backend_);
      break;
    case backend::kParseComplete:
      expected = OnParseComplete();
      break;
    case backend::kBindComplete:
      expected = OnBindComplete();
      break;
    case backend::kCloseComplete:
      expected = OnCloseComplete();
      break;
    case backend::kParameterDescription:
      expected = OnParameterDescription(frame);
      break;
    case backend::kRowDescription:
      expected = OnRowDescription(frame);
      break;
    case backend::kNoData:
      expected = OnNoData();
      break;
    case backend::kCommandComplete:
    case backend::kEmptyQuery:
      expected = OnStatementEnd(frame);
      break;
    case backend::kPortalSuspended:
      expected = OnPortalSuspended(frame);
      break;
    case backend::kCopyIn:
      expected = OnCopyBegins(CopyDirection::kIn, frame.total_length);
      break;
    case backend::kCopyOut:
      expected = OnCopyBegins(CopyDirection::kOut, frame.total_length);
      break;
    case backend::kCopyBoth:
      expected = OnCopyBegins(CopyDirection::kBoth, frame.total_length);
      break;
    case backend::kCopyData:
    case backend::kCopyDone:
      expected = copying_out_ && active_ != nullptr;
      if (expected) active_->result_bytes += frame.total_length;
      // What a replicating server had on the way may follow its CopyDone (measured: a keepalive).
      if (frame.type == backend::kCopyDone && expected) copying_out_ = active_->copy == CopyDirection::kBoth;
      break;
    case backend::kFunctionCallResponse:
      expected = OnFunctionCallResponse(frame);
      break;
    case backend::kError:
      expected = OnError(frame);
      break;
    case backend::kReadyForQuery:
      expected = OnReadyForQuery(frame);
      break;
    default:
      expected = false;
  }
  if (!expected && opaque_ == OpaqueReason::kNone) Desync(OpaqueReason::kUnexpectedReply, backend_);
}

// ---- login
// -----------------------------------------------------------------------------------------------------------

bool Session::State::OnLoginMessage(const wire::Frame& frame) {
  if (frame.type == backend::kBackendKeyData) cancel_key_ = frame.body;
  return !logged_in_;
}

bool Session::State::OnParameterStatus(const wire::Frame& frame) {
  wire::Body body(frame.body);
  const std::string_view name = body.String();
  if (!body.ok()) return false;
  const std::string_view value = body.rest().substr(0, body.rest().find('\0'));
  if (logged_in_) {
    FlushRows();  // which came before it
    sink_.Emit(SettingChanged{.session_id = session_id_, .time_ns = now_ns_, .name = name, .value = value});
  } else if (name == "server_version") {
    login_->server_version = value;
  } else if (name == "application_name") {
    login_->application_name = value;
  }
  return true;
}

bool Session::State::OnReadyForQuery(const wire::Frame& frame) {
  const char status = frame.body.empty() ? '\0' : frame.body[0];
  if (status != 'I' && status != 'T' && status != 'E') return false;
  if (!logged_in_) {
    if (in_startup_) return false;  // ready for a client that has not said who it is
    logged_in_ = true;
    Announce();
  } else if (!pending_ || pending_->empty()) {
    // After a COPY that failed, a Sync that it seemed to have taken may be answered all the same.
    if (swallowed_syncs_ == 0) return false;
    --swallowed_syncs_;
    skipping_ = false;
  } else {
    Token& head = pending_->Front();
    if (head.kind != TokenKind::kSync && head.kind != TokenKind::kQuery && head.kind != TokenKind::kFunctionCall)
      return false;
    if (head.kind != TokenKind::kSync && !head.answering) {  // some replication commands end without a tag
      Active();
      EndRun(QueryOutcome::kCompleted, {}, {});
    }
    PopHead();
  }
  streamed_ = false;
  transaction_status_ = status;
  if (status == 'I') ForgetPortals();
  if (ready_ns_ == 0) ready_ns_ = now_ns_;
  failed_unskipped_ = false;
  skipped_parse_hash_ = skipped_bind_hash_ = 0;
  reply_first_ns_ = 0;
  if (pending_ && pending_->empty()) scratch_.Recycle(std::move(pending_));
  return true;
}

// ---- the queue
// -------------------------------------------------------------------------------------------------------

void Session::State::PopHead() {
  if (Executes(pending_->Front().kind)) --unfinished_;
  active_ = nullptr;
  pending_->Pop();
  while (!pending_->empty() && !ExpectsReply(pending_->Front().kind)) pending_->Pop();
  reply_first_ns_ = 0;
}

// The execution that the head token asks for, begun now if it was not.
Execution& Session::State::Active() {
  if (active_ != nullptr) return *active_;
  Token& head = pending_->Front();
  if (head.kind == TokenKind::kExecute) {
    ExecutionPtr* portal = FindPortal(head.portal.view());
    if (portal == nullptr) head.execution = scratch_.NewExecution();  // bound before recording began
    active_ = portal == nullptr ? head.execution.get() : portal->get();
    ++active_->fetches;
    active_->request_bytes += head.bytes;
  } else {
    active_ = head.execution.get();
    if (head.kind == TokenKind::kQuery && active_->statement_index == 0) {
      active_->request_bytes = head.bytes;
      ForgetStatement({});  // a simple query takes the unnamed statement and portal with it
      ForgetPortal({});
    }
    if (head.kind == TokenKind::kFunctionCall) active_->request_bytes = head.bytes;
  }
  if (active_->execution_id == 0) BeginRun(head, *active_);
  head.answering = false;
  return *active_;
}

void Session::State::BeginRun(Token& head, Execution& execution) {
  execution.execution_id = ++last_execution_id_;
  execution.sent_ns = head.sent_ns;
  execution.first_ns = reply_first_ns_;
  execution.busy_from_ns = std::max(head.sent_ns, last_done_ns_);
  execution.transaction_before = head.transaction_before;
  // The statements behind the first of a simple query were sent with it: none waited for the one before.
  execution.pipelined = head.pipelined || execution.statement_index > 0;
  execution.ready_before_ns = execution.pipelined ? 0 : head.ready_before_ns;
  execution.first_execution_of_parse = head.kind == TokenKind::kQuery;
  if (PreparedStatement* statement = execution.statement.get()) {
    execution.first_execution_of_parse = !statement->executed;
    statement->executed = true;
    execution.request_bytes += std::exchange(statement->request_bytes, 0);
  }
  last_text_hash_ = execution.text_hash;
}

void Session::State::EndRun(QueryOutcome outcome, std::string_view tag, std::string_view sqlstate) {
  Execution& execution = *active_;
  FlushRows();
  execution.done_ns = now_ns_;
  EmitExecution(execution, outcome, tag, sqlstate);
  last_done_ns_ = now_ns_;
  ready_ns_ = 0;
  copying_in_ = copying_out_ = false;
}

bool Session::State::OnParseComplete() {
  if (!HeadIs(TokenKind::kParse)) return false;
  Token& head = pending_->Front();
  const std::string_view name = head.statement_name.view();
  if (!name.empty()) {
    sink_.Emit(StatementPrepared{
        .session_id = session_id_, .time_ns = now_ns_, .text_hash = head.statement->text_hash, .name = name});
  }
  if (!StoreStatement(name, std::move(head.statement))) {
    Desync(OpaqueReason::kLimit, backend_);
    return false;
  }
  PopHead();
  return true;
}

bool Session::State::ApplyBind(Token& token) {
  Execution& execution = *token.execution;
  if (const StatementRef* statement = FindStatement(token.statement_name.view())) {
    execution.statement = *statement;
    execution.text_hash = (*statement)->text_hash;
    SetLayout(execution, (*statement)->layout);
  } else {
    execution.statement_name = token.statement_name;
  }
  return StorePortal(token.portal.view(), std::move(token.execution));
}

bool Session::State::OnBindComplete() {
  if (!HeadIs(TokenKind::kBind)) return false;
  if (!ApplyBind(pending_->Front())) {
    Desync(OpaqueReason::kLimit, backend_);
    return false;
  }
  PopHead();
  return true;
}

bool Session::State::OnCloseComplete() {
  if (HeadIs(TokenKind::kCloseStatement)) {
    const std::string_view name = pending_->Front().statement_name.view();
    if (!name.empty()) sink_.Emit(StatementClosed{.session_id = session_id_, .time_ns = now_ns_, .name = name});
    ForgetStatement(name);
  } else if (HeadIs(TokenKind::kClosePortal)) {
    ForgetPortal(pending_->Front().portal.view());
  } else {
    return false;
  }
  PopHead();
  return true;
}

// ---- descriptions
// ----------------------------------------------------------------------------------------------------

bool Session::State::OnParameterDescription(const wire::Frame& frame) {
  if (!HeadIs(TokenKind::kDescribeStatement)) return false;
  StatementRef* statement = FindStatement(pending_->Front().statement_name.view());
  if (statement == nullptr) return true;
  wire::Body body(frame.body);
  const size_t count = std::min<size_t>(body.Uint16(), kMaxHashedParameters);
  std::vector<uint32_t>& types = (*statement)->parameter_types;
  types.clear();
  for (size_t i = 0; i < count && body.ok(); ++i) types.push_back(body.Uint32());
  if (!body.ok()) Desync(OpaqueReason::kBadBody, backend_);
  return body.ok();
}

// As the description at hand says, from the loop's cache if it was seen before.
bool Session::State::ReadDescription(std::string_view body, ResultLayout& layout) {
  const uint64_t body_hash = HashBytes(key_, body);
  if (const ResultLayout* known = scratch_.layouts.Find(body_hash)) {
    layout = *known;
  } else {
    if (!ReadLayout(key_, body, layout, nullptr)) return false;
    if (layout.column_count > wire::kMaxColumns) layout = {};
    scratch_.layouts.Put(body_hash, layout);
  }
  if (layout.columns_hash != 0 && sink_.WantsColumns(layout.columns_hash)) {
    ColumnsDescribed described{.columns_hash = layout.columns_hash, .columns = {}};
    ResultLayout again;
    ReadLayout(key_, body, again, &described.columns);
    sink_.Emit(described);
  }
  return true;
}

// For a portal the Bind's result formats hold: a statement's description does not know them.
void Session::State::SetLayout(Execution& execution, const ResultLayout& layout) {
  execution.layout = layout;
  const std::vector<bool>& formats = execution.result_formats;
  uint8_t binary = 0;
  for (uint8_t i = 0; i < layout.chosen_count && !formats.empty(); ++i) {
    const size_t format = formats.size() == 1 ? 0 : layout.positions[i];
    if (format < formats.size() && formats[format]) binary = static_cast<uint8_t>(binary | 1U << i);
  }
  execution.layout.binary_cells = binary;
}

bool Session::State::OnRowDescription(const wire::Frame& frame) {
  const bool of_statement = HeadIs(TokenKind::kDescribeStatement);
  const bool of_portal = HeadIs(TokenKind::kDescribePortal);
  if (!of_statement && !of_portal && !HeadIs(TokenKind::kQuery)) return false;
  FlushRows();  // of a result before it, which the server may have left without an end
  ResultLayout layout;
  if (frame.want == wire::Want::kWhole && !ReadDescription(frame.body, layout)) {
    Desync(OpaqueReason::kBadBody, backend_);
    return false;
  }
  Token& head = pending_->Front();
  if (!of_statement && !of_portal) {
    Active().layout = layout;
    Active().result_bytes += frame.total_length;
    return true;
  }
  if (of_statement) {
    if (StatementRef* statement = FindStatement(head.statement_name.view())) {
      (*statement)->layout = layout;
      (*statement)->request_bytes += head.bytes;
    }
  } else if (ExecutionPtr* portal = FindPortal(head.portal.view())) {
    SetLayout(**portal, layout);
    (*portal)->request_bytes += head.bytes;
    if ((*portal)->statement) (*portal)->statement->layout = layout;
  }
  PopHead();
  return true;
}

bool Session::State::OnNoData() {
  if (HeadIs(TokenKind::kDescribeStatement)) {
    if (StatementRef* statement = FindStatement(pending_->Front().statement_name.view())) {
      (*statement)->layout = {};
      (*statement)->request_bytes += pending_->Front().bytes;
    }
  } else if (HeadIs(TokenKind::kDescribePortal)) {
    if (ExecutionPtr* portal = FindPortal(pending_->Front().portal.view())) {
      (*portal)->layout = {};
      (*portal)->request_bytes += pending_->Front().bytes;
    }
  } else {
    return false;
  }
  PopHead();
  return true;
}

// ---- rows
// ------------------------------------------------------------------------------------------------------------

bool Session::State::OnDataRow(const wire::Frame& frame) {
  if (!HeadRuns()) return false;
  Execution& execution = Active();
  if (frame.want == wire::Want::kSkip) {
    ++execution.rows;
    execution.result_bytes += frame.total_length;
    return true;
  }
  if (frame.first && frame.last) {
    RowCells& cells = scratch_.cells;
    cells.Begin(key_, execution.layout);
    wire::DataRowReader reader(kMaxCellBytes);
    if (!reader.ReadWhole(frame.body, cells)) return false;
    AddRow(execution, HashBytes(key_, frame.body), cells);
  } else {
    if (frame.first) split_row_ = std::make_unique<RowMessage>(key_, execution.layout);
    if (!split_row_->Feed(frame.body)) return false;
    if (!frame.last) return true;
    if (!split_row_->Complete()) return false;
    AddRow(execution, split_row_->hash(), split_row_->cells);
    split_row_.reset();
  }
  execution.result_bytes += frame.total_length;
  return true;
}

void Session::State::AddRow(Execution& execution, uint64_t row_hash, const RowCells& cells) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15U;  // order matters: a rotation and a product between rows
  execution.row_hash = (std::rotl(execution.row_hash, 23) ^ row_hash) * kOdd;
  if (cells.usable) {
    RowBuffer& rows = scratch_.rows;
    if (rows.rows == 0) {
      rows.first_row = execution.rows;
      rows.column_bytes.assign(cells.columns, 0);
      rows.column_nulls.assign(cells.columns, 0);
    }
    ++rows.rows;
    for (size_t i = 0; i < cells.lengths.size(); ++i) {
      if (cells.lengths[i] < 0) {
        ++rows.column_nulls[i];
      } else {
        rows.column_bytes[i] += static_cast<uint32_t>(cells.lengths[i]);
      }
    }
    rows.hashes.insert(rows.hashes.end(), cells.hashes.begin(), cells.hashes.begin() + execution.layout.chosen_count);
  } else if (execution.layout.columns_hash != 0) {
    FlushRows();
    execution.layout = {};  // the description belongs to another result
  }
  ++execution.rows;
  if (scratch_.rows.rows == kMaxBatchRows) FlushRows();
}

void Session::State::FlushRows() {
  RowBuffer& rows = scratch_.rows;
  if (rows.rows == 0) return;
  const Execution& execution = *active_;
  sink_.Emit(RowBatch{.session_id = session_id_,
                      .execution_id = execution.execution_id,
                      .time_ns = now_ns_,
                      .text_hash = execution.text_hash,
                      .statement_index = execution.statement_index,
                      .statement_name = execution.statement_name.view(),
                      .columns_hash = execution.layout.columns_hash,
                      .first_row = rows.first_row,
                      .row_count = rows.rows,
                      .column_count = static_cast<uint32_t>(rows.column_bytes.size()),
                      .hashed_columns = {execution.layout.positions.data(), execution.layout.chosen_count},
                      .hashes = rows.hashes,
                      .column_bytes = rows.column_bytes,
                      .column_nulls = rows.column_nulls});
  rows.rows = 0;
  rows.hashes.clear();
}

// ---- ends
// ------------------------------------------------------------------------------------------------------------

bool Session::State::OnStatementEnd(const wire::Frame& frame) {
  if (!HeadRuns()) return false;
  if (streamed_ && active_ == nullptr) return true;
  Execution& execution = Active();
  streamed_ = execution.copy == CopyDirection::kBoth;
  execution.result_bytes += frame.total_length;
  const bool empty = frame.type == backend::kEmptyQuery;
  const wire::CommandTag tag = wire::ReadCommandTag(frame.body);
  swallowed_syncs_ = 0;
  EndRun(empty ? QueryOutcome::kEmpty : QueryOutcome::kCompleted, tag.text, {});
  Token& head = pending_->Front();
  if (!empty) ApplyTag(tag.text, execution);
  if (head.kind == TokenKind::kQuery) {
    // The next statement of the string, if there is one, begins with the next reply.
    const uint32_t next = execution.statement_index + 1;
    execution.ForgetRun();
    execution.layout = {};
    execution.statement_index = next;
    head.answering = true;
    active_ = nullptr;
    reply_first_ns_ = 0;
    return true;
  }
  execution.ForgetRun();  // its portal stays until it is closed or replaced
  PopHead();
  return true;
}

void Session::State::ApplyTag(std::string_view tag, const Execution& execution) {
  if (tag == "DEALLOCATE") {
    const std::string& name = execution.statement ? execution.statement->deallocates : execution.deallocates;
    if (!name.empty()) ForgetStatement(name);
  } else if (tag == "DEALLOCATE ALL" || tag == "DISCARD ALL") {
    if (names_) names_->statements.clear();
  }
}

bool Session::State::OnPortalSuspended(const wire::Frame& frame) {
  if (!HeadIs(TokenKind::kExecute)) return false;
  Execution& execution = Active();
  execution.result_bytes += frame.total_length;
  execution.done_ns = now_ns_;
  FlushRows();
  last_done_ns_ = now_ns_;
  ready_ns_ = 0;
  if (ExecutionPtr& unknown =
          pending_->Front().execution) {  // of a portal bound before recording began: known from here on
    const Name name = pending_->Front().portal;
    active_ = nullptr;
    if (!StorePortal(name.view(), std::move(unknown))) {
      Desync(OpaqueReason::kLimit, backend_);
      return false;
    }
  }
  PopHead();
  return true;
}

bool Session::State::OnCopyBegins(CopyDirection direction, uint64_t bytes) {
  if (!HeadRuns()) return false;
  Execution& execution = Active();
  execution.copy = direction;
  execution.result_bytes += bytes;
  copying_out_ = direction != CopyDirection::kIn;
  copying_in_ = direction != CopyDirection::kOut;
  if (copying_in_) TakeCopyTokens();
  return true;
}

// What was sent behind the head before the server asked for it.
void Session::State::TakeCopyTokens() {
  Token request = std::move(pending_->Front());
  pending_->Pop();
  while (copying_in_ && !pending_->empty()) {
    const Token& token = pending_->Front();
    if (ExpectsReply(token.kind) && token.kind != TokenKind::kSync)
      break;  // a violation: the server will end the session
    TakenByCopy(token.kind, token.bytes);
    pending_->Pop();
  }
  while (!pending_->empty() && !ExpectsReply(pending_->Front().kind)) pending_->Pop();
  pending_->PushFront(std::move(request));
}

bool Session::State::OnFunctionCallResponse(const wire::Frame& frame) {
  if (!HeadIs(TokenKind::kFunctionCall) || pending_->Front().answering) return false;
  Active().result_bytes += frame.total_length;
  EndRun(QueryOutcome::kCompleted, {}, {});
  active_ = nullptr;
  pending_->Front().answering = true;
  return true;
}

// ---- errors
// ----------------------------------------------------------------------------------------------------------

bool Session::State::OnError(const wire::Frame& frame) {
  const wire::ErrorFields error = wire::ReadError(frame.body);
  const std::string sqlstate(error.sqlstate);
  if (error.fatal) {
    server_fatal_ = true;
    LoseOpen(sqlstate);
    return true;
  }
  if (!logged_in_ || !pending_ || pending_->empty()) return true;  // unasked: the server speaks before it closes
  Token& head = pending_->Front();
  switch (head.kind) {
    case TokenKind::kQuery:
    case TokenKind::kFunctionCall:
    case TokenKind::kExecute:
      Active().result_bytes += frame.total_length;
      EndRun(QueryOutcome::kFailed, {}, sqlstate);
      active_->ForgetRun();
      if (head.kind == TokenKind::kExecute) break;
      head.answering = true;
      active_ = nullptr;
      return true;
    case TokenKind::kSync:
      FailHead(sqlstate);  // ReadyForQuery follows
      return true;
    default:
      FailHead(sqlstate);
      break;
  }
  SkipToSync();
  return true;
}

// A request that failed without an execution: reported as the failure of the statement that it belongs to, if there is
// one.
void Session::State::FailHead(std::string_view sqlstate) {
  Token& head = pending_->Front();
  const ExecutionPtr failed = scratch_.NewExecution();
  failed->sent_ns = head.sent_ns;
  failed->first_ns = reply_first_ns_;
  failed->done_ns = now_ns_;
  failed->busy_from_ns = std::max(head.sent_ns, last_done_ns_);
  failed->transaction_before = transaction_status_;
  failed->request_bytes = head.bytes;
  switch (head.kind) {
    case TokenKind::kParse:
      failed->text_hash = head.statement->text_hash;
      failed->first_execution_of_parse = true;
      if (head.statement_name.empty()) ForgetStatement({});
      break;
    case TokenKind::kBind:
      failed->parameters_hash = head.execution->parameters_hash;
      std::swap(failed->parameters, head.execution->parameters);
      std::swap(failed->hashes, head.execution->hashes);
      std::swap(failed->alternates, head.execution->alternates);
      failed->parameter_count = head.execution->parameter_count;
      [[fallthrough]];
    case TokenKind::kDescribeStatement:
      if (const StatementRef* statement = FindStatement(head.statement_name.view())) {
        failed->statement = *statement;
        failed->text_hash = (*statement)->text_hash;
      } else {
        failed->statement_name = head.statement_name;
      }
      break;
    case TokenKind::kDescribePortal:
      if (const ExecutionPtr* portal = FindPortal(head.portal.view())) failed->text_hash = (*portal)->text_hash;
      break;
    case TokenKind::kSync:
      failed->text_hash = last_text_hash_;
      break;
    default:  // Close never fails
      return;
  }
  failed->execution_id = ++last_execution_id_;
  if (head.kind == TokenKind::kBind) skipped_bind_hash_ = failed->text_hash;
  if (head.kind == TokenKind::kParse) skipped_parse_hash_ = failed->text_hash;
  failed_unskipped_ = head.kind != TokenKind::kSync;
  failed_text_hash_ = failed->text_hash;
  EmitExecution(*failed, QueryOutcome::kFailed, {}, sqlstate);
  last_done_ns_ = now_ns_;
  ready_ns_ = 0;
}

// Drops the failed head and all behind it up to the next Sync, which may be still to come.
void Session::State::SkipToSync() {
  PopHead();
  while (!pending_->empty() && pending_->Front().kind != TokenKind::kSync) {
    PassOver(pending_->Front());
    PopHead();
  }
  skipping_ = pending_->empty();
}

}  // namespace pgassay::session
