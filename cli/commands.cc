#include "cli/commands.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/command_line.h"
#include "cli/config_file.h"
#include "cli/environment.h"

namespace pgassay::cli {

namespace {

constexpr size_t kAny = 1'000'000;

constexpr std::array kCommands = std::to_array<Command>({
    {"run", kRun, "-- CMD…", "a command", 0, 0, true, "run a command through the proxy, then report",
     "Starts a proxy on free loopback ports, runs CMD with every PostgreSQL address of its environment\n"
     "pointing there, and prints the report when CMD has ended. Rewritten are variables that hold a\n"
     "PostgreSQL URL (postgresql://, postgresql+driver://, jdbc:postgresql://, …), PGHOST, PGPORT,\n"
     "PGHOSTADDR, PGSERVICE, and those named by --env. The server is --upstream, else what was\n"
     "rewritten, else what libpq would connect to. The exit code is CMD's (128 + n for a signal); if\n"
     "that is 0, --fail-on decides, or with --gate the verdict.",
     RunRun},
    {"proxy", kProxy, "--upstream URI --trace FILE", "nothing", 0, 0, false, "record what passes until stopped",
     "Listens, relays to the server and records. SIGINT and SIGTERM stop accepting, let sessions end for\n"
     "--drain seconds, flush, and exit 0; SIGHUP reads the certificates again. One line on stderr says when\n"
     "it is ready, and where. Several servers are recorded into one trace by --route, each with an address\n"
     "of its own; --upstream is not needed then.",
     RunProxy},
    {"report", kReport, "TRACE…", "a trace", 1, kAny, false, "findings first, then totals",
     "Several traces are reported as one. The exit code is 0 whatever is found, unless --fail-on is given.", RunReport},
    {"queries", kQueries, "TRACE…", "a trace", 1, kAny, false, "statements by time, calls, rows, bytes or errors",
     "Lists the statements of the traces, the most costly first.", RunQueries},
    {"show", kShow, "TRACE ID", "a trace and an id", 2, 2, false, "one finding or statement, whole",
     "ID is that of a finding as the report prints it, or a statement's number or fingerprint as\n"
     "`pgassay queries` prints it; its first characters are enough while they are unambiguous.",
     RunShow},
    {"baseline", kBaseline, "TRACE…", "a trace", 1, kAny, false, "the accepted state, to be committed",
     "Writes what the traces show as JSON: the findings, where each is known, and what each test or route asks.\n"
     "Several traces (shards, or runs of the same commit) become one, counts their minimum and maximum. Commit\n"
     "the file; pgassay gate compares with it. It is written whatever a gate says.",
     RunBaseline},
    {"gate", kGate, "TRACE…", "a trace", 1, kAny, false, "the verdict on a run, against a baseline",
     "Fails on findings that the baseline does not have, on known ones at a new route or line of code, and on\n"
     "counts that grew beyond the policy of pgassay.toml ([gate]). The exit code is 0 pass, 1 fail, 2 trouble,\n"
     "3 inconclusive: nothing captured, sessions that could not be read, anything dropped, a recording cut off.",
     RunGate},
    {"diff", kDiff, "A B", "two traces or baselines", 2, 2, false, "what changed between two runs",
     "A and B are traces or baselines. Lists findings that are new, fixed, grown or shrunk, what each test or\n"
     "route asks more or less, and statements that came or went.",
     RunDiff},
    {"advise", kAdvise, "TRACE", "a trace", 1, 1, false, "indexes to create, and to drop",
     "Reads the recorded statements and the catalogue that was recorded with them (run --database=auto), or with\n"
     "--database that of a live database, over a read-only connection with short limits. Costs are the\n"
     "planner's where the recorder could ask it (HypoPG in the database, or run --sandbox), else modelled from the\n"
     "catalogue's statistics. With --database that server plans what the trace has no plan of: with the values that\n"
     "run --keep-values stored, else generically, and the findings say so. Nothing is created or executed:\n"
     "--format sql writes a script to read and run.",
     RunAdvise},
    {"lint", kLint, "--database URI", "nothing", 0, 0, false, "schema checks on a live database",
     "Reads the catalogue over a read-only connection with short limits, counts what the rules of schema need\n"
     "(no value leaves the server), and reports. With --trace the traffic of a recording weights and completes\n"
     "the findings. Rules of the normal forms are off until pgassay.toml enables them.",
     RunLint},
    {"rules", kRules, "[ID]", "nothing", 0, 1, false, "list the rules, or explain one",
     "Options of a rule are set in pgassay.toml, in its table [rules.ID].", RunRules},
    {"config", kConfig, "", "nothing", 0, 0, false, "the settings in effect, and where each came from",
     "A flag comes before a PGASSAY_* variable, that before pgassay.toml, that before the default.", RunConfig},
    {"tls-init", kTlsInit, "DIR", "a directory", 1, 1, false, "make a certificate for localhost, for development",
     "Makes a private CA and a certificate for localhost, 127.0.0.1 and ::1 that it signs: ca.crt,\n"
     "localhost.crt and localhost.key in DIR. Give the last two to pgassay proxy as --tls-cert and --tls-key,\n"
     "and ca.crt to clients as sslrootcert. The CA's own key is thrown away. Existing files are left alone.",
     RunTlsInit},
    {"completions", 0, "SHELL", "a shell", 1, 1, false, "completion for bash, zsh or fish",
     "Writes a script for bash, zsh or fish to standard output: source <(pgassay completions bash), or for fish\n"
     "pgassay completions fish > ~/.config/fish/completions/pgassay.fish.",
     RunCompletions},
    {"man", 0, "", "nothing", 0, 0, false, "the manual page",
     "Writes the manual page: pgassay man > pgassay.1, then man ./pgassay.1.", RunMan},
});

// Words of `text` in lines of at most `width` columns, the first starting at column `indent` already.
std::string Wrapped(std::string_view text, size_t indent, size_t width) {
  std::string result;
  size_t column = indent;
  for (size_t from = 0; from < text.size();) {
    const size_t space = std::min(text.find(' ', from), text.size());
    const std::string_view word = text.substr(from, space - from);
    if (column > indent && column + 1 + word.size() > width) {
      result += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
    from = space + 1;
  }
  return result;
}

std::string Overview() {
  std::string text =
      "pgassay records what an application asks PostgreSQL, and reports what it should not have asked.\n\n";
  for (const Command& command : kCommands) text += fmt::format("  pgassay {:<12}{}\n", command.name, command.summary);
  text += "\n  pgassay COMMAND --help says more; pgassay --version prints the version.\n\n";
  return text + Wrapped(fmt::format("Exit codes: {}.", kExitCodes), 0, 100) + '\n';
}

std::string HelpFor(const Command& command, int width) {
  constexpr size_t kIndent = 30;
  std::string text = fmt::format("{}: {}\n\n{}\n\n", UsageLine(command), command.summary, command.details);
  for (const Flag& flag : FlagsOf(command)) {
    text += fmt::format("  {:<28}{}\n",
                        fmt::format("--{}{}{}", flag.name, flag.placeholder.empty() ? "" : " ", flag.placeholder),
                        Wrapped(flag.help, kIndent, static_cast<size_t>(std::clamp(width, 60, 100))));
  }
  return text;
}

int Dispatch(const CommandLine& line, const Environment& environment, const Terminal& terminal) {
  auto config = line.config;
  if (!config) config = environment.GetFilled("PGASSAY_CONFIG");
  const auto file = ReadConfigFile(config);
  if (!file) return Trouble(file.error().message);
  const auto settings = Settings::Resolve(line.flags, environment, *file);
  if (!settings) return Trouble(settings.error().message);
  return line.command->run(Invocation{.settings = *settings,
                                      .operands = line.operands,
                                      .child = line.child,
                                      .environment = environment,
                                      .terminal = terminal});
}

int PrintHelp(const std::string& text) {
  const auto written = WriteOutput("", text);
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace

std::string UsageLine(const Command& command) {
  std::string line = fmt::format("pgassay {}", command.name);
  const bool has_flags =
      std::ranges::any_of(AllSettings(), [&](const SettingInfo& s) { return (s.commands & command.bit) != 0; });
  if (has_flags) line += " [flags]";
  if (!command.operands.empty()) line += fmt::format(" {}", command.operands);
  return line;
}

std::vector<Flag> FlagsOf(const Command& command) {
  std::vector<Flag> flags;
  for (const SettingInfo& setting : AllSettings()) {
    if ((setting.commands & command.bit) == 0) continue;
    const bool tells_default = setting.kind != SettingKind::kSwitch && !setting.default_text.empty();
    flags.push_back(
        {setting.name, setting.placeholder,
         fmt::format("{}{}", setting.help, tells_default ? fmt::format(" (default {})", setting.default_text) : "")});
  }
  flags.push_back(
      {"config", "FILE", "settings from this file (default pgassay.toml of the working directory, if there is one)"});
  return flags;
}

std::span<const Command> AllCommands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  return found == kCommands.end() ? nullptr : &*found;
}

int Main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is seen where it is written to
  const Environment environment = Environment::OfThisProcess();
  const Terminal terminal = Terminal::Detect(environment);
  const auto line = ParseCommandLine(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  if (!line) return Trouble(line.error().message);
  if (line->version) return PrintHelp("pgassay " PGASSAY_VERSION "\n");
  if (line->help) return PrintHelp(line->command == nullptr ? Overview() : HelpFor(*line->command, terminal.width));
  return Dispatch(*line, environment, terminal);
}

}  // namespace pgassay::cli
