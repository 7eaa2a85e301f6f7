// The timeline as it is stored: some hundred executions in one row of `execution_block`, as JSON, which SQLite itself
// takes apart in the view `execution` (schema.sql has the order of the members). Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pgassay::trace {

inline constexpr size_t kBlockExecutions = 512;  // some 40 kB: what one look into the timeline reads at least

struct TimelineInsert {
  int64_t execution_no, session_id, unit_id, statement_id, sent_ns, first_ns, duration_ns, waited_ns;
  uint64_t rows, bytes;
  uint32_t flags;
  char sqlstate[6];
  uint64_t parameters_hash, result_hash;
};

// `executions` is not empty; numbers and times count from its first. Replaces what `json` holds and keeps its memory.
void EncodeBlock(std::span<const TimelineInsert> executions, std::string& json);

}  // namespace pgassay::trace
