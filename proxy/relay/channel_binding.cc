#include "proxy/relay/channel_binding.h"

#include "proxy/wire/body.h"

namespace pgassay::relay {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kPlus = "SCRAM-SHA-256-PLUS\0"sv;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kLengthAt = 1;
constexpr size_t kLengthBytes = 4;
constexpr size_t kMechanismsAt = kHeaderBytes + 4;
constexpr uint32_t kAuthenticationSasl = 10;
constexpr uint32_t kMaxMessageBytes = 8192;  // a login's first messages are far smaller

}  // namespace

std::string_view ChannelBindingOffer::Pass(std::string_view server_bytes) {
  if (done_) return server_bytes;
  held_ += server_bytes;
  const size_t end = KnownEnd();
  passed_ = held_.substr(0, end);
  held_.erase(0, end);
  return passed_;
}

std::string_view ChannelBindingOffer::Rest() {
  done_ = true;
  passed_ = std::move(held_);
  held_.clear();
  return passed_;
}

// How much of what is held may go.
size_t ChannelBindingOffer::KnownEnd() {
  size_t at = 0;
  while (at < held_.size()) {
    const std::string_view message = std::string_view(held_).substr(at);
    const char type = message[0];
    const bool goes_before = type == 'v' || type == 'N';  // NegotiateProtocolVersion, NoticeResponse
    if (type != 'R' && !goes_before) break;
    if (message.size() < kHeaderBytes) return at;
    const uint32_t length = wire::ReadUint32(message.substr(kLengthAt));
    if (length < kLengthBytes || length > kMaxMessageBytes) break;
    const size_t whole = length + kLengthAt;
    if (message.size() < whole) return at;
    if (type == 'R') {
      Remove(at, whole);
      break;
    }
    at += whole;
  }
  done_ = at < held_.size();
  return held_.size();
}

// REQUIRES: an authentication request stands there, whole.
void ChannelBindingOffer::Remove(size_t from, size_t size) {
  const std::string_view request = std::string_view(held_).substr(from, size);
  if (size < kMechanismsAt || wire::ReadUint32(request.substr(kHeaderBytes)) != kAuthenticationSasl) return;
  if (size <= kMechanismsAt + kPlus.size() + 1) return;  // nothing else is on the list
  size_t at = kMechanismsAt;
  while (!request.substr(at).starts_with(kPlus)) {
    const size_t end = request.find('\0', at);
    if (end == at || end == std::string_view::npos) return;  // the end of the list
    at = end + 1;
  }
  held_.erase(from + at, kPlus.size());
  const auto length = static_cast<uint32_t>(size - kLengthAt - kPlus.size());
  for (size_t i = 0; i < kLengthBytes; ++i) held_[from + kLengthAt + i] = static_cast<char>(length >> (24 - 8 * i));
  removed_bytes_ = kPlus.size();
}

}  // namespace pgassay::relay
