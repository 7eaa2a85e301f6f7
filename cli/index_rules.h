// The rules that `advise` runs. Pure.
#pragma once

#include "analyzer/detectors/detector.h"

namespace pgassay::cli {

// Indexes to create, and indexes to drop: every other rule is switched off, and so explains none of them.
detectors::RuleOptions IndexRulesOnly(detectors::RuleOptions rules);

}  // namespace pgassay::cli
