// The tracked columns of each statement's result: what they are called, and whether the statement itself fixes their
// value. Threads: one owner.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "analyzer/lineage/columns.h"

namespace pgassay::lineage {

struct ColumnLayout {
  ResultColumn column;
  int32_t position = 0;
  uint32_t column_id = 0;
  TypeClass type_class = TypeClass::kUnknown;
  bool key_like = false;
  int echo_comparison = -1;  // the comparison whose parameter this column can only repeat
};

// What is known of the hashed columns of one statement's result.
struct Layout {
  std::vector<uint16_t> hashed_columns;
  std::vector<ColumnLayout> columns;
};

class Layouts {
 public:
  explicit Layouts(Columns& columns) : columns_(columns) {}

  // Lives as long as this: rows in flight may refer to one that was replaced.
  const Layout& Of(const StatementProfile& statement, uint64_t columns_hash, std::span<const ResultColumn> columns,
                   std::span<const uint16_t> hashed_columns);

 private:
  Columns& columns_;
  std::map<std::pair<int64_t, uint64_t>, std::unique_ptr<Layout>> layouts_;
  std::vector<std::unique_ptr<Layout>> retired_;
};

}  // namespace pgassay::lineage
