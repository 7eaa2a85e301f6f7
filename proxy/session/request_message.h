// Query, Parse and Bind while they are read: usually within one call, on the stack; kept on the heap when a read
// boundary cuts them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/session/state.h"
#include "proxy/wire/request_body.h"

namespace pgassay::session {

// SQL text that arrives in pieces: its hash over all of it, its length, its first kMaxTextBytes.
class SqlText {
 public:
  void Add(const HashKey& key, std::string_view piece, bool last);
  // Once the last piece was added.
  uint64_t hash() const { return hash_; }
  uint64_t length() const { return length_; }
  std::string_view text() const { return whole_.data() != nullptr ? whole_ : std::string_view(kept_); }

 private:
  std::unique_ptr<BytesHasher> hasher_;  // only when there is more than one piece
  std::string kept_;
  std::string_view whole_;  // borrowed: the text came in one piece
  uint64_t length_ = 0;
  uint64_t hash_ = 0;
};

// The name that a statement of the form DEALLOCATE [PREPARE] name gives free, as the server would store it; "" for any
// other text and for ALL. The one piece of SQL that the session reads: drivers that name each statement anew give it
// free this way (PDO), and the reply's tag does not repeat the name.
std::string DeallocatedName(std::string_view text);

class QueryMessage {
 public:
  explicit QueryMessage(Session::State& state) : state_(state) {}
  bool Feed(std::string_view piece) { return reader_.Feed(piece, *this); }
  bool Complete() const { return reader_.Complete(); }
  void OnText(std::string_view piece, bool last) { text.Add(state_.key(), piece, last); }

  SqlText text;

 private:
  Session::State& state_;
  wire::QueryReader reader_;
};

class ParseMessage {
 public:
  explicit ParseMessage(Session::State& state) : statement(state.scratch().NewStatement()), state_(state) {}
  bool Feed(std::string_view piece) { return reader_.Feed(piece, *this); }
  bool Complete() const { return reader_.Complete(); }
  void OnName(std::string_view bytes) { name.Set(bytes); }
  // The text's view may end with the piece, so it is offered here and not at the message's end.
  void OnText(std::string_view piece, bool last);
  void OnType(uint32_t oid) {
    if (statement->parameter_types.size() < kMaxHashedParameters) statement->parameter_types.push_back(oid);
  }

  Name name;
  StatementRef statement;

 private:
  Session::State& state_;
  SqlText text_;
  wire::ParseReader reader_;
};

class BindMessage {
 public:
  explicit BindMessage(Session::State& state)
      : execution(state.scratch().NewExecution()),
        state_(state),
        reader_(kMaxParameterBytes, state.MayHoldHashes() ? uint32_t{kMaxHashedParameters} : 0) {}
  bool Feed(std::string_view piece) { return reader_.Feed(piece, *this); }
  bool Complete() const { return reader_.Complete(); }
  void OnPortal(std::string_view bytes) { portal.Set(bytes); }
  void OnStatement(std::string_view bytes);
  void OnParameterCount(uint16_t count) { execution->parameter_count = count; }
  void OnParameter(const wire::BoundValue& value, std::string_view bytes);
  void OnRawValues(std::string_view piece, bool last);
  void OnResultFormat(uint16_t count, uint16_t index, bool binary);

  Name portal;
  Name statement_name;
  ExecutionPtr execution;

 private:
  void HashWhole(Parameter& parameter, bool binary, std::string_view bytes);
  void KeepValue(const wire::BoundValue& value, std::string_view bytes);
  void OnLong(const wire::BoundValue& value, std::string_view bytes);
  void CountElements(std::string_view bytes);
  void Keep(const ValueHash& hash) {
    execution->hashes.push_back(hash.hash);
    execution->alternates.push_back(hash.alternate);
  }

  Session::State& state_;
  wire::BindReader reader_;
  const PreparedStatement* statement_ = nullptr;  // as sent: for its types
  std::unique_ptr<BytesHasher> raw_hasher_;       // only when the values come in more than one piece
  size_t raw_bytes_ = 0;
  int32_t elements_ = -1;  // of a long text array so far; -1: it is none
  bool quoted_ = false, escaped_ = false;
};

}  // namespace pgassay::session
