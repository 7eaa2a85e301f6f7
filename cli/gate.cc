#include "cli/commands.h"
#include "cli/gate_output.h"

namespace pgassay::cli {

int RunGate(const Invocation& invocation) {
  const auto output = FindingsOutput::From(invocation.settings);
  if (!output) return Trouble(output.error().message);
  const auto gate = GateOutput::From(invocation.settings);
  if (!gate) return Trouble(gate.error().message);
  return gate->Write(invocation.operands, *output, invocation.settings, invocation.terminal);
}

}  // namespace pgassay::cli
