// With --keep-values: which values of which executions go into the trace, and which never do. Kept are Bind parameters
// and literals of statements that select or change rows; never what could be a credential: all values of a statement
// that names one (a password, a token, encryption, a connection string), values that look like one, and bytea. Result
// values, COPY data, messages and the values of every other statement are not kept at all. Bounded: kExamples of a
// statement, kMaxValues of an execution, kMaxValueBytes of a value, and in all. Threads: one owner.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analyzer/catalog/planner.h"
#include "analyzer/sql/statement.h"
#include "analyzer/trace/example_row.h"

namespace pgassay::ingest {

// Whether anything of this statement's executions may be kept. `sql`: redacted.
bool MayKeepValues(const sql::Facts& facts, std::string_view sql);

class ExampleValues {
 public:
  static constexpr size_t kExamples = 3;
  static constexpr size_t kMaxValues = 32;
  static constexpr size_t kMaxValueBytes = 128;

  // True if this execution is to be an example: there is room, and none of its statement has the same values (0:
  // unknown).
  bool Wants(int64_t statement_id, uint64_t parameters_hash) const;
  // The values of an execution that Wants() said true of. `sql`: the statement as sent.
  std::vector<trace::ExampleValue> Take(int64_t statement_id, uint64_t parameters_hash, std::string_view sql,
                                        std::span<const catalog::BindValue> binds);

 private:
  std::unordered_map<int64_t, std::vector<uint64_t>> taken_;  // parameters_hash of each example
  size_t bytes_ = 0;
};

}  // namespace pgassay::ingest
