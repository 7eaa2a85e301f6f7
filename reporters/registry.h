// Declares every reporter of reporters.def; each is defined in the file of its format.
#pragma once

#include "reporters/reporter.h"

namespace pgassay::reporters {

#define PGASSAY_REPORTER(format, function, summary) \
  void function(const Report& report, const ReportStyle& style, std::ostream& out);
#include "reporters/reporters.def"
#undef PGASSAY_REPORTER

}  // namespace pgassay::reporters
