#include "analyzer/detectors/explained.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "analyzer/detectors/index_fix.h"

namespace pgassay::detectors {
namespace {

// Repeats inside an N+1.
void LeaveOutRepeats(std::vector<Finding>& findings) {
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
}

// One index is advised once: by the rule that says why it is missing, else by the cost alone. A bare foreign key is
// served by a longer index that begins with it.
void LeaveOutSameIndexes(std::vector<Finding>& findings) {
  constexpr std::string_view kMissing = "missing-index", kForeignKey = "unindexed-foreign-key";
  std::vector<Fix> special, longer;
  for (const Finding& finding : findings) (finding.rule == kMissing ? longer : special).push_back(finding.fix);
  std::erase_if(findings, [&](const Finding& finding) {
    if (finding.rule == kMissing)
      return std::ranges::any_of(special, [&](const Fix& fix) { return MakesSameIndex(fix, finding.fix); });
    return finding.rule == kForeignKey &&
           std::ranges::any_of(longer, [&](const Fix& fix) { return MakesLongerIndex(fix, finding.fix); });
  });
}

}  // namespace

std::vector<Finding> LeaveOutExplained(std::vector<Finding> findings) {
  LeaveOutRepeats(findings);
  LeaveOutSameIndexes(findings);
  return findings;
}

}  // namespace pgassay::detectors
