// SARIF 2.1.0 (OASIS, 2020): one run, every rule with its help, one result per finding. Code scanning follows a result
// by its partial fingerprint, which is the finding's id; every result has a place, for it drops those without.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "analyzer/detectors/detector.h"
#include "reporters/finding_text.h"
#include "reporters/json_parts.h"
#include "reporters/listing.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

std::string_view LevelOf(Weight weight) {
  switch (weight) {
    case Weight::kError:
      return "error";
    case Weight::kWarning:
      return "warning";
    case Weight::kNote:
      break;
  }
  return "note";
}

// A path as the path of an URI (RFC 3986): a colon would begin a scheme, so it is escaped as well.
std::string UriOf(std::string_view path) {
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || std::string_view("-._~/").contains(c));
    if (plain) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", byte);
    }
  }
  return path.starts_with('/') ? "file://" + uri : uri;
}

Json Place(const Location& location) {
  return {{"physicalLocation",
           {{"artifactLocation", {{"uri", UriOf(location.file)}}}, {"region", {{"startLine", location.line}}}}}};
}

Json Text(std::string_view text) { return {{"text", EscapeForTerminal(text)}}; }

Json RuleOf(const detectors::RuleInfo& rule) {
  return {{"id", rule.id},
          {"name", rule.name},
          {"shortDescription", {{"text", rule.summary}}},
          {"fullDescription", {{"text", rule.problem}}},
          {"help",
           {{"text", fmt::format("{}\n\n{}", rule.problem, rule.solution)},
            {"markdown", fmt::format("```\n{}\n```\n\n**Problem.** {}\n\n**Solution.** {}\n", rule.picture,
                                     rule.problem, rule.solution)}}},
          {"properties", {{"tags", {"performance", "postgresql"}}}}};
}

// Where it happened besides the place of the result itself.
Json Labels(const std::vector<std::string>& labels) {
  Json places = Json::array();
  for (const std::string& label : labels)
    places.push_back({{"fullyQualifiedName", EscapeForTerminal(label)}, {"kind", "function"}});
  return places;
}

std::string_view BaselineStateOf(const Item& item) {
  if (item.known) return "unchanged";
  return item.entry->kind == gate::EntryKind::kSpread ? "updated" : "new";
}

void AddFinding(const Finding& finding, double round_trip_ms, Json& properties) {
  Json evidence = Json::array();
  for (const Evidence& fact : finding.evidence) evidence.push_back(EscapeForTerminal(fact.text));
  properties["confidence"] = ConfidenceName(finding.confidence);
  properties["statement"] = EscapeForTerminal(finding.statement.sql);
  properties["evidence"] = std::move(evidence);
  if (finding.executions > 0) properties["price"] = PriceText(finding, round_trip_ms);
  properties["fix"] = EscapeForTerminal(finding.fix.sql.empty() ? finding.fix.advice : finding.fix.sql);
}

Json RelatedPlaces(const Finding& finding, const Location& main_place) {
  Json related = Json::array();
  for (const std::string& site : finding.sites) {
    const Location location = LocationOf(site);
    if (location.known && (location.file != main_place.file || location.line != main_place.line))
      related.push_back(Place(location));
  }
  return related;
}

Json ResultOf(const Item& item, bool judged, double round_trip_ms) {
  Json place = Place(item.location);
  const std::vector<std::string> labels = item.finding != nullptr ? item.finding->scopes
                                          : item.scope.empty()    ? std::vector<std::string>{}
                                                                  : std::vector<std::string>{item.scope};
  if (!labels.empty()) place["logicalLocations"] = Labels(labels);
  Json result = {{"ruleId", item.rule},
                 {"level", LevelOf(item.weight)},
                 {"message", Text(item.title + ": " + item.message)},
                 {"locations", Json::array({std::move(place)})}};
  if (judged) result["baselineState"] = BaselineStateOf(item);
  result["partialFingerprints"] = {{"pgassay/v1", item.id}};
  result["properties"] = Json::object();
  if (item.finding != nullptr) {
    if (Json related = RelatedPlaces(*item.finding, item.location); !related.empty())
      result["relatedLocations"] = std::move(related);
    AddFinding(*item.finding, round_trip_ms, result["properties"]);
  }
  if (item.entry != nullptr && item.entry->kind == gate::EntryKind::kSuppressed) {
    const std::string reason = fmt::format("{} ({})", item.entry->reason, item.entry->owner);
    result["suppressions"] = Json::array({{{"kind", "external"}, {"justification", EscapeForTerminal(reason)}}});
  }
  return result;
}

// What no detector says but the gate: budgets, growth, new statements.
void AddGateRule(const std::string& id, Json& rules) {
  if (std::ranges::any_of(rules, [&](const Json& rule) { return rule["id"] == id; })) return;
  const std::string text = fmt::format("pgassay gate: {}", id);
  rules.push_back({{"id", id}, {"shortDescription", {{"text", text}}}, {"help", {{"text", text}}}});
}

}  // namespace

void WriteSarif(const Report& report, const ReportStyle& style, std::ostream& out) {
  Json rules = Json::array(), results = Json::array(), notifications = Json::array();
  for (const detectors::Detector& detector : detectors::AllDetectors()) rules.push_back(RuleOf(*detector.info));
  for (const Item& item : ListItems(report)) {
    if (!IsPresent(item)) continue;
    AddGateRule(item.rule, rules);
    results.push_back(ResultOf(item, report.verdict.has_value(), style.round_trip_ms));
  }
  for (const std::string& warning : report.warnings)
    notifications.push_back({{"level", "warning"}, {"message", Text(warning)}});
  const Json driver = {{"name", "pgassay"}, {"version", PGASSAY_VERSION}, {"rules", std::move(rules)}};
  const Json run = {{"tool", {{"driver", driver}}},
                    {"columnKind", "utf16CodeUnits"},
                    {"invocations", Json::array({{{"executionSuccessful", report.totals.complete},
                                                  {"toolExecutionNotifications", std::move(notifications)}}})},
                    {"results", std::move(results)}};
  DumpJson({{"version", "2.1.0"}, {"runs", Json::array({run})}}, out);
}

}  // namespace pgassay::reporters
