// What the slots of statements held that are planned: equalities over all executions by hash, patterns and the constant
// itself by the executions that were kept. Values: in memory only. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/ingest/samples.h"
#include "analyzer/trace/slot_row.h"

namespace pgassay::ingest {

struct SlotFact {
  trace::SlotRow row = {};
  std::string constant_value = {};  // that most executions have, as a parameter too
};

// Of comparisons alone; by statement, slot. `uses`: by id.
std::vector<SlotFact> ReadSlotFacts(std::span<const StatementToPlan> statements, std::span<const StatementUse> uses);

// Of a LIKE pattern, backslash being the escape.
struct PatternParts {
  bool wildcard = false, leading = false;
  uint64_t literal_part = 0;  // characters
};
PatternParts ReadPattern(std::string_view pattern);

}  // namespace pgassay::ingest
