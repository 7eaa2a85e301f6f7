// What is known of the values in one slot of a statement: figures, and at most one constant. Stored by recordings with
// --database, of the statements that are planned.
#pragma once

#include <cstdint>
#include <string>

namespace pgassay::trace {

struct SlotRow {
  int64_t statement_id = 0;
  int slot = 0;                    // index into the statement's slots, as in its facts
  uint64_t executions = 0;         // in which the slot had a value
  uint64_t top_executions = 0;     // of these: with the most frequent value, at least
  uint64_t literals = 0;           // sent as a literal of the text; these four as far as samples tell
  uint64_t named = 0;              // bound to a named prepared statement
  uint64_t patterns = 0;           // with a wildcard
  uint64_t leading_wildcards = 0;  // that begins with one
  uint64_t literal_part = 0;  // characters: the longest part without wildcards, of the pattern with the shortest such
  uint64_t max_elements = 0;  // of a list or array
  double share =
      -1;  // of the table's rows that have the most frequent value, by the server's statistics; -1: not known
  std::string constant;  // SQL text of the most frequent value, where an index on it is advised; "": it was not kept
  friend bool operator==(const SlotRow&, const SlotRow&) = default;
};

}  // namespace pgassay::trace
