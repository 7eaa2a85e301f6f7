#include "cli/index_rules.h"

#include <algorithm>
#include <array>
#include <string>

namespace pgassay::cli {

detectors::RuleOptions IndexRulesOnly(detectors::RuleOptions rules) {
  static constexpr std::array<std::string_view, 4> kRules = {"missing-index", "unindexed-foreign-key",
                                                             "duplicate-index", "unused-index"};
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    if (std::ranges::find(kRules, detector.info->id) == kRules.end())
      rules[std::string(detector.info->id)]["enabled"] = 0;
  }
  return rules;
}

}  // namespace pgassay::cli
