// How many findings a recording holds so far, for the status line: the trace is read while it is written, never more
// often than every two seconds, and never for more than a twentieth of the time. Threads: one.
#pragma once

#include <cstdint>
#include <string>

#include "analyzer/detectors/detector.h"

namespace pgassay::cli {

class LiveFindings {
 public:
  LiveFindings(std::string trace_path, const detectors::RuleOptions& rules)
      : trace_path_(std::move(trace_path)), rules_(rules) {}
  // The last count known; counts anew when that is due.
  uint64_t Count();

 private:
  std::string trace_path_;
  const detectors::RuleOptions& rules_;
  uint64_t count_ = 0;
  int64_t next_ns_ = 0;
};

}  // namespace pgassay::cli
