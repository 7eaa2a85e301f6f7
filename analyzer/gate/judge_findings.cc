#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "analyzer/detectors/detector.h"
#include "analyzer/detectors/words.h"
#include "analyzer/gate/judge_parts.h"

namespace pgassay::gate {
namespace {

using detectors::Count;
using detectors::Counted;
using Places = std::set<std::string>;

Places Missing(const Places& from, const Places& known) {
  Places missing;
  std::ranges::set_difference(from, known, std::inserter(missing, missing.end()));
  return missing;
}

std::string FileOf(const std::string& site) { return site.substr(0, site.rfind(':')); }

// Sites that are new, those left out that only moved: in a file, as many sites as went away may have come.
Places NewSites(const Places& now, const Places& known) {
  Places fresh = Missing(now, known);
  std::map<std::string, size_t> moved;
  for (const std::string& site : Missing(known, now)) ++moved[FileOf(site)];
  std::erase_if(fresh, [&](const std::string& site) {
    const auto left = moved.find(FileOf(site));
    if (left == moved.end() || left->second == 0) return false;
    --left->second;
    return true;
  });
  return fresh;
}

std::string_view RuleName(const std::string& rule) {
  const detectors::Detector* detector = detectors::FindDetector(rule);
  return detector == nullptr ? std::string_view(rule) : detector->info->name;
}

// "tests/test_orders.py::test_list (app/views.py:42)", "app/views.py:42", "1 unit of work"
std::string Where(const Entry& entry) {
  if (entry.scope.empty()) return entry.site;
  return entry.site.empty() ? entry.scope : fmt::format("{} ({})", entry.scope, entry.site);
}

void Append(std::string& sentence, const std::string& advice) {
  if (!advice.empty()) sentence += " " + advice;
}

class Findings {
 public:
  Findings(const Comparison& comparison, Verdict& verdict) : c_(comparison), verdict_(verdict) {}

  void Judge() {
    for (const auto& [id, finding] : c_.now.findings) {
      const auto known = c_.baseline.findings.find(id);
      if (known == c_.baseline.findings.end()) {
        JudgeNew(finding);
      } else {
        JudgeKnown(finding, known->second);
      }
    }
    for (const auto& [id, finding] : c_.baseline.findings) {
      if (!c_.now.findings.contains(id)) JudgeGone(finding);
    }
    JudgeSuppressions();
    NameScopesThatDidNotRun();
  }

 private:
  // The scope in which it is largest: what a person looks at first.
  std::string WorstScope(const FindingFacts& finding, const Places& among) const {
    std::string worst;
    uint64_t most = 0;
    for (const std::string& scope : among) {
      const uint64_t count = CountIn(c_.now, scope, finding.statement);
      if (worst.empty() || count > most) {
        worst = scope;
        most = count;
      }
    }
    return worst;
  }

  Entry EntryOf(EntryKind kind, const FindingFacts& finding, const Places& scopes) const {
    Entry entry;
    entry.kind = kind;
    entry.rule = finding.rule;
    entry.id = finding.id;
    entry.title = finding.title;
    entry.statement = finding.sql.empty() ? finding.statement : finding.sql;
    entry.parent = finding.parent;
    entry.scope = WorstScope(finding, scopes);
    if (const auto scope = c_.now.scopes.find(entry.scope); scope != c_.now.scopes.end())
      entry.site = scope->second.site;
    if (!finding.sites.empty()) entry.site = *finding.sites.begin();
    if (!entry.scope.empty()) {
      const Change change = {"queries", CountIn(c_.baseline, entry.scope, finding.statement),
                             CountIn(c_.now, entry.scope, finding.statement)};
      if (change.from != change.to) entry.changes.push_back(change);
    }
    return entry;
  }

  static Places ScopesOf(const FindingFacts& finding) { return finding.tests.empty() ? finding.routes : finding.tests; }
  static Places PlacesOf(const FindingFacts& finding) {
    Places places = finding.sites;
    places.insert(finding.routes.begin(), finding.routes.end());
    if (places.empty()) places = finding.tests;
    return places;
  }

  // Suppressed ones are said, but change nothing.
  void Add(Entry entry, std::optional<Level> level) {
    if (!level) return;
    entry.level = *level;
    if (const Suppression* suppression = FindSuppression(c_, entry.id)) {
      entry.kind = EntryKind::kSuppressed;
      entry.level = Level::kNote;
      entry.reason = suppression->reason;
      entry.owner = suppression->owner;
      entry.expires = suppression->expires;
    }
    verdict_.entries.push_back(std::move(entry));
  }

  // A finding of the baseline on the same statement that is gone: it stood before this one.
  const FindingFacts* StoodBefore(const FindingFacts& finding) const {
    for (const auto& [id, known] : c_.baseline.findings) {
      if (known.statement == finding.statement && known.rule != finding.rule && !c_.now.findings.contains(id))
        return &known;
    }
    return nullptr;
  }

  void JudgeNew(const FindingFacts& finding) {
    auto level = LevelOf(c_.policy, finding.rule, finding.confidence, PlacesOf(finding));
    Entry entry = EntryOf(EntryKind::kNewFinding, finding, ScopesOf(finding));
    entry.sentence = fmt::format("New {}: {}", RuleName(finding.rule), finding.title);
    if (const std::string where = Where(entry); !where.empty()) entry.sentence += " in " + where;
    if (!entry.changes.empty()) {
      entry.sentence += fmt::format(", {} where the baseline has {}", Counted(entry.changes[0].to, "query"),
                                    Count(entry.changes[0].from));
    }
    entry.sentence += ".";
    if (const FindingFacts* before = StoodBefore(finding)) {
      if (level) level = std::min(*level, Level::kWarning);
      entry.sentence += fmt::format(" It stood behind {}, which is fixed.", before->id);
    }
    Append(entry.sentence, finding.advice);
    Add(std::move(entry), level);
  }

  void JudgeKnown(const FindingFacts& finding, const FindingFacts& known) {
    // What the baseline does not tell apart cannot be new: a baseline made without tags knows no sites.
    const Places sites = known.sites.empty() ? Places() : NewSites(finding.sites, known.sites);
    const Places routes = known.routes.empty() ? Places() : Missing(finding.routes, known.routes);
    const bool tells_places = !known.sites.empty() || !known.routes.empty();
    Places tests = Missing(finding.tests, known.tests);
    const Places new_tests = Missing(tests, KnownScopes(tests));
    Places grown;
    for (const std::string& test : tests) {
      if (!tells_places && !new_tests.contains(test) && HasGrown(test, finding)) grown.insert(test);
    }
    Places places = sites;
    places.insert(routes.begin(), routes.end());
    places.insert(grown.begin(), grown.end());
    if (!places.empty()) return AddSpread(finding, places, tests, false);
    if (!new_tests.empty()) return AddSpread(finding, new_tests, new_tests, true);
    ++verdict_.known_findings;
  }

  Places KnownScopes(const Places& scopes) const {
    Places known;
    for (const std::string& scope : scopes) {
      if (c_.baseline.scopes.contains(scope)) known.insert(scope);
    }
    return known;
  }

  // By two at least: one query more is no loop.
  bool HasGrown(const std::string& scope, const FindingFacts& finding) const {
    return CountIn(c_.now, scope, finding.statement) >= CountIn(c_.baseline, scope, finding.statement) + 2;
  }

  void AddSpread(const FindingFacts& finding, const Places& places, const Places& tests, bool only_tests) {
    auto level = LevelOf(c_.policy, finding.rule, finding.confidence, places);
    if (level && only_tests) level = std::min(*level, Level::kWarning);
    Entry entry = EntryOf(EntryKind::kSpread, finding, tests.empty() ? ScopesOf(finding) : tests);
    entry.new_places.assign(places.begin(), places.end());
    for (const std::string& place : places) {
      if (finding.sites.contains(place)) {
        entry.site = place;
        break;
      }
    }
    entry.sentence = fmt::format("Known {} at {}: {}{}.", RuleName(finding.rule),
                                 only_tests ? Counted(places.size(), "new test") : Counted(places.size(), "new place"),
                                 finding.title, entry.scope.empty() ? "" : " in " + Where(entry));
    if (!only_tests) Append(entry.sentence, finding.advice);
    Add(std::move(entry), level);
  }

  // How many of the places that showed it ran, of how many.
  std::pair<size_t, size_t> Exercised(const FindingFacts& finding) const {
    const Places scopes = ScopesOf(finding);
    if (scopes.empty()) return {c_.now.statements.contains(finding.statement) ? 1 : 0, 1};
    const auto ran = std::ranges::count_if(scopes, [&](const auto& scope) { return c_.now.scopes.contains(scope); });
    return {static_cast<size_t>(ran), scopes.size()};
  }

  void JudgeGone(const FindingFacts& finding) {
    const auto [ran, all] = Exercised(finding);
    const bool fixed = ran == all;
    Entry entry = EntryOf(fixed ? EntryKind::kFixed : EntryKind::kNotExercised, finding, ScopesOf(finding));
    entry.level = Level::kNote;
    if (fixed) {
      const std::string saved =
          finding.round_trips_saved == 0 ? "" : fmt::format(", {} fewer", Counted(finding.round_trips_saved, "query"));
      entry.sentence = fmt::format("Fixed {}: {}{}.", RuleName(finding.rule), finding.title, saved);
    } else {
      entry.sentence = fmt::format("Not exercised: {} {} ({} of {} scopes that showed it ran).", RuleName(finding.rule),
                                   finding.title, Count(ran), Count(all));
    }
    verdict_.entries.push_back(std::move(entry));
  }

  void JudgeSuppressions() {
    for (const Suppression& suppression : c_.policy.suppressions) {
      const bool expired = HasExpired(suppression, c_.today);
      if (!expired && (suppression.id.empty() ? RanScopes(suppression.scope) : IsNeeded(suppression.id))) continue;
      Entry entry;
      entry.kind = EntryKind::kStaleSuppression;
      entry.level = Level::kWarning;
      entry.rule = EntryKindName(entry.kind);
      entry.id = suppression.id;
      entry.title = suppression.id.empty() ? suppression.scope : suppression.id;
      entry.reason = suppression.reason;
      entry.owner = suppression.owner;
      entry.expires = suppression.expires;
      entry.sentence = expired ? fmt::format("The suppression of {} expired on {}: {} owns it.", entry.title,
                                             suppression.expires, suppression.owner)
                               : fmt::format("The suppression of {} matches nothing any more: remove it ({} owns it).",
                                             entry.title, suppression.owner);
      verdict_.entries.push_back(std::move(entry));
    }
  }

  bool RanScopes(const std::string& pattern) const {
    const auto fits = [&](const auto& entry) { return Matches(pattern, entry.first); };
    return std::ranges::any_of(c_.now.scopes, fits) || std::ranges::any_of(c_.baseline.scopes, fits);
  }

  // It is there, or it is known and not everything that showed it ran.
  bool IsNeeded(const std::string& id) const {
    if (c_.now.findings.contains(id)) return true;
    const auto known = c_.baseline.findings.find(id);
    if (known == c_.baseline.findings.end()) return false;
    const auto [ran, all] = Exercised(known->second);
    return ran < all;
  }

  void NameScopesThatDidNotRun() {
    Entry entry;
    for (const auto& [label, scope] : c_.baseline.scopes) {
      if (!c_.now.scopes.contains(label)) entry.new_places.push_back(label);
    }
    verdict_.scopes_known = c_.baseline.scopes.size();
    verdict_.scopes_run = verdict_.scopes_known - entry.new_places.size();
    if (entry.new_places.empty()) return;
    entry.kind = EntryKind::kNotExercised;
    entry.rule = EntryKindName(entry.kind);
    entry.title = fmt::format("{} of the baseline", Counted(entry.new_places.size(), "scope"));
    entry.sentence = fmt::format(
        "{} of the baseline did not run to {} end: nothing is said of {}.", Counted(entry.new_places.size(), "scope"),
        entry.new_places.size() == 1 ? "its" : "their", entry.new_places.size() == 1 ? "it" : "them");
    verdict_.entries.push_back(std::move(entry));
  }

  const Comparison& c_;
  Verdict& verdict_;
};

}  // namespace

void JudgeFindings(const Comparison& comparison, Verdict& verdict) { Findings(comparison, verdict).Judge(); }

}  // namespace pgassay::gate
