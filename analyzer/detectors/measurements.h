// Which figures the rules of schema want counted on the live database, from its snapshot alone: bounded in number, most
// useful first. Pure.
#pragma once

#include <vector>

#include "analyzer/catalog/snapshot.h"

namespace pgassay::detectors {

std::vector<catalog::MeasureTask> WantedMeasurements(const catalog::Snapshot& snapshot);

}  // namespace pgassay::detectors
