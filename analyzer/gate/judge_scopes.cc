#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "analyzer/detectors/words.h"
#include "analyzer/gate/judge_parts.h"

namespace pgassay::gate {
namespace {

using detectors::Count;

// "SELECT orders, users where orders.user_id" -> its operation and relations.
struct Subject {
  std::string_view operation;
  std::vector<std::string_view> relations;
};

Subject SubjectOf(std::string_view skeleton) {
  skeleton = skeleton.substr(0, skeleton.find(" where "));
  const size_t space = std::min(skeleton.find(' '), skeleton.size());
  Subject subject{.operation = skeleton.substr(0, space), .relations = {}};
  for (size_t from = std::min(space + 1, skeleton.size()); from < skeleton.size();) {
    const size_t comma = std::min(skeleton.find(", ", from), skeleton.size());
    subject.relations.push_back(skeleton.substr(from, comma - from));
    from = comma + 2;
  }
  return subject;
}

bool SameSubject(std::string_view a, std::string_view b) {
  const Subject left = SubjectOf(a), right = SubjectOf(b);
  return left.operation == right.operation && std::ranges::any_of(left.relations, [&](std::string_view relation) {
           return std::ranges::find(right.relations, relation) != right.relations.end();
         });
}

struct Delta {
  std::string skeleton;
  Change change;
};

// What each statement of the scope has more than the baseline's maximum. A statement that got another predicate or join
// is another one: what its like lost, it may have.
std::vector<Delta> Growths(const Comparison& c, const std::string& label, const ScopeCounts& now,
                           const ScopeCounts& known) {
  std::vector<std::pair<std::string, uint64_t>> lost;
  for (const auto& [skeleton, counts] : known.statements) {
    const auto here = now.statements.find(skeleton);
    const uint64_t left = here == now.statements.end() ? 0 : here->second.queries.max;
    if (left < counts.queries.max) lost.emplace_back(skeleton, counts.queries.max - left);
  }
  std::vector<Delta> growths;
  for (const auto& [skeleton, counts] : now.statements) {
    const uint64_t from = CountIn(c.baseline, label, skeleton);
    uint64_t to = counts.queries.max;
    for (auto& [other, left] : lost) {
      if (to <= from || !SameSubject(skeleton, other)) continue;
      const uint64_t taken = std::min(left, to - from);
      left -= taken;
      to -= taken;
    }
    if (to > from) growths.push_back({skeleton, {"queries", from, to}});
  }
  return growths;
}

class Scopes {
 public:
  Scopes(const Comparison& comparison, Verdict& verdict) : c_(comparison), verdict_(verdict) {}

  void Judge() {
    for (const auto& [label, scope] : c_.now.scopes) {
      const auto known = c_.baseline.scopes.find(label);
      const uint64_t explained_before = explained_;
      if (known != c_.baseline.scopes.end() && !IsSuppressed(label)) {
        const bool grown = JudgeQueries(label, scope, known->second);
        if (!grown && explained_ == explained_before) JudgeVolume(label, scope, known->second);
      }
      if (!IsSuppressed(label)) JudgeBudgets(label, scope, explained_ > explained_before);
    }
    JudgeResults();
    JudgeNewStatements();
  }

 private:
  bool IsSuppressed(const std::string& label) const {
    return std::ranges::any_of(c_.policy.suppressions, [&](const Suppression& suppression) {
      return suppression.id.empty() && !HasExpired(suppression, c_.today) && Matches(suppression.scope, label);
    });
  }

  // The entry of a finding that accounts for more of this statement in this scope.
  Entry* ExplainedBy(const std::string& label, const std::string& skeleton) {
    for (Entry& entry : verdict_.entries) {
      const bool counts =
          (entry.kind == EntryKind::kNewFinding || entry.kind == EntryKind::kSpread) && entry.level == Level::kFailure;
      if (!counts && entry.kind != EntryKind::kSuppressed) continue;
      const FindingFacts& finding = c_.now.findings.at(entry.id);
      if ((finding.tests.contains(label) || finding.routes.contains(label)) && finding.skeletons.contains(skeleton))
        return &entry;
    }
    return nullptr;
  }

  // True if the scope has grown beyond what findings explain.
  bool JudgeQueries(const std::string& label, const ScopeCounts& now, const ScopeCounts& known) {
    bool grown = false;
    uint64_t explained = 0;
    std::vector<Delta> rest;
    for (const Delta& delta : Growths(c_, label, now, known)) {
      if (Entry* entry = ExplainedBy(label, delta.skeleton)) {
        entry->explained.push_back({label, delta.skeleton, delta.change});
        explained += delta.change.to - delta.change.from;
        ++explained_;
        continue;
      }
      if (Exceeds(c_.policy.queries, delta.change.from, delta.change.to)) {
        grown = true;
        Add(EntryKind::kGrowth, c_.policy.growth, label, delta.skeleton, delta.change,
            fmt::format("{} ran {} times in {}, where the baseline has at most {}.", delta.skeleton,
                        Count(delta.change.to), label, Count(delta.change.from)));
      }
      rest.push_back(delta);
    }
    if (grown) return true;
    const uint64_t from = CountedQueries(known);
    const uint64_t all = CountedQueries(now);
    const uint64_t to = all - std::min(all, explained);
    if (!Exceeds(c_.policy.queries, from, to)) return false;
    std::ranges::stable_sort(rest, std::greater{}, [](const Delta& d) { return d.change.to - d.change.from; });
    rest.resize(std::min<size_t>(rest.size(), 3));
    std::vector<std::string> parts;
    parts.reserve(rest.size());
    for (const Delta& delta : rest)
      parts.push_back(fmt::format("{} {} -> {}", delta.skeleton, Count(delta.change.from), Count(delta.change.to)));
    Add(EntryKind::kGrowth, c_.policy.growth, label, "", {"queries", from, to},
        fmt::format("{} sent {} queries, where the baseline has at most {}: {}.", label, Count(to), Count(from),
                    fmt::join(parts, "; ")));
    return true;
  }

  void JudgeVolume(const std::string& label, const ScopeCounts& now, const ScopeCounts& known) {
    if (Exceeds(c_.policy.rows, known.rows, now.rows)) {
      Add(EntryKind::kVolume, c_.policy.volume, label, "", {"rows", known.rows, now.rows},
          fmt::format("{} read {} rows, where the baseline has at most {}.", label, Count(now.rows),
                      Count(known.rows)));
    }
    if (Exceeds(c_.policy.bytes, known.bytes, now.bytes)) {
      Add(EntryKind::kVolume, c_.policy.volume, label, "", {"bytes", known.bytes, now.bytes},
          fmt::format("{} read {}, where the baseline has at most {}.", label, detectors::Bytes(now.bytes),
                      detectors::Bytes(known.bytes)));
    }
  }

  void JudgeBudgets(const std::string& label, const ScopeCounts& scope, bool explained) {
    for (const Budget& budget : c_.policy.budgets) {
      if (!Matches(budget.scopes, label)) continue;
      JudgeBudget(label, "queries", budget.queries, scope.queries, explained);
      JudgeBudget(label, "rows", budget.rows, scope.all_rows, explained);
      JudgeBudget(label, "bytes", budget.bytes, scope.all_bytes, explained);
    }
  }

  void JudgeBudget(const std::string& label, const char* what, const std::optional<uint64_t>& budget, uint64_t has,
                   bool explained) {
    if (!budget || has <= *budget) return;
    const Change change = {what, *budget, has};
    if (explained) {
      for (Entry& entry : verdict_.entries) {
        if (!std::ranges::any_of(entry.explained, [&](const Explained& e) { return e.scope == label; })) continue;
        entry.explained.push_back({label, "budget", change});
        return;
      }
    }
    Add(EntryKind::kBudget, c_.policy.budget, label, "", change,
        fmt::format("{} has a budget of {} {} and needed {}.", label, Count(*budget), what, Count(has)));
  }

  // Of statements that no scope is charged for: a list read once, whose LIMIT is gone. A new test brings rows of its
  // own.
  void JudgeResults() {
    if (!c_.baseline.tells_largest) return;
    for (const auto& [skeleton, scopes] : c_.now.largest) {
      if (!c_.baseline.statements.contains(skeleton) || IsCharged(skeleton)) continue;
      const auto known = c_.baseline.largest.find(skeleton);
      const uint64_t from = known == c_.baseline.largest.end() ? 0 : known->second.begin()->second;
      const std::string limit = from == 0 ? fmt::format("fewer than {}", kSmallResult) : "at most " + Count(from);
      for (const auto& [label, rows] : scopes) {
        if (!c_.baseline.scopes.contains(label) || IsSuppressed(label) || !Exceeds(c_.policy.rows, from, rows))
          continue;
        Add(EntryKind::kVolume, c_.policy.volume, label, skeleton, {"rows", from, rows},
            fmt::format("{} has {} rows at a time in {}, where the baseline has {}.", skeleton, Count(rows), label,
                        limit));
      }
    }
  }

  bool IsCharged(const std::string& skeleton) const {
    return std::ranges::any_of(c_.now.scopes,
                               [&](const auto& scope) { return scope.second.statements.contains(skeleton); });
  }

  void JudgeNewStatements() {
    std::map<std::string, std::string> first_scope;
    for (const auto& [label, scope] : c_.now.scopes) {
      for (const auto& [skeleton, counts] : scope.statements) first_scope.try_emplace(skeleton, label);
    }
    for (const std::string& skeleton : c_.now.statements) {
      if (c_.baseline.statements.contains(skeleton)) continue;
      const auto scope = first_scope.find(skeleton);
      Add(EntryKind::kNewStatement, c_.policy.new_statements, scope == first_scope.end() ? "" : scope->second, skeleton,
          {}, fmt::format("New statement: {}.", skeleton));
    }
  }

  void Add(EntryKind kind, Action action, const std::string& label, const std::string& skeleton, const Change& change,
           std::string sentence) {
    const auto scope = c_.now.scopes.find(label);
    const std::string site = scope == c_.now.scopes.end() ? "" : scope->second.site;
    std::set<std::string> places = {label, site};
    places.erase("");
    const auto level = LevelOf(c_.policy, action, places);
    if (!level) return;
    Entry entry;
    entry.kind = kind;
    entry.level = *level;
    entry.rule = EntryKindName(kind);
    entry.title = skeleton.empty() ? label : skeleton;
    entry.sentence = std::move(sentence);
    entry.scope = label;
    entry.site = site;
    entry.statement = skeleton;
    if (!change.what.empty()) entry.changes.push_back(change);
    verdict_.entries.push_back(std::move(entry));
  }

  const Comparison& c_;
  Verdict& verdict_;
  uint64_t explained_ = 0;
};

}  // namespace

void JudgeScopes(const Comparison& comparison, Verdict& verdict) { Scopes(comparison, verdict).Judge(); }

}  // namespace pgassay::gate
