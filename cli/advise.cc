#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "analyzer/catalog/statistics_csv.h"
#include "analyzer/trace/trace.h"
#include "cli/address_plan.h"
#include "cli/commands.h"
#include "cli/findings_output.h"
#include "cli/index_rules.h"
#include "cli/live_catalog.h"
#include "cli/live_plans.h"

namespace pgassay::cli {

namespace {

// Those that the trace has.
Result<std::vector<catalog::Snapshot>> RecordedCatalogs(const std::string& path) {
  const auto trace = trace::Trace::Open(path);
  if (!trace) return std::unexpected(trace.error());
  auto rows = trace->Catalogs();
  if (!rows) return std::unexpected(rows.error());
  std::vector<catalog::Snapshot> snapshots;
  for (trace::CatalogRow& row : *rows) {
    if (row.snapshot) snapshots.push_back(std::move(*row.snapshot));
  }
  if (snapshots.empty())
    return Fail(fmt::format("{} has no catalogue (record with --database=auto, or give --database URI)", path));
  return snapshots;
}

// As a trace names it, so that what was planned on this server is found in it; "" if the address cannot be told.
std::string UpstreamOf(const std::string& database, const Environment& environment) {
  const auto upstream = ParseUpstream(database, environment, Machine::ThisOne());
  return upstream ? relay::ToString(upstream->address) : "";
}

Result<> ApplyStatisticsFile(const std::string& path, std::vector<catalog::Snapshot>& snapshots) {
  std::ifstream in(path, std::ios::binary);
  const std::string csv{std::istreambuf_iterator<char>(in), {}};
  if (!in.good() && !in.eof()) return Fail(fmt::format("cannot read {}", path));
  size_t applied = 0;
  for (catalog::Snapshot& snapshot : snapshots) {
    const auto columns = catalog::ApplyStatistics(csv, snapshot);
    if (!columns) return Fail(fmt::format("{} {}", path, columns.error().message));
    applied += *columns;
  }
  if (applied == 0) return Fail(fmt::format("{} has no table of this catalogue", path));
  return {};
}

}  // namespace

int RunAdvise(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const auto output = FindingsOutput::From(settings);
  if (!output) return Trouble(output.error().message);
  ReportOptions options{.rules = IndexRulesOnly(settings.rules())};
  if (const uint64_t budget_bytes = settings.Count("budget"); budget_bytes > 0)
    options.rules["missing-index"]["budget_mb"] = static_cast<double>(budget_bytes) / 1e6;
  const std::string& trace = invocation.operands[0];
  if (settings.IsSet("database")) {
    auto snapshot = ReadLiveCatalog(settings.Text("database"), Counting::kNone);
    if (!snapshot) return Trouble(snapshot.error().message);
    snapshot->upstream = UpstreamOf(settings.Text("database"), invocation.environment);
    options.catalogs.push_back(std::move(*snapshot));
  } else {
    auto snapshots = RecordedCatalogs(trace);
    if (!snapshots) return Trouble(snapshots.error().message);
    options.catalogs = std::move(*snapshots);
  }
  if (settings.IsSet("stats")) {
    if (const auto applied = ApplyStatisticsFile(settings.Text("stats"), options.catalogs); !applied)
      return Trouble(applied.error().message);
    // What is at hand is of another size than the tables that are judged: no server is asked, and no cost is shown.
    options.ask = [](const trace::Trace&, detectors::TraceView& view) {
      for (trace::PlanRow& plan : view.plans) plan.total_cost = 0;
    };
  } else if (settings.IsSet("database")) {
    options.ask = [&settings](const trace::Trace& recorded, detectors::TraceView& view) {
      AddLivePlans(settings.Text("database"), view.catalogs.front(), recorded, view);
    };
  }
  const auto report = BuildReport({trace}, options);
  if (!report) return Trouble(report.error().message);
  if (const auto written = WriteReport(*report, *output, settings, invocation.terminal); !written)
    return Trouble(written.error().message);
  return FailsOn(report->findings, output->fail_on) ? kExitFindings : kExitOk;
}

}  // namespace pgassay::cli
