// What is said of the recording: that the trace holds values, which is said at the start; that it cannot be written,
// once, and again when recording goes on. Threads: one owner.
#pragma once

#include <string>

#include "proxy/base/shared_totals.h"

namespace pgassay::cli {

std::string KeptValuesWarning(bool keep_values, const std::string& trace_path);  // "": none

class RecordingTrouble {
 public:
  std::string News(const RecorderTotals& totals);  // "": none

 private:
  bool paused_ = false;
};

}  // namespace pgassay::cli
