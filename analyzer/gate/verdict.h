// What a gate says: plain values, the same in every report format. Made by Judge() of judge.h; reporters only show it.
// Everything in it is deterministic: no time enters it, and the order of `entries` is fixed.
//
// An entry names its finding by id. Where the run has that finding (new, spread, suppressed, grown), Report::findings
// holds its evidence and fix under the same id; where it has not (fixed, not exercised), the entry itself carries all
// that the baseline knew. Texts are plain: `relation.column <- relation.column` for an edge, SQL redacted; a reporter
// escapes them for its format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgassay::gate {

enum class Outcome : uint8_t { kPass, kFail, kInconclusive };  // exit code 0, 1, 3

enum class EntryKind : uint8_t {
  kNewFinding,        // an id that the baseline does not have
  kSpread,            // a known id at a new route, file:line or, with many more queries than before, in a known test
  kGrowth,            // more queries in a scope than the baseline's maximum, beyond ratio and step
  kVolume,            // more rows or bytes in a scope, likewise
  kBudget,            // a scope beyond a budget of the policy
  kNewStatement,      // a statement that its scope did not run before
  kFixed,             // an id of the baseline whose scopes ran without it
  kNotExercised,      // a scope of the baseline that did not run: nothing is said of it
  kSuppressed,        // a finding that the policy accepts, with reason and owner
  kStaleSuppression,  // a suppression that matches nothing although its scopes ran, or that has expired
};
std::string_view EntryKindName(
    EntryKind kind);  // "new", "spread", "growth", "volume", "budget", "statement", "fixed", …

// What an entry does to the verdict.
enum class Level : uint8_t { kNote, kWarning, kFailure };
std::string_view LevelName(Level level);  // "note", "warning", "failure"

std::string_view OutcomeName(Outcome outcome);  // "pass", "fail", "inconclusive"

// One figure that changed: "queries" 1 -> 48. `from` is the baseline's maximum (or the budget).
struct Change {
  std::string what;  // "queries", "rows", "bytes"
  uint64_t from = 0, to = 0;
  friend bool operator==(const Change&, const Change&) = default;
};

// A change that a failing finding already accounts for: shown under it, never as an entry of its own.
struct Explained {
  std::string scope;
  std::string statement;  // skeleton: "SELECT orders where orders.user_id"
  Change change;
};

struct Entry {
  EntryKind kind = EntryKind::kNewFinding;
  Level level = Level::kNote;
  std::string rule;       // the finding's; else the kind's name
  std::string id;         // the finding's; "" if the entry is about no finding
  std::string title;      // the finding's, or the statement's skeleton; of a scope's entry: its label
  std::string sentence;   // what happened, whole, with the imperative where there is one; one line
  std::string scope;      // the test or route first concerned; "" if none is known
  std::string site;       // "views.py:42": the application's code, else the test's; "" if none is known
  std::string statement;  // SQL (redacted) of the finding, else the skeleton; "" of a whole scope
  std::string parent;     // "users.id", "" if none
  std::vector<Change> changes;
  std::vector<std::string> new_places;  // of kSpread: routes and sites; of kNotExercised: scopes
  std::string reason, owner, expires;   // of suppressions
  std::string service;                  // [service.NAME] whose policy judged; "" if there is one for all
  std::vector<Explained> explained;
};

struct Verdict {
  Outcome outcome = Outcome::kPass;
  std::vector<std::string> reasons;           // why it is inconclusive: sentences; never empty then
  std::vector<Entry> entries;                 // failures first, then warnings, then notes; in each by kind, cost, id
  std::vector<std::string> baselines;         // the files judged against
  uint64_t known_findings = 0;                // of the baseline, seen again where they were
  uint64_t scopes_run = 0, scopes_known = 0;  // of the baseline's scopes, how many ran
};

// "pass: nothing new (84 scopes, 12 known findings)", "fail: 1 new finding, 1 spread", "inconclusive: …": one line.
std::string Headline(const Verdict& verdict);

}  // namespace pgassay::gate
