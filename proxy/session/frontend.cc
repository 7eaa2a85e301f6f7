// What a client sends: tokens for pending_requests.h, texts for the dictionary, hashes of parameters. No effect is
// applied here.
#include <algorithm>
#include <utility>

#include "proxy/session/request_message.h"
#include "proxy/wire/startup.h"

namespace pgassay::session {
namespace {

namespace frontend = wire::frontend;

constexpr uint32_t kNamedBodyBytes = 1 + wire::kMaxNameBytes + 1;  // Describe and Close: kind, name; Execute: name

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

void DropSpace(std::string_view& text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
}

// `word` and the white space behind it.
bool TakeWord(std::string_view& text, std::string_view word) {
  if (text.size() <= word.size() || !IsSpace(text[word.size()])) return false;
  if (!std::ranges::equal(text.substr(0, word.size()), word, [](char a, char b) { return Lower(a) == b; }))
    return false;
  text.remove_prefix(word.size());
  DropSpace(text);
  return true;
}

}  // namespace

std::string DeallocatedName(std::string_view text) {
  DropSpace(text);
  if (text.empty() || Lower(text.front()) != 'd' || text.size() > 256 || !TakeWord(text, "deallocate")) return {};
  TakeWord(text, "prepare");
  std::string name;
  const bool quoted = text.starts_with('"');
  size_t i = quoted ? 1 : 0;
  for (; i < text.size(); ++i) {
    if (quoted && text[i] == '"') {
      if (!text.substr(i + 1).starts_with('"')) break;
      ++i;
    }
    if (!quoted && (IsSpace(text[i]) || text[i] == ';')) break;
    name.push_back(quoted ? text[i] : Lower(text[i]));
  }
  text.remove_prefix(std::min(text.size(), i + (quoted ? 1 : 0)));
  while (!text.empty() && (IsSpace(text.front()) || text.front() == ';')) text.remove_prefix(1);
  if (!text.empty() || (!quoted && name == "all")) return {};
  name.resize(std::min(name.size(), wire::kMaxNameBytes));
  return name;
}

void SqlText::Add(const HashKey& key, std::string_view piece, bool last) {
  length_ += piece.size();
  if (last && length_ == piece.size()) {
    whole_ = piece.data() != nullptr ? piece.substr(0, kMaxTextBytes) : std::string_view("");
    hash_ = HashBytes(key, piece);
    return;
  }
  if (!hasher_) hasher_ = std::make_unique<BytesHasher>(key);
  hasher_->Add(piece);
  if (kept_.size() < kMaxTextBytes) kept_.append(piece.substr(0, kMaxTextBytes - kept_.size()));
  if (last) hash_ = hasher_->Finish();
}

void ParseMessage::OnText(std::string_view piece, bool last) {
  text_.Add(state_.key(), piece, last);
  if (!last) return;
  statement->text_hash = text_.hash();
  statement->deallocates = DeallocatedName(text_.text());
  state_.OfferText(text_.hash(), text_.length(), text_.text());
}

void BindMessage::OnStatement(std::string_view bytes) {
  statement_name.Set(bytes);
  statement_ = state_.StatementAsSent(statement_name.view());
}

// As it was sent, if all of them can be: what is missing makes the others useless.
void BindMessage::KeepValue(const wire::BoundValue& value, std::string_view bytes) {
  const bool fits = execution->value_bytes.size() + bytes.size() <= kMaxSentBytes;
  if (value.is_long || !fits || execution->kept_values.size() != value.index) return;
  execution->kept_values.push_back({.begin = static_cast<uint32_t>(execution->value_bytes.size()),
                                    .length = static_cast<uint32_t>(bytes.size()),
                                    .binary = value.binary});
  execution->value_bytes += bytes;
}

void BindMessage::OnParameter(const wire::BoundValue& value, std::string_view bytes) {
  if (state_.keeps_values()) KeepValue(value, bytes);
  if (value.first) {
    Parameter& parameter = execution->parameters.emplace_back();
    if (statement_ != nullptr && value.index < statement_->parameter_types.size()) {
      parameter.type_oid = statement_->parameter_types[value.index];
    }
    parameter.null = value.length < 0;
    if (parameter.null) return;
  }
  if (value.is_long) {
    OnLong(value, bytes);
  } else {
    HashWhole(execution->parameters.back(), value.binary, bytes);
  }
}

void BindMessage::HashWhole(Parameter& parameter, bool binary, std::string_view bytes) {
  const TypeClass type = TypeClassOf(parameter.type_oid);
  // Array types are not comparable as a whole; what is of no known type is an array if it reads as one.
  const bool may_be_array = type == TypeClass::kNotComparable ||
                            (type == TypeClass::kUnknown &&
                             (binary ? bytes.size() >= 12 && parameter.type_oid == 0 : bytes.starts_with('{')));
  if (may_be_array) {
    std::array<ValueHash, kMaxArrayElements> elements;
    size_t count = 0;
    const int64_t length = HashArrayElements(state_.key(), parameter.type_oid, binary, bytes, elements, count);
    if (length >= 0) {
      parameter.array_length = static_cast<int32_t>(length);
      parameter.hashed = true;
      parameter.hash_count = static_cast<uint32_t>(count);
      for (size_t i = 0; i < count; ++i) Keep(elements[i]);
      return;
    }
  }
  const ValueHash hash = binary ? HashBinaryValue(state_.key(), parameter.type_oid, bytes)
                                : HashTextValue(state_.key(), parameter.type_oid, bytes);
  if (hash.hash == 0) return;
  parameter.hashed = true;
  parameter.hash_count = 1;
  Keep(hash);
}

// Of a value too long to hash, only how many elements it has, if it is an array: that tells a batch from a loop.
void BindMessage::OnLong(const wire::BoundValue& value, std::string_view bytes) {
  Parameter& parameter = execution->parameters.back();
  const TypeClass type = TypeClassOf(parameter.type_oid);
  if (ArrayElementType(parameter.type_oid) == 0 && type != TypeClass::kUnknown) return;
  if (value.binary) {
    if (!value.first) return;
    const uint32_t dimensions = wire::ReadUint32(bytes);
    const uint32_t flags = wire::ReadUint32(bytes.substr(4));
    const uint32_t elements = wire::ReadUint32(bytes.substr(12));
    if (dimensions != 1 || flags > 1 || elements > static_cast<uint32_t>(value.length) / 4) return;
    parameter.array_length = static_cast<int32_t>(elements);
    return;
  }
  if (value.first) elements_ = bytes.starts_with('{') ? 1 : -1;
  if (elements_ > 0) CountElements(bytes);
  if (value.last && elements_ > 0) parameter.array_length = elements_;
  if (value.last) quoted_ = escaped_ = false;
}

void BindMessage::CountElements(std::string_view bytes) {
  for (const char c : bytes) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      quoted_ = !quoted_;
    } else if (c == ',' && !quoted_) {
      ++elements_;
    }
  }
}

void BindMessage::OnRawValues(std::string_view piece, bool last) {
  constexpr size_t kMaxRawBytes = size_t{64} * 1024;
  raw_bytes_ += piece.size();
  if (raw_bytes_ > kMaxRawBytes) return;
  const bool whole = last && raw_bytes_ == piece.size();
  if (!whole) {
    if (!raw_hasher_) raw_hasher_ = std::make_unique<BytesHasher>(state_.key());
    raw_hasher_->Add(piece);
  }
  if (last && execution->parameter_count > 0) {
    execution->parameters_hash = whole ? HashBytes(state_.key(), piece) : raw_hasher_->Finish();
  }
}

void BindMessage::OnResultFormat(uint16_t count, uint16_t index, bool binary) {
  if (count > wire::kMaxColumns) return;  // no result has that many
  if (index == 0) execution->result_formats.clear();
  execution->result_formats.push_back(binary);
}

wire::BodyPolicy Session::State::FrontendPolicy(char type) const {
  switch (type) {
    case wire::kStartupFrame:
      return {wire::Want::kWhole, wire::kMaxStartupBytes};
    case frontend::kQuery:
    case frontend::kParse:
    case frontend::kBind:
      return {wire::Want::kStream, 0};
    case frontend::kDescribe:
    case frontend::kClose:
    case frontend::kExecute:
      return {wire::Want::kWhole, kNamedBodyBytes};
    case frontend::kSync:
    case frontend::kFlush:
    case frontend::kTerminate:
    case frontend::kCopyDone:
      return {wire::Want::kWhole, 0};
    default:  // CopyData, CopyFail, FunctionCall; a password above all
      return {wire::Want::kSkip, 0};
  }
}

void Session::State::OnFrontend(std::string_view bytes, int64_t now_ns) {
  const bool first = bytes_.frontend == 0;
  bytes_.frontend += bytes.size();
  now_ns_ = now_ns;
  if (first && wire::ClassifyStartup(bytes.substr(0, 1)).kind == wire::StartupKind::kDirectTls) {
    Desync(OpaqueReason::kEncrypted, frontend_);
  }
  wire::Frame frame;
  while (opaque_ == OpaqueReason::kNone) {
    frontend_.SetUntyped(in_startup_);
    const auto step = frontend_.Next(bytes, [this](char type, uint64_t) { return FrontendPolicy(type); }, frame);
    if (step == wire::FrameReader::Step::kNeedMore) break;
    if (step == wire::FrameReader::Step::kFrame) {
      OnFrontendFrame(frame);
    } else {
      Desync(step == wire::FrameReader::Step::kBadLength ? OpaqueReason::kBadLength : OpaqueReason::kUnknownType,
             frontend_);
    }
  }
  Count();
}

void Session::State::OnFrontendFrame(const wire::Frame& frame) {
  switch (frame.type) {
    case wire::kStartupFrame:
      return OnStartup(frame);
    case frontend::kQuery:
      return OnStreamed(split_query_, frame, [this](QueryMessage& m, uint64_t total) { OnQuery(m, total); });
    case frontend::kParse:
      return OnStreamed(split_parse_, frame, [this](ParseMessage& m, uint64_t total) { OnParse(m, total); });
    case frontend::kBind:
      return OnStreamed(split_bind_, frame, [this](BindMessage& m, uint64_t total) { OnBind(m, total); });
    case frontend::kDescribe:
    case frontend::kClose:
    case frontend::kExecute:
      return OnNamed(frame);
    case frontend::kFunctionCall: {
      Token* token = Push(TokenKind::kFunctionCall, frame.total_length);
      if (token == nullptr) return;
      token->execution = scratch_.NewExecution();
      token->execution->protocol = QueryProtocol::kFunctionCall;
      return OnExecuting(*token);
    }
    case frontend::kSync:
      if (TakenByCopy(TokenKind::kSync, frame.total_length)) return;
      skipping_ = false;
      Push(TokenKind::kSync, frame.total_length);
      return;
    case frontend::kCopyData:
      return OnCopyOrFlush(TokenKind::kCopyData, frame.total_length);
    case frontend::kCopyDone:
    case frontend::kCopyFail:
      return OnCopyOrFlush(TokenKind::kCopyEnd, frame.total_length);
    case frontend::kFlush:
      return OnCopyOrFlush(TokenKind::kFlush, frame.total_length);
    case frontend::kTerminate:
      terminated_ = true;
      return;
    default:  // an answer to an authentication request: passed over unread
      return;
  }
}

template <class Message, class Done>
void Session::State::OnStreamed(std::unique_ptr<Message>& split, const wire::Frame& frame, Done done) {
  if (frame.first && frame.last) {
    Message message(*this);
    if (!message.Feed(frame.body) || !message.Complete()) return Desync(OpaqueReason::kBadBody, frontend_);
    return done(message, frame.total_length);
  }
  if (frame.first) split = std::make_unique<Message>(*this);
  const bool read = split->Feed(frame.body) && (!frame.last || split->Complete());
  if (!read) return Desync(OpaqueReason::kBadBody, frontend_);
  if (!frame.last) return;
  const std::unique_ptr<Message> message = std::move(split);
  done(*message, frame.total_length);
}

void Session::State::OnStartup(const wire::Frame& frame) {
  if (frame.body.size() < 4) return Desync(OpaqueReason::kBadBody, frontend_);
  char header[wire::kStartupHeaderBytes];
  const auto length = static_cast<uint32_t>(frame.total_length);
  for (size_t i = 0; i < 4; ++i) header[i] = static_cast<char>(length >> (24 - 8 * i));
  frame.body.copy(header + 4, 4);
  switch (wire::ClassifyStartup({header, sizeof header}).kind) {
    case wire::StartupKind::kSslRequest:
    case wire::StartupKind::kGssEncRequest:
      if (++answers_due_ > 2) Desync(OpaqueReason::kBadBody, frontend_);
      return;
    case wire::StartupKind::kCancelRequest:
      in_startup_ = false;  // nothing follows
      return;
    case wire::StartupKind::kStartup: {
      wire::StartupParameters parameters;
      if (!wire::ParseStartupParameters(frame.body.substr(4), parameters))
        return Desync(OpaqueReason::kBadBody, frontend_);
      login_->user = parameters.user;
      login_->database = parameters.database;
      login_->application_name = parameters.application_name;
      login_->replication = parameters.replication;
      if (keeps_values_) {
        for (const auto& [name, setting] : parameters.settings) login_->settings.emplace_back(name, setting);
      }
      in_startup_ = false;
      return;
    }
    default:
      return Desync(OpaqueReason::kBadBody, frontend_);
  }
}

const PreparedStatement* Session::State::StatementAsSent(std::string_view name) {
  // The newest Parse of that name that is still unanswered wins over what is known. Pipelines rarely put it far back.
  constexpr size_t kMaxLookBack = 64;
  const size_t pending = pending_ ? pending_->size() : 0;
  for (size_t back = 1; back <= std::min(pending, kMaxLookBack); ++back) {
    const Token& token = pending_->At(pending - back);
    if (token.kind == TokenKind::kParse && token.statement_name.view() == name) return token.statement.get();
  }
  const StatementRef* statement = FindStatement(name);
  return statement == nullptr ? nullptr : statement->get();
}

void Session::State::OfferText(uint64_t text_hash, uint64_t full_length, std::string_view text) {
  if (!sink_.WantsText(text_hash)) return;
  sink_.Emit(StatementText{.text_hash = text_hash, .full_length = full_length, .text = text});
}

Token* Session::State::Push(TokenKind kind, uint64_t bytes) {
  if (!pending_) pending_ = scratch_.NewPending();
  if (pending_->size() >= kMaxTokens) {
    Desync(OpaqueReason::kLimit, frontend_);
    return nullptr;
  }
  return &pending_->Push(kind, now_ns_, bytes);
}

// The server discards this request because of an error before it.
void Session::State::PassOver(const Token& token) {
  switch (token.kind) {
    case TokenKind::kParse:
      skipped_parse_hash_ = token.statement->text_hash;
      return;
    case TokenKind::kBind: {
      const StatementRef* statement = FindStatement(token.statement_name.view());
      const bool parsed_behind_error =
          skipped_parse_hash_ != 0 && (token.statement_name.empty() || statement == nullptr);
      skipped_bind_hash_ = parsed_behind_error || statement == nullptr ? skipped_parse_hash_ : (*statement)->text_hash;
      return;
    }
    case TokenKind::kQuery:
    case TokenKind::kExecute:
    case TokenKind::kFunctionCall:
      break;
    default:
      return;
  }
  const ExecutionPtr execution = scratch_.NewExecution();
  if (token.execution) {
    execution->protocol = token.execution->protocol;
    execution->text_hash = token.execution->text_hash;
  } else {
    execution->text_hash = skipped_bind_hash_;
    if (const ExecutionPtr* portal = FindPortal(token.portal.view()); portal != nullptr && skipped_bind_hash_ == 0) {
      execution->text_hash = (*portal)->text_hash;
    }
    // The Parse, Bind or Describe that failed was this request's own, and is reported.
    if (std::exchange(failed_unskipped_, false) && failed_text_hash_ == execution->text_hash) return;
  }
  execution->sent_ns = token.sent_ns;
  execution->transaction_before = token.transaction_before;
  execution->pipelined = token.pipelined;
  execution->ready_before_ns = token.ready_before_ns;
  execution->request_bytes = token.bytes;
  execution->done_ns = now_ns_;
  EmitExecution(*execution, QueryOutcome::kSkipped, {}, {});
}

// Completes a token that asks for an execution: what was true when it was sent.
void Session::State::OnExecuting(Token& token) {
  token.transaction_before = transaction_status_;
  token.pipelined = unfinished_ > 0;
  token.ready_before_ns = token.pipelined ? 0 : ready_ns_;
  if (skipping_) {  // then nothing else is pending
    PassOver(token);
    pending_->Pop();
    return;
  }
  ++unfinished_;
}

void Session::State::OnQuery(QueryMessage& message, uint64_t bytes) {
  OfferText(message.text.hash(), message.text.length(), message.text.text());
  Token* token = Push(TokenKind::kQuery, bytes);
  if (token == nullptr) return;
  token->execution = scratch_.NewExecution();
  token->execution->protocol = QueryProtocol::kSimple;
  token->execution->text_hash = message.text.hash();
  token->execution->deallocates = DeallocatedName(message.text.text());
  OnExecuting(*token);
}

void Session::State::OnParse(ParseMessage& message, uint64_t bytes) {
  message.statement->request_bytes = bytes;
  if (skipping_) {
    skipped_parse_hash_ = message.statement->text_hash;
    return;
  }
  Token* token = Push(TokenKind::kParse, bytes);
  if (token == nullptr) return;
  token->statement_name = message.name;
  token->statement = std::move(message.statement);
}

void Session::State::OnBind(BindMessage& message, uint64_t bytes) {
  message.execution->request_bytes = bytes;
  Token* token = Push(TokenKind::kBind, bytes);
  if (token == nullptr) return;
  token->portal = message.portal;
  token->statement_name = message.statement_name;
  token->execution = std::move(message.execution);
  if (skipping_) {
    PassOver(*token);
    pending_->Pop();
  }
}

void Session::State::OnNamed(const wire::Frame& frame) {
  std::string_view body = frame.body;
  TokenKind kind = TokenKind::kExecute;
  if (frame.type != frontend::kExecute) {
    const char target = body.empty() ? '\0' : body[0];
    if (target != 'S' && target != 'P') return Desync(OpaqueReason::kBadBody, frontend_);
    const bool describe = frame.type == frontend::kDescribe;
    if (target == 'S') kind = describe ? TokenKind::kDescribeStatement : TokenKind::kCloseStatement;
    if (target == 'P') kind = describe ? TokenKind::kDescribePortal : TokenKind::kClosePortal;
    body.remove_prefix(1);
  }
  const size_t end = body.find('\0');
  if (end == std::string_view::npos && body.size() < wire::kMaxNameBytes)
    return Desync(OpaqueReason::kBadBody, frontend_);
  if (skipping_ && kind != TokenKind::kExecute) return;
  Token* token = Push(kind, frame.total_length);
  if (token == nullptr) return;
  const bool of_statement = kind == TokenKind::kDescribeStatement || kind == TokenKind::kCloseStatement;
  (of_statement ? token->statement_name : token->portal).Set(body.substr(0, end));
  if (kind == TokenKind::kExecute) OnExecuting(*token);
}

void Session::State::OnCopyOrFlush(TokenKind kind, uint64_t bytes) {
  if (TakenByCopy(kind, bytes) || skipping_) return;
  if (!pending_ || unfinished_ == 0) return;  // nothing before it can be a COPY
  if (kind == TokenKind::kCopyData) {
    Token& last = pending_->At(pending_->size() - 1);
    if (last.kind == TokenKind::kCopyData) {
      last.bytes += bytes;
      return;
    }
  }
  Push(kind, bytes);
}

bool Session::State::TakenByCopy(TokenKind kind, uint64_t bytes) {
  if (!copying_in_ || active_ == nullptr) return false;
  if (kind == TokenKind::kSync) ++swallowed_syncs_;
  if (kind == TokenKind::kCopyData || kind == TokenKind::kCopyEnd) active_->request_bytes += bytes;
  if (kind == TokenKind::kCopyEnd) copying_in_ = false;
  return true;
}

}  // namespace pgassay::session
