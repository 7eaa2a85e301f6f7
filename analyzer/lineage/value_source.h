// The values of one result column in one unit of work: which execution brought each, in which row, when.
// An open-addressing set of 64-bit value hashes; every entry heads a chain of its occurrences, newest first.
// Above kMaxRows occurrences only the kSampleSize smallest hashes are kept (a bottom-k sample): membership is then
// tested below the cut-off alone, which keeps containment unbiased. Few values that occur very often lose their older
// occurrences instead. Limits: about 40 bytes per occurrence, so below 200 KiB. Threads: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pgassay::lineage {

class ValueSource {
 public:
  static constexpr size_t kMaxRows = 4096;
  static constexpr size_t kSampleSize = 1024;

  struct Occurrence {
    int64_t time_ns;     // when it reached the client
    uint32_t execution;  // the owner's number of the execution
    uint32_t row;
    uint32_t previous;  // index + 1 of the same value's occurrence before; 0: none
  };

  // Returns true if this is the value's first occurrence in that execution. REQUIRES: hash != 0.
  bool Add(uint64_t hash, uint32_t execution, uint32_t row, int64_t time_ns);

  // The latest occurrence at or before `not_after_ns`; null if there is none. Valid until the next Add.
  const Occurrence* Latest(uint64_t hash, int64_t not_after_ns) const;
  // The occurrence in exactly this execution and row, for tuples.
  bool OccursAt(uint64_t hash, uint32_t execution, uint32_t row) const;
  // How often the value occurs in one execution.
  uint32_t Multiplicity(uint64_t hash, uint32_t execution) const;
  bool Contains(uint64_t hash) const { return Find(hash) != nullptr; }

  // False: above the cut-off of the sample, so its absence says nothing.
  bool Tests(uint64_t hash) const { return hash <= cutoff_; }
  bool sampled() const { return truncated_; }
  size_t distinct() const { return used_; }
  uint64_t rows() const { return rows_; }  // ever added
  uint64_t distinct_estimate() const;
  size_t bytes() const { return entries_.capacity() * sizeof(Entry) + occurrences_.capacity() * sizeof(Occurrence); }
  // Gives the memory back; nothing is found any more.
  void Evict();
  bool evicted() const { return evicted_; }

 private:
  struct Entry {
    uint64_t hash = 0;
    uint32_t newest = 0;  // index + 1
  };
  const Entry* Find(uint64_t hash) const;
  Entry& Slot(std::vector<Entry>& table, uint64_t hash) const;
  void Grow();
  void Shrink();

  std::vector<Entry> entries_;
  std::vector<Occurrence> occurrences_;
  size_t used_ = 0;
  uint64_t rows_ = 0;
  uint64_t cutoff_ = UINT64_MAX;
  bool truncated_ = false;
  bool evicted_ = false;
};

// How many distinct values were ever seen: exact while few, then estimated from the smallest hashes. Below 1 KiB.
class DistinctSketch {
 public:
  void Add(uint64_t hash);
  uint64_t Estimate() const;

 private:
  static constexpr size_t kSize = 128;
  std::vector<uint64_t> smallest_;  // ascending
};

}  // namespace pgassay::lineage
