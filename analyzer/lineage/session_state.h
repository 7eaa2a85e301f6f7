// One client connection as lineage sees it: its transaction, its savepoints, its idle gaps, and the rows of executions
// that have not completed yet. Decides where a unit of work ends; Lineage owns the units themselves. Threads: one
// owner.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/lineage/lineage.h"

namespace pgassay::lineage {

// Tags that name a unit of work.
struct WorkTags {
  std::string trace_id;  // of a traceparent, or a request id
  std::string label;     // route, controller#action, job or test
};
WorkTags ReadWorkTags(std::span<const sql::Tag> tags);

// What a statement means for units, beside its own work.
enum class Boundary : uint8_t {
  kNone,
  kEndsUnit,    // DISCARD ALL, RESET ALL, a bare ROLLBACK: the connection goes back to its pool
  kBeginsUnit,  // a pre-ping, SET of a tenant or role: the connection was just taken
};
Boundary BoundaryOf(const Execution& execution);
bool IsTransactionControl(sql::Operation operation);
bool IsHousekeeping(const Execution& execution);  // neither reads nor writes the application's data

struct Group;   // sessions that may claim from each other
struct Layout;  // the hashed columns of a result

// The rows so far of an execution that has not completed.
struct PendingRows {
  struct Batch {
    int64_t time_ns = 0;
    uint64_t first_row = 0;
    uint32_t row_count = 0;
    size_t first_hash = 0;  // of row_count x hashed columns in `hashes`
  };
  uint64_t execution_id = 0;
  std::vector<Batch> batches;
  std::vector<uint64_t> hashes;
  const Layout* layout = nullptr;
  int64_t statement_id = 0;
  uint32_t promoted = UINT32_MAX;  // ParentExecution once its rows became visible before its end
  int64_t promoted_unit = 0;
};

struct SessionState {
  // The gap above which an idle connection has begun other work: max(5 ms, 10 x median of the last 64 gaps), at most
  // 250 ms. Between pool boundaries, or within one tagged request, the finer split is known and only a long pause
  // counts.
  bool EndsUnit(int64_t gap_ns, bool has_finer_split) const;
  int64_t GapThreshold(bool has_finer_split) const;
  void AddGap(int64_t gap_ns);
  // How long its process did nothing from `since_ns` to `sent_ns`. To connect and to log in is work: a pool that grows
  // for a loop does not pause.
  int64_t IdleSince(int64_t since_ns, int64_t sent_ns) const;
  void OnApplicationName(std::string_view name);
  void OnPrepared(std::string_view name);

  SessionInfo info;
  Group* group = nullptr;  // sessions whose sources it may claim from
  bool process_known = false;
  bool open = true;
  bool shared = false;  // a pooler's
  std::set<std::string, std::less<>> application_names;

  int64_t unit = 0;       // the current one, 0: none
  bool boundary = false;  // the next statement begins a unit
  bool has_boundaries = false;
  bool in_transaction = false;
  uint64_t transaction = 0;  // number of the open one
  int64_t transaction_begin_ns = 0;
  int64_t transaction_unit = 0;  // where it began
  uint64_t transaction_statements = 0;
  bool transaction_pinged = false;
  std::vector<std::string> savepoints;
  std::vector<int64_t> sub_units;  // of this transaction, one per top-level savepoint

  std::array<int64_t, 64> gaps{};
  size_t gap_count = 0;
  int64_t busy_ns = 0;  // database time so far
  int64_t last_done_ns = 0;
  std::vector<PendingRows> pending;
};

}  // namespace pgassay::lineage
