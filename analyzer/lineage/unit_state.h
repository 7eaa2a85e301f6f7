// A unit of work while it is alive: its sources, and the accumulators that become UnitStatement, Edge and Repeat rows.
// A unit that joins another one gives everything it holds to it (Absorb) and keeps only its row.
// Limits: claims and distinct values are kept up to kMaxKept each; beyond it counts stay exact and statistics speak of
// the first ones. Threads: one owner.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "analyzer/lineage/distinct_count.h"
#include "analyzer/lineage/flat_map.h"
#include "analyzer/lineage/lineage.h"
#include "analyzer/lineage/relation_rules.h"
#include "analyzer/lineage/value_source.h"

namespace pgassay::lineage {

inline constexpr size_t kMaxKept = 4096;
inline constexpr uint32_t kNobody = UINT32_MAX;

// An execution whose rows are in sources.
struct ParentExecution {
  int64_t execution_no = 0;
  uint64_t session_id = 0;
  uint64_t transaction = 0;  // number of the explicit transaction, unique over all sessions; 0: none
  int64_t unit_id = 0;
  int64_t statement_id = 0;
  uint64_t rows = 0;
  bool claimed = false;
  uint32_t ancestor = kNobody;  // of a one-row result that was claimed: the execution at the chain's top; else itself
  uint32_t ancestor_row = 0;
  std::array<uint32_t, session::kMaxLineageColumns> distinct{};  // per hashed column
};

using Parents = std::deque<ParentExecution>;

struct SourceKey {
  int64_t statement_id = 0;
  int32_t position = 0;
  friend auto operator<=>(const SourceKey&, const SourceKey&) = default;
};

struct Group;
struct UnitState;

struct Source {
  SourceKey key;
  UnitState* unit = nullptr;  // that holds it, itself joined to none
  uint64_t session_id = 0;
  ResultColumn column;
  uint32_t column_id = 0;  // of its interned name
  TypeClass type_class = TypeClass::kUnknown;
  bool key_like = false;
  bool outside = false;       // echoes of parameters that nobody claimed
  uint32_t hashed_index = 0;  // into ParentExecution::distinct
  ValueSource values;
  size_t counted_bytes = 0;  // of the budget
  int64_t touched_ns = 0, last_claim_ns = 0;
  uint64_t claims = 0;
  Group* group = nullptr;  // the list of its column it stands in, and where
  size_t group_column = 0, group_index = 0;
};

struct EdgeKey {
  SourceKey parent;
  int64_t child_statement_id = 0;
  int32_t child_comparison = 0;
  friend auto operator<=>(const EdgeKey&, const EdgeKey&) = default;
};

struct Claim {
  uint64_t value = 0;
  uint32_t parent = 0;  // ParentExecution
  uint32_t row = 0;
  uint32_t multiplicity = 1;  // of the value in the parent's rows
  int64_t execution_no = 0;
  uint64_t session_id = 0;
  int64_t sent_ns = 0, done_ns = 0, database_ns = 0;
  int64_t busy_before_ns = 0;  // the child session's database time before it
  int64_t pause_ns = 0;        // the longest pause in the unit's work since the value reached the client
  uint64_t rows = 0, bytes = 0;
  uint64_t group_unclaimed =
      0;  // executions of its statement by the whole process that no related source had claimed by then
  bool pipelined = false, same_connection = false, same_process = false, same_transaction = false, rejoined = false,
       outside = false;
};

struct EdgeState {
  uint32_t number = 0;
  Edge row;  // counts are kept here as claims come
  std::vector<Claim> claims;
  bool related = false;
  bool dirty = true;
  uint64_t unclaimed_at_last_claim = 0, group_unclaimed_at_last_claim = 0;
};

// One slot of one child statement.
struct SinkState {
  struct Value {
    uint32_t count = 0;
    uint32_t related_edge = 0;  // the related edge that claimed it last; 0: none
  };
  FlatMap<Value> values;
  uint32_t column_id = 0;
  uint64_t executions = 0;
  uint64_t unclaimed = 0;
};

struct StatementState {
  UnitStatement row;
  DistinctCount parameters;
  FlatMap<uint32_t> unclaimed_values;
  std::vector<int64_t> gaps, durations;
  int64_t last_done_ns = 0, last_busy_ns = 0;
  uint64_t last_session = 0;
  uint64_t untested = 0;
  bool dirty = true;
};

// The last execution of one statement with one set of parameters; most are never repeated.
struct LastSeen {
  uint64_t result_hash = 0;
  int64_t first_no = 0, last_sent_ns = 0;
  uint32_t writes = 0;        // to its relations
  uint32_t repeat = kNobody;  // into UnitState::repeats once there was a second one
};

struct RepeatState {
  Repeat longest, current;
  std::vector<int64_t> gaps;
  bool dirty = false;
};

// A claim across the sub-units of one transaction: counts only if that transaction commits.
struct DeferredClaim {
  EdgeKey key;
  ResultColumn column;
  uint32_t child_type_oid = 0;
  bool related = false;
  Claim claim;
};

// Claims of one edge that reach into other units. One or two may be chance, or a person's clicks; from the third value
// on it is a loop, and the units are one.
struct ReachingClaims {
  struct Entry {
    DeferredClaim claim;
    int64_t child_unit = 0;
  };
  std::vector<Entry> waiting;
  std::set<uint64_t> values;
  bool established = false;
};

struct UnitState {
  Unit row;
  bool dirty = true, emitted = false;
  uint64_t statements = 0;        // other than transaction control and settings
  uint64_t transaction = 0;       // the one explicit transaction it is, 0: not one
  int64_t wrapper_unit = 0;       // of a sub-unit at a savepoint: the unit its transaction began in
  uint32_t open_in_sessions = 0;  // transactions that are open in it
  int64_t last_activity_ns = 0;
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<uint32_t> parents;  // ParentExecution slots it owns
  std::unordered_map<int64_t, StatementState> statements_by_id;
  std::map<EdgeKey, EdgeState> edges;
  std::map<std::pair<int64_t, int32_t>, SinkState> sinks;
  std::unordered_map<int64_t, FlatMap<LastSeen>> last_seen;  // by statement, then parameters
  size_t last_seen_count = 0;
  std::deque<RepeatState> repeats;
  std::vector<uint32_t> dirty_repeats;
  std::unordered_map<std::string, uint64_t> writes;  // by relation
  std::vector<DeferredClaim> deferred;
  std::map<EdgeKey, ReachingClaims> reaching;
  uint64_t last_session_id = 0;
  int64_t last_done_ns = 0;
  std::vector<std::pair<int64_t, int64_t>>
      pauses;  // end and length of each pause that no later one exceeds: lengths descend

  // Made of the first execution if there is none yet.
  RepeatState& RepeatOf(int64_t statement_id, uint64_t parameters_hash, LastSeen& seen);
  void MarkRepeatDirty(uint32_t repeat);
  void AddPause(int64_t end_ns, int64_t length_ns);
  int64_t LongestPauseSince(int64_t time_ns) const;
  Source* FindSource(const SourceKey& key, uint64_t session_id);
  StatementState& Statement(int64_t statement_id);
  SinkState& Sink(int64_t statement_id, int32_t comparison);
};

// Moves everything of `other` into `unit`; rows of `other` that were written are written once more with counts at 0.
void Absorb(UnitState& unit, UnitState& other, LineageSink& sink);

// Rows as they stand now.
Edge MakeEdge(const UnitState& unit, const EdgeState& edge, const Parents& parents, uint64_t sink_domain);
UnitStatement MakeUnitStatement(const UnitState& unit, const StatementState& state);
Repeat MakeRepeat(const UnitState& unit, const RepeatState& state);
// The value at `share` (0..1) of the sorted sample; 0 of an empty one.
int64_t Quantile(std::vector<int64_t> sample, double share);

}  // namespace pgassay::lineage
