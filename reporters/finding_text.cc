#include "reporters/finding_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "analyzer/detectors/words.h"

namespace pgassay::reporters {
namespace {

using detectors::Counted;

std::string FileName(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

// A part of `whole` in the unit that the whole is shown in, which is said once: "44.9" of "48.2 MB".
std::string BytesLike(uint64_t part, uint64_t whole) {
  uint64_t unit = 1;
  while (whole / unit >= 1000) unit *= 1000;
  return part % unit == 0 ? FormatCount(part / unit)
                          : fmt::format("{:.1f}", static_cast<double>(part) / static_cast<double>(unit));
}

}  // namespace

std::string_view ConfidenceName(Confidence confidence) {
  switch (confidence) {
    case Confidence::kProven:
      return "proven";
    case Confidence::kLikely:
      return "likely";
    case Confidence::kHint:
      break;
  }
  return "hint";
}

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kInfo:
      break;
  }
  return "info";
}

Ink InkOf(Confidence confidence) {
  switch (confidence) {
    case Confidence::kProven:
      return Ink::kProven;
    case Confidence::kLikely:
      return Ink::kLikely;
    case Confidence::kHint:
      break;
  }
  return Ink::kDim;
}

std::string RuleLabel(const Finding& finding) {
  const detectors::Detector* detector = detectors::FindDetector(finding.rule);
  std::string label(detector == nullptr ? finding.rule : detector->info->name);
  std::ranges::transform(label, label.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return label;
}

std::string WithArrows(std::string_view text) {
  std::string shown(text);
  for (size_t at = shown.find(" <- "); at != std::string::npos; at = shown.find(" <- ", at))
    shown.replace(at, 4, " ← ");
  return shown;
}

std::string PriceText(const Finding& finding, double round_trip_ms) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " · ") + part; };
  if (finding.wasted_bytes > 0 && finding.round_trips_saved == 0) {
    add(fmt::format("{} need not be sent", FormatBytes(finding.wasted_bytes)));
    add(Counted(finding.executions, "execution"));
  }
  if (finding.unit_database_ns > finding.database_ns) {
    add(fmt::format("{} of {}", FormatDuration(finding.database_ns), FormatDuration(finding.unit_database_ns)));
  } else {
    add(fmt::format("{} in the database", FormatDuration(finding.database_ns)));
  }
  const uint64_t executions = detectors::AllExecutions(finding);
  if (finding.round_trips_saved == 0 || finding.round_trips_saved > executions) return text;

  const uint64_t left = executions - finding.round_trips_saved;
  const auto price = [&](int64_t database_ns, uint64_t round_trips) {
    return FormatDuration(database_ns + static_cast<int64_t>(static_cast<double>(round_trips) * round_trip_ms * 1e6));
  };
  add(fmt::format("{} → {}", Counted(executions, "round trip"), FormatCount(left)));
  const int64_t left_ns = std::max<int64_t>(finding.database_ns - detectors::WastedNs(finding, 0), 0);
  add(fmt::format("at {:g} ms away: {} → {} at best", round_trip_ms, price(finding.database_ns, executions),
                  price(left_ns, left)));
  return text;
}

std::string WhereText(const Finding& finding, size_t shown_scopes) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " · ") + part; };
  for (size_t i = 0; i < std::min(shown_scopes, finding.scopes.size()); ++i) add(finding.scopes[i]);
  if (finding.scopes.size() > shown_scopes)
    add(fmt::format("{} more", FormatCount(finding.scopes.size() - shown_scopes)));
  if (finding.scopes.empty()) {
    add(Counted(finding.units, "unit") + " of work");
  } else {
    text += fmt::format(" ({})", Counted(finding.units, "unit"));
  }
  for (const std::string& site : finding.sites) add(site);
  return text;
}

std::vector<std::string> FixLines(const Finding& finding, size_t sql_width) {
  std::vector<std::string> lines;
  const detectors::Detector* detector = detectors::FindDetector(finding.rule);
  if (detector != nullptr && detector->info->schema) {  // DDL: to be run as printed
    for (const std::string& line : {finding.fix.sql, finding.fix.advice}) {
      if (!line.empty()) lines.push_back(line);
    }
  } else if (!finding.fix.sql.empty() && DiffersBeyondSelectList(finding.statement.sql, finding.fix.sql)) {
    lines.push_back(ShortenSql(finding.fix.sql, sql_width));
  }
  if (lines.empty() && !finding.fix.advice.empty()) lines.push_back(finding.fix.advice);
  if (!finding.fix.orm.empty()) lines.push_back(finding.fix.orm.front().second);
  return lines;
}

std::string ShortId(const Report& report, const Finding& finding) {
  size_t length = 4;
  for (const Finding& other : report.findings) {
    if (other.id == finding.id) continue;
    const auto differ = std::ranges::mismatch(finding.id, other.id);
    length = std::max(length, static_cast<size_t>(differ.in1 - finding.id.begin()) + 1);
  }
  return finding.id.substr(0, length);
}

std::string TracePathOf(const Report& report, const Finding& finding) {
  const auto index = report.trace_of.find(finding.id);
  if (index != report.trace_of.end() && index->second < report.trace_paths.size())
    return report.trace_paths[index->second];
  return report.trace_paths.empty() ? "" : report.trace_paths.front();
}

std::string FindingCounts(const std::vector<Finding>& findings) {
  std::array<size_t, 3> by_confidence{};
  for (const Finding& finding : findings) ++by_confidence[static_cast<size_t>(finding.confidence)];
  std::string parts;
  for (const Confidence confidence : {Confidence::kProven, Confidence::kLikely, Confidence::kHint}) {
    const size_t count = by_confidence[static_cast<size_t>(confidence)];
    if (count == 0) continue;
    parts += parts.empty() ? "" : ", ";
    parts += confidence == Confidence::kHint ? Counted(count, "hint")
                                             : fmt::format("{} {}", FormatCount(count), ConfidenceName(confidence));
  }
  return fmt::format("{}: {}", Counted(findings.size(), "finding"), parts);
}

std::string AccountingText(const Report& report) {
  const trace::Totals& totals = report.totals;
  const std::string file = report.trace_paths.size() == 1 ? FileName(report.trace_paths.front())
                                                          : Counted(report.trace_paths.size(), "trace");
  const uint64_t accounted = totals.decoded_bytes + totals.skipped_bytes + totals.opaque_bytes;
  std::string text = fmt::format(
      "relayed {} = {} decoded + {} skipped + {} opaque · {} dropped · {} {}", FormatBytes(totals.relayed_bytes),
      BytesLike(totals.decoded_bytes, totals.relayed_bytes), BytesLike(totals.skipped_bytes, totals.relayed_bytes),
      BytesLike(totals.opaque_bytes, totals.relayed_bytes), Counted(totals.dropped_events, "event"), file,
      FormatBytes(totals.file_bytes));
  if (accounted != totals.relayed_bytes) {
    const bool less = accounted < totals.relayed_bytes;
    text += fmt::format(" · {} {} (please report this)",
                        FormatBytes(less ? totals.relayed_bytes - accounted : accounted - totals.relayed_bytes),
                        less ? "unaccounted for" : "counted twice");
  }
  return text;
}

std::string TotalsText(const trace::Totals& totals) {
  return fmt::format("{} · {} of work · {} · {} in the database · {}", Counted(totals.executions, "query"),
                     Counted(totals.units, "unit"), Counted(totals.sessions, "session"),
                     FormatDuration(totals.database_ns), Counted(totals.round_trips, "round trip"));
}

std::string ChangeText(const gate::Change& change) {
  if (change.what == "bytes") return fmt::format("{} → {}", FormatBytes(change.from), FormatBytes(change.to));
  std::string what = change.what;
  std::ranges::replace(what, '_', ' ');
  return fmt::format("{} → {} {}", FormatCount(change.from), FormatCount(change.to), what);
}

}  // namespace pgassay::reporters
