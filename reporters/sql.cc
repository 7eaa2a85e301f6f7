// The fixes that are SQL to be run, as a script for psql: DDL of the rules of schema and indexes, each below what it is
// for. Nothing of a finding can end its comment. A drop that is only a hint stands in a comment itself.
#include <fmt/format.h>

#include <ostream>

#include "reporters/finding_text.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

void WriteComment(std::string_view text, std::ostream& out) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out << "-- " << EscapeForTerminal(text.substr(0, end)) << '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool IsDdl(const Finding& finding) {
  const detectors::Detector* detector = detectors::FindDetector(finding.rule);
  return detector != nullptr && detector->info->schema && !finding.fix.sql.empty();
}

}  // namespace

void WriteSql(const Report& report, const ReportStyle&, std::ostream& out) {
  out << "-- What pgassay advises, most costly first. CONCURRENTLY runs outside of a transaction block.\n";
  for (const Finding& finding : report.findings) {
    if (!IsDdl(finding)) continue;
    out << '\n';
    WriteComment(fmt::format("{} {} ({})", finding.rule, finding.id, ConfidenceName(finding.confidence)), out);
    WriteComment(finding.summary, out);
    std::string sql = finding.fix.sql;
    if (!sql.ends_with(';')) sql += ';';
    if (finding.confidence == Confidence::kHint && sql.starts_with("DROP ")) {
      WriteComment(sql, out);
    } else {
      out << sql << '\n';
    }
  }
}

}  // namespace pgassay::reporters
