// One connection's protocol state, pure: bytes and times in, records out. Knows no socket, no SQL grammar, no clock.
// Source: PostgreSQL manual, Frontend/Backend Protocol (3.0 and 3.2); the table of replies is in pending_requests.h.
//
// The owner sends bytes on first and shows them here after, both ways: OnFrontend for client bytes, OnBackend for
// server bytes. One thread does both, so a reply, which is read later, is never seen before its request. Any split of
// the same bytes gives the same records (times aside, and where the row batches of one execution end). Once opaque, a
// session stays so and its calls only count. decoded + skipped + opaque = all bytes passed in, at every moment. Memory:
// bounded (65 536 tokens, 10 000 names), small when idle; nothing is allocated by a declared length. Threads: none of
// its own; one owner.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/canonical_value.h"
#include "proxy/session/query_event.h"

namespace pgassay::session {

// Where records go. One per relay loop; shared by its sessions. Implemented over a ring in relay/, over a vector in
// tests. Carries the scratch memory that its sessions share, so it must outlive them.
class Scratch;
class RecordSink {
 public:
  RecordSink();
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink();
  virtual void Emit(const Record& record) = 0;
  // True the first time a dictionary hash is offered in this recorder generation; then the caller emits the entry.
  virtual bool WantsText(uint64_t text_hash) = 0;
  virtual bool WantsColumns(uint64_t columns_hash) = 0;
  // Whether parameters are kept until their execution is over, so that WantsValues() may be asked then. Does not
  // change.
  virtual bool KeepsValues() const { return false; }
  // Whether the values of this execution, which succeeded, are to be emitted as SentValues.
  virtual bool WantsValues(uint64_t /*text_hash*/, int64_t /*database_ns*/, uint64_t /*rows*/) { return false; }

  Scratch& scratch() { return *scratch_; }  // for Session alone

 private:
  std::unique_ptr<Scratch> scratch_;
};

struct SessionIdentity {
  uint64_t session_id;
  int64_t connected_ns;
  int32_t client_pid;
  uint16_t route;
  std::string client_address, upstream_address;
  std::array<int32_t, kMaxClientParents> client_parents = {};
};

struct ByteCounts {
  uint64_t frontend = 0, backend = 0;             // in all
  uint64_t decoded = 0, skipped = 0, opaque = 0;  // their sum is frontend + backend
};

class Session {
 public:
  class State;  // state.h

  Session(SessionIdentity identity, const HashKey& key, RecordSink& sink);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void OnFrontend(std::string_view bytes, int64_t now_ns);
  void OnBackend(std::string_view bytes, int64_t now_ns);
  // The connection ended: open executions become kConnectionLost, SessionClosed is emitted. Call once.
  void OnEnd(SessionEnd end, int64_t now_ns);

  const ByteCounts& bytes() const;
  OpaqueReason opaque() const;
  bool logged_in() const;
  uint64_t queries() const;
  // BackendKeyData once seen: (process id, secret key); empty key before. For cancel requests.
  std::string_view cancel_key() const;  // the 4-byte process id followed by the key, as a CancelRequest repeats them

 private:
  std::unique_ptr<State> state_;
};

}  // namespace pgassay::session
