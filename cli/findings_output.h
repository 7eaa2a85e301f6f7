// What `run` and `report` share: the choice of format, --fail-on, and the report as text.
#pragma once

#include <string>
#include <vector>

#include "analyzer/report.h"
#include "cli/settings.h"
#include "cli/terminal.h"
#include "reporters/reporter.h"

namespace pgassay::cli {

// --format and --fail-on, checked before any work is done.
struct FindingsOutput {
  const reporters::Reporter* reporter = nullptr;
  std::vector<std::string> fail_on;
  static Result<FindingsOutput> From(const Settings& settings);
};

// What the report must hold for this output.
ReportOptions OptionsFor(const FindingsOutput& output, const Settings& settings);
// In the format, the style and to the place that the settings name.
Result<> WriteReport(const Report& report, const FindingsOutput& output, const Settings& settings,
                     const Terminal& terminal);
// Builds the report of these traces, writes it, and answers with the exit code: 0, 1 by --fail-on, 2 if it cannot be
// done.
int WriteFindings(const std::vector<std::string>& traces, const FindingsOutput& output, const Settings& settings,
                  const Terminal& terminal);

bool FailsOn(const std::vector<Finding>& findings, const std::vector<std::string>& fail_on);

}  // namespace pgassay::cli
