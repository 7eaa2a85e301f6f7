// What an N+1 finding says: title, summary, evidence and fix, from added-up edges.
// Pure.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "analyzer/detectors/detector.h"
#include "analyzer/detectors/n_plus_one_score.h"
#include "analyzer/finding.h"
#include "analyzer/lineage/relation_rules.h"

namespace pgassay::detectors {

struct EdgeColumns {
  lineage::ColumnName parent, child;
};
EdgeColumns ColumnsOf(const lineage::Edge& edge, const trace::StatementRow& child);
std::string NameOf(const lineage::ColumnName& column);  // "orders.user_id"; "an expression" if it has no name

struct EdgeSums {
  const lineage::Edge* largest = nullptr;
  uint64_t children = 0, pipelined = 0, parent_rows = 0, parent_executions = 0, units = 0;
  uint64_t distinct_values = 0, child_distinct_values = 0, contained_values = 0;
  int64_t child_ns = 0;
  bool truncated = false;
  uint64_t RoundTrips() const { return children - std::min(pipelined, children); }
  uint64_t RoundTripsSaved() const { return RoundTrips() - std::min(RoundTrips(), units); }
};
EdgeSums SumEdges(const std::vector<const lineage::Edge*>& edges);

struct FindingFacts {
  EdgeColumns columns;
  lineage::Relationship relationship;
  bool joined, small, replicated;
  DoseResponse dose;
  EdgeJudgement judgement;
  const trace::StatementRow& child;
  const trace::StatementRow& parent;
  EdgeSums sums;
};

// Fills title, summary, evidence and fix. REQUIRES: everything else in `finding` is set.
void WriteTexts(Finding& finding, const FindingFacts& facts, const TraceView& view);

}  // namespace pgassay::detectors
