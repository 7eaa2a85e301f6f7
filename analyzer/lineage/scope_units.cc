#include "analyzer/lineage/scope_units.h"

#include "analyzer/lineage/sources.h"

namespace pgassay::lineage {

const Scope* ScopeUnits::OnMark(const session::ScopeMark& mark) {
  const Scope* changed = scopes_.OnMark(mark);
  if (changed == nullptr || changed->end_ns == 0) return changed;
  const auto first_of = [this](int64_t scope_id) { return unit_ids_.lower_bound({scope_id, ScopePhase::kNone, ""}); };
  const int64_t scope_id = changed->scope_id;
  for (auto at = first_of(scope_id); at != first_of(scope_id + 1); ++at) {
    UnitState* unit = units_.Find(at->second);
    if (unit != nullptr && unit->open_in_sessions > 0) --unit->open_in_sessions;
  }
  ended_.push_back(scope_id);
  if (ended_.size() > kMaxEnded) {
    unit_ids_.erase(first_of(ended_.front()), first_of(ended_.front() + 1));
    ended_.pop_front();
  }
  return changed;
}

UnitState& ScopeUnits::UnitOf(SessionState& session, const Scopes::Place& place, const WorkTags& tags,
                              int64_t sent_ns) {
  UnitState* current = units_.Find(session.unit);
  const bool here = current != nullptr && current->row.scope_id == place.scope_id && current->row.phase == place.phase;
  const std::string& request = tags.trace_id.empty() ? tags.label : tags.trace_id;
  if (here && request.empty()) return *current;
  int64_t& unit_id = unit_ids_[{place.scope_id, place.phase, request}];
  UnitState* known = units_.Find(unit_id);
  UnitState& unit = known != nullptr ? *known : NewUnit(session, place, tags, sent_ns);
  session.unit = unit_id = unit.row.unit_id;
  session.boundary = false;
  return unit;
}

UnitState& ScopeUnits::NewUnit(SessionState& session, const Scopes::Place& place, const WorkTags& tags,
                               int64_t sent_ns) {
  UnitState& unit = units_.New(session, UnitKind::kScope, sent_ns);
  unit.row.scope_id = place.scope_id;
  unit.row.phase = place.phase;
  unit.row.trace_id = tags.trace_id;
  unit.row.label = tags.label;
  if (scopes_.IsOpen(place.scope_id)) ++unit.open_in_sessions;
  if (const Scope* scope = scopes_.Find(place.scope_id)) {
    unit.row.scope = scope->name;
    unit.row.scope_file = scope->file;
    unit.row.scope_line = scope->line;
  }
  return unit;
}

UnitState& ScopeUnits::StreamUnit(SessionState& session, int64_t time_ns) {
  const Scopes::Place place = scopes_.At(session.info, time_ns);
  if (place.scope_id != 0) return UnitOf(session, place, {}, time_ns);
  UnitState* unit = units_.Find(session.unit);
  const bool fits = unit != nullptr && unit->row.scope_id == 0 && unit->row.phase == place.phase &&
                    (session.in_transaction || time_ns - unit->last_activity_ns < kOutlive);
  if (!fits) unit = &units_.New(session, UnitKind::kGap, time_ns);
  unit->row.phase = place.phase;
  return *unit;
}

}  // namespace pgassay::lineage
