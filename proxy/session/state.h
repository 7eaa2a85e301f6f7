// The inside of Session: one connection's framers, its pending requests, its statements and portals. Split over three
// files by the direction of the bytes: frontend.cc makes tokens of requests and applies nothing, backend.cc applies the
// effects in the order of replies, session.cc begins, ends and gives up. Replies and tokens: pending_requests.h.
// Invariant: the head of `pending_` always expects a reply; Flush and COPY data are kept only behind a request that may
// turn out to be a COPY. Threads: one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/session/scratch.h"
#include "proxy/session/session.h"
#include "proxy/wire/frame_reader.h"
#include "proxy/wire/reply_body.h"

namespace pgassay::session {

class QueryMessage;
class ParseMessage;
class BindMessage;
class RowMessage;
class RowCells;

struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
};
template <class T>
using NameMap = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;

class Session::State {
 public:
  State(SessionIdentity identity, const HashKey& key, RecordSink& sink);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void OnFrontend(std::string_view bytes, int64_t now_ns);
  void OnBackend(std::string_view bytes, int64_t now_ns);
  void OnEnd(SessionEnd end, int64_t now_ns);

  const ByteCounts& bytes() const { return bytes_; }
  OpaqueReason opaque() const { return opaque_; }
  bool logged_in() const { return logged_in_; }
  uint64_t queries() const { return queries_; }
  std::string_view cancel_key() const { return cancel_key_; }

  // For the message readers of frontend.cc and backend.cc.
  const HashKey& key() const { return key_; }
  Scratch& scratch() { return scratch_; }
  // The declared types of a statement that a Bind names, as far as known when the Bind was sent.
  const PreparedStatement* StatementAsSent(std::string_view name);
  void OfferText(uint64_t text_hash, uint64_t full_length, std::string_view text);
  // False in a pipeline so deep that its parameters would take more than 16 MiB: they are not hashed then.
  bool keeps_values() const { return keeps_values_; }
  bool MayHoldHashes() const { return !pending_ || pending_->size() < kMaxTokensWithHashes; }

 private:
  static constexpr size_t kMaxTokensWithHashes = 4096;

  struct Login {  // until the session is announced
    explicit Login(SessionIdentity&& session_identity) : identity(std::move(session_identity)) {}
    SessionIdentity identity;
    std::string user, database, application_name, server_version;
    bool replication = false;
    std::vector<std::pair<std::string, std::string>> settings;  // only if values are kept
  };
  struct Names {
    NameMap<StatementRef> statements;
    NameMap<ExecutionPtr> portals;
  };

  // session.cc
  void Count();
  void Desync(OpaqueReason reason, wire::FrameReader& broken);
  void LoseOpen(std::string_view sqlstate);
  void Announce();
  void Free();
  void EmitValues(const Execution& execution, const QueryEvent& event);
  void EmitExecution(Execution& execution, QueryOutcome outcome, std::string_view tag, std::string_view sqlstate);
  StatementRef* FindStatement(std::string_view name);
  ExecutionPtr* FindPortal(std::string_view name);
  bool StoreStatement(std::string_view name, StatementRef statement);
  bool StorePortal(std::string_view name, ExecutionPtr execution);
  void ForgetStatement(std::string_view name);
  void ForgetPortal(std::string_view name);
  void ForgetPortals();
  void Abandon(Execution& execution);

  // frontend.cc
  wire::BodyPolicy FrontendPolicy(char type) const;
  void OnFrontendFrame(const wire::Frame& frame);
  void OnStartup(const wire::Frame& frame);
  void OnQuery(QueryMessage& message, uint64_t bytes);
  void OnParse(ParseMessage& message, uint64_t bytes);
  void OnBind(BindMessage& message, uint64_t bytes);
  void OnNamed(const wire::Frame& frame);
  void OnCopyOrFlush(TokenKind kind, uint64_t bytes);
  void OnExecuting(Token& token);
  void PassOver(const Token& token);
  bool TakenByCopy(TokenKind kind, uint64_t bytes);
  Token* Push(TokenKind kind, uint64_t bytes);
  template <class Message, class Done>
  void OnStreamed(std::unique_ptr<Message>& split, const wire::Frame& frame, Done done);

  // backend.cc
  wire::BodyPolicy BackendPolicy(char type, uint64_t body_length);
  std::string_view TakeNegotiationAnswer(std::string_view bytes);
  void OnBackendFrame(const wire::Frame& frame);
  bool OnLoginMessage(const wire::Frame& frame);
  bool OnParameterStatus(const wire::Frame& frame);
  bool OnParseComplete();
  bool ApplyBind(Token& token);
  bool OnBindComplete();
  bool OnCloseComplete();
  bool OnParameterDescription(const wire::Frame& frame);
  bool OnRowDescription(const wire::Frame& frame);
  bool OnNoData();
  bool OnDataRow(const wire::Frame& frame);
  bool OnStatementEnd(const wire::Frame& frame);
  bool OnPortalSuspended(const wire::Frame& frame);
  bool OnCopyBegins(CopyDirection direction, uint64_t bytes);
  bool OnFunctionCallResponse(const wire::Frame& frame);
  bool OnError(const wire::Frame& frame);
  bool OnReadyForQuery(const wire::Frame& frame);
  bool HeadIs(TokenKind kind) { return pending_ && !pending_->empty() && pending_->Front().kind == kind; }
  bool HeadRuns() { return HeadIs(TokenKind::kExecute) || HeadIs(TokenKind::kQuery); }
  void PopHead();
  Execution& Active();
  void BeginRun(Token& head, Execution& execution);
  void EndRun(QueryOutcome outcome, std::string_view tag, std::string_view sqlstate);
  void ApplyTag(std::string_view tag, const Execution& execution);
  void FailHead(std::string_view sqlstate);
  void SkipToSync();
  void TakeCopyTokens();
  void SetLayout(Execution& execution, const ResultLayout& layout);
  bool ReadDescription(std::string_view body, ResultLayout& layout);
  void AddRow(Execution& execution, uint64_t row_hash, const RowCells& cells);
  void FlushRows();

  const HashKey& key_;
  RecordSink& sink_;
  Scratch& scratch_;
  const uint64_t session_id_;
  wire::FrameReader frontend_{wire::Origin::kFrontend};
  wire::FrameReader backend_{wire::Origin::kBackend};
  ByteCounts bytes_;
  uint64_t negotiation_bytes_ = 0;
  int64_t now_ns_ = 0;

  std::unique_ptr<Login> login_;
  std::unique_ptr<PendingRequests> pending_;
  std::unique_ptr<Names> names_;
  StatementRef unnamed_statement_;
  ExecutionPtr unnamed_portal_;
  std::unique_ptr<QueryMessage> split_query_;
  std::unique_ptr<ParseMessage> split_parse_;
  std::unique_ptr<BindMessage> split_bind_;
  std::unique_ptr<RowMessage> split_row_;
  std::string cancel_key_;

  Execution* active_ = nullptr;  // being answered: of the head token, or of its portal
  int64_t reply_first_ns_ = 0;   // first byte of the reply to the head, 0: none yet
  int64_t last_done_ns_ = 0;     // completion of the execution before
  int64_t ready_ns_ = 0;         // first ReadyForQuery since then; 0: none
  uint64_t last_execution_id_ = 0;
  uint64_t queries_ = 0;
  uint64_t last_text_hash_ = 0;  // of the last execution that began: an error at Sync is its
  uint64_t failed_text_hash_ =
      0;  // of a Parse, Bind or Describe that failed and was reported: its Execute is not again
  uint64_t skipped_parse_hash_ = 0;  // the last Parse and Bind passed over since the error
  uint64_t skipped_bind_hash_ = 0;
  uint32_t unfinished_ = 0;       // tokens that execute and are not answered
  uint32_t swallowed_syncs_ = 0;  // Syncs that a COPY may have taken
  uint8_t answers_due_ = 0;       // SSLRequest and GSSENCRequest not answered yet
  char transaction_status_ = 0;
  OpaqueReason opaque_ = OpaqueReason::kNone;
  const bool keeps_values_;
  bool in_startup_ = true;
  bool logged_in_ = false;
  bool terminated_ = false;  // the client said Terminate
  bool server_fatal_ = false;
  bool failed_unskipped_ = false;
  bool skipping_ = false;    // after an error, until the Sync that is still to come
  bool copying_in_ = false;  // CopyData, Flush and Sync are the COPY's until CopyDone or CopyFail
  bool copying_out_ = false;
  bool streamed_ = false;  // a COPY both ways has ended: its end is told twice, of the COPY and of START_REPLICATION
};

}  // namespace pgassay::session
