#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "analyzer/detectors/detector.h"
#include "analyzer/detectors/occurrences.h"
#include "proxy/base/take.h"

namespace pgassay::detectors {
namespace {

using lineage::Edge;
using lineage::UnitStatement;

auto KeyOf(const UnitStatement& row) { return std::tuple(row.unit_id, row.statement_id); }
auto KeyOf(const lineage::Repeat& row) {
  return std::tuple(row.unit_id, row.statement_id, row.parameters_hash, row.first_no);
}
auto KeyOf(const Edge& row) {
  return std::tuple(row.unit_id, row.parent_statement_id, row.parent_position, row.child_statement_id,
                    row.child_comparison);
}

template <class Row>
void SortByKey(std::vector<Row>& rows) {
  std::ranges::stable_sort(rows, [](const Row& a, const Row& b) { return KeyOf(a) < KeyOf(b); });
}

void Add(UnitStatement& to, const UnitStatement& row) {
  to.calls += row.calls;
  to.errors += row.errors;
  to.rows += row.rows;
  to.bytes += row.bytes;
  to.pipelined += row.pipelined;
  to.batches += row.batches;
  to.batch_elements += row.batch_elements;
  to.distinct_parameters += row.distinct_parameters;
  to.unclaimed += row.unclaimed;
  to.unclaimed_distinct += row.unclaimed_distinct;
  to.unclaimed_max_repeat = std::max(to.unclaimed_max_repeat, row.unclaimed_max_repeat);
  to.database_ns += row.database_ns;
  to.gap_p90_ns = std::max(to.gap_p90_ns, row.gap_p90_ns);
  to.median_ns = std::max(to.median_ns, row.median_ns);
  to.first_no = std::min(to.first_no, row.first_no);
  to.last_no = std::max(to.last_no, row.last_no);
}

// `same_parent`: both edges are of one parent execution, whose children, rows and distinct values are then shared.
void Add(Edge& to, const Edge& row, bool same_parent) {
  const auto per_parent = [&](uint64_t& a, uint64_t b) { a = same_parent ? a + b : std::max(a, b); };
  const auto of_parents = [&](uint64_t& a, uint64_t b) { a = same_parent ? std::max(a, b) : a + b; };
  const auto weight = static_cast<double>(to.order_values), weight_row = static_cast<double>(row.order_values);
  if (weight + weight_row > 0)
    to.order_tau = (to.order_tau * weight + row.order_tau * weight_row) / (weight + weight_row);
  to.order_values += row.order_values;
  to.order_log10_p = std::max(to.order_log10_p, row.order_log10_p);
  to.children += row.children;
  to.child_executions += row.child_executions;
  to.distinct_values += row.distinct_values;
  to.child_distinct_values += row.child_distinct_values;
  to.contained_values += row.contained_values;
  of_parents(to.parent_executions, row.parent_executions);
  of_parents(to.parent_executions_claimed, row.parent_executions_claimed);
  of_parents(to.parent_executions_total, row.parent_executions_total);
  of_parents(to.parent_rows, row.parent_rows);
  of_parents(to.parent_distinct, row.parent_distinct);
  per_parent(to.max_children_per_parent, row.max_children_per_parent);
  per_parent(to.max_distinct_per_parent, row.max_distinct_per_parent);
  per_parent(to.max_children_per_ancestor, row.max_children_per_ancestor);
  per_parent(to.max_distinct_per_ancestor, row.max_distinct_per_ancestor);
  to.values_as_often += row.values_as_often;
  to.holes += row.holes;
  to.same_connection += row.same_connection;
  to.same_process += row.same_process;
  to.same_transaction += row.same_transaction;
  to.rejoined += row.rejoined;
  to.from_outside += row.from_outside;
  to.untested += row.untested;
  to.values_hash += row.values_hash;
  to.sink_domain = std::max(to.sink_domain, row.sink_domain);
  to.pipelined += row.pipelined;
  to.first_child_delay_ns = std::min(to.first_child_delay_ns, row.first_child_delay_ns);
  to.gap_p90_ns = std::max(to.gap_p90_ns, row.gap_p90_ns);
  to.child_median_ns = std::max(to.child_median_ns, row.child_median_ns);
  to.child_ns += row.child_ns;
  to.child_rows += row.child_rows;
  to.child_bytes += row.child_bytes;
  to.truncated = to.truncated || row.truncated;
  to.first_child_no = std::min(to.first_child_no, row.first_child_no);
  to.last_child_no = std::max(to.last_child_no, row.last_child_no);
  to.parent_no = std::min(to.parent_no, row.parent_no);
}

std::vector<UnitStatement> AddUp(std::vector<UnitStatement> rows) {
  SortByKey(rows);
  std::vector<UnitStatement> sums;
  for (const UnitStatement& row : rows) {
    if (!sums.empty() && KeyOf(sums.back()) == KeyOf(row)) {
      Add(sums.back(), row);
    } else {
      sums.push_back(row);
    }
  }
  return sums;
}

std::vector<Edge> AddUp(std::vector<Edge> rows) {
  const auto by_parent = [](const Edge& row) { return std::tuple_cat(KeyOf(row), std::tuple(row.parent_no)); };
  std::ranges::stable_sort(rows, [&](const Edge& a, const Edge& b) { return by_parent(a) < by_parent(b); });
  std::vector<Edge> per_parent;
  for (const Edge& row : rows) {
    if (!per_parent.empty() && by_parent(per_parent.back()) == by_parent(row)) {
      Add(per_parent.back(), row, true);
    } else {
      per_parent.push_back(row);
    }
  }
  std::vector<Edge> sums;
  for (const Edge& row : per_parent) {
    if (!sums.empty() && KeyOf(sums.back()) == KeyOf(row)) {
      Add(sums.back(), row, false);
    } else {
      sums.push_back(row);
    }
  }
  return sums;
}

void AddToRoot(lineage::Unit& root, const lineage::Unit& unit) {
  root.shared_connection = root.shared_connection || unit.shared_connection;
  root.schema_change = root.schema_change || unit.schema_change;
  root.transaction_conflict = root.transaction_conflict || unit.transaction_conflict;
  if (root.label.empty()) root.label = unit.label;
  root.begin_ns = std::min(root.begin_ns, unit.begin_ns);
  root.end_ns = std::max(root.end_ns, unit.end_ns);
  root.statements += unit.statements;
  root.round_trips += unit.round_trips;
  root.rows += unit.rows;
  root.bytes += unit.bytes;
  root.database_ns += unit.database_ns;
  root.think_ns += unit.think_ns;
}

// Statements whose answers may be worth keeping; of all others the timeline is not read.
std::vector<int64_t> CostlyAggregates(const TraceView& view) {
  constexpr uint64_t kLeastCalls = 3;
  constexpr int64_t kLeastMeanNs = 1'000'000;
  std::vector<int64_t> ids;
  for (const trace::StatementRow& statement : view.statements) {
    const bool costs =
        statement.calls >= kLeastCalls && statement.database_ns / static_cast<int64_t>(statement.calls) >= kLeastMeanNs;
    if (costs && IsApplicationRead(statement) && IsAggregate(statement.facts)) ids.push_back(statement.statement_id);
  }
  return ids;
}

constexpr uint64_t kMaxAnswers = 100'000;  // some 8 MB

}  // namespace

void ResolveJoinedUnits(TraceView& view) {
  std::ranges::sort(view.units, {}, &lineage::Unit::unit_id);
  std::ranges::stable_sort(view.tags, {}, &trace::TagRow::statement_id);
  std::unordered_map<int64_t, int64_t> joined_to;
  for (const lineage::Unit& unit : view.units) {
    if (unit.joined_to != 0) joined_to[unit.unit_id] = unit.joined_to;
  }
  const auto root_of = [&](int64_t unit_id) {
    for (size_t steps = 0; steps <= joined_to.size(); ++steps) {  // a cycle would be a broken trace: it ends too
      const auto next = joined_to.find(unit_id);
      if (next == joined_to.end()) break;
      unit_id = next->second;
    }
    return unit_id;
  };

  for (lineage::Unit& unit : view.units) {
    if (unit.joined_to == 0) continue;
    unit.joined_to = root_of(unit.unit_id);
    const auto root = std::ranges::lower_bound(view.units, unit.joined_to, {}, &lineage::Unit::unit_id);
    if (root != view.units.end() && root->unit_id == unit.joined_to && &*root != &unit) AddToRoot(*root, unit);
  }
  // What moved to another unit left a row without counts behind.
  std::erase_if(view.unit_statements, [](const UnitStatement& row) { return row.calls == 0; });
  std::erase_if(view.edges, [](const Edge& row) { return row.children == 0; });
  std::erase_if(view.repeats, [](const lineage::Repeat& row) { return row.executions == 0; });
  std::set<int64_t> composed;
  for (const auto& [unit_id, parent] : joined_to) composed.insert(root_of(unit_id));

  for (auto& row : view.unit_statements) row.unit_id = root_of(row.unit_id);
  for (auto& row : view.edges) row.unit_id = root_of(row.unit_id);
  for (auto& row : view.repeats) row.unit_id = root_of(row.unit_id);
  for (auto& row : view.answers) row.unit_id = root_of(row.unit_id);
  view.unit_statements = AddUp(std::move(view.unit_statements));
  view.edges = AddUp(std::move(view.edges));
  SortByKey(view.repeats);

  // An edge knows the executions of the units that it was made in; its unit may by now hold more of them.
  const auto calls = [&](int64_t unit_id, int64_t statement_id) {
    const auto row = std::ranges::lower_bound(view.unit_statements, std::tuple(unit_id, statement_id), {},
                                              [](const UnitStatement& r) { return KeyOf(r); });
    return row != view.unit_statements.end() && KeyOf(*row) == std::tuple(unit_id, statement_id) ? row->calls : 0;
  };
  for (Edge& edge : view.edges) {
    if (!composed.contains(edge.unit_id)) continue;
    edge.child_executions = std::max(edge.child_executions, calls(edge.unit_id, edge.child_statement_id));
    edge.parent_executions_total =
        std::max(edge.parent_executions_total, calls(edge.unit_id, edge.parent_statement_id));
  }
}

const trace::StatementRow* TraceView::Statement(int64_t statement_id) const {
  const auto found = std::ranges::lower_bound(statements, statement_id, {}, &trace::StatementRow::statement_id);
  return found != statements.end() && found->statement_id == statement_id ? &*found : nullptr;
}

const lineage::Unit* TraceView::Unit(int64_t unit_id) const {
  const auto found = std::ranges::lower_bound(units, unit_id, {}, &lineage::Unit::unit_id);
  return found != units.end() && found->unit_id == unit_id ? &*found : nullptr;
}

std::span<const trace::ColumnRow> TraceView::Columns(int64_t statement_id) const {
  return std::ranges::equal_range(columns, statement_id, {}, &trace::ColumnRow::statement_id);
}

std::span<const trace::AnswerRow> TraceView::Answers(int64_t statement_id) const {
  return std::ranges::equal_range(answers, statement_id, {}, &trace::AnswerRow::statement_id);
}

Result<TraceView> LoadTraceView(const trace::Trace& trace) {
  TraceView view;
  std::vector<trace::CatalogRow> catalogs;
  Result<> all;
  Take(trace.ReadTotals(), view.totals, all);
  Take(trace.Statements(), view.statements, all);
  Take(trace.Columns(), view.columns, all);
  Take(trace.Tags(), view.tags, all);
  Take(trace.Scopes(), view.scopes, all);
  Take(trace.Units(), view.units, all);
  Take(trace.UnitStatements(), view.unit_statements, all);
  Take(trace.Edges(), view.edges, all);
  Take(trace.Repeats(), view.repeats, all);
  Take(trace.Plans(), view.plans, all);
  Take(trace.Trials(), view.trials, all);
  Take(trace.Slots(), view.slots, all);
  Take(trace.Catalogs(), catalogs, all);
  if (!all) return std::unexpected(all.error());
  Take(trace.Answers(CostlyAggregates(view), kMaxAnswers), view.answers, all);
  if (!all) return std::unexpected(all.error());
  for (trace::CatalogRow& row : catalogs) {
    if (row.snapshot) view.catalogs.push_back(std::move(*row.snapshot));
  }
  ResolveJoinedUnits(view);
  return view;
}

}  // namespace pgassay::detectors
