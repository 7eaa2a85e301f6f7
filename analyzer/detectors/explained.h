// Leaves out the findings that another one explains. A statement that repeats because its parent has rows is an N+1:
// neither a loop of unknown origin nor a repeat. An N+1 that is only a hint explains loops, which claim no more, but no
// repeats, which are proven by themselves. An
// index that a rule of its own asks for is not missing a second time, and a foreign key is no longer bare beside a
// longer index that begins with it. Pure.
#pragma once

#include <vector>

#include "analyzer/finding.h"

namespace pgassay::detectors {

std::vector<Finding> LeaveOutExplained(std::vector<Finding> findings);

}  // namespace pgassay::detectors
