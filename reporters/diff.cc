// `pgassay diff`, for people and for scripts.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/words.h"
#include "reporters/finding_text.h"
#include "reporters/json_parts.h"
#include "reporters/reporter.h"
#include "reporters/text.h"

namespace pgassay::reporters {
namespace {

using detectors::Counted;
using gate::Change;
using gate::DiffKind;

constexpr size_t kShown = 10;  // of each list

size_t ShownOf(size_t all, const Page& page) { return page.style().all ? all : std::min(all, kShown); }

void WriteRest(size_t all, size_t shown, Page& page) {
  if (shown < all) page.Write(2, fmt::format("… and {} more: --all", FormatCount(all - shown)), Ink::kDim);
}

void WriteFindings(const gate::Diff& diff, Page& page) {
  for (const DiffKind kind :
       {DiffKind::kNew, DiffKind::kGrown, DiffKind::kShrunk, DiffKind::kFixed, DiffKind::kNotExercised}) {
    const auto of_kind = [&](const gate::FindingChange& finding) { return finding.kind == kind; };
    const auto all = static_cast<size_t>(std::ranges::count_if(diff.findings, of_kind));
    if (all == 0) continue;
    const size_t shown = ShownOf(all, page);
    page.Write(1, fmt::format("{} {}", Counted(all, "finding"), DiffKindName(kind)), Ink::kBold);
    size_t written = 0;
    for (const gate::FindingChange& finding : diff.findings) {
      if (!of_kind(finding) || written++ >= shown) continue;
      page.Write(2,
                 fmt::format("{}  {}  {}: {}{}", finding.id, finding.rule, WithArrows(finding.title),
                             ChangeText(finding.change), finding.scope.empty() ? "" : " · " + finding.scope),
                 Ink::kPlain, 4);
    }
    WriteRest(all, shown, page);
    page.Blank();
  }
}

void WriteScopes(const gate::Diff& diff, Page& page) {
  if (diff.scopes.empty()) return;
  page.Write(1, fmt::format("{} changed", Counted(diff.scopes.size(), "scope")), Ink::kBold);
  const size_t shown = ShownOf(diff.scopes.size(), page);
  for (size_t i = 0; i < shown; ++i) {
    std::string changes;
    for (const Change& change : diff.scopes[i].changes) changes += (changes.empty() ? "" : " · ") + ChangeText(change);
    page.Write(2, fmt::format("{}: {}", diff.scopes[i].label, changes), Ink::kPlain, 2);
  }
  WriteRest(diff.scopes.size(), shown, page);
  page.Blank();
}

void WriteNames(const std::vector<std::string>& names, std::string_view head, Page& page) {
  if (names.empty()) return;
  page.Write(1, head, Ink::kBold);
  const size_t shown = ShownOf(names.size(), page);
  for (size_t i = 0; i < shown; ++i) page.Write(2, names[i], Ink::kPlain, 2);
  WriteRest(names.size(), shown, page);
  page.Blank();
}

}  // namespace

void WriteDiff(const gate::Diff& diff, const ReportStyle& style, std::ostream& out) {
  Page page(style, out);
  WriteFindings(diff, page);
  WriteScopes(diff, page);
  WriteNames(diff.only_a, fmt::format("{} only in the first", Counted(diff.only_a.size(), "scope")), page);
  WriteNames(diff.only_b, fmt::format("{} only in the second", Counted(diff.only_b.size(), "scope")), page);
  WriteNames(diff.new_statements, fmt::format("{} new", Counted(diff.new_statements.size(), "statement")), page);
  WriteNames(diff.vanished_statements, fmt::format("{} gone", Counted(diff.vanished_statements.size(), "statement")),
             page);
  page.Write(1, gate::ManagersLine(diff, style.round_trip_ms), Ink::kBold);
}

void WriteDiffJson(const gate::Diff& diff, double round_trip_ms, std::ostream& out) {
  Json json;
  json["schema_version"] = 1;
  json["headline"] = gate::ManagersLine(diff, round_trip_ms);
  json["fixed"] = {{"findings", diff.fixed}, {"round_trips", diff.fixed_round_trips}};
  json["new"] = {{"findings", diff.added}, {"round_trips", diff.added_round_trips}};
  json["findings"] = Json::array();
  for (const gate::FindingChange& finding : diff.findings) {
    json["findings"].push_back({{"kind", DiffKindName(finding.kind)},
                                {"rule", finding.rule},
                                {"id", finding.id},
                                {"title", finding.title},
                                {"scope", finding.scope.empty() ? Json(nullptr) : Json(finding.scope)},
                                {"change", JsonChange(finding.change)}});
  }
  json["scopes"] = Json::array();
  for (const gate::ScopeChange& scope : diff.scopes) {
    Json changes = Json::array();
    for (const Change& change : scope.changes) changes.push_back(JsonChange(change));
    json["scopes"].push_back({{"label", scope.label}, {"changes", std::move(changes)}});
  }
  json["only_a"] = diff.only_a;
  json["only_b"] = diff.only_b;
  json["new_statements"] = diff.new_statements;
  json["vanished_statements"] = diff.vanished_statements;
  DumpJson(json, out);
}

}  // namespace pgassay::reporters
