// A DataRow while it is read: its cells' lengths, the hashes of the chosen ones. Usually within one call, in the loop's
// scratch; kept on the heap when a read boundary cuts the row.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/session/execution.h"
#include "proxy/wire/reply_body.h"

namespace pgassay::session {

inline constexpr uint32_t kMaxCellBytes = kMaxParameterBytes;  // a longer cell is counted, not hashed

class RowCells {
 public:
  // `layout` and `key` outlive the row.
  void Begin(const HashKey& key, const ResultLayout& layout) {
    key_ = &key;
    layout_ = &layout;
    next_ = 0;
    lengths.clear();
    columns = 0;
    usable = false;
  }

  void OnColumns(uint16_t count) {
    columns = count;
    usable = layout_->columns_hash != 0 && count == layout_->column_count;
    hashes.fill(0);
    lengths.reserve(usable ? count : 0);
  }
  bool WantsCell(uint16_t index) const {
    return usable && next_ < layout_->chosen_count && layout_->positions[next_] == index;
  }
  void OnCell(uint16_t index, int32_t length, std::string_view bytes) {
    if (!usable) return;
    lengths.push_back(length);
    if (!WantsCell(index)) return;
    // An empty value is given without bytes, too; its hash is that of the empty text.
    if (length >= 0 && static_cast<uint32_t>(length) <= kMaxCellBytes) {
      const bool binary = (layout_->binary_cells >> next_ & 1U) != 0;
      const uint32_t type = layout_->type_oids[next_];
      hashes[next_] = (binary ? HashBinaryValue(*key_, type, bytes) : HashTextValue(*key_, type, bytes)).hash;
    }
    ++next_;
  }

  bool usable = false;  // described, and as many cells as the description says
  uint16_t columns = 0;
  std::vector<int32_t> lengths;
  std::array<uint64_t, kMaxLineageColumns> hashes{};

 private:
  const HashKey* key_ = nullptr;
  const ResultLayout* layout_ = nullptr;
  uint8_t next_ = 0;  // of the layout's chosen columns
};

class RowMessage {
 public:
  RowMessage(const HashKey& key, const ResultLayout& layout) : hasher_(key) { cells.Begin(key, layout); }
  bool Feed(std::string_view piece) {
    hasher_.Add(piece);
    return reader_.Feed(piece, cells);
  }
  bool Complete() const { return reader_.Complete(); }
  uint64_t hash() const { return hasher_.Finish(); }

  RowCells cells;

 private:
  BytesHasher hasher_;
  wire::DataRowReader reader_{kMaxCellBytes};
};

}  // namespace pgassay::session
