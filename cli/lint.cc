#include <chrono>

#include "analyzer/catalog/measure.h"
#include "analyzer/catalog/reader.h"
#include "analyzer/detectors/measurements.h"
#include "cli/commands.h"
#include "cli/findings_output.h"

namespace pgassay::cli {

namespace {

constexpr std::chrono::seconds kBudget{30};  // for counting; somebody is waiting

// Rules of traffic say what they have to say in `report`.
detectors::RuleOptions SchemaRulesOnly(detectors::RuleOptions rules) {
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    if (!detector.info->schema) rules[std::string(detector.info->id)]["enabled"] = 0;
  }
  return rules;
}

Result<catalog::Snapshot> LookAt(const std::string& database) {
  catalog::Connections connections({.conninfo = database});
  auto snapshot = catalog::ReadSnapshot(connections);
  if (!snapshot) return snapshot;
  const auto connection = connections.Get();
  if (!connection) return std::unexpected(connection.error());
  const auto name = (*connection)->Ask("SELECT current_database()");
  if (name && name->size() == 1) snapshot->database = name->Text(0, 0);
  catalog::Measure(connections, *snapshot, detectors::WantedMeasurements(*snapshot), kBudget);
  return snapshot;
}

}  // namespace

int RunLint(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const auto output = FindingsOutput::From(settings);
  if (!output) return Trouble(output.error().message);
  if (!settings.IsSet("database")) return Trouble("lint needs --database URI (the database to look at)");
  auto snapshot = LookAt(settings.Text("database"));
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
