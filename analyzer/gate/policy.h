// What a project lets pass: the [gate] tables of pgassay.toml as plain values (read by cli/config_file). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/finding.h"
#include "analyzer/gate/verdict.h"

namespace pgassay::gate {

// Off: as if it were not there.
enum class Action : uint8_t { kOff, kNote, kWarn, kFail };
std::optional<Action> ActionOf(std::string_view name);  // "off", "note", "warn", "fail"

// Growth counts only above both: more than `ratio` times the baseline's maximum, and at least `step` more.
struct Growth {
  double ratio = 1;
  uint64_t step = 0;
};
bool Exceeds(const Growth& growth, uint64_t from, uint64_t to);

struct Budget {
  std::string scopes;  // pattern
  std::optional<uint64_t> queries, rows, bytes;
};

struct Suppression {
  std::string id;     // of a finding, or "" and then:
  std::string scope;  // pattern: growth, volume and budgets of these scopes
  std::string reason, owner;
  std::string expires;  // "2026-12-31", the last day; "" never
};

struct Policy {
  Confidence fail_from = Confidence::kProven;  // a new finding below it warns
  std::map<std::string, Action, std::less<>> rules;
  std::vector<std::pair<std::string, Action>>
      paths;  // pattern of sites, routes and tests; the longest that fits counts
  std::vector<Budget> budgets;
  std::vector<Suppression> suppressions;
  Action growth = Action::kFail, volume = Action::kWarn, budget = Action::kFail, new_statements = Action::kNote;
  Growth queries = {1.5, 10};  // a loop's worth, not a feature's
  Growth rows = {2, 1'000};
  Growth bytes = {2, 1'000'000};
  bool pass_when_empty = false;       // a job that may send nothing
  bool pass_when_incomplete = false;  // a verdict on what is there
  std::set<std::string> warm_up;      // relations that no scope is charged for
};

// Relations that frameworks keep in memory per process.
std::set<std::string> DefaultWarmUp();

// `*` stands for any run of characters, everything else for itself (test ids are full of brackets).
bool Matches(std::string_view pattern, std::string_view text);

// What something that was seen at these places does to the verdict; nothing: it is off. A path's action lowers `action`
// where every place lies on such a path.
std::optional<Level> LevelOf(const Policy& policy, Action action, const std::set<std::string>& places);
// Of a finding of this rule and confidence.
std::optional<Level> LevelOf(const Policy& policy, std::string_view rule, Confidence confidence,
                             const std::set<std::string>& places);

// `today`: "2026-11-25".
bool HasExpired(const Suppression& suppression, std::string_view today);

}  // namespace pgassay::gate
