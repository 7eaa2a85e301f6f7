#include "analyzer/detectors/n_plus_one_score.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace pgassay::detectors {
namespace {

using lineage::Edge;
using lineage::Relationship;
using lineage::Unit;
using lineage::UnitKind;

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kTightGap = 20 * kMillisecond;
constexpr int64_t kLateFirstChild = 200 * kMillisecond;
constexpr double kProvenScore = 2, kLikelyScore = 0.7;
constexpr uint64_t kOrderNeeds = 8;  // values from which disorder counts against

double D(uint64_t n) { return static_cast<double>(n); }
double Share(uint64_t part, uint64_t whole) { return whole == 0 ? 0 : D(part) / D(whole); }

// Inside one scope, trace, tagged request or transaction no time counts.
bool TimeCounts(const Edge& edge, const Unit& unit) {
  const bool one_request =
      unit.kind == UnitKind::kScope || unit.kind == UnitKind::kTraceparent || unit.kind == UnitKind::kTag;
  return !one_request && edge.same_transaction < edge.children;
}

bool IsRepeated(const Edge& edge, const ScoreLimits& limits) {
  if (D(edge.max_children_per_ancestor) >= limits.min_children &&
      D(edge.max_distinct_per_ancestor) >= limits.min_children)
    return true;
  return D(edge.parent_executions_claimed) >= limits.min_children && D(edge.children) >= limits.min_nested_children &&
         D(edge.distinct_values) >= limits.min_children;
}

double OrderScore(const Edge& edge, bool related) {
  if (edge.order_values < 2) return 0;
  if (edge.order_tau < 0.3 && edge.order_values >= kOrderNeeds) {
    return related && edge.values_as_often == edge.distinct_values ? 0 : -1.5;
  }
  return std::clamp(edge.order_log10_p, 0.0, 1.0);
}

// A loop takes each value once; draws at random from a domain of that size repeat themselves.
double LoopScore(const Edge& edge) {
  if (edge.values_as_often < edge.distinct_values || edge.children > edge.distinct_values) return 0;
  const double domain = D(std::max(edge.sink_domain, edge.distinct_values));
  double odds = 0;
  for (uint64_t i = 1; i < edge.distinct_values && odds < 10; ++i) odds -= std::log10(1 - D(i) / domain);
  return std::min(odds * 0.3, 1.0);
}

// A value is in the parent's set by chance with probability q.
double CoincidenceScore(const Edge& edge) {
  const uint64_t others = edge.child_distinct_values - std::min(edge.child_distinct_values, edge.distinct_values);
  const uint64_t other_hits = edge.contained_values - std::min(edge.contained_values, edge.distinct_values);
  const double hit_rate = (D(other_hits) + 0.5) / (D(others) + 1);
  const double q = std::clamp(
      std::max(Share(edge.parent_distinct, std::max(edge.sink_domain, edge.parent_distinct)), hit_rate), 1e-6, 0.98);
  return std::min(D(edge.distinct_values) * std::log10(0.98 / q), 1.0);
}

double ProximityScore(const Edge& edge, const Unit& unit, bool timed) {
  double score = -0.3;
  if (edge.same_connection == edge.children) score = 1;
  const bool one_request =
      unit.kind == UnitKind::kScope || unit.kind == UnitKind::kTraceparent || edge.same_transaction == edge.children;
  if (one_request) score = 1.5;
  if (!timed) return score;
  if (edge.first_child_delay_ns <= kTightGap) score += 0.5;
  if (edge.first_child_delay_ns > kLateFirstChild) score -= 1;
  return score;
}

// A pause before the first child that the loop does not show again.
bool BeganLate(const Edge& edge) { return edge.first_child_delay_ns > std::max(kTightGap, edge.gap_p90_ns * 3 / 2); }

}  // namespace

double RelationScore(Relationship relationship) {
  switch (relationship) {
    case Relationship::kForeignKey:
    case Relationship::kSameKey:
      return 2;
    case Relationship::kJoin:
      return 1.5;
    case Relationship::kName:
      return 1;
    case Relationship::kUnknown:
    case Relationship::kUnrelated:
      return 0;
  }
  return 0;
}

EdgeJudgement JudgeEdge(const Edge& edge, const Unit& unit, bool related, const ScoreLimits& limits) {
  EdgeJudgement out;
  out.repeated = IsRepeated(edge, limits);
  // Where claims reached over units, what was not claimed in between stayed behind in its own.
  const uint64_t missed = edge.rejoined > 0 ? edge.holes : 0;
  out.contained = Share(edge.contained_values, edge.child_distinct_values + missed) >= limits.min_containment;
  out.once_each = Share(edge.values_as_often, edge.distinct_values) >= 0.95;
  out.by_request = edge.from_outside * 2 > edge.children;
  out.timed = TimeCounts(edge, unit);
  const bool covered = Share(edge.distinct_values, edge.parent_distinct) >= 0.95;
  const bool late = out.timed && BeganLate(edge);
  // So long that something else began there: a load test after a list, a person who clicks.
  const bool began_elsewhere = late && edge.first_child_delay_ns > kLateFirstChild;
  out.in_order = covered && edge.order_values >= 3 && edge.order_tau >= 0.9;
  // Claims that reach over connections or pauses find some value of a list by chance: all of it, or its order, must be
  // there.
  out.scattered = out.timed && edge.rejoined > 0 && !covered && (edge.order_log10_p < 1 || edge.order_tau < 0.7);
  const bool waived = related && out.in_order && !began_elsewhere;
  out.tight = !out.timed || waived || edge.gap_p90_ns < std::max(kTightGap, 5 * edge.child_median_ns);
  const bool same_request = unit.kind == UnitKind::kScope || unit.kind == UnitKind::kTraceparent;
  const bool guessed_process = edge.same_connection + edge.same_process < edge.children && !same_request;
  out.capped = guessed_process || (unit.shared_connection && edge.same_transaction < edge.children && !same_request);
  out.score = OrderScore(edge, related) + LoopScore(edge) + CoincidenceScore(edge) +
              ProximityScore(edge, unit, out.timed) + (covered ? 0.5 : 0) + (edge.holes == 0 ? 0.5 : -1.5) -
              (began_elsewhere ? 4 : 0);
  return out;
}

DoseResponse MeasureDoseResponse(const std::vector<const Edge*>& edges) {
  constexpr uint64_t kMinUnits = 5;
  DoseResponse out;
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0, sum_yy = 0;
  for (const Edge* edge : edges) {
    // Per parent execution: that twice the parents have twice the children says nothing.
    const double parents = D(std::max<uint64_t>(edge->parent_executions, 1));
    const double x = D(edge->parent_rows) / parents, y = D(edge->children) / parents;
    ++out.units;
    sum_x += x;
    sum_y += y;
    sum_xx += x * x;
    sum_xy += x * y;
    sum_yy += y * y;
  }
  const double n = D(out.units);
  const double spread_x = n * sum_xx - sum_x * sum_x, spread_y = n * sum_yy - sum_y * sum_y;
  if (out.units < kMinUnits || spread_x <= 0) return out;
  const double together = n * sum_xy - sum_x * sum_y;
  out.slope = together / spread_x;
  out.r_squared = spread_y <= 0 ? 0 : together * together / (spread_x * spread_y);
  // "Near zero" wants parents that really differ in size: half the mean or more.
  const double mean_x = sum_x / n, deviation_x = std::sqrt(spread_x) / n;
  if (out.slope >= 0.8 && out.slope <= 1.2 && out.r_squared > 0.9)
    out.score = 2;
  else if (std::abs(out.slope) < 0.1 && deviation_x > mean_x / 2)
    out.score = -3;
  return out;
}

bool IsReplicated(const std::vector<const Edge*>& edges, const ScoreLimits& limits) {
  std::set<uint64_t> sets;
  uint64_t units = 0;
  for (const Edge* edge : edges) {
    if (!IsRepeated(*edge, limits)) continue;
    if (Share(edge->contained_values, edge->child_distinct_values) < limits.min_containment) return false;
    ++units;
    sets.insert(edge->values_hash);
  }
  return units >= 3 && sets.size() == units;
}

Confidence ConfidenceOf(double score) {
  return score >= kProvenScore ? Confidence::kProven : score >= kLikelyScore ? Confidence::kLikely : Confidence::kHint;
}

}  // namespace pgassay::detectors
