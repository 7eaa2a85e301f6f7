// Findings, and what else a verdict fails or warns of, as RFC 4180: CRLF, a header line, cells quoted where they must
// be. A cell that a spreadsheet would take for a formula begins with an apostrophe.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ostream>

#include "reporters/finding_text.h"
#include "reporters/json_parts.h"
#include "reporters/listing.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

std::string Cell(std::string_view text) {
  std::string shown = EscapeForTerminal(text);
  if (!shown.empty() && std::string_view("=+-@\t").contains(shown.front())) shown.insert(0, 1, '\'');
  if (shown.find_first_of("\",\n") == std::string::npos) return shown;
  std::string quoted = "\"";
  for (const char c : shown) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + '"';
}

void WriteRow(const std::vector<std::string>& cells, std::ostream& out) {
  for (size_t i = 0; i < cells.size(); ++i) out << (i == 0 ? "" : ",") << Cell(cells[i]);
  out << "\r\n";
}

}  // namespace

void WriteCsv(const Report& report, const ReportStyle& style, std::ostream& out) {
  WriteRow(
      {"status",     "level",  "rule",        "id",        "confidence",        "severity",     "title",  "relation",
       "executions", "units",  "database_ms", "wasted_ms", "round_trips_saved", "wasted_bytes", "scopes", "sites",
       "statement",  "parent", "summary",     "fix"},
      out);
  const auto milliseconds = [](int64_t ns) { return fmt::format("{:.3f}", Milliseconds(ns)); };
  for (const Item& item : ListItems(report)) {
    if (!IsPresent(item)) continue;
    const Finding none;
    const Finding& finding = item.finding == nullptr ? none : *item.finding;
    const bool found = item.finding != nullptr;
    WriteRow({item.entry != nullptr ? std::string(gate::EntryKindName(item.entry->kind))
              : item.known          ? "known"
                                    : "",
              item.entry != nullptr ? std::string(gate::LevelName(item.entry->level)) : "",
              item.rule,
              item.id,
              found ? std::string(ConfidenceName(finding.confidence)) : "",
              found ? std::string(SeverityName(finding.severity)) : "",
              item.title,
              finding.relation,
              fmt::format("{}", finding.executions),
              fmt::format("{}", finding.units),
              milliseconds(finding.database_ns),
              milliseconds(detectors::WastedNs(finding, style.round_trip_ms)),
              fmt::format("{}", finding.round_trips_saved),
              fmt::format("{}", finding.wasted_bytes),
              found ? fmt::format("{}", fmt::join(finding.scopes, "; ")) : item.scope,
              fmt::format("{}", fmt::join(finding.sites, "; ")),
              found ? finding.statement.sql : item.entry->statement,
              finding.parent ? finding.parent->statement.sql : "",
              item.message,
              finding.fix.sql.empty() ? finding.fix.advice : finding.fix.sql},
             out);
  }
}

}  // namespace pgassay::reporters
