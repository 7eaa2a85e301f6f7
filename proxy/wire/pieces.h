// Reads fixed-length fields and strings off a body that comes in pieces. What is whole within a piece is borrowed from
// it; only a field that a piece boundary cuts is copied. A field that is not yet complete gives false, and the same
// call is to be repeated with the next piece. Ownership: views live until the next call. Memory: one field, at most its
// length or cap.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/wire/body.h"

namespace pgassay::wire {

class Pieces {
 public:
  // Exactly `length` bytes.
  bool Take(std::string_view& piece, size_t length, std::string_view& field) {
    DropDelivered();
    if (held_.empty() && piece.size() >= length) {
      field = piece.substr(0, length);
      piece.remove_prefix(length);
      return true;
    }
    const size_t taken = std::min(length - held_.size(), piece.size());
    held_.append(piece.substr(0, taken));
    piece.remove_prefix(taken);
    if (held_.size() < length) return false;
    return Deliver(field);
  }

  bool TakeUint16(std::string_view& piece, uint16_t& value) {
    std::string_view field;
    if (!Take(piece, 2, field)) return false;
    value = ReadUint16(field);
    return true;
  }

  bool TakeUint32(std::string_view& piece, uint32_t& value) {
    std::string_view field;
    if (!Take(piece, 4, field)) return false;
    value = ReadUint32(field);
    return true;
  }

  // Up to a NUL, which is consumed; the first `cap` bytes of it.
  bool TakeString(std::string_view& piece, size_t cap, std::string_view& field) {
    DropDelivered();
    const size_t end = piece.find('\0');
    const std::string_view taken = piece.substr(0, end);
    if (end != std::string_view::npos && !begun_) {
      field = taken.substr(0, cap);
      piece.remove_prefix(end + 1);
      return true;
    }
    begun_ = true;
    if (held_.size() < cap) held_.append(taken.substr(0, cap - held_.size()));
    piece.remove_prefix(end == std::string_view::npos ? piece.size() : end + 1);
    if (end == std::string_view::npos) return false;
    begun_ = false;
    return Deliver(field);
  }

 private:
  bool Deliver(std::string_view& field) {
    field = held_;
    delivered_ = true;
    return true;
  }
  void DropDelivered() {
    if (!delivered_) return;
    held_.clear();
    delivered_ = false;
  }

  std::string held_;
  bool begun_ = false;
  bool delivered_ = false;
};

}  // namespace pgassay::wire
