#include "analyzer/trace/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pgassay::trace {
namespace {

constexpr uint32_t kSubBits = 6;
constexpr uint32_t kSubBuckets = 1U << kSubBits;
constexpr uint32_t kBuckets = (63 - kSubBits) * kSubBuckets + kSubBuckets;  // of all values below 2^63
constexpr char kVersion = 1;

// Values below 2 * kSubBuckets are their own bucket; above, the bucket is the exponent and the kSubBits bits after the
// leading one.
uint32_t BucketOf(uint64_t value) {
  if (value < kSubBuckets) return static_cast<uint32_t>(value);
  const auto shift = static_cast<uint32_t>(std::bit_width(value)) - 1 - kSubBits;
  return shift * kSubBuckets + static_cast<uint32_t>(value >> shift);
}

int64_t MiddleOf(uint32_t bucket) {
  if (bucket < 2 * kSubBuckets) return bucket;
  const uint32_t shift = bucket / kSubBuckets - 1;
  const uint64_t lowest = uint64_t{bucket % kSubBuckets + kSubBuckets} << shift;
  return static_cast<int64_t>(lowest + (uint64_t{1} << shift) / 2);
}

void PutVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

std::optional<uint64_t> TakeVarint(std::string_view& in) {
  uint64_t value = 0;
  for (uint32_t shift = 0; shift < 64; shift += 7) {
    if (in.empty()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    value |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

}  // namespace

void Histogram::AddBucket(uint32_t bucket, uint64_t count) {
  if (counts_.empty()) {
    first_bucket_ = bucket;
    counts_.resize(1);
  } else if (bucket < first_bucket_) {
    counts_.insert(counts_.begin(), first_bucket_ - bucket, 0);
    first_bucket_ = bucket;
  } else if (bucket - first_bucket_ >= counts_.size()) {
    counts_.resize(bucket - first_bucket_ + 1);
  }
  counts_[bucket - first_bucket_] += count;
  count_ += count;
}

void Histogram::Add(int64_t value_ns, uint64_t count) {
  AddBucket(BucketOf(static_cast<uint64_t>(std::max<int64_t>(value_ns, 0))), count);
}

void Histogram::Merge(const Histogram& other) {
  for (uint32_t i = 0; i < other.counts_.size(); ++i) {
    if (other.counts_[i] > 0) AddBucket(other.first_bucket_ + i, other.counts_[i]);
  }
}

int64_t Histogram::Quantile(double quantile) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, count_);
  uint64_t seen = 0;
  for (uint32_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return MiddleOf(first_bucket_ + i);
  }
  return 0;
}

std::vector<std::pair<int64_t, uint64_t>> Histogram::Coarse() const {
  std::vector<std::pair<int64_t, uint64_t>> coarse;
  for (uint32_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const auto value = static_cast<uint64_t>(MiddleOf(first_bucket_ + i));
    const uint64_t power = std::bit_floor(value);
    const auto lower = static_cast<int64_t>(value >= power + power / 2 ? power + power / 2 : power);
    if (coarse.empty() || coarse.back().first != lower) coarse.emplace_back(lower, 0);
    coarse.back().second += counts_[i];
  }
  return coarse;
}

std::string Histogram::Encode() const {
  std::string out(1, kVersion);
  uint32_t before = 0;
  for (uint32_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    PutVarint(out, first_bucket_ + i - before);
    PutVarint(out, counts_[i]);
    before = first_bucket_ + i;
  }
  return out;
}

std::optional<Histogram> Histogram::Decode(std::string_view blob) {
  if (blob.empty() || blob.front() != kVersion) return std::nullopt;
  blob.remove_prefix(1);
  Histogram histogram;
  uint64_t bucket = 0;
  while (!blob.empty()) {
    const auto distance = TakeVarint(blob);
    const auto count = distance ? TakeVarint(blob) : std::nullopt;
    if (!count || *distance >= kBuckets || *count == 0 || histogram.count_ + *count < *count) return std::nullopt;
    bucket += *distance;
    if (bucket >= kBuckets || (*distance == 0 && histogram.count_ > 0)) return std::nullopt;
    histogram.AddBucket(static_cast<uint32_t>(bucket), *count);
  }
  return histogram;
}

}  // namespace pgassay::trace
