// Cuts one direction of a connection into messages, hopping from header to header. The bytes may come in any split.
//
// For each header the caller's policy says how the body is wanted:
//   kSkip    not entered: its bytes are counted, nothing else
//   kWhole   the body, or its first `cap` bytes, once the message is complete: borrowed from the read, or copied when
//   it was split kStream  pieces as they come, borrowed, nothing copied
// Lengths are 64-bit and nothing is allocated by a declared one: a held body grows with the bytes that arrived, up to
// its cap.
//
// Accounting: decoded() + skipped() is every byte taken, at every moment; a frame that is given up (Abandon) leaves
// both, so a broken message counts as a whole. Memory: 100 bytes; a held body is freed by the call after the one that
// gave it. Threads: one owner. Source: PostgreSQL manual, "Message Formats": a type byte, a length that counts itself,
// a body.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "proxy/wire/body.h"
#include "proxy/wire/message_type.h"
#include "proxy/wire/startup.h"

namespace pgassay::wire {

enum class Want : uint8_t { kSkip, kWhole, kStream };

struct BodyPolicy {
  Want want = Want::kSkip;
  uint32_t cap = 0;  // of kWhole
};

struct Frame {
  char type = 0;  // 0: no message was begun before the bytes ended; kStartupFrame in the startup phase
  Want want = Want::kSkip;
  bool first = true;  // of a kStream body's pieces; true for the others
  bool last = true;
  uint64_t body_length = 0;   // as declared, without the header
  uint64_t total_length = 0;  // with the header
  std::string_view body;      // kWhole: min(cap, body_length) bytes; kStream: this piece; borrowed until the next call
};

inline constexpr char kStartupFrame = '0';                 // the type given to messages that have none
inline constexpr uint64_t kMaxMessageLength = 0x7fffffff;  // the length is a signed number on the wire

class FrameReader {
 public:
  enum class Step : uint8_t { kNeedMore, kFrame, kBadLength, kUnknownType };

  explicit FrameReader(Origin origin) : origin_(origin) {}

  // Before login a frontend's messages have no type byte.
  void SetUntyped(bool untyped) { untyped_ = untyped; }

  // Takes bytes off the front of `bytes` up to the end of the next message or piece. On an error the broken frame is
  // given up and `bytes` is what it did not take; the reader must not be used again. Policy: BodyPolicy(char type,
  // uint64_t body_length), called once per message.
  template <class Policy>
  Step Next(std::string_view& bytes, Policy&& policy, Frame& frame) {
    if (delivered_) {
      held_ = std::string();
      delivered_ = false;
    }
    if (!in_body_) {
      if (const Step step = TakeHeader(bytes, policy); step != Step::kFrame) return step;
    }
    return TakeBody(bytes, frame);
  }

  // Gives up the frame being read or just given: its bytes so far are taken back from the counts and returned.
  uint64_t Abandon() {
    const uint64_t given_up = counted_;
    (skipping_ ? skipped_ : decoded_) -= counted_;
    counted_ = 0;
    held_ = std::string();
    return given_up;
  }

  // The same for a frame that has begun and not ended; nothing otherwise.
  uint64_t AbandonUnfinished() { return in_body_ || header_length_ != 0 ? Abandon() : 0; }

  uint64_t decoded() const { return decoded_; }
  uint64_t skipped() const { return skipped_; }

 private:
  size_t HeaderLength() const { return untyped_ ? 4 : 5; }

  template <class Policy>
  Step TakeHeader(std::string_view& bytes, Policy&& policy) {
    if (bytes.empty()) return Step::kNeedMore;
    if (header_length_ == 0) {
      counted_ = 0;
      skipping_ = false;
      if (!untyped_ && !IsMessageType(origin_, bytes[0])) return Step::kUnknownType;
    }
    const size_t wanted = HeaderLength();
    const char* header = bytes.data();
    size_t taken = wanted;
    if (header_length_ != 0 || bytes.size() < wanted) {
      taken = std::min(wanted - header_length_, bytes.size());
      std::memcpy(header_ + header_length_, bytes.data(), taken);
      header_length_ = static_cast<uint8_t>(header_length_ + taken);
      if (header_length_ < wanted) {
        bytes.remove_prefix(taken);
        counted_ += taken;
        decoded_ += taken;
        return Step::kNeedMore;
      }
      header = header_;
    }
    const uint64_t length = ReadUint32({header + (wanted - 4), 4});
    const uint64_t shortest = untyped_ ? kStartupHeaderBytes : 4;
    const uint64_t longest = untyped_ ? kMaxStartupBytes : kMaxMessageLength;
    if (length < shortest || length > longest) {
      Abandon();
      return Step::kBadLength;
    }
    type_ = untyped_ ? kStartupFrame : header[0];
    body_length_ = length - 4;
    body_left_ = body_length_;
    const BodyPolicy body = policy(type_, body_length_);
    want_ = body.want;
    cap_ = body.cap;
    bytes.remove_prefix(taken);
    if (want_ == Want::kSkip) {
      decoded_ -= counted_;
      counted_ += taken;
      skipped_ += counted_;
      skipping_ = true;
    } else {
      counted_ += taken;
      decoded_ += taken;
    }
    header_length_ = 0;
    in_body_ = true;
    first_ = true;
    return Step::kFrame;
  }

  Step TakeBody(std::string_view& bytes, Frame& frame) {
    const size_t taken = static_cast<size_t>(std::min<uint64_t>(body_left_, bytes.size()));
    const bool complete = taken == body_left_;
    const std::string_view piece = bytes.substr(0, taken);
    if (!complete && (taken == 0 || want_ != Want::kStream)) {
      if (want_ == Want::kWhole) Hold(piece);
      Count(taken);
      bytes.remove_prefix(taken);
      return Step::kNeedMore;
    }
    frame.type = type_;
    frame.want = want_;
    frame.first = first_;
    frame.last = complete;
    frame.body_length = body_length_;
    frame.total_length = body_length_ + (untyped_ ? 4 : 5);
    switch (want_) {
      case Want::kSkip:
        frame.body = {};
        break;
      case Want::kStream:
        frame.body = piece;
        break;
      case Want::kWhole:
        if (body_left_ == body_length_) {
          frame.body = piece.substr(0, cap_);
        } else {
          Hold(piece);
          delivered_ = true;
          frame.body = held_;
        }
        break;
    }
    Count(taken);
    bytes.remove_prefix(taken);
    first_ = false;
    in_body_ = !complete;
    return Step::kFrame;
  }

  void Hold(std::string_view piece) {
    if (held_.size() < cap_) held_.append(piece.substr(0, cap_ - held_.size()));
  }

  void Count(size_t taken) {
    body_left_ -= taken;
    counted_ += taken;
    (skipping_ ? skipped_ : decoded_) += taken;
  }

  uint64_t body_length_ = 0;
  uint64_t body_left_ = 0;
  uint64_t counted_ = 0;  // bytes of the current frame
  uint64_t decoded_ = 0;
  uint64_t skipped_ = 0;
  std::string held_;
  uint32_t cap_ = 0;
  char header_[5] = {};
  uint8_t header_length_ = 0;
  char type_ = 0;
  Origin origin_;
  Want want_ = Want::kSkip;
  bool untyped_ = false;
  bool in_body_ = false;
  bool skipping_ = false;
  bool first_ = true;
  bool delivered_ = false;  // held_ was given out whole: freed by the next call
};

}  // namespace pgassay::wire
