#include "analyzer/advisor/narrow.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "analyzer/advisor/candidate.h"
#include "analyzer/advisor/ddl.h"
#include "analyzer/advisor/supposed.h"
#include "analyzer/advisor/trials.h"
#include "analyzer/catalog/plan_tree.h"
#include "analyzer/sql/select_list.h"

namespace pgassay::advisor {
namespace {

using catalog::Hypothetical;
using catalog::IndexSpec;
using catalog::Planner;
using catalog::Relation;
using catalog::Sample;
using Clock = std::chrono::steady_clock;

constexpr double kLeastRows = 100;  // of a result: fewer are too small to matter
constexpr double kMostCost = 0.5;   // of today's
constexpr size_t kCandidates = 4;   // that are tried for a statement
constexpr size_t kNarrowTable = 6;  // columns up to which a table is left alone

bool TakesAllColumns(const sql::Facts& facts, const Relation& relation) {
  std::set<std::string_view> taken;
  for (const sql::Output& output : facts.outputs) {
    if (output.kind == sql::Output::Kind::kStar) return true;
    taken.insert(output.column.column);
  }
  return taken.size() >= relation.columns.size();
}

// A plain select of columns from one table, by comparisons and an order on its bare columns.
bool IsPlain(const sql::Facts& facts) {
  const auto bare = [](const sql::Output& output) {
    return output.kind == sql::Output::Kind::kColumn || output.kind == sql::Output::Kind::kStar;
  };
  return facts.parsed && facts.operation == sql::Operation::kSelect && facts.relations.size() == 1 && !facts.writes &&
         !facts.locking && !facts.distinct && !facts.has_subquery && !facts.has_set_operation &&
         facts.group_by.empty() && facts.joins.empty() && std::ranges::all_of(facts.outputs, bare) &&
         std::ranges::all_of(facts.comparisons, [](const sql::Comparison& c) { return c.function.empty(); }) &&
         std::ranges::none_of(facts.order_by, &sql::SortKey::expression);
}

// Sorted; nothing where a column is not the table's.
std::optional<std::vector<int16_t>> NeededColumns(const sql::Facts& facts, const Relation& relation,
                                                  const catalog::Snapshot& snapshot) {
  std::set<int16_t> needed;
  const auto add = [&](const sql::ColumnRef& named) {
    const catalog::Column* column = catalog::FindColumn(relation, named.column);
    if (column != nullptr) needed.insert(column->attnum);
    return column != nullptr;
  };
  bool known = true;
  for (const sql::Comparison& comparison : facts.comparisons) known = add(comparison.column) && known;
  for (const sql::SortKey& key : facts.order_by) known = add(key.column) && known;
  bool has_key = false;
  for (const catalog::Index* index : snapshot.IndexesOf(relation.oid)) {
    if (!index->primary) continue;
    has_key = true;
    for (const catalog::IndexKey& key : index->keys) needed.insert(key.attnum);
  }
  if (!known || !has_key || needed.size() >= relation.columns.size()) return std::nullopt;
  return std::vector<int16_t>(needed.begin(), needed.end());
}

bool Covers(const IndexSpec& spec, const std::vector<int16_t>& columns) {
  return spec.access_method == "btree" && spec.predicate.empty() && std::ranges::all_of(columns, [&](int16_t column) {
           return std::ranges::find(spec.keys, column, &catalog::IndexKey::attnum) != spec.keys.end() ||
                  std::ranges::find(spec.included, column) != spec.included.end();
         });
}

// Every table, each partition too, is read by an index alone.
bool IsIndexOnly(const std::string& plan_json) {
  const auto plan = catalog::PlanTree(plan_json);
  bool only = plan.has_value();
  if (plan) {
    catalog::ForEachNode(*plan, [&](const catalog::PlanNode& node) {
      only = only && (node.relation.empty() || node.type == "Index Only Scan");
    });
  }
  return only;
}

std::string Names(const std::vector<int16_t>& columns, const Relation& relation) {
  std::string names;
  for (const int16_t number : columns)
    names += (names.empty() ? "" : ", ") + catalog::QuoteIdentifier(catalog::FindColumn(relation, number)->name);
  return names;
}

class Narrower {
 public:
  Narrower(const Workload& workload, Planner& planner, Clock::time_point until)
      : workload_(workload), planner_(planner), until_(until) {}

  std::optional<trace::TrialRow> Try(const Query& query, const catalog::WorkloadStatement& statement) {
    if (query.tables.size() != 1 || query.aggregate || statement.samples.empty()) return std::nullopt;
    const sql::Facts& facts = query.statement->facts;
    const Relation& relation = *query.tables.front().relation;
    // Of a view the table stands in the query: its columns have other names, perhaps.
    if (!IsPlain(facts) || facts.relations.front().name != relation.name) return std::nullopt;
    const bool large = query.rows >= kLeastRows && relation.columns.size() > kNarrowTable;
    if (!large || !TakesAllColumns(facts, relation)) return std::nullopt;
    if (SizeOf(*workload_.snapshot, relation).all_visible_share < kVisibleShare) return std::nullopt;
    const auto needed = NeededColumns(facts, relation, *workload_.snapshot);
    if (!needed) return std::nullopt;

    const Sample& sample = statement.samples.back();  // with the largest result
    const std::string names = Names(*needed, relation);
    const auto list = sql::FindSelectList(sample.sql);
    if (!list) return std::nullopt;
    Sample narrowed = sample;
    narrowed.sql = sql::WithSelectList(sample.sql, *list, names);
    options_.values = statement.values_known ? catalog::Values::kSampled : catalog::Values::kGeneric;
    const auto before = planner_.Plan(sample, {}, options_);
    if (!before) return std::nullopt;

    trace::TrialRow row{.upstream = workload_.snapshot->upstream,
                        .database = workload_.snapshot->database,
                        .statement_id = statement.statement_id,
                        .columns = names,
                        .executions = statement.values_known ? 1U : 0U,
                        .cost_before = before->total_cost,
                        .cost_after = kMostCost * before->total_cost,
                        .plan_before = before->plan_json};
    if (!Take(narrowed, nullptr, relation, row)) {
      for (const Candidate& index : Covering(query, *needed)) Take(narrowed, &index, relation, row);
    }
    return row.used ? std::optional(std::move(row)) : std::nullopt;
  }

 private:
  // Whether it is the best so far, or good enough.
  bool Take(const Sample& narrowed, const Candidate* index, const Relation& relation, trace::TrialRow& row) {
    const Hypothetical way = index == nullptr ? Hypothetical::kHypoPg : planner_.CanTry(index->spec);
    if (way == Hypothetical::kNone || Clock::now() > until_) return false;
    const auto set = index == nullptr ? std::span<const Candidate* const>() : std::span(&index, 1);
    auto cost = PlanWith(planner_, narrowed, set, options_);
    if (!cost || cost->total_cost > row.cost_after || !IsIndexOnly(cost->plan_json)) return false;
    row.used = true;
    row.index = index == nullptr ? "" : TrialIndex(index->spec, relation);
    row.kind = way == Hypothetical::kSandbox ? trace::TrialKind::kBuilt : trace::TrialKind::kHypothetical;
    row.how = std::move(cost->how);
    row.cost_after = cost->total_cost;
    row.plan_after = std::move(cost->plan_json);
    return true;
  }

  std::vector<Candidate> Covering(const Query& query, const std::vector<int16_t>& needed) const {
    Workload narrowed;
    narrowed.snapshot = workload_.snapshot;
    narrowed.writes = workload_.writes;
    narrowed.queries.push_back(query);
    narrowed.queries.front().tables.front().columns = needed;
    narrowed.queries.front().tables.front().columns_known = true;
    std::vector<Candidate> covering;
    std::set<std::string> taken = TakenNames(*workload_.snapshot);
    for (Candidate& candidate : MakeCandidates(narrowed)) {
      if (!Covers(candidate.spec, needed) || covering.size() >= kCandidates) continue;
      candidate.spec.name = IndexName(candidate.spec, *candidate.relation, taken);
      covering.push_back(std::move(candidate));
    }
    return covering;
  }

  const Workload& workload_;
  Planner& planner_;
  const Clock::time_point until_;
  catalog::PlanOptions options_;
};

}  // namespace

std::vector<trace::TrialRow> TryNarrowed(const Workload& workload, Planner& planner,
                                         std::span<const catalog::WorkloadStatement> samples,
                                         std::chrono::milliseconds budget) {
  const auto until = Clock::now() + budget;
  std::map<int64_t, const catalog::WorkloadStatement*> by_id;
  for (const catalog::WorkloadStatement& statement : samples) by_id[statement.statement_id] = &statement;
  Narrower narrower(workload, planner, until);
  std::vector<trace::TrialRow> rows;
  for (const Query& query : workload.queries) {
    const auto sampled = by_id.find(query.statement->statement_id);
    if (sampled == by_id.end() || Clock::now() > until) continue;
    if (auto row = narrower.Try(query, *sampled->second)) rows.push_back(std::move(*row));
  }
  return rows;
}

}  // namespace pgassay::advisor
