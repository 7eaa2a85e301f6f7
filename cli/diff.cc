#include "analyzer/gate/diff.h"

#include <array>
#include <fstream>
#include <sstream>

#include "cli/commands.h"
#include "cli/gate_output.h"

namespace pgassay::cli {

namespace {

bool LooksLikeTrace(const std::string& path) {
  constexpr std::string_view kMagic = "SQLite format 3";
  std::array<char, kMagic.size()> head{};
  std::ifstream in(path, std::ios::binary);
  return in.read(head.data(), head.size()) && std::string_view(head.data(), head.size()) == kMagic;
}

Result<gate::DiffSide> ReadSide(const std::string& path, const Settings& settings) {
  gate::DiffSide side{.observation = {}, .is_baseline = !LooksLikeTrace(path)};
  auto observation = side.is_baseline ? ReadBaseline(path) : ObserveForBaseline({path}, settings);
  if (!observation) return std::unexpected(observation.error());
  side.observation = std::move(*observation);
  return side;
}

}  // namespace

int RunDiff(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const std::string format = settings.Text("format");
  if (const auto known = CheckPageFormat(format); !known) return Trouble(known.error().message);
  const auto a = ReadSide(invocation.operands[0], settings);
  if (!a) return Trouble(a.error().message);
  const auto b = ReadSide(invocation.operands[1], settings);
  if (!b) return Trouble(b.error().message);
  const gate::Diff diff = gate::Compare(*a, *b);
  std::ostringstream text;
  if (format == "json") {
    reporters::WriteDiffJson(diff, settings.Number("rtt"), text);
  } else {
    reporters::ReportStyle style = StyleFor(invocation.terminal, settings.IsSet("output"));
    style.all = settings.Switch("all");
    style.round_trip_ms = settings.Number("rtt");
    reporters::WriteDiff(diff, style, text);
  }
  const auto written = WriteOutput(settings.Text("output"), text.str());
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
