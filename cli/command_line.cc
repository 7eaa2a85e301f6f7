#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/suggest.h"

namespace pgassay::cli {

namespace {

std::vector<std::string_view> CommandNames() {
  std::vector<std::string_view> names = {"help"};
  for (const Command& command : AllCommands()) names.push_back(command.name);
  return names;
}

Error UnknownFlag(const Command& command, const std::string& argument) {
  const std::string flag = argument.substr(0, argument.find('='));
  std::vector<std::string> flags = {"--help", "--config"};
  for (const SettingInfo& setting : AllSettings()) {
    if ((setting.commands & command.bit) != 0) flags.push_back(fmt::format("--{}", setting.name));
  }
  const std::vector<std::string_view> known(flags.begin(), flags.end());
  std::string hint = DidYouMean(flag, known);
  if (hint.empty()) hint = fmt::format(" (pgassay {} --help lists its flags)", command.name);
  return {fmt::format("{} does not know {}{}", command.name, flag, hint)};
}

Result<> CheckOperands(const CommandLine& line, bool separated) {
  const Command& command = *line.command;
  if (command.takes_child) {
    if (!line.operands.empty()) {
      return Fail(fmt::format("{} takes its command after --: pgassay {} -- {} …", command.name, command.name,
                              line.operands.front()));
    }
    if (line.child.empty()) {
      return Fail(fmt::format("{} needs a command after --: pgassay {} -- python app.py", command.name, command.name));
    }
    return {};
  }
  if (separated && !line.child.empty()) return Fail(fmt::format("{} takes nothing after --", command.name));
  if (line.operands.size() < command.min_operands) {
    return Fail(fmt::format("{} needs {} (usage: pgassay {} {})", command.name, command.missing, command.name,
                            command.operands));
  }
  if (line.operands.size() > command.max_operands) {
    return Fail(fmt::format("{} does not know what to do with {} (usage: pgassay {} {})", command.name,
                            line.operands[command.max_operands], command.name, command.operands));
  }
  return {};
}

// CLI11 wants the arguments last first.
Result<> ParseFlags(CommandLine& line, std::vector<std::string> arguments) {
  const Command& command = *line.command;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.add_flag("-h,--help", line.help);
  std::vector<std::string> configs;
  app.add_option("--config", configs)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  std::map<std::string_view, std::vector<std::string>> texts;
  std::map<std::string_view, bool> switches;
  std::map<std::string_view, CLI::Option*> options;
  for (const SettingInfo& setting : AllSettings()) {
    if ((setting.commands & command.bit) == 0) continue;
    const std::string flag = fmt::format("--{}", setting.name);
    if (setting.kind == SettingKind::kSwitch) {
      options[setting.name] = app.add_flag(flag, switches[setting.name]);
      continue;
    }
    auto* option = app.add_option(flag, texts[setting.name])->expected(1)->allow_extra_args(false);
    option->multi_option_policy(setting.kind == SettingKind::kList ? CLI::MultiOptionPolicy::TakeAll
                                                                   : CLI::MultiOptionPolicy::TakeLast);
    options[setting.name] = option;
  }
  std::ranges::reverse(arguments);
  try {
    app.parse(arguments);
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();
    return Fail(fmt::format("{} needs a value", what.substr(0, what.find(':'))));
  } catch (const CLI::ParseError& error) {
    return Fail(fmt::format("{}: {}", command.name, error.what()));
  }
  for (const std::string& extra : app.remaining()) {
    if (extra.size() > 1 && extra.starts_with('-')) return std::unexpected(UnknownFlag(command, extra));
    line.operands.push_back(extra);
  }
  for (const auto& [name, option] : options) {
    if (option->count() == 0) continue;
    const auto text = texts.find(name);
    line.flags.emplace(
        name, text != texts.end() ? text->second : std::vector<std::string>{switches[name] ? "true" : "false"});
  }
  if (!configs.empty()) line.config = configs.back();
  return {};
}

}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  if (arguments.empty()) return Fail("no command given (pgassay --help lists them)");
  std::string name = arguments.front();
  std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (name == "--version" || name == "-V") {
    line.version = true;
    return line;
  }
  if (name == "--help" || name == "-h" || name == "help") {
    line.help = true;
    if (rest.empty() || name != "help") return line;
    name = rest.front();
    rest = {"--help"};
  }
  if (name.starts_with('-')) {
    return Fail(fmt::format("{} comes before a command (flags follow it: pgassay run {} … -- CMD)", name, name));
  }
  line.command = FindCommand(name);
  if (line.command == nullptr) {
    std::string hint = DidYouMean(name, CommandNames());
    if (hint.empty()) hint = " (pgassay --help lists the commands)";
    return Fail(fmt::format("unknown command {}{}", name, hint));
  }
  const auto separator = std::ranges::find(rest, "--");
  const bool separated = separator != rest.end();
  if (separated) {
    line.child.assign(separator + 1, rest.end());
    rest.erase(separator, rest.end());
  }
  if (const auto parsed = ParseFlags(line, std::move(rest)); !parsed) return std::unexpected(parsed.error());
  if (line.help) return line;
  if (const auto checked = CheckOperands(line, separated); !checked) return std::unexpected(checked.error());
  return line;
}

}  // namespace pgassay::cli
