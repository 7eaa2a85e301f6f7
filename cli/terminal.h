// Talking to the person: what the terminal can show, sentences on stderr, whole texts on stdout. Nothing below cli/
// prints. A status line that is on the screen is taken away before a sentence is written (status_line.h registers
// itself).
#pragma once

#include <string>
#include <string_view>

#include "cli/environment.h"
#include "proxy/base/result.h"
#include "reporters/reporter.h"

namespace pgassay::cli {

struct Terminal {
  bool out = false, err = false;  // stdout, stderr are terminals
  bool color = false;             // of stdout: a terminal, NO_COLOR unset or empty, TERM not dumb
  bool unicode = false;           // the locale's charset is UTF-8
  int width = 80;                 // columns of stdout; COLUMNS, else the terminal's, else 80
  static Terminal Detect(const Environment& environment);
};

int TerminalColumns(int fd);  // as the kernel says now; 0 if fd is no terminal

// "pgassay: <sentence>" on stderr.
void Say(std::string_view sentence);
// Say, and the exit code of trouble.
int Trouble(std::string_view sentence);

// As it is; what stderr does not take is lost, for there is nobody to tell.
void WriteToStderr(std::string_view text);
// Writes all of it. A reader that has gone (EPIPE) is no error: `pgassay report t.db | head` ends quietly.
Result<> WriteAll(int fd, std::string_view text);
// To stdout, or to the file that --output names.
Result<> WriteOutput(const std::string& output, std::string_view text);

// The formats of `queries` and `show`: terminal and json.
Result<> CheckPageFormat(std::string_view format);
reporters::ReportStyle StyleFor(const Terminal& terminal, bool to_file);

}  // namespace pgassay::cli
