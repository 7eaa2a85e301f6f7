#include "analyzer/advisor/trials.h"

#include <algorithm>

#include "analyzer/advisor/cost_model.h"

namespace pgassay::advisor {
namespace {

constexpr double kLeastSaving = 0.1;  // of a statement's cost, below which an index is not worth its upkeep

}  // namespace

std::string TrialIndex(const catalog::IndexSpec& spec, const catalog::Relation& relation) {
  catalog::IndexSpec nameless = spec;
  nameless.name.clear();
  return catalog::IndexDefinition(nameless, relation);
}

Trials::Trials(std::span<const trace::TrialRow> rows, const catalog::Snapshot& snapshot) : snapshot_(snapshot) {
  for (const trace::TrialRow& row : rows) {
    if (row.upstream == snapshot.upstream && row.database == snapshot.database && row.columns.empty())
      rows_[{row.statement_id, row.index}] = &row;
  }
}

const trace::TrialRow* Trials::Find(int64_t statement_id, const Candidate& candidate) const {
  const std::string index = TrialIndex(candidate.spec, *candidate.relation);
  const auto found = rows_.find({statement_id, index});
  if (found == rows_.end()) return nullptr;
  const trace::TrialRow& row = *found->second;
  const bool same_size = !row.problem.empty() || row.structural == IsSmall(snapshot_, *candidate.relation);
  return same_size ? &row : nullptr;
}

bool Trials::HasCosts(const trace::TrialRow& row, const Candidate& candidate) {
  const bool unseen = row.kind == trace::TrialKind::kHypothetical &&
                      std::ranges::any_of(candidate.spec.keys, [](const auto& key) { return key.attnum == 0; });
  return row.problem.empty() && !row.structural && !unseen;
}

bool Trials::Refuted(int64_t statement_id, const Candidate& candidate) const {
  const trace::TrialRow* row = Find(statement_id, candidate);
  if (row == nullptr || !row->problem.empty() || row->structural) return false;
  if (!row->used) return true;
  return HasCosts(*row, candidate) && row->cost_before - row->cost_after < kLeastSaving * row->cost_before;
}

}  // namespace pgassay::advisor
