// What stands in the slots of a text: for those few executions whose texts are in memory. Values: never stored.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgassay::sql {

struct SlotLiteral {
  int slot = 0;
  int parameter = 0;  // n of $n; 0: a literal
  bool is_null = false;
  std::string_view text;  // as it stands, quotes included; of the text that was given
  std::string value;      // what it means
};

// Of the first statement, by slot.
std::vector<SlotLiteral> ReadSlotLiterals(std::string_view text);

}  // namespace pgassay::sql
