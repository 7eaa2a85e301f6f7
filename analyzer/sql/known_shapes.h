// Texts that differ from a known one in plain literals only, as those of programs do that write values into their SQL:
// they have its shape, and their values stand at the same places, so they are not lexed again. Plain are digits and
// '…' without quotes or backslashes; a text with comments, dollar quotes, E'…' or several statements is for Scan().
// Bounded; shapes are forgotten all at once. Threads: one owner.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analyzer/sql/statement.h"

namespace pgassay::sql {

class KnownShapes {
 public:
  explicit KnownShapes(const HashKey& key) : key_(key) {}

  // True if a text like this one was learnt: then shape_hash, slots and values are what ScanShapes() would give; the
  // rest of `statement` is left alone.
  bool Read(std::string_view text, Statement& statement);
  // What ScanShapes() made of a text that Read() said false of: it was one statement, and selects or changes rows.
  void Learn(std::string_view text, uint64_t shape_hash, std::span<const Slot> slots,
             std::span<const SlotValue> values);

 private:
  struct Literal {
    uint32_t begin = 0, end = 0;
    bool number = false;
  };
  struct Like {
    uint64_t shape_hash = 0;
    std::vector<Slot> slots;
    std::vector<SlotValue> values;  // those of literals without their hash
    std::vector<int32_t> literals;  // per value: which literal of the text, in its order; -1: a parameter, NULL, TRUE
  };

  bool ReadSkeleton(std::string_view text);
  bool ReadString(std::string_view text, size_t& at);
  bool ReadDigits(std::string_view text, size_t& at);
  ValueHash HashOf(std::string_view text, const Literal& literal) const;

  const HashKey& key_;
  std::unordered_map<uint64_t, Like> likes_;  // by skeleton
  // Of the text at hand: its bytes with a mark in place of each literal, and where those stand.
  std::string skeleton_;
  std::vector<Literal> literals_;
};

}  // namespace pgassay::sql
