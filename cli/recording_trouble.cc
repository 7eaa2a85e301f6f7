#include "cli/recording_trouble.h"

namespace pgassay::cli {

std::string KeptValuesWarning(bool keep_values, const std::string& trace_path) {
  if (!keep_values) return "";
  return "--keep-values: " + trace_path +
         " will hold values of parameters and literals; keep it as safe as the database itself";
}

std::string RecordingTrouble::News(const RecorderTotals& totals) {
  const bool paused = totals.paused.load(std::memory_order_relaxed) != 0;
  if (paused == paused_) return "";
  paused_ = paused;
  return paused ? "the trace cannot be written: recording is paused, traffic goes on"
                : "the trace can be written again: recording goes on, behind a gap";
}

}  // namespace pgassay::cli
