#include "analyzer/detectors/explained.h"

#include <set>
#include <string_view>

namespace pgassay::detectors {

std::vector<Finding> LeaveOutExplained(std::vector<Finding> findings) {
  constexpr std::string_view kExplains = "n-plus-one";
  std::set<int64_t> by_finding, by_hint;
  for (const Finding& finding : findings) {
    if (finding.rule != kExplains) continue;
    std::set<int64_t>& explained = finding.confidence >= Confidence::kLikely ? by_finding : by_hint;
    explained.insert(finding.statement.statement_id);
    for (const FindingStep& step : finding.steps) explained.insert(step.statement.statement_id);
  }
  std::erase_if(findings, [&](const Finding& finding) {
    if (finding.rule != "query-in-loop" && finding.rule != "repeated-query") return false;
    const int64_t id = finding.statement.statement_id;
    return by_finding.contains(id) || (by_hint.contains(id) && finding.rule == "query-in-loop");
  });
  return findings;
}

}  // namespace pgassay::detectors
