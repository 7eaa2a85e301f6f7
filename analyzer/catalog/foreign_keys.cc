#include "analyzer/catalog/foreign_keys.h"

#include <algorithm>

namespace pgassay::catalog {

std::vector<ColumnPair> ForeignKeyColumns(const Snapshot& snapshot) {
  std::vector<ColumnPair> pairs;
  for (const ForeignKey& key : snapshot.foreign_keys) {
    const Relation* relation = snapshot.FindRelation(key.relation_oid);
    const Relation* referenced = snapshot.FindRelation(key.referenced_oid);
    if (relation == nullptr || referenced == nullptr) continue;
    for (size_t i = 0; i < std::min(key.columns.size(), key.referenced_columns.size()); ++i) {
      const Column* column = FindColumn(*relation, key.columns[i]);
      const Column* target = FindColumn(*referenced, key.referenced_columns[i]);
      if (column == nullptr || target == nullptr) continue;
      pairs.push_back({relation->name, column->name, referenced->name, target->name});
    }
  }
  return pairs;
}

}  // namespace pgassay::catalog
