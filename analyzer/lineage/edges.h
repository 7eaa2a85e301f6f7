// What claims become: edges of a unit, or claims that wait until a loop over several units is certain. Threads: one
// owner.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/lineage/claims.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/sources.h"
#include "analyzer/lineage/units.h"

namespace pgassay::lineage {

class Edges {
 public:
  Edges(Units& units, Sources& sources, const Parents& parents) : units_(units), sources_(sources), parents_(parents) {}

  // A claim that crossed joins what it connects, once it is a loop: on one connection the whole units, from another
  // connection this execution alone. Returns the execution's unit.
  UnitState& Follow(SessionState& session, UnitState& unit, const Execution& execution,
                    const std::vector<SinkOutcome>& outcomes);
  // Counts a sink's value, and its claim if there is one.
  void Record(const SessionState& session, UnitState& unit, const Execution& execution, const SinkOutcome& outcome);
  void Add(UnitState& unit, const DeferredClaim& deferred);

 private:
  void JoinWaiting(UnitState& source_unit, const EdgeKey& key);
  Claim MakeClaim(const SessionState& session, const UnitState& unit, const Execution& execution,
                  const Candidate& candidate, uint64_t group_unclaimed) const;

  Units& units_;
  Sources& sources_;
  const Parents& parents_;
  uint32_t last_edge_ = 0;
};

}  // namespace pgassay::lineage
