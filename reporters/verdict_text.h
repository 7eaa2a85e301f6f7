// The verdict of a gate, for people: what failed first, each with all that is needed to mend it; then what warns, what
// was fixed, and one line for the rest.
#pragma once

#include "analyzer/report.h"
#include "reporters/text.h"

namespace pgassay::reporters {

// REQUIRES: report.verdict.
void WriteVerdict(const Report& report, Page& page);

}  // namespace pgassay::reporters
