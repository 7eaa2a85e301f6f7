// The door to reporters: everything a report shows, as plain values.
#pragma once

#include <string>
#include <vector>

#include "analyzer/detectors/detector.h"
#include "analyzer/finding.h"
#include "analyzer/trace/trace.h"

namespace pgassay {

struct Report {
  std::vector<std::string> trace_paths;
  trace::Totals totals;             // added over the traces
  std::vector<Finding> findings;    // most costly first
  std::vector<trace::StatementRow> statements;
  std::vector<trace::GapRow> gaps;
  std::vector<std::string> warnings;   // "2 sessions went opaque: …"; sentences
};

struct ReportOptions {
  detectors::RuleOptions rules;
};

// Several traces: totals are added, findings of equal id merged.
Result<Report> BuildReport(const std::vector<std::string>& trace_paths, const ReportOptions& options);

}  // namespace pgassay
