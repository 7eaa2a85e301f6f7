#include "proxy/session/scratch.h"

#include <utility>

namespace pgassay::session {
namespace {

// Enough for the sessions that are busy at one moment; what exceeds it, or grew beyond the usual, is freed.
constexpr size_t kMaxRecycled = 256;
constexpr size_t kMaxRecycledHashes = 512;
constexpr size_t kMaxRecycledTokens = 64;

}  // namespace

void Execution::ForgetRun() {
  execution_id = 0;
  rows = 0;
  row_hash = 0;
  parameters_hash = 0;
  request_bytes = 0;
  result_bytes = 0;
  sent_ns = 0;
  first_ns = 0;
  done_ns = 0;
  busy_from_ns = 0;
  ready_before_ns = 0;
  fetches = 0;
  copy = CopyDirection::kNone;
  transaction_before = 0;
  pipelined = false;
  first_execution_of_parse = false;
  parameters.clear();
  hashes.clear();
  alternates.clear();
  kept_values.clear();
  value_bytes.clear();
}

void Execution::ForgetAll() {
  ForgetRun();
  statement = StatementRef();
  text_hash = 0;
  statement_index = 0;
  parameter_count = 0;
  protocol = QueryProtocol::kExtended;
  layout = ResultLayout();
  statement_name.Set({});
  deallocates.clear();
  result_formats.clear();
}

void StatementRef::Recycle() { statement_->scratch->Recycle(std::exchange(statement_, nullptr)); }

void RecycleExecution::operator()(Execution* execution) const { execution->scratch->Recycle(execution); }

void PendingRequests::Grow() {
  constexpr size_t kFirstTokens = 16;  // a Parse, Bind, Describe, Execute, Sync and a few more
  std::vector<Token> larger(ring_.empty() ? kFirstTokens : ring_.size() * 2);
  for (size_t i = 0; i < count_; ++i) larger[i] = std::move(At(i));
  ring_ = std::move(larger);
  head_ = 0;
}

Scratch::Scratch() : event(QueryEvent{}) {}
Scratch::~Scratch() {
  // Pending rings may hold executions, and executions statements: each goes back to the list that dies after it.
  pending_.clear();
  executions_.clear();
}

ExecutionPtr Scratch::NewExecution() {
  if (executions_.empty()) {
    auto execution = std::make_unique<Execution>();
    execution->scratch = this;
    return ExecutionPtr(execution.release());
  }
  ExecutionPtr execution(executions_.back().release());
  executions_.pop_back();
  return execution;
}

void Scratch::Recycle(Execution* execution) {
  std::unique_ptr<Execution> owned(execution);
  owned->ForgetAll();
  if (executions_.size() < kMaxRecycled && owned->hashes.capacity() <= kMaxRecycledHashes) {
    executions_.push_back(std::move(owned));
  }
}

StatementRef Scratch::NewStatement() {
  if (statements_.empty()) {
    auto statement = std::make_unique<PreparedStatement>();
    statement->scratch = this;
    return StatementRef(statement.release());
  }
  StatementRef statement(statements_.back().release());
  statements_.pop_back();
  return statement;
}

void Scratch::Recycle(PreparedStatement* statement) {
  std::unique_ptr<PreparedStatement> owned(statement);
  if (statements_.size() >= kMaxRecycled || owned->parameter_types.capacity() > kMaxRecycledHashes) return;
  owned->text_hash = 0;
  owned->request_bytes = 0;
  owned->parameter_types.clear();
  owned->deallocates.clear();
  owned->layout = ResultLayout();
  owned->executed = false;
  statements_.push_back(std::move(owned));
}

std::unique_ptr<PendingRequests> Scratch::NewPending() {
  if (pending_.empty()) return std::make_unique<PendingRequests>();
  std::unique_ptr<PendingRequests> pending = std::move(pending_.back());
  pending_.pop_back();
  return pending;
}

void Scratch::Recycle(std::unique_ptr<PendingRequests> pending) {
  while (!pending->empty()) pending->Pop();
  if (pending_.size() < kMaxRecycled && pending->capacity() <= kMaxRecycledTokens)
    pending_.push_back(std::move(pending));
}

}  // namespace pgassay::session
