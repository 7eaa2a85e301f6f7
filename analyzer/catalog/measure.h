// Counts the figures of measurement.h on a live database: one read-only question each, limited to two seconds and a
// sample (Connection), until `budget` is used up. Values stay in the server: what comes back, and is kept, are counts.
// What could not be counted is left out, and said in one of the snapshot's notes.
//
// Functional dependencies (kAgreement): pairs of rows with equal a, of a sample of the rows of up to 500 values of a,
// so that groups are whole however large the table is. Source of the formula: detectors/copies.h.
#pragma once

#include <chrono>
#include <span>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/snapshot.h"

namespace pgassay::catalog {

// Replaces snapshot.measurements. The tasks name relations and columns of the snapshot.
void Measure(Connections& connections, Snapshot& snapshot, std::span<const MeasureTask> tasks,
             std::chrono::milliseconds budget);

}  // namespace pgassay::catalog
