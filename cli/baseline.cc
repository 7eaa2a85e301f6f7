#include "analyzer/gate/baseline.h"

#include <fmt/format.h>

#include "analyzer/detectors/words.h"
#include "cli/commands.h"
#include "cli/gate_output.h"

namespace pgassay::cli {

namespace {

using detectors::Counted;

// What the file cannot promise. It is written nevertheless: accepting a state is a person's decision.
Result<> SayWhatIsMissing(const std::vector<std::string>& traces, const gate::Observation& observation) {
  for (const std::string& path : traces) {
    const auto trace = trace::Trace::Open(path);
    if (!trace) return std::unexpected(trace.error());
    const auto totals = trace->ReadTotals();
    if (!totals) return std::unexpected(totals.error());
    if (!totals->complete || totals->opaque_sessions > 0)
      Say(fmt::format("{} is incomplete: what is missing there is missing in the baseline", path));
  }
  if (!observation.unfinished.empty()) {
    Say(fmt::format(
        "{} failed or {} skipped: nothing of {} is in the baseline", Counted(observation.unfinished.size(), "scope"),
        observation.unfinished.size() == 1 ? "was" : "were", observation.unfinished.size() == 1 ? "it" : "them"));
  }
  if (observation.judged_executions == 0)
    Say("no query ran in a test, a traced request or a transaction: the baseline is empty");
  return {};
}

}  // namespace

int RunBaseline(const Invocation& invocation) {
  const auto observation = ObserveForBaseline(invocation.operands, invocation.settings);
  if (!observation) return Trouble(observation.error().message);
  if (const auto said = SayWhatIsMissing(invocation.operands, *observation); !said)
    return Trouble(said.error().message);
  const std::string output = invocation.settings.Text("output");
  const auto written = WriteOutput(output, gate::BaselineText(*observation));
  if (!written) return Trouble(written.error().message);
  if (!output.empty()) {
    Say(fmt::format("{}, {} into {}", Counted(observation->findings.size(), "known finding"),
                    Counted(observation->scopes.size(), "scope"), output));
  }
  return kExitOk;
}

}  // namespace pgassay::cli
