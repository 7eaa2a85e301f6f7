#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/database_url.h"

namespace pgassay::cli {

namespace {

// As pgassay.toml would say it; URLs without their passwords.
std::string Shown(const SettingInfo& setting, const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) {
    const auto url = LooksLikeDatabaseUrl(text) ? ParseDatabaseUrl(text) : Result<DatabaseUrl>(Fail(""));
    const bool bare = setting.kind == SettingKind::kSwitch || setting.kind == SettingKind::kCount ||
                      setting.kind == SettingKind::kNumber;
    quoted.push_back(bare ? text
                          : fmt::format("\"{}\"", reporters::EscapeForTerminal(url ? WithoutSecrets(*url) : text)));
  }
  if (setting.kind == SettingKind::kList) return fmt::format("[{}]", fmt::join(quoted, ", "));
  return quoted.empty() ? "\"\"" : quoted.back();
}

}  // namespace

int RunConfig(const Invocation& invocation) {
  std::string text;
  auto line = [&](const std::string& what, std::string_view origin) {
    text += fmt::format("{:<44} # {}\n", what, origin);
  };
  for (const SettingInfo& setting : AllSettings()) {
    const SettingValue& value = invocation.settings.Value(setting.name);
    line(fmt::format("{} = {}", KeyName(setting), Shown(setting, value.texts)), value.origin);
  }
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    text += fmt::format("\n[rules.{}]\n", detector.info->id);
    const auto set = invocation.settings.rules().find(detector.info->id);
    auto option = [&](std::string_view name, double default_value) {
      const bool is_set = set != invocation.settings.rules().end() && set->second.contains(name);
      line(fmt::format("{} = {}", name, is_set ? set->second.find(name)->second : default_value),
           is_set ? std::string_view(invocation.settings.file_path()) : "default");
    };
    option("enabled", 1);
    for (const detectors::OptionInfo& info : detector.info->options) option(info.name, info.default_value);
  }
  const auto written = WriteOutput("", text);
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
