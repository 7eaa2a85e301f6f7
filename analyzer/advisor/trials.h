// What a server said of candidates: trial rows of a trace, found by statement and index. Pure. Borrows the rows.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>

#include "analyzer/advisor/candidate.h"
#include "analyzer/trace/trial_row.h"

namespace pgassay::advisor {

// As trace::TrialRow::index has it.
std::string TrialIndex(const catalog::IndexSpec& spec, const catalog::Relation& relation);

class Trials {
 public:
  // Of the snapshot's database and of whole statements alone. A trial is left out where the table was small when it was
  // made and is not in this snapshot, or the other way round: its costs would be of another size.
  Trials(std::span<const trace::TrialRow> rows, const catalog::Snapshot& snapshot);
  // Null: not tried.
  const trace::TrialRow* Find(int64_t statement_id, const Candidate& candidate) const;
  // Whether the trial's costs are those to expect: it was made, of a table that is not small, and not with HypoPG of an
  // expression, whose values nobody has looked at yet.
  static bool HasCosts(const trace::TrialRow& row, const Candidate& candidate);
  // The planner does not take it, or gains next to nothing by it.
  bool Refuted(int64_t statement_id, const Candidate& candidate) const;

 private:
  const catalog::Snapshot& snapshot_;
  std::map<std::pair<int64_t, std::string_view>, const trace::TrialRow*> rows_;
};

}  // namespace pgassay::advisor
