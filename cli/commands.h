// The commands of the binary, in one table: dispatch, usage lines and --help come from it. One file per command.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/settings.h"
#include "cli/terminal.h"

namespace pgassay::cli {

// All that a command may look at; it answers with its exit code.
struct Invocation {
  const Settings& settings;
  const std::vector<std::string>& operands;
  const std::vector<std::string>& child;  // what followed --
  const Environment& environment;
  const Terminal& terminal;
};

struct Command {
  std::string_view name;
  unsigned bit;               // of SettingInfo::commands
  std::string_view operands;  // as a usage line shows them
  std::string_view missing;   // what is asked for when there are too few
  size_t min_operands, max_operands;
  bool takes_child;          // -- CMD…
  std::string_view summary;  // one line
  std::string_view details;  // for --help, lines of at most 100 columns
  int (*run)(const Invocation& invocation);
};

std::span<const Command> AllCommands();
const Command* FindCommand(std::string_view name);  // null if unknown

std::string UsageLine(const Command& command);  // "pgassay report [flags] TRACE…"

struct Flag {
  std::string_view name;         // without --
  std::string_view placeholder;  // of its value, "" for a switch
  std::string help;              // with the default, if it has one
};
std::vector<Flag> FlagsOf(const Command& command);  // in the order of --help, --config last

// The exit codes, besides those of CMD.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFindings = 1;      // --fail-on found something, or the gate failed
inline constexpr int kExitTrouble = 2;       // bad usage, unreadable trace, unreachable upstream
inline constexpr int kExitInconclusive = 3;  // the gate cannot tell

// The same for people.
inline constexpr std::string_view kExitCodes =
    "0 done; 1 --fail-on found something, or the gate failed; 2 bad usage, an unreadable trace or an unreachable "
    "server; 3 the gate is inconclusive; of run: CMD's own, if that is not 0";

int RunRun(const Invocation& invocation);
int RunProxy(const Invocation& invocation);
int RunReport(const Invocation& invocation);
int RunQueries(const Invocation& invocation);
int RunShow(const Invocation& invocation);
int RunBaseline(const Invocation& invocation);
int RunGate(const Invocation& invocation);
int RunDiff(const Invocation& invocation);
int RunRules(const Invocation& invocation);
int RunConfig(const Invocation& invocation);
int RunAdvise(const Invocation& invocation);
int RunLint(const Invocation& invocation);
int RunTlsInit(const Invocation& invocation);
int RunCompletions(const Invocation& invocation);
int RunMan(const Invocation& invocation);

// The whole program: parses, resolves settings, runs the command. What main() returns.
int Main(int argc, char** argv);

}  // namespace pgassay::cli
