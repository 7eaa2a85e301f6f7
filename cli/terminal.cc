#include "cli/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "cli/commands.h"
#include "cli/status_line.h"
#include "proxy/base/unique_fd.h"

namespace pgassay::cli {

namespace {

constexpr int kNarrowest = 40;  // below this a report is unreadable anyway

// As setlocale decides: the first of the three that is set.
bool SpeaksUtf8(const Environment& environment) {
  for (const std::string_view name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = environment.GetFilled(name);
    if (!value) continue;
    return value->find("UTF-8") != std::string::npos || value->find("utf8") != std::string::npos ||
           value->find("utf-8") != std::string::npos;
  }
  return false;
}

}  // namespace

int TerminalColumns(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

Terminal Terminal::Detect(const Environment& environment) {
  Terminal terminal;
  terminal.out = ::isatty(STDOUT_FILENO) == 1;
  terminal.err = ::isatty(STDERR_FILENO) == 1;
  terminal.color = terminal.out && !environment.GetFilled("NO_COLOR") && environment.Get("TERM").value_or("") != "dumb";
  terminal.unicode = SpeaksUtf8(environment);
  int columns = 0;
  const std::string text = environment.Get("COLUMNS").value_or("");
  std::from_chars(text.data(), text.data() + text.size(), columns);
  if (columns <= 0) columns = TerminalColumns(STDOUT_FILENO);
  if (columns > 0) terminal.width = std::max(columns, kNarrowest);
  return terminal;
}

void Say(std::string_view sentence) {
  StatusLine::ClearShown();
  // One write, so that sentences of several processes do not mix.
  const std::string line = fmt::format("pgassay: {}\n", reporters::EscapeForTerminal(sentence));
  WriteToStderr(line);
}

int Trouble(std::string_view sentence) {
  Say(sentence);
  return kExitTrouble;
}

void WriteToStderr(std::string_view text) { [[maybe_unused]] const Result<> written = WriteAll(STDERR_FILENO, text); }

Result<> WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      return {};
    } else if (errno != EINTR) {
      return Fail(std::strerror(errno));
    }
  }
  return {};
}

Result<> WriteOutput(const std::string& output, std::string_view text) {
  if (output.empty() || output == "-") {
    StatusLine::ClearShown();
    const auto written = WriteAll(STDOUT_FILENO, text);
    if (!written) return Fail(fmt::format("cannot write to standard output: {}", written.error().message));
    return {};
  }
  const UniqueFd fd(::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd) return Fail(fmt::format("cannot write {}: {}", output, std::strerror(errno)));
  const auto written = WriteAll(fd.get(), text);
  if (!written) return Fail(fmt::format("cannot write {}: {}", output, written.error().message));
  return {};
}

Result<> CheckPageFormat(std::string_view format) {
  if (format == "terminal" || format == "json") return {};
  return Fail(fmt::format("--format does not know {} (one of terminal, json)", format));
}

reporters::ReportStyle StyleFor(const Terminal& terminal, bool to_file) {
  reporters::ReportStyle style;
  style.color = terminal.color && !to_file;
  style.unicode = terminal.unicode;
  style.width = terminal.width;
  return style;
}

}  // namespace pgassay::cli
