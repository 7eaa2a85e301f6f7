// What the writes of the recording would pay for an index: an entry for every row inserted, and for every row version
// that an update makes when it is not heap-only. An update of a column that the index has in its keys, predicate or
// INCLUDE list is never heap-only (in PostgreSQL 16 and later a BRIN index does not count). Pure; cost in the planner's
// units, over the recording.
// Source: src/backend/access/heap/README.HOT; prices from measurements on PostgreSQL 15.
#pragma once

#include "analyzer/advisor/candidate.h"

namespace pgassay::advisor {

struct WriteCost {
  double cost = 0;
  double entries = 0;            // index entries added
  double wal_bytes = 0;          // of these
  double hot_updates_lost = 0;   // updates that are heap-only today and would no longer be
  std::vector<int16_t> updated;  // columns of the index that more than 5 % of the table's writes update
};

WriteCost CostOfWrites(const Candidate& candidate, const Workload& workload);

}  // namespace pgassay::advisor
