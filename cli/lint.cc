#include "cli/commands.h"
#include "cli/findings_output.h"
#include "cli/live_catalog.h"

namespace pgassay::cli {

namespace {

// Rules of traffic say what they have to say in `report`.
detectors::RuleOptions SchemaRulesOnly(detectors::RuleOptions rules) {
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    if (!detector.info->schema) rules[std::string(detector.info->id)]["enabled"] = 0;
  }
  return rules;
}

}  // namespace

int RunLint(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const auto output = FindingsOutput::From(settings);
  if (!output) return Trouble(output.error().message);
  if (!settings.IsSet("database")) return Trouble("lint needs --database URI (the database to look at)");
  auto snapshot = ReadLiveCatalog(settings.Text("database"), Counting::kWhatRulesNeed);
  if (!snapshot) return Trouble(snapshot.error().message);
  std::vector<std::string> traces;
  if (settings.IsSet("trace")) traces.push_back(settings.Text("trace"));
  const auto report =
      BuildReport(traces, {.rules = SchemaRulesOnly(settings.rules()), .catalogs = {std::move(*snapshot)}});
  if (!report) return Trouble(report.error().message);
  if (const auto written = WriteReport(*report, *output, settings, invocation.terminal); !written)
    return Trouble(written.error().message);
  return FailsOn(report->findings, output->fail_on) ? kExitFindings : kExitOk;
}

}  // namespace pgassay::cli
