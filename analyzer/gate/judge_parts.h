// Internal to the gate: the two halves of Judge(). Both append to the verdict's entries; order and outcome come last.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analyzer/gate/judge.h"

namespace pgassay::gate {

struct Comparison {
  const Observation& now;
  const Observation& baseline;
  const Policy& policy;
  std::string_view today;
};

// Executions of one statement in one scope; of a statement that warm-up may have taken out, at least so many: 1.
uint64_t CountIn(const Observation& observation, const std::string& scope, const std::string& skeleton);
// The suppression of this finding that has not expired; null if there is none.
const Suppression* FindSuppression(const Comparison& comparison, std::string_view id);

// New, spread, suppressed, fixed and not exercised findings.
void JudgeFindings(const Comparison& comparison, Verdict& verdict);
// Growth, volume, budgets and new statements; what the findings among `verdict.entries` explain goes under them.
void JudgeScopes(const Comparison& comparison, Verdict& verdict);

}  // namespace pgassay::gate
