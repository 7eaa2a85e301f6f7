// Every source that is alive, by group and column, within one budget of memory. The unit owns a source; here it is
// found, counted and evicted. Threads: one owner.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/lineage/layouts.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/unit_state.h"

namespace pgassay::lineage {

// ns idle (SessionState::IdleSince) behind their unit's last statement in which sources may claim.
inline constexpr int64_t kOutlive = 2'000'000'000;

// Sessions of one client process, and the sources they may claim from.
struct Group {
  struct Column {
    uint32_t column_id = 0;
    std::vector<Source*> sources;  // lately touched ones towards the end
  };
  std::string name;
  std::vector<Column> columns;  // every one that ever had a source; their order does not change
  size_t sources = 0;
  std::vector<uint64_t> sessions;
  size_t streaming = 0;  // executions with rows that have not completed
  std::map<std::pair<int64_t, int32_t>, uint64_t>
      unclaimed;  // executions per child statement and slot that no related source claimed
};

class Sources {
 public:
  void EnterGroup(SessionState& session, std::string name);
  void LeaveGroup(SessionState& session);

  // The session's source of that column in that unit, made if there is none.
  Source& For(UnitState& unit, int64_t statement_id, const ColumnLayout& column, uint32_t hashed_index,
              const SessionState& session);
  // After its values changed: the budget, and its place among the lately touched.
  void Keep(Source& source, int64_t time_ns);
  void Drop(Source& source);  // the group goes with its last source if no session is in it any more
  void MarkClaimed(Source& source);
  // Holds the budget.
  void EvictSome();

  void Advance(int64_t now_ns) { latest_ns_ = std::max(latest_ns_, now_ns); }

 private:
  void ForgetIfUnused(Group& group);

  std::map<std::string, Group> groups_;
  int64_t latest_ns_ = 0;
  size_t total_bytes_ = 0;
};

}  // namespace pgassay::lineage
