// What the session remembers of a RowDescription: how many columns, which of them lineage hashes, and as what.
//
// At most kMaxLineageColumns are chosen, from the description alone: integers, uuids and text; columns whose name ends
// in "id" first, then the others, each uuids before integers before text; ties by position. A value, copied freely; 72
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/base/canonical_value.h"
#include "proxy/session/query_event.h"

namespace pgassay::session {

struct ResultLayout {
  uint64_t columns_hash = 0;  // 0: never described
  uint16_t column_count = 0;
  uint8_t chosen_count = 0;
  uint8_t binary_cells = 0;  // bit i: the description gives chosen column i in the binary format
  std::array<uint16_t, kMaxLineageColumns> positions{};  // ascending
  std::array<uint32_t, kMaxLineageColumns> type_oids{};
};

// False if `body` is no RowDescription. `columns`, if given, receives the description; its names borrow from `body`.
bool ReadLayout(const HashKey& key, std::string_view body, ResultLayout& layout, std::vector<Column>* columns);

// The last layouts that a loop saw, by the bytes of their descriptions: most clients ask for one with each execution.
class LayoutCache {
 public:
  // Null if the bytes are not known.
  const ResultLayout* Find(uint64_t body_hash) const;
  void Put(uint64_t body_hash, const ResultLayout& layout);

 private:
  static constexpr size_t kEntries = 256;  // direct-mapped; 20 KiB a loop
  struct Entry {
    uint64_t body_hash = 0;
    ResultLayout layout;
  };
  std::vector<Entry> entries_;
};

}  // namespace pgassay::session
