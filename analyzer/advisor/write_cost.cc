#include "analyzer/advisor/write_cost.h"

#include <algorithm>
#include <set>

namespace pgassay::advisor {
namespace {

constexpr double kUpdatedShare = 0.05;
// A leaf page that has to be found, dirtied and written some time: half a random page, and its share of the log.
constexpr double kBtreeEntry = 2.5;
constexpr double kGinEntry = 1.2;  // of the pending list, per entry of a row
constexpr double kBlockRangeEntry = 0.02;
constexpr double kHeapVersion = 1.5;  // a new row version on another page, and its later clean-up
constexpr double kWalOverhead = 64;   // of a record

std::set<int16_t> ColumnsOf(const std::vector<catalog::IndexKey>& keys, const std::vector<int16_t>& included,
                            const std::string& predicate, const catalog::Relation& relation) {
  std::set<int16_t> columns(included.begin(), included.end());
  std::string texts = predicate;
  for (const catalog::IndexKey& key : keys) {
    if (key.attnum != 0) columns.insert(key.attnum);
    texts += " " + key.expression;
  }
  for (const catalog::Column& column : relation.columns) {
    if (texts.contains(column.name)) columns.insert(column.attnum);
  }
  return columns;
}

double UpdatesOf(const Writes& writes, const std::set<int16_t>& columns) {
  double updates = 0;
  for (const int16_t column : columns) {
    const auto found = writes.updated_columns.find(column);
    if (found != writes.updated_columns.end()) updates = std::max(updates, found->second);
  }
  return updates;
}

}  // namespace

WriteCost CostOfWrites(const Candidate& candidate, const Workload& workload) {
  const catalog::Snapshot& snapshot = *workload.snapshot;
  const catalog::Relation& relation = *candidate.relation;
  const Writes& writes = workload.WritesOf(relation.oid);
  const auto own = ColumnsOf(candidate.spec.keys, candidate.spec.included, candidate.spec.predicate, relation);
  std::set<int16_t> indexed;
  double indexes = 0;
  for (const catalog::Index* index : snapshot.IndexesOf(relation.oid)) {
    const auto columns = ColumnsOf(index->keys, index->included, index->predicate, relation);
    indexed.insert(columns.begin(), columns.end());
    indexes += 1;
  }
  const bool keeps_hot = candidate.spec.access_method == "brin" && snapshot.server_version >= 160000;
  const double not_hot = UpdatesOf(writes, indexed);  // today, whatever we add
  const double ours = keeps_hot ? 0 : UpdatesOf(writes, own);

  WriteCost result;
  result.hot_updates_lost = std::max(ours - not_hot, 0.0);
  // An update that is not heap-only adds an entry to every index; to a partial one only for the rows in it.
  const double share = candidate.predicate_share;
  result.entries = writes.inserted * share + std::max(not_hot, ours) * share;
  double price = kBtreeEntry;
  double width = 16;
  for (const catalog::IndexKey& key : candidate.spec.keys) {
    if (const catalog::Column* column = catalog::FindColumn(relation, key.attnum))
      width += std::max(column->average_width, 8);
  }
  if (candidate.spec.access_method == "gin") {
    const catalog::Column* column = catalog::FindColumn(relation, candidate.spec.keys[0].attnum);
    const double words =
        column == nullptr ? 4 : std::max(2.0, column->average_width / (candidate.kind == Kind::kTrigram ? 1.0 : 10.0));
    price = kGinEntry * std::min(words, 40.0);
    width *= std::min(words, 40.0) / 4;
  } else if (candidate.spec.access_method == "brin") {
    price = kBlockRangeEntry;
    width = 0;
  }
  result.cost = result.entries * price + result.hot_updates_lost * (kHeapVersion + indexes * kBtreeEntry);
  result.wal_bytes = result.entries * (price == kBlockRangeEntry ? 0.5 : width + kWalOverhead) +
                     result.hot_updates_lost * indexes * (16 + kWalOverhead);
  for (const int16_t column : own) {
    const auto found = writes.updated_columns.find(column);
    if (found != writes.updated_columns.end() && found->second > kUpdatedShare * writes.all())
      result.updated.push_back(column);
  }
  return result;
}

}  // namespace pgassay::advisor
