// JUnit XML (the Jenkins schema): a test case per finding, and one that passes for each rule that found nothing, so
// that a clean run is not an empty one. A hint fails nothing; with a verdict nothing fails but what it fails, and what
// it knows already is left out.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "analyzer/detectors/detector.h"
#include "reporters/finding_text.h"
#include "reporters/listing.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

struct Case {
  std::string group, name;
  std::string outcome;  // "failure", "error", "skipped", "" for passed
  std::string message, text;
};

std::string Body(const Item& item, double round_trip_ms) {
  std::string text;
  const auto add = [&](std::string_view label, std::string_view value) {
    if (!value.empty()) text += fmt::format("{}: {}\n", label, value);
  };
  if (item.entry != nullptr) {
    for (const gate::Change& change : item.entry->changes)
      add(change.what, fmt::format("{} → {}", FormatCount(change.from), FormatCount(change.to)));
    for (const std::string& place : item.entry->new_places) add("new place", place);
    for (const gate::Explained& explained : item.entry->explained)
      add("explains", fmt::format("{} · {} · {} {} → {}", explained.scope, explained.statement, explained.change.what,
                                  FormatCount(explained.change.from), FormatCount(explained.change.to)));
    add("accepted", item.entry->reason);
  }
  if (item.finding == nullptr) {
    add("query", item.entry->statement);
    add("in", item.scope);
    return text;
  }
  const Finding& finding = *item.finding;
  add("query", finding.statement.sql);
  if (finding.parent) add("fed by", finding.parent->statement.sql);
  for (const Evidence& evidence : finding.evidence) add("evidence", WithArrows(evidence.text));
  if (finding.executions > 0) {
    add("price", PriceText(finding, round_trip_ms));
    add("in", WhereText(finding, finding.scopes.size()));
  }
  for (const std::string& line : FixLines(finding, std::string::npos)) add("fix", line);
  return text;
}

Case CaseOf(const Item& item, double round_trip_ms) {
  const bool fails =
      item.entry != nullptr ? item.weight == Weight::kError : item.finding->confidence != Confidence::kHint;
  return {.group = item.rule,
          .name = fmt::format("{} ({})", item.title, item.id),
          .outcome = fails ? "failure" : "skipped",
          .message = item.message,
          .text = Body(item, round_trip_ms)};
}

std::vector<Case> Cases(const Report& report, double round_trip_ms) {
  std::vector<Case> cases;
  const auto add_error = [&](std::string_view name, const std::string& sentence) {
    cases.push_back(
        {.group = "trace", .name = std::string(name), .outcome = "error", .message = sentence, .text = sentence});
  };
  const auto add_passed = [&](std::string_view group, const std::string& name) {
    cases.push_back({.group = std::string(group), .name = name, .outcome = "", .message = "", .text = ""});
  };
  if (report.verdict) {
    for (const std::string& reason : report.verdict->reasons) add_error("inconclusive", reason);
    if (report.verdict->outcome == gate::Outcome::kPass) add_passed("gate", gate::Headline(*report.verdict));
  } else {
    for (const std::string& warning : report.warnings) add_error("complete", warning);
  }
  for (const Item& item : ListItems(report)) {
    if (IsPresent(item) && item.entry != nullptr) cases.push_back(CaseOf(item, round_trip_ms));
    if (!report.verdict) cases.push_back(CaseOf(item, round_trip_ms));
  }
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    const auto of_rule = [&](const Case& one) { return one.group == detector.info->id; };
    if (detector.info->enabled_by_default && std::ranges::none_of(cases, of_rule))
      add_passed(detector.info->id, report.verdict ? "nothing new" : "nothing found");
  }
  return cases;
}

}  // namespace

void WriteJunit(const Report& report, const ReportStyle& style, std::ostream& out) {
  const std::vector<Case> cases = Cases(report, style.round_trip_ms);
  const auto counted = [&](std::string_view outcome) { return std::ranges::count(cases, outcome, &Case::outcome); };
  const std::string counts = fmt::format(R"(name="pgassay" tests="{}" failures="{}" errors="{}")", cases.size(),
                                         counted("failure"), counted("error"));
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites " << counts << ">\n  <testsuite " << counts
      << fmt::format(" skipped=\"{}\">\n", counted("skipped"));
  for (const Case& one : cases) {
    out << fmt::format("    <testcase classname=\"pgassay.{}\" name=\"{}\"", EscapeMarkup(one.group),
                       EscapeMarkup(one.name));
    if (one.outcome.empty()) {
      out << "/>\n";
      continue;
    }
    const std::string text = EscapeMarkup(one.text), message = EscapeMarkup(one.message);
    if (one.outcome == "skipped") {  // some readers' schema lets it have no attributes
      out << fmt::format(">\n      <skipped>{}\n{}</skipped>\n    </testcase>\n", message, text);
    } else {
      out << fmt::format(">\n      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n    </testcase>\n", one.outcome,
                         EscapeMarkup(one.group), message, text);
    }
  }
  out << "  </testsuite>\n</testsuites>\n";
}

}  // namespace pgassay::reporters
