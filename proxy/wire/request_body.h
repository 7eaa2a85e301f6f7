// The bodies of Query, Parse and Bind, read off pieces: nothing is assembled, so a statement or a parameter of a
// gigabyte costs no memory. Each reader tells its handler what it meets, in order; Feed gives false for a body that
// does not parse, and Complete() holds once the last piece was taken. Source: PostgreSQL manual, "Message Formats".
// Ownership: views given to handlers live for that call.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/wire/pieces.h"

namespace pgassay::wire {

// PostgreSQL compares the names of statements and portals by their first 63 bytes (NAMEDATALEN - 1).
inline constexpr size_t kMaxNameBytes = 63;

// Handler: void OnText(std::string_view piece, bool last).
class QueryReader {
 public:
  template <class Handler>
  bool Feed(std::string_view piece, Handler& handler) {
    if (piece.empty()) return true;
    if (complete_) return false;
    const size_t end = piece.find('\0');
    complete_ = end != std::string_view::npos;
    handler.OnText(piece.substr(0, end), complete_);
    return !complete_ || end + 1 == piece.size();
  }
  bool Complete() const { return complete_; }

 private:
  bool complete_ = false;
};

// Handler: void OnName(std::string_view), void OnText(std::string_view piece, bool last), void OnType(uint32_t oid).
class ParseReader {
 public:
  template <class Handler>
  bool Feed(std::string_view piece, Handler& handler) {
    while (!piece.empty()) {
      switch (step_) {
        case Step::kName: {
          std::string_view name;
          if (!pieces_.TakeString(piece, kMaxNameBytes, name)) return true;
          handler.OnName(name);
          step_ = Step::kText;
          break;
        }
        case Step::kText: {
          const size_t end = piece.find('\0');
          const bool last = end != std::string_view::npos;
          handler.OnText(piece.substr(0, end), last);
          if (!last) return true;
          piece.remove_prefix(end + 1);
          step_ = Step::kCount;
          break;
        }
        case Step::kCount:
          if (!pieces_.TakeUint16(piece, types_left_)) return true;
          step_ = types_left_ == 0 ? Step::kEnd : Step::kType;
          break;
        case Step::kType: {
          uint32_t oid = 0;
          if (!pieces_.TakeUint32(piece, oid)) return true;
          handler.OnType(oid);
          if (--types_left_ == 0) step_ = Step::kEnd;
          break;
        }
        case Step::kEnd:
          return false;
      }
    }
    return true;
  }
  bool Complete() const { return step_ == Step::kEnd; }

 private:
  enum class Step : uint8_t { kName, kText, kCount, kType, kEnd };
  Pieces pieces_;
  Step step_ = Step::kName;
  uint16_t types_left_ = 0;
};

// One parameter of a Bind. A NULL and a short value come as one whole piece; a value longer than the reader's cap comes
// as its first kLongHeadBytes (an array's binary header fits), then in whatever pieces arrive.
struct BoundValue {
  uint32_t index = 0;
  bool binary = false;
  int32_t length = -1;  // -1: NULL
  bool is_long = false;
  bool first = true;
  bool last = true;
};
inline constexpr uint32_t kLongHeadBytes = 20;

// Handler: void OnNames(portal, statement) in two calls: void OnPortal(std::string_view), void
// OnStatement(std::string_view); void OnParameterCount(uint16_t); void OnParameter(const BoundValue&,
// std::string_view); void OnResultFormat(uint16_t count, uint16_t index, bool binary). Parameters beyond
// `max_parameters` are passed over.
class BindReader {
 public:
  BindReader(uint32_t max_value_bytes, uint32_t max_parameters)
      : max_value_bytes_(max_value_bytes), max_parameters_(max_parameters) {}

  template <class Handler>
  bool Feed(std::string_view piece, Handler& handler) {
    const bool in_values = step_ >= Step::kFormatCount && step_ < Step::kResultCount;
    values_ = in_values ? piece.data() : nullptr;
    const char* const end = piece.data() + piece.size();
    const bool read = Steps(piece, handler);
    if (values_ != nullptr && values_ != end) handler.OnRawValues({values_, static_cast<size_t>(end - values_)}, false);
    return read;
  }
  bool Complete() const { return step_ == Step::kEnd; }

 private:
  enum class Step : uint8_t {
    kPortal,
    kStatement,
    kFormatCount,
    kFormat,
    kParameterCount,
    kLength,
    kValue,
    kLongHead,
    kLongRest,
    kPassedOver,
    kResultCount,
    kResultFormat,
    kEnd
  };

  template <class Handler>
  bool Steps(std::string_view& piece, Handler& handler) {
    // The last fields may be empty of bytes (an empty value), so steps go on without input until one of them wants
    // some.
    while (true) {
      switch (step_) {
        case Step::kPortal: {
          std::string_view name;
          if (!pieces_.TakeString(piece, kMaxNameBytes, name)) return true;
          handler.OnPortal(name);
          step_ = Step::kStatement;
          break;
        }
        case Step::kStatement: {
          std::string_view name;
          if (!pieces_.TakeString(piece, kMaxNameBytes, name)) return true;
          handler.OnStatement(name);
          values_ = piece.data();
          step_ = Step::kFormatCount;
          break;
        }
        case Step::kFormatCount:
          if (!pieces_.TakeUint16(piece, format_count_)) return true;
          step_ = format_count_ == 0 ? Step::kParameterCount : Step::kFormat;
          break;
        case Step::kFormat: {
          uint16_t format = 0;
          if (!pieces_.TakeUint16(piece, format)) return true;
          if (format > 1) return false;
          if (index_ < formats_.size()) formats_[index_] = format == 1;
          if (++index_ == format_count_) step_ = Step::kParameterCount;
          break;
        }
        case Step::kParameterCount:
          if (!pieces_.TakeUint16(piece, parameter_count_)) return true;
          if (format_count_ > 1 && format_count_ != parameter_count_) return false;
          handler.OnParameterCount(parameter_count_);
          index_ = 0;
          step_ = parameter_count_ == 0 ? Step::kResultCount : Step::kLength;
          break;
        case Step::kLength:
          if (!TakeLength(piece, handler)) return ok_;
          break;
        case Step::kValue: {
          std::string_view bytes;
          if (!pieces_.Take(piece, static_cast<size_t>(value_.length), bytes)) return true;
          handler.OnParameter(value_, bytes);
          NextParameter();
          break;
        }
        case Step::kLongHead: {
          std::string_view bytes;
          if (!pieces_.Take(piece, kLongHeadBytes, bytes)) return true;
          left_ -= kLongHeadBytes;
          value_.last = false;
          handler.OnParameter(value_, bytes);
          value_.first = false;
          step_ = Step::kLongRest;
          break;
        }
        case Step::kLongRest:
        case Step::kPassedOver: {
          const std::string_view bytes = piece.substr(0, left_);
          piece.remove_prefix(bytes.size());
          left_ -= static_cast<uint32_t>(bytes.size());
          value_.last = left_ == 0;
          if (step_ == Step::kLongRest && !bytes.empty()) handler.OnParameter(value_, bytes);
          if (left_ > 0) return true;
          NextParameter();
          break;
        }
        case Step::kResultCount:
          if (values_ != nullptr) {
            handler.OnRawValues({values_, static_cast<size_t>(piece.data() - values_)}, true);
            values_ = nullptr;
          }
          if (!pieces_.TakeUint16(piece, format_count_)) return true;
          index_ = 0;
          step_ = format_count_ == 0 ? Step::kEnd : Step::kResultFormat;
          break;
        case Step::kResultFormat: {
          uint16_t format = 0;
          if (!pieces_.TakeUint16(piece, format)) return true;
          if (format > 1) return false;
          handler.OnResultFormat(format_count_, index_, format == 1);
          if (++index_ == format_count_) step_ = Step::kEnd;
          break;
        }
        case Step::kEnd:
          return piece.empty();
      }
    }
  }
  template <class Handler>
  bool TakeLength(std::string_view& piece, Handler& handler) {
    uint32_t length = 0;
    if (!pieces_.TakeUint32(piece, length)) return false;
    const bool null = length == ~0U;
    if (!null && length > 0x7fffffffU) return ok_ = false;
    const bool binary = format_count_ == 0   ? false
                        : format_count_ == 1 ? formats_[0]
                                             : index_ < formats_.size() && formats_[index_];
    value_ = {.index = index_, .binary = binary, .length = null ? -1 : static_cast<int32_t>(length)};
    if (index_ >= max_parameters_) {
      left_ = null ? 0 : length;
      step_ = Step::kPassedOver;
    } else if (null) {
      handler.OnParameter(value_, std::string_view{});
      NextParameter();
    } else if (length <= max_value_bytes_) {
      step_ = Step::kValue;
    } else {
      value_.is_long = true;
      left_ = length;
      step_ = Step::kLongHead;
    }
    return true;
  }

  void NextParameter() { step_ = ++index_ == parameter_count_ ? Step::kResultCount : Step::kLength; }

  Pieces pieces_;
  BoundValue value_;
  const char* values_ = nullptr;  // where the format codes and values begin in the piece at hand
  uint32_t max_value_bytes_, max_parameters_;
  uint32_t left_ = 0;
  uint16_t format_count_ = 0, parameter_count_ = 0, index_ = 0;
  Step step_ = Step::kPortal;
  bool ok_ = true;
  std::bitset<256> formats_;  // of the first parameters, in their order
};

}  // namespace pgassay::wire
