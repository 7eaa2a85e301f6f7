// The bodies of replies: RowDescription, DataRow, ErrorResponse, CommandComplete. A server's bytes are as little
// trusted as a client's: every length is checked, and what does not parse gives false. Source: PostgreSQL manual,
// "Message Formats". Views borrow from the body.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/wire/pieces.h"

namespace pgassay::wire {

inline constexpr uint16_t kMaxColumns = 1664;  // MaxTupleAttributeNumber: no PostgreSQL result has more

struct FieldDescription {
  std::string_view name;
  uint32_t table_oid = 0;
  int16_t attnum = 0;
  uint32_t type_oid = 0;
  int16_t type_size = 0;
  int32_t type_modifier = 0;
  bool binary = false;
};

// Handler: void(uint16_t index, const FieldDescription&). False: not a RowDescription.
template <class Handler>
bool ReadRowDescription(std::string_view bytes, Handler&& handler) {
  Body body(bytes);
  const uint16_t count = body.Uint16();
  for (uint16_t i = 0; i < count && body.ok(); ++i) {
    FieldDescription field;
    field.name = body.String();
    field.table_oid = body.Uint32();
    field.attnum = static_cast<int16_t>(body.Uint16());
    field.type_oid = body.Uint32();
    field.type_size = static_cast<int16_t>(body.Uint16());
    field.type_modifier = static_cast<int32_t>(body.Uint32());
    field.binary = body.Uint16() == 1;
    if (body.ok()) handler(i, field);
  }
  return body.ok() && body.AtEnd();
}

// Reads a DataRow off pieces. Handler: bool WantsCell(uint16_t index); void OnColumns(uint16_t count); void
// OnCell(uint16_t index, int32_t length, std::string_view bytes), where bytes are given only for cells that are wanted
// and at most `max_cell_bytes` long.
class DataRowReader {
 public:
  explicit DataRowReader(uint32_t max_cell_bytes) : max_cell_bytes_(max_cell_bytes) {}

  // The whole body at once: the usual case.
  template <class Handler>
  bool ReadWhole(std::string_view row, Handler& handler) {
    if (row.size() < 2) return false;
    const uint16_t count = ReadUint16(row);
    handler.OnColumns(count);
    const char* at = row.data() + 2;
    const char* const end = row.data() + row.size();
    for (uint16_t i = 0; i < count; ++i) {
      if (end - at < 4) return false;
      const auto length = static_cast<int32_t>(ReadUint32({at, 4}));
      at += 4;
      if (length < 0) {
        if (length != -1) return false;
        handler.OnCell(i, -1, {});
        continue;
      }
      if (end - at < length) return false;
      const bool given = static_cast<uint32_t>(length) <= max_cell_bytes_ && handler.WantsCell(i);
      handler.OnCell(i, length, given ? std::string_view(at, static_cast<size_t>(length)) : std::string_view{});
      at += length;
    }
    return at == end;
  }

  template <class Handler>
  bool Feed(std::string_view piece, Handler& handler) {
    while (true) {
      switch (step_) {
        case Step::kCount:
          if (!pieces_.TakeUint16(piece, count_)) return true;
          handler.OnColumns(count_);
          step_ = count_ == 0 ? Step::kEnd : Step::kLength;
          break;
        case Step::kLength: {
          if (!pieces_.TakeUint32(piece, left_)) return true;
          const auto length = static_cast<int32_t>(left_);
          if (length < -1) return false;
          if (length == -1) {
            handler.OnCell(index_, -1, {});
            NextCell();
          } else {
            length_ = length;
            step_ = left_ <= max_cell_bytes_ && handler.WantsCell(index_) ? Step::kCell : Step::kPassedOver;
          }
          break;
        }
        case Step::kCell: {
          std::string_view bytes;
          if (!pieces_.Take(piece, left_, bytes)) return true;
          handler.OnCell(index_, length_, bytes);
          NextCell();
          break;
        }
        case Step::kPassedOver: {
          const std::string_view bytes = piece.substr(0, left_);
          piece.remove_prefix(bytes.size());
          left_ -= static_cast<uint32_t>(bytes.size());
          if (left_ > 0) return true;
          handler.OnCell(index_, length_, {});
          NextCell();
          break;
        }
        case Step::kEnd:
          return piece.empty();
      }
    }
  }
  bool Complete() const { return step_ == Step::kEnd; }

 private:
  enum class Step : uint8_t { kCount, kLength, kCell, kPassedOver, kEnd };
  void NextCell() { step_ = ++index_ == count_ ? Step::kEnd : Step::kLength; }

  Pieces pieces_;
  uint32_t max_cell_bytes_;
  uint32_t left_ = 0;
  int32_t length_ = 0;
  uint16_t count_ = 0, index_ = 0;
  Step step_ = Step::kCount;
};

struct ErrorFields {
  std::string_view sqlstate;  // five characters, or "" if the server sent none
  bool fatal = false;         // FATAL or PANIC: the session ends
};
// From the whole body or its beginning: PostgreSQL puts severity and code first.
ErrorFields ReadError(std::string_view body);

struct CommandTag {
  std::string_view text;  // without its NUL
  bool has_count = false;
  uint64_t count = 0;  // the last word, if it is a number
};
CommandTag ReadCommandTag(std::string_view body);

}  // namespace pgassay::wire
