// Which scope an execution belongs to: the marks that runners gave, and the processes and names of connections.
//
// One scope per runner at a time, and one runner per process is the rule: threads of one process share its scope. A
// connection belongs to the runner that asked for its application_name; else to the runner in its own process; else to
// the nearest one among that process's parents; else, when one runner is connected and no more, to that one (a server
// in a container, or one that was there before). Where several runners fit equally well, the one with a scope open;
// when that is more than one, nobody can tell, and the execution belongs to none. Memory: the last kMaxMarks marks of
// each runner, runners that are gone are forgotten after a while. Threads: one owner. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "analyzer/lineage/lineage.h"

namespace pgassay::lineage {

class Scopes {
 public:
  struct Place {
    int64_t scope_id = 0;  // 0 with kNone: no runner's business; with kBetween: its runner had none open
    ScopePhase phase = ScopePhase::kNone;
    bool ambiguous = false;
  };

  // What the mark changed, null if nothing that is stored. Valid until the next call.
  const Scope* OnMark(const session::ScopeMark& mark);
  // Of an execution of `session` that was sent at `sent_ns`.
  Place At(const SessionInfo& session, int64_t sent_ns) const;
  const Scope* Find(int64_t scope_id) const;  // while a unit may still need it; null: long over
  bool IsOpen(int64_t scope_id) const;

 private:
  static constexpr size_t kMaxMarks = 64;
  static constexpr size_t kMaxEnded = 1024;                  // scopes
  static constexpr int64_t kForgetAfterNs = 10'000'000'000;  // a runner that is gone: executions complete late

  struct Moment {
    int64_t from_ns = 0;
    int64_t scope_id = 0;
    ScopePhase phase = ScopePhase::kNone;
  };
  struct Runner {
    int64_t client_process = 0;
    std::string application_name;  // of the scope it opened last
    int64_t gone_ns = 0;           // 0: connected
    std::deque<Moment> moments;    // in the order of time

    Place At(int64_t time_ns) const;
    bool Connected(int64_t time_ns) const;
  };
  std::vector<const Runner*> RunnersOf(const SessionInfo& session, int64_t sent_ns) const;
  void Forget(int64_t now_ns);

  std::map<uint64_t, Runner> runners_;
  std::map<int64_t, Scope> scopes_;
  std::deque<int64_t> ended_;
};

}  // namespace pgassay::lineage
