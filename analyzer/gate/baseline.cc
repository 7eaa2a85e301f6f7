#include "analyzer/gate/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <ranges>
#include <span>
#include <utility>

#include "analyzer/detectors/finding_id.h"

namespace pgassay::gate {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kLeastBytes = uint64_t{64} * 1024;

// ---- writing: by hand, because the layout is the point --------------------------------------------------------------

std::string Quoted(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string RangeText(const Range& range) {
  return range.min == range.max ? fmt::format("{}", range.max) : fmt::format("[{}, {}]", range.min, range.max);
}

// Members or elements, each on its own line, between `open` and `close`; an empty one is written on one line.
std::string Block(size_t indent, char open, const std::vector<std::string>& lines, char close) {
  if (lines.empty()) return fmt::format("{}{}", open, close);
  std::string text(1, open);
  for (size_t i = 0; i < lines.size(); ++i) {
    text += fmt::format("\n{:{}}{}{}", "", indent + 2, lines[i], i + 1 < lines.size() ? "," : "");
  }
  return text + fmt::format("\n{:{}}{}", "", indent, close);
}

std::string Member(std::string_view key, std::string_view value) { return fmt::format("{}: {}", Quoted(key), value); }

std::string List(size_t indent, const std::set<std::string>& items) {
  std::vector<std::string> lines;
  lines.reserve(items.size());
  for (const std::string& item : items) lines.push_back(Quoted(item));
  return Block(indent, '[', lines, ']');
}

std::string FindingText(const FindingFacts& facts) {
  std::vector<std::string> lines = {Member("rule", Quoted(facts.rule)), Member("pattern", Quoted(facts.pattern)),
                                    Member("statement", Quoted(facts.statement))};
  if (!facts.parent.empty()) lines.push_back(Member("parent", Quoted(facts.parent)));
  lines.push_back(Member("confidence", facts.confidence == Confidence::kProven ? "\"proven\"" : "\"likely\""));
  if (!facts.routes.empty()) lines.push_back(Member("routes", List(6, facts.routes)));
  if (!facts.sites.empty()) lines.push_back(Member("sites", List(6, facts.sites)));
  if (!facts.tests.empty()) lines.push_back(Member("tests", List(6, facts.tests)));
  return Block(4, '{', lines, '}');
}

std::string ScopeText(const ScopeCounts& scope) {
  std::vector<std::string> lines, statements;
  if (scope.route) lines.push_back(Member("kind", "\"route\""));
  if (scope.rows > 0) lines.push_back(Member("rows", fmt::format("{}", scope.rows)));
  if (const uint64_t bytes = CoarseBytes(scope.bytes); bytes > 0)
    lines.push_back(Member("bytes", fmt::format("{}", bytes)));
  for (const auto& [skeleton, counts] : scope.statements)
    statements.push_back(Member(skeleton, RangeText(counts.queries)));
  if (!statements.empty()) lines.push_back(Member("queries", Block(6, '{', statements, '}')));
  return Block(4, '{', lines, '}');
}

// ---- reading --------------------------------------------------------------------------------------------------------

// Throws nlohmann's exceptions and Bad; ParseBaseline alone catches them.
struct Bad {
  std::string sentence;
};

void CheckKeys(const Json& object, std::string_view where, std::span<const std::string_view> known) {
  if (!object.is_object()) throw Bad{fmt::format("{} is no object", where)};
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) == known.end())
      throw Bad{fmt::format("unknown key {} in {}", Quoted(key), where)};
  }
}

Range ReadRange(const Json& json, std::string_view where) {
  if (json.is_number_unsigned()) return {json.get<uint64_t>(), json.get<uint64_t>()};
  if (json.is_array() && json.size() == 2 && json[0].is_number_unsigned() && json[1].is_number_unsigned() &&
      json[0].get<uint64_t>() <= json[1].get<uint64_t>())
    return {json[0].get<uint64_t>(), json[1].get<uint64_t>()};
  throw Bad{fmt::format("{} is neither a count nor [minimum, maximum]", where)};
}

std::set<std::string> ReadList(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::set<std::string>() : found->get<std::set<std::string>>();
}

FindingFacts ReadFinding(const std::string& id, const Json& json) {
  static constexpr std::string_view kKnown[] = {"rule",       "pattern", "statement", "parent",
                                                "confidence", "routes",  "sites",     "tests"};
  const std::string where = "finding " + id;
  CheckKeys(json, where, kKnown);
  FindingFacts facts;
  facts.id = id;
  facts.rule = json.at("rule").get<std::string>();
  facts.pattern = facts.title = json.at("pattern").get<std::string>();
  facts.statement = json.at("statement").get<std::string>();
  facts.skeletons = {facts.statement};
  facts.parent = json.value("parent", "");
  const auto confidence = json.at("confidence").get<std::string>();
  if (confidence != "proven" && confidence != "likely")
    throw Bad{fmt::format("{} is neither proven nor likely", where)};
  facts.confidence = confidence == "proven" ? Confidence::kProven : Confidence::kLikely;
  facts.routes = ReadList(json, "routes");
  facts.sites = ReadList(json, "sites");
  facts.tests = ReadList(json, "tests");
  return facts;
}

ScopeCounts ReadScope(const std::string& label, const Json& json) {
  static constexpr std::string_view kKnown[] = {"kind", "rows", "bytes", "queries"};
  const std::string where = "scope " + Quoted(label);
  CheckKeys(json, where, kKnown);
  ScopeCounts scope;
  scope.route = json.value("kind", "") == "route";
  scope.rows = json.value("rows", uint64_t{0});
  scope.bytes = json.value("bytes", uint64_t{0});
  const auto queries = json.find("queries");
  if (queries == json.end()) return scope;
  if (!queries->is_object()) throw Bad{fmt::format("queries of {} is no object", where)};
  for (const auto& [skeleton, range] : queries->items())
    scope.statements[skeleton].queries = ReadRange(range, fmt::format("{} of {}", Quoted(skeleton), where));
  return scope;
}

void CheckVersions(const Json& json) {
  const auto format = json.find("pgassay_baseline");
  if (format == json.end()) throw Bad{"it is no baseline: it has no key \"pgassay_baseline\""};
  if (!format->is_number_integer() || *format != kBaselineFormat) {
    throw Bad{fmt::format("its format is {}, this pgassay reads {}: make it anew with pgassay baseline", format->dump(),
                          kBaselineFormat)};
  }
  const auto ids = json.find("finding_ids");
  if (ids == json.end() || !ids->is_number_integer() || *ids != detectors::kFindingIdVersion) {
    throw Bad{
        fmt::format("its finding ids are of version {}, this pgassay makes version {}: make it anew with pgassay "
                    "baseline",
                    ids == json.end() ? "none" : ids->dump(), detectors::kFindingIdVersion)};
  }
}

Observation Read(const Json& json) {
  static constexpr std::string_view kKnown[] = {"pgassay_baseline", "engine", "finding_ids", "parser",
                                                "findings",         "scopes", "statements",  "results"};
  if (!json.is_object()) throw Bad{"it is no baseline: no JSON object"};
  CheckVersions(json);
  CheckKeys(json, "the baseline", kKnown);
  Observation observation;
  for (const auto& [id, finding] : json.at("findings").items())
    observation.findings.emplace(id, ReadFinding(id, finding));
  for (const auto& [label, scope] : json.at("scopes").items())
    observation.scopes.emplace(label, ReadScope(label, scope));
  observation.statements = json.at("statements").get<std::set<std::string>>();
  const auto results = json.find("results");
  observation.tells_largest = results != json.end();
  if (observation.tells_largest) {
    for (const auto& [skeleton, rows] : results->items()) observation.largest[skeleton][""] = rows.get<uint64_t>();
  }
  for (auto& [id, facts] : observation.findings) facts.round_trips_saved = ExtraQueries(observation, facts);
  return observation;
}

}  // namespace

uint64_t CoarseBytes(uint64_t bytes) { return bytes < kLeastBytes ? 0 : std::bit_ceil(bytes); }

std::string BaselineText(const Observation& observation) {
  std::vector<std::string> findings, scopes, results;
  for (const auto& [id, facts] : observation.findings) findings.push_back(Member(id, FindingText(facts)));
  for (const auto& [label, scope] : observation.scopes) scopes.push_back(Member(label, ScopeText(scope)));
  for (const auto& [skeleton, by_scope] : observation.largest) {
    const uint64_t rows = std::ranges::max(by_scope | std::views::values);
    if (rows >= kSmallResult) results.push_back(Member(skeleton, fmt::format("{}", rows)));
  }
  return Block(0, '{',
               {Member("pgassay_baseline", fmt::format("{}", kBaselineFormat)),
                Member("engine", Quoted("pgassay " PGASSAY_VERSION)),
                Member("finding_ids", fmt::format("{}", detectors::kFindingIdVersion)),
                Member("parser", Quoted(sql::ParserName())), Member("findings", Block(2, '{', findings, '}')),
                Member("scopes", Block(2, '{', scopes, '}')), Member("statements", List(2, observation.statements)),
                Member("results", Block(2, '{', results, '}'))},
               '}') +
         "\n";
}

Result<Observation> ParseBaseline(std::string_view text) {
  try {
    return Read(Json::parse(text));
  } catch (const Bad& bad) {
    return Fail(bad.sentence);
  } catch (const Json::parse_error& error) {
    return Fail(fmt::format("it is no JSON (byte {})", error.byte));
  } catch (const Json::exception& error) {
    return Fail(fmt::format("it is no baseline: {}", error.what()));
  }
}

}  // namespace pgassay::gate
