#include "cli/gate_toml.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/detector.h"
#include "cli/settings.h"
#include "cli/suggest.h"

namespace pgassay::cli {

namespace {

using gate::Action;
using gate::Policy;

// One table of the file: what is read from it, and the first thing that is wrong with it.
class Table {
 public:
  Table(const toml::node& node, std::string name, const std::string& path)
      : table_(node.as_table()), name_(std::move(name)), path_(path) {
    if (table_ == nullptr) Fault(node, fmt::format("{} is no table", name_));
  }

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }

  void KnownKeys(std::vector<std::string_view> known) {
    for (const auto& [key, node] : *table_) {
      if (std::ranges::find(known, key.str()) == known.end())
        Fault(node, fmt::format("unknown key {} in {}{}", key.str(), name_, DidYouMean(key.str(), known)));
    }
  }

  // The value of `key`, if it is there, of the kind that `read` gives; `read` answers with what is wrong, or "".
  template <class Read>
  void Get(std::string_view key, Read read) {
    if (const toml::node* node = table_ == nullptr ? nullptr : table_->get(key)) {
      if (const std::string wrong = read(*node); !wrong.empty()) Wrong(*node, key, wrong);
    }
  }
  template <class Read>
  void Each(Read read) {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_) {
      if (const std::string wrong = read(std::string(key.str()), node); !wrong.empty()) Wrong(node, key.str(), wrong);
    }
  }

 private:
  // A table within has said already where it is wrong.
  void Wrong(const toml::node& node, std::string_view key, const std::string& what) {
    Fault(node, what.starts_with(path_) ? what : fmt::format("\"{}\" in {} {}", key, name_, what));
  }
  void Fault(const toml::node& node, const std::string& what) {
    if (!error_.empty()) return;
    error_ = what.starts_with(path_) ? what : fmt::format("{}:{}: {}", path_, node.source().begin.line, what);
  }

  const toml::table* table_;
  std::string name_;
  const std::string& path_;
  std::string error_;
};

std::string ReadText(const toml::node& node, std::string& to) {
  const auto text = node.value<std::string>();
  if (!text) return "is no text";
  to = *text;
  return "";
}

std::string ReadTexts(const toml::node& node, std::vector<std::string>& to) {
  if (const auto text = node.value<std::string>()) {
    to.push_back(*text);
    return "";
  }
  const auto* array = node.as_array();
  if (array == nullptr) return "is neither a text nor a list of texts";
  for (const toml::node& element : *array) {
    const auto text = element.value<std::string>();
    if (!text) return "is neither a text nor a list of texts";
    to.push_back(*text);
  }
  return "";
}

std::string ReadAction(const toml::node& node, Action& to) {
  const auto action = gate::ActionOf(node.value_or(std::string_view()));
  if (!action) return "is none of \"fail\", \"warn\", \"note\" and \"off\"";
  to = *action;
  return "";
}

std::string ReadCount(const toml::node& node, uint64_t& to) {
  const auto number = node.value<int64_t>();
  if (!node.is_integer() || *number < 0) return "is no count";
  to = static_cast<uint64_t>(*number);
  return "";
}

std::string ReadSize(const toml::node& node, uint64_t& to) {
  const auto* text = node.as_string();
  if (text == nullptr) return ReadCount(node, to);
  const auto bytes = ParseBytes(text->get());
  if (!bytes) return bytes.error().message;
  to = *bytes;
  return "";
}

std::string ReadRatio(const toml::node& node, double& to) {
  const auto number = node.value<double>();
  if (!number || *number < 1) return "is no number from 1 on";
  to = *number;
  return "";
}

std::string ReadDate(const toml::node& node, std::string& to) {
  if (const auto* date = node.as_date()) {
    to = fmt::format("{:04}-{:02}-{:02}", date->get().year, date->get().month, date->get().day);
    return "";
  }
  return "is no date (write 2026-12-31)";
}

// "inconclusive" or "pass".
std::string ReadPass(const toml::node& node, bool& to) {
  const auto text = node.value_or(std::string_view());
  if (text != "pass" && text != "inconclusive") return "is neither \"inconclusive\" nor \"pass\"";
  to = text == "pass";
  return "";
}

std::string ReadConfidence(const toml::node& node, Confidence& to) {
  const auto text = node.value_or(std::string_view());
  if (text != "proven" && text != "likely") return "is neither \"proven\" nor \"likely\"";
  to = text == "proven" ? Confidence::kProven : Confidence::kLikely;
  return "";
}

std::string ReadRuleAction(const std::string& rule, const toml::node& node, Policy& policy) {
  std::vector<std::string_view> known;
  for (const detectors::Detector& detector : detectors::AllDetectors()) known.push_back(detector.info->id);
  if (std::ranges::find(known, rule) == known.end()) return fmt::format("is no rule{}", DidYouMean(rule, known));
  return ReadAction(node, policy.rules[rule]);
}

std::string ReadBudget(const std::string& scopes, const toml::node& node, const std::string& path, Policy& policy) {
  Table table(node, fmt::format("the budget of \"{}\"", scopes), path);
  if (!table.ok()) return table.error();
  table.KnownKeys({"queries", "rows", "bytes"});
  gate::Budget budget{.scopes = scopes, .queries = {}, .rows = {}, .bytes = {}};
  table.Get("queries", [&](const toml::node& n) { return ReadCount(n, budget.queries.emplace()); });
  table.Get("rows", [&](const toml::node& n) { return ReadCount(n, budget.rows.emplace()); });
  table.Get("bytes", [&](const toml::node& n) { return ReadSize(n, budget.bytes.emplace()); });
  policy.budgets.push_back(std::move(budget));
  return table.error();
}

std::string ReadSuppression(const toml::node& node, const std::string& path, Policy& policy) {
  Table table(node, "[[gate.suppress]]", path);
  if (!table.ok()) return table.error();
  table.KnownKeys({"id", "scope", "reason", "owner", "expires"});
  gate::Suppression suppression;
  table.Get("id", [&](const toml::node& n) { return ReadText(n, suppression.id); });
  table.Get("scope", [&](const toml::node& n) { return ReadText(n, suppression.scope); });
  table.Get("reason", [&](const toml::node& n) { return ReadText(n, suppression.reason); });
  table.Get("owner", [&](const toml::node& n) { return ReadText(n, suppression.owner); });
  table.Get("expires", [&](const toml::node& n) { return ReadDate(n, suppression.expires); });
  if (!table.ok()) return table.error();
  if (suppression.id.empty() == suppression.scope.empty()) return "needs either the id of a finding or a scope";
  if (suppression.reason.empty()) return "needs a reason";
  if (suppression.owner.empty()) return "needs an owner";
  policy.suppressions.push_back(std::move(suppression));
  return "";
}

std::string ReadSuppressions(const toml::node& node, const std::string& path, Policy& policy) {
  const auto* array = node.as_array();
  if (array == nullptr) return "is no list (write [[gate.suppress]])";
  for (const toml::node& element : *array) {
    if (std::string wrong = ReadSuppression(element, path, policy); !wrong.empty()) {
      return wrong.starts_with(path) ? wrong
                                     : fmt::format("{}:{}: a suppression {}", path, element.source().begin.line, wrong);
    }
  }
  return "";
}

// On top of what `policy` says already. What is wrong, or "".
std::string ReadPolicy(const toml::node& node, const std::string& name, const std::string& path, Policy& policy) {
  Table table(node, name, path);
  if (!table.ok()) return table.error();
  table.KnownKeys({"fail_on", "growth", "volume", "budget", "new_statements", "growth_ratio", "growth_step",
                   "rows_ratio", "rows_step", "bytes_ratio", "bytes_step", "on_empty", "on_incomplete", "warm_up",
                   "rules", "paths", "budgets", "suppress"});
  table.Get("fail_on", [&](const toml::node& n) { return ReadConfidence(n, policy.fail_from); });
  table.Get("growth", [&](const toml::node& n) { return ReadAction(n, policy.growth); });
  table.Get("volume", [&](const toml::node& n) { return ReadAction(n, policy.volume); });
  table.Get("budget", [&](const toml::node& n) { return ReadAction(n, policy.budget); });
  table.Get("new_statements", [&](const toml::node& n) { return ReadAction(n, policy.new_statements); });
  table.Get("growth_ratio", [&](const toml::node& n) { return ReadRatio(n, policy.queries.ratio); });
  table.Get("growth_step", [&](const toml::node& n) { return ReadCount(n, policy.queries.step); });
  table.Get("rows_ratio", [&](const toml::node& n) { return ReadRatio(n, policy.rows.ratio); });
  table.Get("rows_step", [&](const toml::node& n) { return ReadCount(n, policy.rows.step); });
  table.Get("bytes_ratio", [&](const toml::node& n) { return ReadRatio(n, policy.bytes.ratio); });
  table.Get("bytes_step", [&](const toml::node& n) { return ReadSize(n, policy.bytes.step); });
  table.Get("on_empty", [&](const toml::node& n) { return ReadPass(n, policy.pass_when_empty); });
  table.Get("on_incomplete", [&](const toml::node& n) { return ReadPass(n, policy.pass_when_incomplete); });
  table.Get("warm_up", [&](const toml::node& n) {
    std::vector<std::string> relations;
    std::string wrong = ReadTexts(n, relations);
    policy.warm_up.insert(relations.begin(), relations.end());
    return wrong;
  });
  const auto each = [&](std::string_view key, auto read) {
    table.Get(key, [&](const toml::node& n) {
      Table inner(n, fmt::format("{}.{}", name, key), path);
      inner.Each(read);
      return inner.error();
    });
  };
  each("rules", [&](const std::string& key, const toml::node& n) { return ReadRuleAction(key, n, policy); });
  each("paths", [&](const std::string& key, const toml::node& n) {
    policy.paths.emplace_back(key, Action::kFail);
    return ReadAction(n, policy.paths.back().second);
  });
  each("budgets", [&](const std::string& key, const toml::node& n) { return ReadBudget(key, n, path, policy); });
  table.Get("suppress", [&](const toml::node& n) { return ReadSuppressions(n, path, policy); });
  return table.error();
}

std::string ReadService(const std::string& name, const toml::node& node, const std::string& path, GateConfig& config) {
  Table table(node, fmt::format("service.{}", name), path);
  if (!table.ok()) return table.error();
  table.KnownKeys({"application_name", "database", "baseline", "gate"});
  Service service{.application_names = {}, .databases = {}, .baseline = "", .policy = config.policy};
  table.Get("application_name", [&](const toml::node& n) { return ReadTexts(n, service.application_names); });
  table.Get("database", [&](const toml::node& n) { return ReadTexts(n, service.databases); });
  table.Get("baseline", [&](const toml::node& n) { return ReadText(n, service.baseline); });
  table.Get("gate", [&](const toml::node& n) {
    return ReadPolicy(n, fmt::format("service.{}.gate", name), path, service.policy);
  });
  config.services.emplace(name, std::move(service));
  return table.error();
}

}  // namespace

Result<GateConfig> ReadGateConfig(const toml::node* gate, const toml::node* services, const std::string& path) {
  GateConfig config;
  config.policy.warm_up = gate::DefaultWarmUp();
  if (gate != nullptr) {
    if (const std::string wrong = ReadPolicy(*gate, "gate", path, config.policy); !wrong.empty()) return Fail(wrong);
  }
  if (services != nullptr) {
    Table table(*services, "service", path);
    table.Each([&](const std::string& name, const toml::node& node) { return ReadService(name, node, path, config); });
    if (!table.ok()) return Fail(table.error());
  }
  return config;
}

}  // namespace pgassay::cli
