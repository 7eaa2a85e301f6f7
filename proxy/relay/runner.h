// One conversation on the control socket: lines in, one reply each, marks out. A runner has at most one scope open; a
// new one ends the one before. The reply is made after the mark: what a client sends once it has read the reply was
// sent after the mark, on the one clock that all loops and the recorder use. Pure; times come in. Threads: one owner.
// Source: docs/control-protocol.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/relay/control_line.h"
#include "proxy/session/query_event.h"
#include "proxy/session/session.h"

namespace pgassay::relay {

class Runner {
 public:
  // `client_pid`: of the process at the other end, 0: unknown. `token`: what it must say, "": nothing.
  Runner(uint64_t runner_id, int32_t client_pid, std::string_view token)
      : runner_id_(runner_id), client_pid_(client_pid), token_(token) {}

  // The reply to a line, with its newline. Marks go to `sink`; a scope that opens takes the next id.
  std::string OnLine(std::string_view line, int64_t now_ns, uint64_t& next_scope_id, session::RecordSink& sink);
  // The connection is gone: so is its scope.
  void OnEnd(int64_t now_ns, session::RecordSink& sink);
  bool refused() const { return refused_; }  // the connection is to be closed behind the reply
  int32_t client_pid() const { return client_pid_; }

 private:
  std::string Hello(const ControlLine& line, int64_t now_ns, session::RecordSink& sink);
  std::string Open(const ControlLine& line, int64_t now_ns, uint64_t& next_scope_id, session::RecordSink& sink);
  std::string SetPhase(const ControlLine& line, int64_t now_ns, session::RecordSink& sink);
  std::string Close(const ControlLine& line, int64_t now_ns, session::RecordSink& sink);
  std::string Refuse(std::string_view reply);
  void End(session::ScopeOutcome outcome, int64_t now_ns, session::RecordSink& sink);
  void Mark(int64_t now_ns, session::RecordSink& sink) const;

  uint64_t runner_id_;
  int32_t client_pid_;
  std::string token_;
  bool greeted_ = false;
  bool refused_ = false;

  std::string worker_;
  std::string runner_application_name_;
  uint64_t scope_id_ = 0;  // the one that is open, or was last
  int64_t opened_ns_ = 0;
  session::ScopeKind kind_ = session::ScopeKind::kTest;
  session::ScopePhase phase_ = session::ScopePhase::kBetween;
  session::ScopeOutcome outcome_ = session::ScopeOutcome::kUnknown;
  int32_t line_ = 0;
  std::string name_, file_, application_name_;
};

}  // namespace pgassay::relay
