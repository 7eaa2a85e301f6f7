// Which earlier result column brought a parameter's value: the most recent source that holds it, a related column
// first, then the same unit and connection. Threads: one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "analyzer/lineage/columns.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/unit_state.h"

namespace pgassay::lineage {

struct Candidate {
  Source* source = nullptr;
  ValueSource::Occurrence occurrence{};
  uint64_t value = 0;
  int level = 0;  // 2 related, 1 unknown, 0 unrelated
  bool same_unit = false, same_session = false, rejoined = false, crossing = false;

  auto Rank() const {
    return std::tuple(level, same_unit, same_session, occurrence.time_ns, occurrence.execution, occurrence.row,
                      source->key.position);
  }
};

struct SinkOutcome {
  const SinkValue* sink = nullptr;
  uint32_t column_id = 0;
  std::optional<Candidate> claim;
  uint64_t value = 0;
  bool untested = false;
};

class ClaimFinder {
 public:
  explicit ClaimFinder(Columns& columns) : columns_(columns) {}

  // One outcome per sink of the execution that can be claimed.
  void Find(const SessionState& session, const UnitState& unit, const Execution& execution, const StatementInfo& info,
            std::vector<SinkOutcome>& outcomes);
  // `*untested` becomes true when a sampled related source could not tell and nobody else claims.
  std::optional<Candidate> FindOne(const SessionState& session, const UnitState& unit, int64_t sent_ns,
                                   uint32_t column_id, TypeClass type_class, const ValueHash& value, bool* untested);

 private:
  void FindTuple(SinkOutcome& outcome, const SessionState& session, const UnitState& unit, const Execution& execution);
  void Consider(Source& source, const SessionState& session, const UnitState& unit, int64_t sent_ns, uint32_t column_id,
                TypeClass type_class, const ValueHash& value, std::optional<Candidate>& best, bool* untested);

  Columns& columns_;
};

}  // namespace pgassay::lineage
