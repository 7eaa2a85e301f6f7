// The parts of a finding that the report and its own page show alike. Pure; unescaped: Page escapes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/report.h"
#include "reporters/text.h"

namespace pgassay::reporters {

std::string_view ConfidenceName(Confidence confidence);  // "proven", "likely", "hint"
std::string_view SeverityName(Severity severity);        // "error", "warning", "info"
Ink InkOf(Confidence confidence);
std::string RuleLabel(const Finding& finding);  // "N+1", "LOOP", "REPEAT", "WIDE"
std::string WithArrows(std::string_view text);  // "a <- b" as "a ← b"; not for SQL

// "61 ms of 70 ms · 50 round trips → 1 · at 1 ms away: 111 ms → 2 ms at best"
std::string PriceText(const Finding& finding, double round_trip_ms);
// "GET /users · tests/test_users.py::test_list · 3 more (12 units)"
std::string WhereText(const Finding& finding, size_t shown_scopes);
// What is done about it, most concrete first: SQL where it shows the change, the sender's idiom, else the advice.
std::vector<std::string> FixLines(const Finding& finding, size_t sql_width);
// The shortest beginning of the id, of at least four digits, that no other finding of the report shares.
std::string ShortId(const Report& report, const Finding& finding);
std::string TracePathOf(const Report& report, const Finding& finding);  // "" if the report was made of none

// "1 → 48 queries", "2.0 MB → 9.1 MB"
std::string ChangeText(const gate::Change& change);

// "6 findings: 3 proven, 2 likely, 1 hint"
std::string FindingCounts(const std::vector<Finding>& findings);

// "relayed 48.2 MB = 44.9 MB decoded + 3.3 MB skipped + 0 B opaque · 0 events dropped · trace.db 1.1 MB"
std::string AccountingText(const Report& report);
std::string TotalsText(const trace::Totals& totals);

}  // namespace pgassay::reporters
