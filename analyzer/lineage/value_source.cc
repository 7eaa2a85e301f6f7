#include "analyzer/lineage/value_source.h"

#include <algorithm>
#include <cmath>

namespace pgassay::lineage {
namespace {

constexpr double kHashSpace = 18446744073709551616.0;  // 2^64

}  // namespace

const ValueSource::Entry* ValueSource::Find(uint64_t hash) const {
  if (entries_.empty()) return nullptr;
  const size_t mask = entries_.size() - 1;
  for (size_t at = static_cast<size_t>(hash ^ (hash >> 32)) & mask;; at = (at + 1) & mask) {
    if (entries_[at].hash == hash) return &entries_[at];
    if (entries_[at].hash == 0) return nullptr;
  }
}

ValueSource::Entry& ValueSource::Slot(std::vector<Entry>& table, uint64_t hash) const {
  const size_t mask = table.size() - 1;
  size_t at = static_cast<size_t>(hash ^ (hash >> 32)) & mask;
  while (table[at].hash != 0 && table[at].hash != hash) at = (at + 1) & mask;
  return table[at];
}

void ValueSource::Grow() {
  std::vector<Entry> larger(entries_.empty() ? 8 : entries_.size() * 2);
  for (const Entry& entry : entries_) {
    if (entry.hash != 0) Slot(larger, entry.hash) = entry;
  }
  entries_.swap(larger);
}

bool ValueSource::Add(uint64_t hash, uint32_t execution, uint32_t row, int64_t time_ns) {
  ++rows_;
  if (hash > cutoff_ || evicted_) return false;
  if ((used_ + 1) * 4 > entries_.size() * 3) Grow();
  Entry& entry = Slot(entries_, hash);
  if (entry.hash == 0) {
    entry.hash = hash;
    ++used_;
  }
  const bool first = entry.newest == 0 || occurrences_[entry.newest - 1].execution != execution;
  occurrences_.push_back({time_ns, execution, row, entry.newest});
  entry.newest = static_cast<uint32_t>(occurrences_.size());
  if (occurrences_.size() > kMaxRows) Shrink();
  return first;
}

void ValueSource::Shrink() {
  truncated_ = true;
  std::vector<Entry> kept;
  kept.reserve(used_);
  for (const Entry& entry : entries_) {
    if (entry.hash != 0) kept.push_back(entry);
  }
  if (kept.size() > kSampleSize) {
    std::ranges::nth_element(kept, kept.begin() + kSampleSize - 1, {}, &Entry::hash);
    kept.resize(kSampleSize);
    cutoff_ = std::ranges::max(kept, {}, &Entry::hash).hash;
  }
  size_t total = 0;
  for (const Entry& entry : kept) {
    for (uint32_t at = entry.newest; at != 0; at = occurrences_[at - 1].previous) ++total;
  }
  const bool latest_only = total > kMaxRows / 2;
  std::vector<Occurrence> occurrences;
  std::vector<uint32_t> chain;
  for (Entry& entry : kept) {
    chain.clear();
    for (uint32_t at = entry.newest; at != 0; at = latest_only ? 0 : occurrences_[at - 1].previous) chain.push_back(at);
    uint32_t previous = 0;
    for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
      Occurrence copy = occurrences_[*at - 1];
      copy.previous = previous;
      occurrences.push_back(copy);
      previous = static_cast<uint32_t>(occurrences.size());
    }
    entry.newest = previous;
  }
  std::vector<Entry> table(entries_.size());
  for (const Entry& entry : kept) Slot(table, entry.hash) = entry;
  entries_.swap(table);
  occurrences_.swap(occurrences);
  used_ = kept.size();
}

const ValueSource::Occurrence* ValueSource::Latest(uint64_t hash, int64_t not_after_ns) const {
  const Entry* entry = Find(hash);
  if (entry == nullptr) return nullptr;
  for (uint32_t at = entry->newest; at != 0; at = occurrences_[at - 1].previous) {
    if (occurrences_[at - 1].time_ns <= not_after_ns) return &occurrences_[at - 1];
  }
  return nullptr;
}

bool ValueSource::OccursAt(uint64_t hash, uint32_t execution, uint32_t row) const {
  const Entry* entry = Find(hash);
  if (entry == nullptr) return false;
  for (uint32_t at = entry->newest; at != 0; at = occurrences_[at - 1].previous) {
    if (occurrences_[at - 1].execution == execution && occurrences_[at - 1].row == row) return true;
  }
  return false;
}

uint32_t ValueSource::Multiplicity(uint64_t hash, uint32_t execution) const {
  const Entry* entry = Find(hash);
  uint32_t count = 0;
  if (entry == nullptr) return 0;
  for (uint32_t at = entry->newest; at != 0; at = occurrences_[at - 1].previous) {
    count += occurrences_[at - 1].execution == execution ? 1 : 0;
  }
  return count;
}

uint64_t ValueSource::distinct_estimate() const {
  if (cutoff_ == UINT64_MAX) return used_;
  return static_cast<uint64_t>(static_cast<double>(used_) * kHashSpace / static_cast<double>(cutoff_));
}

void ValueSource::Evict() {
  std::vector<Entry>().swap(entries_);
  std::vector<Occurrence>().swap(occurrences_);
  used_ = 0;
  truncated_ = evicted_ = true;
}

void DistinctSketch::Add(uint64_t hash) {
  if (smallest_.size() == kSize && hash >= smallest_.back()) return;
  const auto at = std::ranges::lower_bound(smallest_, hash);
  if (at != smallest_.end() && *at == hash) return;
  smallest_.insert(at, hash);
  if (smallest_.size() > kSize) smallest_.pop_back();
}

uint64_t DistinctSketch::Estimate() const {
  if (smallest_.size() < kSize) return smallest_.size();
  return static_cast<uint64_t>(std::lround((kSize - 1) * kHashSpace / static_cast<double>(smallest_.back())));
}

}  // namespace pgassay::lineage
