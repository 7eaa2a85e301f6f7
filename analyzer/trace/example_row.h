// With --keep-values: the values of one execution of a statement, as far as they may be stored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pgassay::trace {

struct ExampleValue {
  int number = 0;   // n of the $n in the statement's text
  int element = 0;  // from 0, of a list that the statement's text shows as ($n, …)
  bool null = false;
  std::string value = {};     // as text
  std::string left_out = {};  // why there is none; "" if there is one, or NULL
  friend bool operator==(const ExampleValue&, const ExampleValue&) = default;
};

struct ExampleRow {
  int64_t statement_id = 0, execution_no = 0;
  std::vector<ExampleValue> values = {};  // by number and element
  friend bool operator==(const ExampleRow&, const ExampleRow&) = default;
};

}  // namespace pgassay::trace
