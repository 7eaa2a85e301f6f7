// The units of work of scopes: a scope's phase is one unit over all its connections, but each request that says its
// name or its trace within it is one of its own, for a test may well ask for the same thing twice. Savepoints, pool
// boundaries and pauses cut nothing there, and no claim leads into or out of it. Threads: one owner.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "analyzer/lineage/scopes.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/units.h"

namespace pgassay::lineage {

class ScopeUnits {
 public:
  explicit ScopeUnits(Units& units) : units_(units) {}

  // As Scopes::OnMark. The units of a scope that is open stay in memory, however long it pauses.
  const Scope* OnMark(const session::ScopeMark& mark);
  Scopes::Place At(const SessionInfo& session, int64_t sent_ns) const { return scopes_.At(session, sent_ns); }
  // REQUIRES: place.scope_id is not 0. It becomes the session's current unit.
  UnitState& UnitOf(SessionState& session, const Scopes::Place& place, const WorkTags& tags, int64_t sent_ns);
  // The unit that a session's execution which still runs is taken to belong to: what the session works on.
  UnitState& StreamUnit(SessionState& session, int64_t time_ns);

 private:
  static constexpr size_t kMaxEnded = 64;                    // scopes whose units a late execution still finds
  using Key = std::tuple<int64_t, ScopePhase, std::string>;  // scope, phase, request

  UnitState& NewUnit(SessionState& session, const Scopes::Place& place, const WorkTags& tags, int64_t sent_ns);

  Units& units_;
  Scopes scopes_;
  std::map<Key, int64_t> unit_ids_;
  std::deque<int64_t> ended_;
};

}  // namespace pgassay::lineage
