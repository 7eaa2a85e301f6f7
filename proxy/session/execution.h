// One statement on its way through the server, from Bind (or Query) to its completion, and the prepared statement
// behind it. Both are recycled by the loop's Scratch, so that a query allocates nothing once the loop is warm.
// Ownership: ExecutionPtr is unique; StatementRef counts references, because a statement may be closed while a portal
// bound to it is still open. Threads: one loop.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/session/query_event.h"
#include "proxy/session/result_layout.h"

namespace pgassay::session {

class Scratch;

// A name as PostgreSQL compares it: its first 63 bytes.
class Name {
 public:
  void Set(std::string_view name) { length_ = static_cast<uint8_t>(name.copy(bytes_.data(), bytes_.size())); }
  std::string_view view() const { return {bytes_.data(), length_}; }
  bool empty() const { return length_ == 0; }

 private:
  uint8_t length_ = 0;
  std::array<char, 63> bytes_;
};

struct PreparedStatement {
  uint64_t text_hash = 0;
  uint64_t request_bytes = 0;  // of its Parse and Describe, until its first execution takes them over
  std::vector<uint32_t> parameter_types;
  std::string deallocates;  // the name that this statement's SQL deallocates; "" for every other statement
  ResultLayout layout;
  bool executed = false;

  Scratch* scratch = nullptr;
  uint32_t references = 0;
};

class StatementRef {
 public:
  StatementRef() = default;
  explicit StatementRef(PreparedStatement* statement) : statement_(statement) {
    if (statement_ != nullptr) ++statement_->references;
  }
  StatementRef(const StatementRef& other) : StatementRef(other.statement_) {}
  StatementRef(StatementRef&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  StatementRef& operator=(StatementRef other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~StatementRef() {
    if (statement_ != nullptr && --statement_->references == 0) Recycle();
  }

  PreparedStatement* get() const { return statement_; }
  PreparedStatement* operator->() const { return statement_; }
  explicit operator bool() const { return statement_ != nullptr; }

 private:
  void Recycle();
  PreparedStatement* statement_ = nullptr;
};

struct Parameter {
  uint32_t type_oid = 0;
  bool null = false;
  bool hashed = false;
  int32_t array_length = -1;
  uint32_t hash_count = 0;  // in Execution::hashes and ::alternates, behind those of the parameters before
};

// Of a parameter that was kept as it was sent: its place in Execution::value_bytes.
struct KeptValue {
  uint32_t begin = 0, length = 0;
  bool binary = false;
};

struct Execution {
  StatementRef statement;     // empty: simple query, function call, or a name never seen parsed
  uint64_t execution_id = 0;  // 0: not begun
  uint64_t text_hash = 0;
  uint64_t rows = 0;
  uint64_t row_hash = 0;
  uint64_t parameters_hash = 0;
  uint64_t request_bytes = 0, result_bytes = 0;
  int64_t sent_ns = 0, first_ns = 0, done_ns = 0, busy_from_ns = 0, ready_before_ns = 0;
  uint32_t statement_index = 0;
  uint32_t fetches = 0;
  uint32_t parameter_count = 0;
  QueryProtocol protocol = QueryProtocol::kExtended;
  CopyDirection copy = CopyDirection::kNone;
  char transaction_before = 0;
  bool pipelined = false;
  bool first_execution_of_parse = false;
  ResultLayout layout;
  Name statement_name;      // of a Bind whose name was never seen parsed
  std::string deallocates;  // as in PreparedStatement, of a simple query
  std::vector<Parameter> parameters;
  std::vector<uint64_t> hashes, alternates;
  std::vector<KeptValue>
      kept_values;  // none unless the sink keeps values; fewer than parameters: not all could be kept
  std::string value_bytes;
  std::vector<bool> result_formats;  // of the Bind: none, one for all, or one per column; true: binary

  Scratch* scratch = nullptr;

  // What belongs to one run of it; a portal may be executed again after its end.
  void ForgetRun();
  void ForgetAll();
};

struct RecycleExecution {
  void operator()(Execution* execution) const;
};
using ExecutionPtr = std::unique_ptr<Execution, RecycleExecution>;

}  // namespace pgassay::session
