#include <fmt/format.h>

#include <sstream>

#include "cli/commands.h"
#include "cli/suggest.h"

namespace pgassay::cli {

int RunRules(const Invocation& invocation) {
  const reporters::ReportStyle style = StyleFor(invocation.terminal, false);
  std::ostringstream text;
  if (invocation.operands.empty()) {
    reporters::WriteRules(style, text);
  } else {
    const std::string& id = invocation.operands.front();
    const detectors::Detector* detector = detectors::FindDetector(id);
    if (detector == nullptr) {
      std::vector<std::string_view> known;
      for (const detectors::Detector& each : detectors::AllDetectors()) known.push_back(each.info->id);
      std::string hint = DidYouMean(id, known);
      if (hint.empty()) hint = " (pgassay rules lists them)";
      return Trouble(fmt::format("unknown rule {}{}", id, hint));
    }
    reporters::WriteRule(*detector->info, style, text);
  }
  const auto written = WriteOutput("", text.str());
  return written ? kExitOk : Trouble(written.error().message);
}

}  // namespace pgassay::cli
