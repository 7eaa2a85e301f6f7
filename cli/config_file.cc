#include "cli/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "cli/gate_toml.h"
#include "cli/suggest.h"

namespace pgassay::cli {

namespace {

std::string At(const std::string& path, const toml::node& node) {
  return fmt::format("{}:{}", path, node.source().begin.line);
}

// A value as the text that a flag would have given; nothing if it is no such value.
std::optional<std::string> ScalarText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  return std::nullopt;
}

Result<std::vector<std::string>> SettingTexts(const SettingInfo& setting, const toml::node& node,
                                              const std::string& path) {
  std::vector<std::string> texts;
  const auto* array = node.as_array();
  if (array != nullptr && setting.kind != SettingKind::kList) {
    return Fail(fmt::format("{}: {} takes one value, not a list", At(path, node), KeyName(setting)));
  }
  if (array == nullptr) {
    auto text = ScalarText(node);
    if (!text) return Fail(fmt::format("{}: {} is no plain value", At(path, node), KeyName(setting)));
    texts.push_back(std::move(*text));
    return texts;
  }
  for (const toml::node& element : *array) {
    auto text = ScalarText(element);
    if (!text)
      return Fail(fmt::format("{}: {} holds something that is no plain value", At(path, element), KeyName(setting)));
    texts.push_back(std::move(*text));
  }
  return texts;
}

Result<> ReadRule(const detectors::RuleInfo& rule, const toml::table& table, const std::string& path,
                  detectors::Options& options) {
  for (const auto& [key, node] : table) {
    std::vector<std::string_view> known = {"enabled"};
    for (const detectors::OptionInfo& option : rule.options) known.push_back(option.name);
    if (std::ranges::find(known, key.str()) == known.end()) {
      return Fail(fmt::format("{}: unknown key {} in [rules.{}]{}", At(path, node), key.str(), rule.id,
                              DidYouMean(key.str(), known)));
    }
    if (const auto* boolean = node.as_boolean()) {
      options[std::string(key.str())] = boolean->get() ? 1 : 0;
    } else if (const auto number = node.value<double>()) {
      options[std::string(key.str())] = *number;
    } else {
      return Fail(fmt::format("{}: {} in [rules.{}] is no number", At(path, node), key.str(), rule.id));
    }
  }
  return {};
}

Result<> ReadRules(const toml::node& node, const std::string& path, detectors::RuleOptions& rules) {
  const auto* table = node.as_table();
  if (table == nullptr) return Fail(fmt::format("{}: rules is no table (write [rules.ID])", At(path, node)));
  for (const auto& [id, entry] : *table) {
    const detectors::Detector* detector = detectors::FindDetector(id.str());
    if (detector == nullptr) {
      std::vector<std::string_view> known;
      for (const detectors::Detector& each : detectors::AllDetectors()) known.push_back(each.info->id);
      std::string hint = DidYouMean(id.str(), known);
      if (hint.empty()) hint = " (pgassay rules lists them)";
      return Fail(fmt::format("{}: unknown rule {}{}", At(path, entry), id.str(), hint));
    }
    const auto* options = entry.as_table();
    if (options == nullptr) return Fail(fmt::format("{}: rules.{} is no table", At(path, entry), id.str()));
    if (const auto read = ReadRule(*detector->info, *options, path, rules[std::string(id.str())]); !read) return read;
  }
  return {};
}

Result<ConfigFile> ReadTable(const toml::table& table, const std::string& path) {
  ConfigFile file{.path = path, .values = {}, .rules = {}, .gate = {}};
  auto gate = ReadGateConfig(table.get("gate"), table.get("service"), path);
  if (!gate) return std::unexpected(gate.error());
  file.gate = std::move(*gate);
  std::vector<std::string> keys = {"rules", "gate", "service"};
  for (const SettingInfo& setting : AllSettings()) keys.push_back(KeyName(setting));
  const std::vector<std::string_view> known(keys.begin(), keys.end());
  for (const auto& [key, node] : table) {
    if (key.str() == "gate" || key.str() == "service") continue;
    if (key.str() == "rules") {
      if (const auto read = ReadRules(node, path, file.rules); !read) return std::unexpected(read.error());
      continue;
    }
    const SettingInfo* setting = nullptr;
    for (const SettingInfo& each : AllSettings()) {
      if (KeyName(each) == key.str()) setting = &each;
    }
    if (setting == nullptr) {
      return Fail(fmt::format("{}: unknown key {}{}", At(path, node), key.str(), DidYouMean(key.str(), known)));
    }
    auto texts = SettingTexts(*setting, node, path);
    if (!texts) return std::unexpected(texts.error());
    file.values.emplace(setting->name, std::move(*texts));
  }
  return file;
}

}  // namespace

Result<ConfigFile> ParseConfig(std::string_view text, const std::string& path) {
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return Fail(fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()));
  }
  return ReadTable(table, path);
}

Result<ConfigFile> ReadConfigFile(const std::optional<std::string>& path) {
  const std::string name = path.value_or(std::string(kConfigFileName));
  errno = 0;
  std::ifstream in(name, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || in.bad()) {
    if (!path && errno == ENOENT) return ParseConfig("", "");
    return Fail(fmt::format("cannot read {}: {}", name, errno != 0 ? std::strerror(errno) : "not a file of text"));
  }
  return ParseConfig(text.str(), name);
}

}  // namespace pgassay::cli
