// Values of the report as JSON, shared by the report and the pages. nlohmann's writer throws on nothing used here: bad
// UTF-8 is replaced.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

#include "analyzer/report.h"

namespace pgassay::reporters {

using Json = nlohmann::ordered_json;

Json JsonHead(const Report& report);  // schema_version, tool, trace
Json JsonTotals(const trace::Totals& totals);
Json JsonFinding(const Finding& finding, double round_trip_ms);
Json JsonChange(const gate::Change& change);
Json JsonVerdict(const gate::Verdict& verdict);
Json JsonStatement(const trace::StatementRow& statement);
double Milliseconds(int64_t ns);  // three decimals
void DumpJson(const Json& json, std::ostream& out);

}  // namespace pgassay::reporters
