#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/commands.h"
#include "cli/findings_output.h"
#include "cli/live_catalog.h"

namespace pgassay::cli {

namespace {

// Indexes to create, and indexes to drop.
detectors::RuleOptions IndexRulesOnly(detectors::RuleOptions rules, uint64_t budget_bytes) {
  static constexpr std::array<std::string_view, 4> kRules = {"missing-index", "unindexed-foreign-key",
                                                             "duplicate-index", "unused-index"};
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    if (std::ranges::find(kRules, detector.info->id) == kRules.end())
      rules[std::string(detector.info->id)]["enabled"] = 0;
  }
  if (budget_bytes > 0) rules["missing-index"]["budget_mb"] = static_cast<double>(budget_bytes) / 1e6;
  return rules;
}

bool HasCatalog(const Report& report) { return std::ranges::any_of(report.catalogs, &CatalogSummary::read); }

}  // namespace

int RunAdvise(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const auto output = FindingsOutput::From(settings);
  if (!output) return Trouble(output.error().message);
  ReportOptions options{.rules = IndexRulesOnly(settings.rules(), settings.Count("budget"))};
  if (settings.IsSet("database")) {
    auto snapshot = ReadLiveCatalog(settings.Text("database"), Counting::kNone);
    if (!snapshot) return Trouble(snapshot.error().message);
    options.catalogs.push_back(std::move(*snapshot));
  }
  const std::string& trace = invocation.operands[0];
  const auto report = BuildReport({trace}, options);
  if (!report) return Trouble(report.error().message);
  if (options.catalogs.empty() && !HasCatalog(*report))
    return Trouble(fmt::format("{} has no catalogue (record with --database=auto, or give --database URI)", trace));
  if (const auto written = WriteReport(*report, *output, settings, invocation.terminal); !written)
    return Trouble(written.error().message);
  return FailsOn(report->findings, output->fail_on) ? kExitFindings : kExitOk;
}

}  // namespace pgassay::cli
