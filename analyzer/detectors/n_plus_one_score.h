// How sure an edge is an N+1: gates that must hold, and a confidence in log10 odds. Source: the project's rules of
// detection (ARCHITECTURE.md, "Lineage"). Inside a scope, a trace or one transaction no time enters a gate or the
// score: how slow the loop's body is says nothing about whether it is a loop. Pure.
#pragma once

#include <vector>

#include "analyzer/finding.h"
#include "analyzer/lineage/lineage.h"
#include "analyzer/lineage/relation_rules.h"

namespace pgassay::detectors {

struct EdgeJudgement {
  bool repeated = false;    // G2: three children with three values of one parent (or ancestor), or nested deep enough
  bool contained = false;   // G3
  bool once_each = false;   // G5, values
  bool tight = false;       // G5, gaps; true where no time counts
  bool in_order = false;    // children cover the parent's rows in their order
  bool scattered = false;   // few values of the parent, in no order, and only claims hold the unit together
  bool by_request = false;  // the parent only echoed a value that came with the request
  bool capped = false;      // at most likely: a shared connection, or a process that is only guessed
  bool timed = false;       // time counted
  double score = 0;         // without the relation
};

struct ScoreLimits {
  double min_children = 3;
  double min_containment = 0.95;
  double min_nested_children = 5;
};

EdgeJudgement JudgeEdge(const lineage::Edge& edge, const lineage::Unit& unit, bool related, const ScoreLimits& limits);
double RelationScore(lineage::Relationship relationship);

// Children against parent rows over units: the strongest sign that one follows from the other.
struct DoseResponse {
  uint64_t units = 0;
  double slope = 0, r_squared = 0;
  double score = 0;  // +2, 0 or -3
};
DoseResponse MeasureDoseResponse(const std::vector<const lineage::Edge*>& edges);

// Containment held in three units or more whose values differ, and failed in none.
bool IsReplicated(const std::vector<const lineage::Edge*>& edges, const ScoreLimits& limits);

Confidence ConfidenceOf(double score);

}  // namespace pgassay::detectors
