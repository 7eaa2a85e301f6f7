// Records of the rings to rows of the trace: resolves texts, SQL-level PREPARE/EXECUTE and cursors, names relations,
// and feeds lineage and the recorder in the order of time. This is the recorder process's whole work. Threads: one
// owner, besides the thread that waits for catalogues. Blocking on storage is fine here: the relay never waits for it.
#pragma once

#include <memory>
#include <span>

#include "analyzer/ingest/catalog_watch.h"
#include "analyzer/trace/recorder.h"
#include "proxy/base/canonical_value.h"
#include "proxy/base/shared_ring.h"
#include "proxy/base/shared_totals.h"
#include "proxy/session/query_event.h"

namespace pgassay::ingest {

struct IngestOptions {
  std::vector<std::string> kept_tags;        // beyond the allow-list
  std::vector<CatalogSource> catalogs = {};  // whose databases' catalogues are read; none: no connection is ever made
  size_t loops = 1;                          // that send records
  bool keep_values = false;                  // example_values.h
  // False for a recorder that took over: it does not know what sessions had set, so it plans no statement.
  bool from_the_start = true;
};

class Ingest {
 public:
  Ingest(const HashKey& key, trace::Recorder& recorder, IngestOptions options);
  ~Ingest();
  // One record, in the order of time over all loops.
  void OnRecord(const session::Record& record);
  // Everything up to `now_ns` has been given: hands changed rows to the recorder.
  void Flush(int64_t now_ns);
  // Looks after the catalogues; often.
  void PollCatalogs(int64_t now_ns);
  void Finish(int64_t now_ns);

 private:
  class State;
  std::unique_ptr<State> state_;
};

// The recorder process: polls the rings, merges the loops by their watermarks, feeds Ingest, commits; returns when
// totals->relay_done is set and the rings are empty (complete), or on an error of the trace file.
Result<> RunRecorder(std::span<SharedRing> rings, SharedTotals& totals, const HashKey& key,
                     const trace::OpenOptions& trace, const IngestOptions& options);

}  // namespace pgassay::ingest
