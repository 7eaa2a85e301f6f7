// What a live database says of statements that the trace has no plans of, for advise: generic plans, or plans with the
// values that --keep-values stored; and with HypoPG, of the indexes that the advisor would make. Over own read-only
// connections with short limits; nothing is executed. Blocking, for at most half a minute.
#pragma once

#include <string>

#include "analyzer/catalog/snapshot.h"
#include "analyzer/detectors/detector.h"
#include "analyzer/trace/trace.h"

namespace pgassay::cli {

// Adds plans and trials to `view`, under the snapshot's upstream and database. `database`: what libpq takes as
// conninfo. What cannot be planned there is left out.
void AddLivePlans(const std::string& database, const catalog::Snapshot& snapshot, const trace::Trace& trace,
                  detectors::TraceView& view);

}  // namespace pgassay::cli
