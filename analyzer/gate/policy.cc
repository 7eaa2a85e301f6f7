#include "analyzer/gate/policy.h"

#include <algorithm>

namespace pgassay::gate {

std::optional<Action> ActionOf(std::string_view name) {
  if (name == "off") return Action::kOff;
  if (name == "note") return Action::kNote;
  if (name == "warn") return Action::kWarn;
  if (name == "fail") return Action::kFail;
  return std::nullopt;
}

bool Exceeds(const Growth& growth, uint64_t from, uint64_t to) {
  return to > from && to - from >= growth.step && static_cast<double>(to) > static_cast<double>(from) * growth.ratio;
}

std::set<std::string> DefaultWarmUp() {
  return {"ar_internal_metadata", "django_content_type", "django_migrations", "django_site", "schema_migrations"};
}

bool Matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '*'; });
}

std::optional<Level> LevelOf(const Policy& policy, Action action, const std::set<std::string>& places) {
  auto by_path = places.empty() ? Action::kFail : Action::kOff;
  for (const std::string& place : places) {
    auto here = Action::kFail;
    size_t longest = 0;
    for (const auto& [pattern, what] : policy.paths) {
      if (pattern.size() < longest || !Matches(pattern, place)) continue;
      longest = pattern.size();
      here = what;
    }
    by_path = std::max(by_path, here);
  }
  switch (std::min(action, by_path)) {
    case Action::kOff:
      return std::nullopt;
    case Action::kNote:
      return Level::kNote;
    case Action::kWarn:
      return Level::kWarning;
    case Action::kFail:
      return Level::kFailure;
  }
  return std::nullopt;
}

std::optional<Level> LevelOf(const Policy& policy, std::string_view rule, Confidence confidence,
                             const std::set<std::string>& places) {
  auto action = confidence >= policy.fail_from ? Action::kFail : Action::kWarn;
  if (const auto set = policy.rules.find(rule); set != policy.rules.end())
    action = set->second == Action::kFail ? Action::kFail : std::min(action, set->second);
  return LevelOf(policy, action, places);
}

bool HasExpired(const Suppression& suppression, std::string_view today) {
  return !suppression.expires.empty() && suppression.expires < today;
}

}  // namespace pgassay::gate
