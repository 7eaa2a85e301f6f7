#include "analyzer/lineage/claims.h"

#include <algorithm>

#include "analyzer/lineage/sources.h"

namespace pgassay::lineage {
namespace {

constexpr size_t kMaxProbes = 1024;  // sources looked at for one value, latest first
constexpr uint64_t kSmallDomainRows = 64, kSmallDomainValues = 8;

bool Conflict(const Unit& a, const Unit& b) {
  return (!a.trace_id.empty() && !b.trace_id.empty() && a.trace_id != b.trace_id) ||
         (!a.label.empty() && !b.label.empty() && a.label != b.label);
}

// Units of two scopes, or of two phases of one, have nothing to do with each other.
bool MayMeet(const Unit& a, const Unit& b) { return a.scope_id == 0 && b.scope_id == 0 && a.phase == b.phase; }

// May a child in `unit` be claimed by rows of another unit? Only with a relation, never against tags, and soon.
bool MayCross(const UnitState& source_unit, const SessionState& session, const UnitState& unit, int64_t sent_ns,
              Candidate& candidate) {
  if (candidate.level < 2 || !MayMeet(source_unit.row, unit.row)) return false;
  const int64_t source_wrapper = source_unit.wrapper_unit != 0 ? source_unit.wrapper_unit : source_unit.row.unit_id;
  const int64_t wrapper = unit.wrapper_unit != 0 ? unit.wrapper_unit : unit.row.unit_id;
  if (source_unit.wrapper_unit != 0 || unit.wrapper_unit != 0) {
    candidate.crossing = source_wrapper == wrapper;
    return candidate.crossing;
  }
  if (Conflict(source_unit.row, unit.row)) return false;
  candidate.rejoined = true;
  return session.IdleSince(source_unit.last_activity_ns, sent_ns) <= kOutlive;
}

}  // namespace

void ClaimFinder::Find(const SessionState& session, const UnitState& unit, const Execution& execution,
                       const StatementInfo& info, std::vector<SinkOutcome>& outcomes) {
  if (execution.statement.facts == nullptr) return;
  const sql::Facts& facts = *execution.statement.facts;
  for (const SinkValue& sink : execution.sinks) {
    if (sink.comparison < 0 || static_cast<size_t>(sink.comparison) >= facts.comparisons.size()) continue;
    const sql::Comparison& comparison = facts.comparisons[static_cast<size_t>(sink.comparison)];
    if (!IsSinkComparison(comparison)) continue;
    SinkOutcome outcome;
    outcome.sink = &sink;
    outcome.column_id = info.comparison_columns[static_cast<size_t>(sink.comparison)];
    if (!sink.members.empty()) {
      FindTuple(outcome, session, unit, execution);
    } else if (sink.elements == 1 && sink.hashes.size() == 1 && sink.hashes[0].hash != 0) {
      outcome.value = sink.hashes[0].hash;
      outcome.claim = FindOne(session, unit, execution.sent_ns, outcome.column_id,
                              columns_.TypeOf(sink, outcome.column_id), sink.hashes[0], &outcome.untested);
      if (outcome.claim) outcome.value = outcome.claim->value;
      columns_.Domain(outcome.column_id).Add(outcome.value);
    } else if (sink.elements <= 1) {
      continue;  // NULL, or not hashed
    }
    outcomes.push_back(outcome);
  }
}

// (a, b) = ($1, $2): one row must have held all members.
void ClaimFinder::FindTuple(SinkOutcome& outcome, const SessionState& session, const UnitState& unit,
                            const Execution& execution) {
  const sql::Facts& facts = *execution.statement.facts;
  const int tuple = facts.comparisons[static_cast<size_t>(outcome.sink->comparison)].tuple;
  std::vector<uint32_t> columns;
  for (const sql::Comparison& comparison : facts.comparisons) {
    if (comparison.tuple == tuple && tuple >= 0) columns.push_back(columns_.Id(NameOf(facts, comparison.column)));
  }
  if (columns.size() != outcome.sink->members.size() || outcome.sink->elements != 1) return;
  for (const ValueHash& member : outcome.sink->members) {
    if (member.hash == 0) return;
    outcome.value = outcome.value * 0x9E3779B97F4A7C15ULL + member.hash;
  }
  auto first = FindOne(session, unit, execution.sent_ns, columns[0], columns_.TypeOf(columns[0]),
                       outcome.sink->members[0], &outcome.untested);
  if (!first) return;
  const UnitState& source_unit = *first->source->unit;
  for (size_t i = 1; i < columns.size(); ++i) {
    const bool together = std::ranges::any_of(source_unit.sources, [&](const auto& source) {
      return source->key.statement_id == first->source->key.statement_id &&
             source->key.position != first->source->key.position &&
             source->values.OccursAt(outcome.sink->members[i].hash, first->occurrence.execution, first->occurrence.row);
    });
    if (!together) return;
  }
  first->value = outcome.value;
  outcome.claim = first;
}

std::optional<Candidate> ClaimFinder::FindOne(const SessionState& session, const UnitState& unit, int64_t sent_ns,
                                              uint32_t column_id, TypeClass type_class, const ValueHash& value,
                                              bool* untested) {
  std::optional<Candidate> best;
  const auto consider = [&](Source& source) {
    Consider(source, session, unit, sent_ns, column_id, type_class, value, best, untested);
  };
  const Group& group = *session.group;
  const bool spans_processes = !unit.row.trace_id.empty() || unit.row.scope_id != 0;
  size_t probes = 0;
  for (auto at = unit.sources.rbegin(); at != unit.sources.rend() && probes < kMaxProbes; ++at) {
    if (!spans_processes && (*at)->group != &group) continue;
    ++probes;
    consider(**at);
  }
  // What is not related claims nothing across units: only related columns are worth a look.
  for (const Group::Column& column : group.columns) {
    if (column.sources.empty() || columns_.LevelOf(column.column_id, column_id) < 2) continue;
    for (auto at = column.sources.rbegin(); at != column.sources.rend() && probes < kMaxProbes; ++at) {
      if ((*at)->unit == &unit) continue;
      ++probes;
      consider(**at);
    }
  }
  if (best && best->level < 2 && *untested) best.reset();
  if (best) *untested = false;
  return best;
}

void ClaimFinder::Consider(Source& source, const SessionState& session, const UnitState& unit, int64_t sent_ns,
                           uint32_t column_id, TypeClass type_class, const ValueHash& value,
                           std::optional<Candidate>& best, bool* untested) {
  if (source.values.evicted() || source.type_class == TypeClass::kNotComparable) return;
  if (type_class != TypeClass::kUnknown && source.type_class != TypeClass::kUnknown && type_class != source.type_class)
    return;
  if (!source.key_like && source.values.rows() >= kSmallDomainRows &&
      source.values.distinct_estimate() < kSmallDomainValues)
    return;
  Candidate candidate;
  candidate.level = columns_.LevelOf(source.column_id, column_id);
  candidate.same_unit = source.unit == &unit;
  candidate.same_session = source.session_id == session.info.session_id;
  if (!candidate.same_unit && !MayCross(*source.unit, session, unit, sent_ns, candidate)) return;

  uint64_t found_value = value.hash;
  const ValueSource::Occurrence* occurrence = source.values.Latest(value.hash, sent_ns);
  if (occurrence == nullptr && value.alternate != 0) {
    found_value = value.alternate;
    occurrence = source.values.Latest(value.alternate, sent_ns);
  }
  const bool above_cutoff = occurrence == nullptr && !source.values.Tests(value.hash);
  if (occurrence == nullptr && !above_cutoff) return;
  if (above_cutoff) {
    *untested |= candidate.level == 2;
    return;
  }
  candidate.source = &source;
  candidate.occurrence = *occurrence;
  candidate.value = found_value;
  if (!best || candidate.Rank() > best->Rank()) best = candidate;
}

}  // namespace pgassay::lineage
