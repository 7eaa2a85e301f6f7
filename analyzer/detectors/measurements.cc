#include "analyzer/detectors/measurements.h"

#include <algorithm>

#include "analyzer/detectors/copies.h"
#include "analyzer/detectors/schema.h"

namespace pgassay::detectors {
namespace {

using catalog::MeasureKind;
using catalog::MeasureTask;

constexpr uint32_t kTimestamp = 1114, kInt8 = 20;

bool IsSingleKey(const Table& table, int16_t attnum) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    return index->primary && index->keys.size() == 1 && index->keys[0].attnum == attnum;
  });
}

bool IsCounted(const catalog::Column& column) { return column.identity || column.default_sql.starts_with("nextval("); }

// It could be a list of ids, or hold one value in two spellings.
bool IsWorthReading(const catalog::Column& column) {
  constexpr int kLongList = 500;
  return IsText(column) && column.enum_labels.empty() && column.average_width < kLongList;
}

void AddOf(const Table& table, const References& references, std::vector<MeasureTask>& tasks) {
  const uint32_t oid = table.relation->oid;
  for (const catalog::Column& column : table.relation->columns) {
    const auto add = [&](MeasureKind kind) { tasks.push_back({kind, oid, {column.attnum}, 0, {}}); };
    if (column.type_oid == kTimestamp) add(MeasureKind::kMidnight);
    if (IsWorthReading(column)) add(MeasureKind::kTextValues);
    if (IsSingleKey(table, column.attnum)) {
      if (IsInteger(column) && column.type_oid != kInt8 && IsCounted(column)) add(MeasureKind::kKeyRange);
      continue;
    }
    if (IsInForeignKey(table, column.attnum)) continue;
    const Reference reference = references.Of(*table.relation, column);
    if (reference.relation != nullptr)
      tasks.push_back({MeasureKind::kContainment, oid, {column.attnum}, reference.relation->oid, {reference.key}});
  }
  for (const CopyCandidate& candidate : CopyCandidates(table, references)) {
    const std::vector<int16_t> columns = {candidate.reference->attnum, candidate.copy->attnum};
    tasks.push_back({MeasureKind::kAgreement, oid, columns, 0, {}});
    if (candidate.original != nullptr) {
      tasks.push_back({MeasureKind::kCopy,
                       oid,
                       columns,
                       candidate.target.relation->oid,
                       {candidate.target.key, candidate.original->attnum}});
    }
  }
}

}  // namespace

std::vector<MeasureTask> WantedMeasurements(const catalog::Snapshot& snapshot) {
  std::vector<Table> tables = JudgedTables(snapshot);
  // If time runs out, the largest tables are the ones that were looked at.
  std::ranges::stable_sort(tables, std::greater{}, [](const Table& table) { return table.relation->bytes; });
  const References references(snapshot);
  std::vector<MeasureTask> tasks;
  for (const Table& table : tables) AddOf(table, references, tasks);
  std::ranges::stable_sort(tasks, {}, &MeasureTask::kind);
  return tasks;
}

}  // namespace pgassay::detectors
