// Executions of a database's statements that can be planned again: of each statement up to kDrawn, drawn evenly over
// all of them, besides the slowest and the one with the largest result. In memory only, for they hold texts and values
// as sent; bounded. Threads: one owner. Source: Vitter's algorithm R.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "analyzer/catalog/planner.h"
#include "analyzer/lineage/lineage.h"
#include "analyzer/sql/statement.h"

namespace pgassay::ingest {

// A sample, and whether its values are known: if not, the Binds say types alone.
struct Planning {
  catalog::Sample sample = {};
  bool values_known = false;
  uint64_t number = 0;  // of the statement's executions, from 1; Samples sets it
};

struct StatementToPlan {
  int64_t statement_id = 0;
  uint64_t calls = 0;
  int64_t database_ns = 0;
  std::vector<Planning> executions = {};
};

// What came into one slot that is compared by equality: how often, and how often the most frequent value at least
// (Misra and Gries, "Finding repeated elements", 1982).
struct SlotUse {
  int slot = 0;
  uint64_t executions = 0, max_elements = 0;
  struct Counter {
    uint64_t hash = 0, count = 0;
  };
  std::array<Counter, 4> counters = {};
  void Count(uint64_t hash);
  uint64_t top() const;
};

// How often a statement ran, whether it can be planned or not.
struct StatementUse {
  int64_t statement_id = 0;
  const sql::Facts* facts = nullptr;  // borrowed
  uint64_t calls = 0, rows = 0;
  std::vector<SlotUse> slots = {};
};

class Samples {
 public:
  static constexpr size_t kDrawn = 8;

  // An execution of any statement that succeeded. `facts` outlives this; `sinks` are of its comparisons.
  void Count(int64_t statement_id, const sql::Facts& facts, uint64_t rows, std::span<const lineage::SinkValue> sinks);
  std::vector<StatementUse> Uses() const;  // by id

  // What is known of an execution's values: they stand in its text; they came, drawn evenly already; or they did not.
  enum class Values : uint8_t { kInText, kDrawn, kUnknown };
  // Counts an execution. True if it is to be kept: Keep() follows then.
  bool Wants(int64_t statement_id, Values values, int64_t database_ns, uint64_t rows);
  void Keep(int64_t statement_id, Planning planning);

  // The `limit` that cost most time, most first.
  std::vector<StatementToPlan> Costliest(size_t limit) const;
  bool empty() const { return statements_.empty(); }
  size_t size() const { return statements_.size(); }

 private:
  struct OfStatement {
    uint64_t calls = 0;
    int64_t database_ns = 0;
    std::vector<Planning> drawn = {};
    std::optional<Planning> slowest = {}, largest = {};
    size_t place = 0;  // that the wanted execution takes among the drawn; kDrawn: none
    bool is_slowest = false, is_largest = false;
  };
  std::unordered_map<int64_t, OfStatement> statements_;
  std::unordered_map<int64_t, StatementUse> uses_;
  size_t bytes_ = 0;
  uint64_t random_ = 0x9E3779B97F4A7C15;
};

}  // namespace pgassay::ingest
