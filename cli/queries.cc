#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "cli/commands.h"

namespace pgassay::cli {

int RunQueries(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const std::string sort = settings.Text("sort"), format = settings.Text("format");
  const auto sorts = reporters::StatementSorts();
  if (std::ranges::find(sorts, sort) == sorts.end()) {
    return Trouble(fmt::format("--sort does not know {} (one of {})", sort, fmt::join(sorts, ", ")));
  }
  if (const auto checked = CheckPageFormat(format); !checked) return Trouble(checked.error().message);
  const auto report = BuildReport(invocation.operands, {.rules = settings.rules()});
  if (!report) return Trouble(report.error().message);
  const size_t limit = settings.Count("limit") == 0 ? report->statements.size() : settings.Count("limit");
  std::ostringstream text;
  if (format == "json") {
    reporters::WriteStatementsJson(*report, sort, limit, text);
  } else {
    reporters::WriteStatements(*report, sort, limit, StyleFor(invocation.terminal, settings.IsSet("output")), text);
  }
  const auto written = WriteOutput(settings.Text("output"), text.str());
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
