// The foreign keys of a snapshot, column by column and by name. Views into the snapshot.
#pragma once

#include <string_view>
#include <vector>

#include "analyzer/catalog/snapshot.h"

namespace pgassay::catalog {

struct ColumnPair {
  std::string_view relation, column, referenced_relation, referenced_column;
};

// One pair for each column of each key.
std::vector<ColumnPair> ForeignKeyColumns(const Snapshot& snapshot);

}  // namespace pgassay::catalog
