// GitHub workflow annotations: a line per finding, as the runner reads them from a step's output; with a
// verdict only what fails or warns. A step shows ten of
// each weight, so the most costly come first; the job's own log has them all.
#include <fmt/format.h>

#include <ostream>

#include "reporters/listing.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

// A command is one line; what else could end a property is escaped as the runner undoes it.
std::string Escaped(std::string_view text, bool property) {
  std::string shown;
  for (const char c : EscapeForTerminal(text)) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    if (special) {
      shown += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      shown += c;
    }
  }
  return shown;
}

std::string_view CommandOf(Weight weight) {
  switch (weight) {
    case Weight::kError:
      return "error";
    case Weight::kWarning:
      return "warning";
    case Weight::kNote:
      break;
  }
  return "notice";
}

void WriteCommand(std::string_view command, std::string_view title, std::string_view message, const Location& location,
                  std::ostream& out) {
  out << "::" << command << ' ';
  if (location.known) out << fmt::format("file={},line={},", Escaped(location.file, true), location.line);
  out << "title=" << Escaped(title, true) << "::" << Escaped(message, false) << '\n';
}

}  // namespace

void WriteGithub(const Report& report, const ReportStyle&, std::ostream& out) {
  const bool passed = !report.verdict || report.verdict->outcome == gate::Outcome::kPass;
  WriteCommand(passed ? "notice" : "error", "pgassay", HeadlineOf(report), {}, out);
  if (report.verdict) {
    for (const std::string& reason : report.verdict->reasons) WriteCommand("error", "pgassay", reason, {}, out);
  }
  for (const std::string& warning : report.warnings) WriteCommand("warning", "pgassay", warning, {}, out);
  for (const Item& item : ListItems(report)) {
    if (report.verdict && item.weight == Weight::kNote) continue;
    const std::string where = item.scope.empty() ? "" : fmt::format("\nin {}", item.scope);
    WriteCommand(CommandOf(item.weight), fmt::format("{}: {}", item.rule, item.title), item.message + where,
                 item.location, out);
  }
}

}  // namespace pgassay::reporters
