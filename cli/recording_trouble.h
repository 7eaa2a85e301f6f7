// When the trace cannot be written: says so once, and again when recording goes on. Threads: one owner.
#pragma once

#include <string>

#include "proxy/base/shared_totals.h"

namespace pgassay::cli {

class RecordingTrouble {
 public:
  std::string News(const RecorderTotals& totals);  // "": none

 private:
  bool paused_ = false;
};

}  // namespace pgassay::cli
