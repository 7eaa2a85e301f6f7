#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/database_url.h"

namespace pgassay::cli {

namespace {

// URLs without their passwords, also behind the LISTEN= of a route; of what is no URL though it begins as one, nothing.
std::string WithoutPassword(const SettingInfo& setting, const std::string& text) {
  const size_t sign = setting.name == "route" ? text.find('=') : std::string::npos;
  const std::string listen = sign == std::string::npos ? "" : text.substr(0, sign + 1);
  const std::string address = text.substr(listen.size());
  if (!LooksLikeDatabaseUrl(address)) return text;
  const auto url = ParseDatabaseUrl(address);
  return listen + (url ? WithoutSecrets(*url) : "…");
}

// As pgassay.toml would say it.
std::string Shown(const SettingInfo& setting, const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) {
    const bool bare = setting.kind == SettingKind::kSwitch || setting.kind == SettingKind::kCount ||
                      setting.kind == SettingKind::kNumber;
    quoted.push_back(bare ? text : fmt::format("\"{}\"", reporters::EscapeForTerminal(WithoutPassword(setting, text))));
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
    option("enabled", detector.info->enabled_by_default ? 1 : 0);
    for (const detectors::OptionInfo& info : detector.info->options) option(info.name, info.default_value);
  }
  const auto written = WriteOutput("", text);
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
