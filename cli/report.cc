#include "cli/commands.h"
#include "cli/findings_output.h"

namespace pgassay::cli {

int RunReport(const Invocation& invocation) {
  const auto output = FindingsOutput::From(invocation.settings);
  if (!output) return Trouble(output.error().message);
  return WriteFindings(invocation.operands, *output, invocation.settings, invocation.terminal);
}

}  // namespace pgassay::cli
