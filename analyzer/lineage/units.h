// The units of work in memory: made, found, joined, written, and closed when nothing can follow. Threads: one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/lineage/columns.h"
#include "analyzer/lineage/session_state.h"
#include "analyzer/lineage/unit_state.h"

namespace pgassay::lineage {

class Units {
 public:
  explicit Units(LineageSink& sink) : sink_(sink) {}

  // It becomes the session's current one.
  UnitState& New(SessionState& session, UnitKind kind, int64_t begin_ns);
  // The unit, or the one that it joined in the end. REQUIRES: it is in memory.
  UnitState& Root(int64_t unit_id);
  UnitState* Find(int64_t unit_id);  // the same; null: none
  UnitState* OfTrace(const std::string& trace_id);
  void SetTrace(UnitState& unit, const std::string& trace_id);
  // It has something to write.
  void Touch(UnitState& unit);
  // `other` gives everything to `unit`.
  void Join(UnitState& unit, UnitState& other);

  void EmitTouched(const Parents& parents, Columns& columns);
  // Writes and forgets what is over; `release` is called for each before it goes.
  void CloseIdle(int64_t now_ns, bool everything, const Parents& parents, Columns& columns,
                 const std::function<void(UnitState&)>& release);

 private:
  void Emit(UnitState& unit, const Parents& parents, Columns& columns);

  LineageSink& sink_;
  std::unordered_map<int64_t, UnitState> units_;
  std::unordered_map<std::string, int64_t> by_trace_;
  std::vector<int64_t> touched_;
  int64_t last_unit_ = 0;
};

}  // namespace pgassay::lineage
