// The report for scripts. A contract: keys are added, never renamed or removed, within one schema_version. The same
// report gives the same bytes: keys stand in a fixed order, times are milliseconds with three decimals.
#include "reporters/json_parts.h"
#include "reporters/registry.h"

namespace pgassay::reporters {

void WriteJson(const Report& report, const ReportStyle& style, std::ostream& out) {
  Json json = JsonHead(report);
  json["totals"] = JsonTotals(report.totals);
  json["warnings"] = report.warnings;
  json["findings"] = Json::array();
  for (const Finding& finding : report.findings) json["findings"].push_back(JsonFinding(finding, style.round_trip_ms));
  json["verdict"] = report.verdict ? JsonVerdict(*report.verdict) : Json(nullptr);
  DumpJson(json, out);
}

}  // namespace pgassay::reporters
