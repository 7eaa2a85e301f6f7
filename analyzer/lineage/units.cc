#include "analyzer/lineage/units.h"

#include <utility>

#include "analyzer/lineage/sources.h"

namespace pgassay::lineage {
namespace {

constexpr int64_t kKeepIdle = 10'000'000'000;  // ns a unit stays: a child may have been sent long before it completes
constexpr size_t kMaxIdleUnits = 4096;         // beyond it idle units go after kOutlive already

}  // namespace

UnitState& Units::New(SessionState& session, UnitKind kind, int64_t begin_ns) {
  UnitState& unit = units_[++last_unit_];
  unit.row.unit_id = last_unit_;
  unit.row.kind = kind;
  unit.row.session_id = session.info.session_id;
  unit.row.shared_connection = session.shared;
  unit.row.begin_ns = unit.row.end_ns = unit.last_activity_ns = begin_ns;
  session.unit = last_unit_;
  session.boundary = false;
  touched_.push_back(last_unit_);
  return unit;
}

UnitState& Units::Root(int64_t unit_id) {
  for (auto found = units_.find(unit_id);; found = units_.find(found->second.row.joined_to)) {
    if (found->second.row.joined_to == 0) return found->second;
  }
}

UnitState* Units::Find(int64_t unit_id) {
  const auto found = unit_id == 0 ? units_.end() : units_.find(unit_id);
  if (found == units_.end()) return nullptr;
  return found->second.row.joined_to == 0 ? &found->second : &Root(found->second.row.joined_to);
}

UnitState* Units::OfTrace(const std::string& trace_id) {
  const auto found = by_trace_.find(trace_id);
  return found == by_trace_.end() ? nullptr : Find(found->second);
}

void Units::SetTrace(UnitState& unit, const std::string& trace_id) {
  unit.row.trace_id = trace_id;
  by_trace_[trace_id] = unit.row.unit_id;
}

void Units::Touch(UnitState& unit) {
  if (unit.dirty) return;
  unit.dirty = true;
  touched_.push_back(unit.row.unit_id);
}

void Units::Join(UnitState& unit, UnitState& other) {
  if (&unit == &other) return;
  Absorb(unit, other, sink_);
  if (other.emitted) sink_.OnUnit(other.row);
  other.emitted = true;
  if (!other.row.trace_id.empty()) by_trace_[other.row.trace_id] = unit.row.unit_id;
  unit.dirty = true;
  touched_.push_back(unit.row.unit_id);
  sink_.OnUnit(other.row);
}

void Units::EmitTouched(const Parents& parents, Columns& columns) {
  for (const int64_t id : std::exchange(touched_, {})) {
    if (const auto found = units_.find(id); found != units_.end()) Emit(found->second, parents, columns);
  }
}

void Units::Emit(UnitState& unit, const Parents& parents, Columns& columns) {
  if (!unit.dirty || unit.row.joined_to != 0) return;
  unit.dirty = false;
  if (unit.row.statements == 0) return;
  unit.emitted = true;
  sink_.OnUnit(unit.row);
  for (auto& [id, state] : unit.statements_by_id) {
    if (std::exchange(state.dirty, false)) sink_.OnUnitStatement(MakeUnitStatement(unit, state));
  }
  for (auto& [key, edge] : unit.edges) {
    if (!std::exchange(edge.dirty, false)) continue;
    const auto sink = unit.sinks.find({key.child_statement_id, key.child_comparison});
    sink_.OnEdge(MakeEdge(unit, edge, parents,
                          sink == unit.sinks.end() ? 0 : columns.Domain(sink->second.column_id).Estimate()));
  }
  for (const uint32_t repeat : std::exchange(unit.dirty_repeats, {})) {
    RepeatState& state = unit.repeats[repeat];
    state.dirty = false;
    sink_.OnRepeat(MakeRepeat(unit, state));
  }
}

void Units::CloseIdle(int64_t now_ns, bool everything, const Parents& parents, Columns& columns,
                      const std::function<void(UnitState&)>& release) {
  const int64_t keep = units_.size() > kMaxIdleUnits ? kOutlive : kKeepIdle;
  for (auto at = units_.begin(); at != units_.end();) {
    UnitState& unit = at->second;
    const bool idle = unit.open_in_sessions == 0 && now_ns - unit.last_activity_ns > keep;
    if (unit.row.joined_to != 0 || (!everything && !idle)) {
      ++at;
      continue;
    }
    // Containment is judged against all that the unit held in the end, whenever it was last written.
    for (auto& [key, edge] : unit.edges) edge.dirty = true;
    unit.dirty |= !unit.edges.empty();
    Emit(unit, parents, columns);
    release(unit);
    if (!unit.row.trace_id.empty()) by_trace_.erase(unit.row.trace_id);
    at = units_.erase(at);
  }
  // What had joined a unit that is gone is gone with it, and so on.
  const auto orphaned = [this](const auto& entry) {
    return entry.second.row.joined_to != 0 && !units_.contains(entry.second.row.joined_to);
  };
  while (std::erase_if(units_, orphaned) > 0) {
  }
}

}  // namespace pgassay::lineage
