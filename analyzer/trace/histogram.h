// Durations in log-linear buckets: 64 per power of two, so a quantile is off by less than 1 % (half a bucket: 1/128).
// Below 128 ns buckets are exact. Counts add: merging two histograms is the same as having recorded both.
// Memory: the span between the smallest and the largest bucket seen, 8 bytes each (10 µs to 1 s: 8.5 KiB).
// Encoded: a version byte, then (distance to the bucket before, count) as varints, for non-empty buckets only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgassay::trace {

class Histogram {
 public:
  void Add(int64_t value_ns, uint64_t count = 1);  // negative counts as 0
  void Merge(const Histogram& other);
  uint64_t count() const { return count_; }
  // The value that a share `quantile` (0..1) of all values does not exceed; 0 when empty.
  int64_t Quantile(double quantile) const;

  // For drawing: the lower end of each non-empty bucket and its count, ascending, two buckets per power of two.
  std::vector<std::pair<int64_t, uint64_t>> Coarse() const;

  std::string Encode() const;
  // nullopt: not something that Encode() wrote.
  static std::optional<Histogram> Decode(std::string_view blob);

 private:
  void AddBucket(uint32_t bucket, uint64_t count);

  uint32_t first_bucket_ = 0;  // of counts_[0]
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
};

}  // namespace pgassay::trace
