// The requests that a client has sent and the server has not answered yet, in order: which reply answers which request.
//
// Head token and reply (Source: PostgreSQL manual, "Message Flow"; what the manual leaves open was measured on
// PostgreSQL 15):
//   Parse            1, or an error           Describe S   t, then T or n        Sync          Z
//   Bind             2, or an error           Describe P   T or n                Query         T D* C | C | I | G | H |
//   W …, then Z Close            3, or an error           Execute      D* then C, I or s     FunctionCall  V, then Z N,
//   S, A          belong to no request error            Parse, Bind, Describe, Close, Execute: fails, and all behind it
//   up to the next Sync is skipped, Query and
//                    FunctionCall too · Query, FunctionCall: fails, Z follows · Sync: the implicit commit failed, Z
//                    follows
//   CopyData, CopyDone, CopyFail, Flush expect nothing; they are kept behind an Execute or Query because only the
//   server's CopyInResponse tells whether they are its data: then they are taken up to and with the first CopyDone or
//   CopyFail, with every Flush and Sync between (the server ignores these while it copies in).
//
// Memory: a ring of recycled tokens, at most kMaxTokens; given back to the loop when it is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/session/execution.h"

namespace pgassay::session {

inline constexpr size_t kMaxTokens = 65'536;
inline constexpr size_t kMaxNames = 10'000;

enum class TokenKind : uint8_t {
  kQuery,
  kParse,
  kBind,
  kDescribeStatement,
  kDescribePortal,
  kExecute,
  kCloseStatement,
  kClosePortal,
  kSync,
  kFunctionCall,
  kFlush,
  kCopyData,
  kCopyEnd
};

struct Token {
  TokenKind kind = TokenKind::kSync;
  bool pipelined = false;
  bool answering = false;       // kQuery, kFunctionCall: its last statement ended, or it failed; ReadyForQuery follows
  char transaction_before = 0;  // kQuery, kExecute, kFunctionCall: as in QueryEvent
  int64_t sent_ns = 0;
  int64_t ready_before_ns = 0;
  uint64_t bytes = 0;      // of the message; of all, for consecutive CopyData
  Name portal;             // kBind, kExecute, kDescribePortal, kClosePortal
  Name statement_name;     // kParse, kBind, kDescribeStatement, kCloseStatement
  StatementRef statement;  // kParse
  ExecutionPtr execution;  // kBind, kQuery
};

inline bool ExpectsReply(TokenKind kind) { return kind < TokenKind::kFlush; }
inline bool Executes(TokenKind kind) {
  return kind == TokenKind::kQuery || kind == TokenKind::kExecute || kind == TokenKind::kFunctionCall;
}

class PendingRequests {
 public:
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  Token& Front() { return ring_[head_]; }
  Token& At(size_t index) { return ring_[(head_ + index) & (ring_.size() - 1)]; }

  // A token with only kind, time and bytes set. REQUIRES: size() < kMaxTokens.
  Token& Push(TokenKind kind, int64_t sent_ns, uint64_t bytes) {
    if (count_ == ring_.size()) Grow();
    Token& token = At(count_++);
    token.kind = kind;
    token.pipelined = false;
    token.answering = false;
    token.transaction_before = 0;
    token.sent_ns = sent_ns;
    token.ready_before_ns = 0;
    token.bytes = bytes;
    return token;
  }
  void Pop() {
    Token& token = Front();
    token.statement = StatementRef();
    token.execution.reset();
    head_ = (head_ + 1) & (ring_.size() - 1);
    --count_;
  }
  // Puts back what was popped.
  void PushFront(Token&& token) {
    if (count_ == ring_.size()) Grow();
    head_ = (head_ - 1) & (ring_.size() - 1);
    ++count_;
    Front() = std::move(token);
  }
  size_t capacity() const { return ring_.size(); }

 private:
  void Grow();

  std::vector<Token> ring_;  // a power of two
  size_t head_ = 0;
  size_t count_ = 0;
};

}  // namespace pgassay::session
