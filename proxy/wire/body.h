// A cursor over one message body: integers in network order, NUL-terminated strings, runs of bytes. Any read beyond the
// end gives zeros or nothing and turns ok() false for good, so a parser checks once, at its end. Ownership: borrows the
// body; strings are views into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pgassay::wire {

// REQUIRES: `bytes` is long enough; what follows the number is ignored.
inline uint16_t ReadUint16(std::string_view bytes) {
  uint16_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return __builtin_bswap16(value);
}

inline uint32_t ReadUint32(std::string_view bytes) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return __builtin_bswap32(value);
}

class Body {
 public:
  explicit Body(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  std::string_view Take(size_t length) {
    if (rest_.size() < length) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  uint8_t Byte() {
    const std::string_view taken = Take(1);
    return ok_ ? static_cast<uint8_t>(taken[0]) : uint8_t{0};
  }
  uint16_t Uint16() {
    const std::string_view taken = Take(2);
    return ok_ ? ReadUint16(taken) : uint16_t{0};
  }
  uint32_t Uint32() {
    const std::string_view taken = Take(4);
    return ok_ ? ReadUint32(taken) : 0U;
  }
  // Up to the next NUL, which is consumed and left out.
  std::string_view String() {
    const size_t end = rest_.find('\0');
    if (end == std::string_view::npos) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return taken;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace pgassay::wire
