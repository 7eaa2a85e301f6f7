// A map from 64-bit hashes to small values, in one array: open addressing, linear probing, at most three quarters full,
// nothing is ever erased. The keys must be hashes already: their bits are the place. A key of 0 stands as 1.
// References live until the next insertion. Threads: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pgassay::lineage {

template <class Value>
class FlatMap {
 public:
  struct Entry {
    uint64_t key = 0;  // 0: free
    [[no_unique_address]] Value value{};
  };

  size_t size() const { return size_; }

  Value* Find(uint64_t key) {
    if (entries_.empty()) return nullptr;
    Entry& entry = Place(entries_, Key(key));
    return entry.key == 0 ? nullptr : &entry.value;
  }

  // The value and true if it is new, and then value-initialised.
  std::pair<Value*, bool> Insert(uint64_t key) {
    if ((size_ + 1) * 4 > entries_.size() * 3) Grow();
    Entry& entry = Place(entries_, Key(key));
    const bool fresh = entry.key == 0;
    entry.key = Key(key);
    size_ += fresh ? 1 : 0;
    return {&entry.value, fresh};
  }

  // As Insert, but null where a new key would make more than `limit`.
  Value* InsertUpTo(size_t limit, uint64_t key) { return size_ < limit ? Insert(key).first : Find(key); }

  template <class Visit>
  void ForEach(Visit visit) const {
    for (const Entry& entry : entries_) {
      if (entry.key != 0) visit(entry.key, entry.value);
    }
  }

 private:
  static constexpr size_t kSmallest = 8;

  static uint64_t Key(uint64_t key) { return key == 0 ? 1 : key; }

  static Entry& Place(std::vector<Entry>& table, uint64_t key) {
    const size_t mask = table.size() - 1;
    size_t at = static_cast<size_t>(key ^ (key >> 32)) & mask;
    while (table[at].key != 0 && table[at].key != key) at = (at + 1) & mask;
    return table[at];
  }

  void Grow() {
    std::vector<Entry> larger(entries_.empty() ? kSmallest : entries_.size() * 2);
    for (Entry& entry : entries_) {
      if (entry.key != 0) Place(larger, entry.key) = entry;
    }
    entries_.swap(larger);
  }

  std::vector<Entry> entries_;
  size_t size_ = 0;
};

}  // namespace pgassay::lineage
