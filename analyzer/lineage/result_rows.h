// Rows of results on their way into sources: held until their execution ends, for only then its parameters tell which
// columns are echoes; taken in earlier where a child may follow from a stream; later rows of an open cursor follow
// their execution. Owns the parent executions. Threads: one owner.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "analyzer/lineage/claims.h"
#include "analyzer/lineage/layouts.h"
#include "analyzer/lineage/scope_units.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/sources.h"
#include "analyzer/lineage/units.h"

namespace pgassay::lineage {

struct RowsView {
  int64_t time_ns = 0;
  uint64_t first_row = 0;
  uint32_t row_count = 0;
  std::span<const uint64_t> hashes;  // row_count x hashed columns
};

class ResultRows {
 public:
  ResultRows(Columns& columns, Sources& sources, Units& units, ScopeUnits& scopes, ClaimFinder& claims)
      : columns_(columns), sources_(sources), units_(units), scopes_(scopes), claims_(claims) {}

  void Add(SessionState& session, uint64_t execution_id, int64_t statement_id, const Layout& layout,
           const RowsView& rows);
  // The execution is over; its rows go back by Insert and Recycle.
  PendingRows Take(SessionState& session, uint64_t execution_id);
  void Insert(const SessionState& session, UnitState& unit, const Execution& execution, const PendingRows& pending,
              const std::vector<SinkOutcome>& outcomes);
  void Recycle(PendingRows&& rows);
  // Rows of executions that still run count from the moment they reached the client: a child may already follow from
  // them.
  void PromoteStreams(std::unordered_map<uint64_t, SessionState>& sessions, const Group& group,
                      const Execution& execution);

  void ForgetSession(uint64_t session_id);
  void Release(uint32_t parent);
  const Parents& parents() const { return parents_; }

 private:
  enum class Echo : uint8_t { kNo, kOutside, kInherited };
  struct OpenCursor {
    uint32_t parent = 0;
    std::vector<Echo> echoes;
  };

  PendingRows& PendingOf(SessionState& session, uint64_t execution_id, int64_t statement_id);
  void Promote(SessionState& session, PendingRows& pending);
  uint32_t NewParent(const SessionState& session, UnitState& unit, int64_t statement_id);
  void SetAncestor(uint32_t index, const UnitState& unit, const Candidate& claim);
  void FindEchoes(const SessionState& session, const UnitState& unit, const Execution& execution, const Layout& layout,
                  const PendingRows& pending, const std::vector<SinkOutcome>& outcomes);
  bool BatchIsClaimed(const SessionState& session, const UnitState& unit, const Execution& execution,
                      const SinkOutcome& outcome);
  void InsertBatch(uint32_t index, const Layout& layout, const RowsView& batch, std::span<const Echo> echoes,
                   const SessionState& session);
  void RememberCursor(const Execution& execution, uint32_t index);
  void Append(const OpenCursor& cursor, const Layout& layout, const RowsView& rows, const SessionState& session);

  Columns& columns_;
  Sources& sources_;
  Units& units_;
  ScopeUnits& scopes_;
  ClaimFinder& claims_;
  Parents parents_;
  std::vector<uint32_t> free_parents_;
  std::map<std::pair<uint64_t, uint64_t>, OpenCursor> open_cursors_;
  PendingRows spare_rows_;
  std::vector<Echo> echoes_;  // of the columns of the result that is being inserted
};

}  // namespace pgassay::lineage
