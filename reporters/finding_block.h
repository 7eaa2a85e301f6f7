// A finding as the terminal shows it, without its heading: the statement, what it ran after, the evidence, the price,
// where, and the fix. The report and the verdict share it.
#pragma once

#include "analyzer/report.h"
#include "reporters/text.h"

namespace pgassay::reporters {

void WriteFindingBody(const Report& report, const Finding& finding, Page& page);

}  // namespace pgassay::reporters
