// The manual page from the table of commands, in man(7)'s macros.
#include <fmt/format.h>

#include "cli/commands.h"

namespace pgassay::cli {

namespace {

// Words stay words: no request, no escape, and a hyphen that can be copied.
std::string Roff(std::string_view text) {
  std::string shown;
  bool at_line_start = true;
  for (const char c : text) {
    if (at_line_start && (c == '.' || c == '\'')) shown += "\\&";
    if (c == '\\') {
      shown += "\\e";
    } else if (c == '-') {
      shown += "\\-";
    } else {
      shown += c;
    }
    at_line_start = c == '\n';
  }
  return shown;
}

std::string SectionOf(const Command& command) {
  std::string text =
      fmt::format(".SS {}\n.B {}\n.PP\n{}\n", Roff(command.name), Roff(UsageLine(command)), Roff(command.details));
  for (const Flag& flag : FlagsOf(command)) {
    text += fmt::format(".TP\n.BR \\-\\-{} \" {}\"\n{}\n", Roff(flag.name), Roff(flag.placeholder), Roff(flag.help));
  }
  return text;
}

}  // namespace

int RunMan(const Invocation&) {
  std::string text =
      ".TH PGASSAY 1 \"\" \"pgassay " PGASSAY_VERSION
      "\" \"User commands\"\n"
      ".SH NAME\npgassay \\- records what an application asks PostgreSQL, and reports what it should not have asked\n"
      ".SH SYNOPSIS\n.B pgassay\n.I COMMAND\n[flags] ...\n.SH COMMANDS\n";
  for (const Command& command : AllCommands()) text += SectionOf(command);
  text +=
      ".SH ENVIRONMENT\nEach setting of\n.B run\nand\n.B proxy\nis also a variable: PGASSAY_ and its name in capitals, "
      "as\n"
      "PGASSAY_MAX_CONNECTIONS.\n.B pgassay config\nlists them.\n"
      ".SH FILES\n.TP\n.I pgassay.toml\nsettings, options of rules, the policy of the gate\n"
      ".SH EXIT STATUS\n" +
      Roff(kExitCodes) + ".\n";
  const auto written = WriteOutput("", text);
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
