#include "cli/live_catalog.h"

#include <chrono>

#include "analyzer/catalog/measure.h"
#include "analyzer/catalog/reader.h"
#include "analyzer/detectors/measurements.h"

namespace pgassay::cli {

Result<catalog::Snapshot> ReadLiveCatalog(const std::string& database, Counting counting) {
  constexpr std::chrono::seconds kBudget{30};  // for counting; somebody is waiting
  catalog::Connections connections({.conninfo = database});
  auto snapshot = catalog::ReadSnapshot(connections);
  if (!snapshot) return snapshot;
  const auto connection = connections.Get();
  if (!connection) return std::unexpected(connection.error());
  const auto name = (*connection)->Ask("SELECT current_database()");
  if (name && name->size() == 1) snapshot->database = name->Text(0, 0);
  if (counting == Counting::kWhatRulesNeed)
    catalog::Measure(connections, *snapshot, detectors::WantedMeasurements(*snapshot), kBudget);
  return snapshot;
}

}  // namespace pgassay::cli
