// Completion scripts from the table of commands: names, flags, and the values that are known (formats, sorts, rules).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/commands.h"

namespace pgassay::cli {

namespace {

std::vector<std::string_view> Names() {
  std::vector<std::string_view> names;
  for (const Command& command : AllCommands()) names.push_back(command.name);
  return names;
}

std::vector<std::string_view> RuleIds() {
  std::vector<std::string_view> ids;
  for (const detectors::Detector& detector : detectors::AllDetectors()) ids.push_back(detector.info->id);
  return ids;
}

// Of a flag; empty where a file or anything else may stand.
std::vector<std::string_view> KnownValues(std::string_view flag) {
  if (flag == "format") {
    std::vector<std::string_view> formats;
    for (const reporters::Reporter& reporter : reporters::AllReporters()) formats.push_back(reporter.format);
    return formats;
  }
  if (flag == "sort") return {reporters::StatementSorts().begin(), reporters::StatementSorts().end()};
  if (flag == "fail-on") {
    std::vector<std::string_view> what = {"proven", "likely", "hint"};
    std::ranges::copy(RuleIds(), std::back_inserter(what));
    return what;
  }
  if (flag == "upstream-tls") return {"disable", "require", "verify-ca", "verify-full"};
  return {};
}

std::vector<std::string_view> KnownOperands(const Command& command) {
  if (command.name == "rules") return RuleIds();
  if (command.name == "completions") return {"bash", "zsh", "fish"};
  return {};
}

// What follows -- is a command of its own, which the shell's own completion knows.
std::string ForBash() {
  std::string text = fmt::format(
      "_pgassay() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} i\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"{} help --help --version\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  for ((i = 2; i < COMP_CWORD; i++)); do\n"
      "    [ \"${{COMP_WORDS[i]}}\" = -- ] && {{ COMPREPLY=($(compgen -c -f -- \"$word\")); return; }}\n"
      "  done\n"
      "  case \"${{COMP_WORDS[1]}} $before\" in\n",
      fmt::join(Names(), " "));
  for (const Command& command : AllCommands()) {
    for (const Flag& flag : FlagsOf(command)) {
      if (flag.placeholder.empty()) continue;
      const auto values = KnownValues(flag.name);
      const std::string reply =
          values.empty() ? "compgen -f" : fmt::format("compgen -W \"{}\"", fmt::join(values, " "));
      text +=
          fmt::format("    \"{} --{}\") COMPREPLY=($({} -- \"$word\")); return ;;\n", command.name, flag.name, reply);
    }
  }
  text += "  esac\n  case \"${COMP_WORDS[1]} $word\" in\n";
  for (const Command& command : AllCommands()) {
    text += fmt::format("    \"{} -\"*) COMPREPLY=($(compgen -W \"", command.name);
    for (const Flag& flag : FlagsOf(command)) text += fmt::format("--{} ", flag.name);
    text += "--help\" -- \"$word\")) ;;\n";
    if (const auto operands = KnownOperands(command); !operands.empty()) {
      text += fmt::format("    \"{} \"*) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n", command.name,
                          fmt::join(operands, " "));
    }
  }
  return text +
         "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}\ncomplete -o filenames -F _pgassay pgassay\n";
}

std::string ForZsh() {
  return "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" + ForBash();
}

std::string QuotedForFish(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string ForFish() {
  std::string text;
  for (const Command& command : AllCommands()) {
    text += fmt::format("complete -c pgassay -f -n __fish_use_subcommand -a {} -d {}\n", command.name,
                        QuotedForFish(command.summary));
    const std::string within = fmt::format("complete -c pgassay -n '__fish_seen_subcommand_from {}'", command.name);
    for (const Flag& flag : FlagsOf(command)) {
      const auto values = KnownValues(flag.name);
      text += fmt::format("{} -l {}", within, flag.name);
      if (!values.empty()) {
        text += fmt::format(" -x -a '{}'", fmt::join(values, " "));
      } else if (!flag.placeholder.empty()) {
        text += " -r";
      }
      text += fmt::format(" -d {}\n", QuotedForFish(flag.help));
    }
    if (const auto operands = KnownOperands(command); !operands.empty())
      text += fmt::format("{} -f -a '{}'\n", within, fmt::join(operands, " "));
  }
  return text;
}

}  // namespace

int RunCompletions(const Invocation& invocation) {
  const std::string& shell = invocation.operands.front();
  std::string text;
  if (shell == "bash") {
    text = ForBash();
  } else if (shell == "zsh") {
    text = ForZsh();
  } else if (shell == "fish") {
    text = ForFish();
  } else {
    return Trouble(fmt::format("completions does not know the shell {} (one of bash, zsh, fish)", shell));
  }
  const auto written = WriteOutput("", text);
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
