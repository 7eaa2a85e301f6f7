#include "analyzer/advisor/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "analyzer/advisor/condition.h"
#include "analyzer/advisor/plan_filters.h"

namespace pgassay::advisor {
namespace {

using catalog::Column;
using catalog::Relation;
using catalog::Snapshot;

bool IsTable(const Relation& relation) { return relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'm'; }

// A table as the advisor sees it: partitions are folded to their root, a view's column to its base column.
struct Resolved {
  const Relation* written = nullptr;  // as the statement names it
  const Relation* table = nullptr;    // null: none that an index could be made on
};

Resolved Resolve(const Snapshot& snapshot, const sql::Relation& name) {
  const Relation* written = snapshot.FindRelation(name.schema, name.name);
  if (written == nullptr) return {};
  const Relation* table = written;
  if (written->kind == 'v' && !written->view_columns.empty()) {
    const uint32_t base = written->view_columns.front().base_oid;
    const bool one_base = std::ranges::all_of(written->view_columns, [&](const catalog::ViewColumn& column) {
      return column.base_oid == base || column.base_oid == 0;
    });
    table = one_base ? snapshot.FindRelation(base) : nullptr;
  }
  for (int depth = 0; table != nullptr && table->partition && depth < 16; ++depth)
    table = snapshot.FindRelation(table->parent_oid);
  return {written, table != nullptr && IsTable(*table) ? table : nullptr};
}

int16_t ColumnNumber(const Resolved& resolved, std::string_view name) {
  if (resolved.table == nullptr) return 0;
  if (resolved.written->kind == 'v') {
    const auto found = std::ranges::find(resolved.written->view_columns, name, &catalog::ViewColumn::column);
    return found == resolved.written->view_columns.end() ? int16_t{0} : found->base_attnum;
  }
  const Column* column = catalog::FindColumn(*resolved.table, name);
  return column == nullptr ? int16_t{0} : column->attnum;
}

class QueryBuilder {
 public:
  QueryBuilder(const trace::StatementRow& statement, std::span<const trace::SlotRow> slots, const Snapshot& snapshot)
      : statement_(statement), facts_(statement.facts), slots_(slots), snapshot_(snapshot) {}

  // Without tables where the snapshot has none of them.
  Query Build() {
    for (const sql::Relation& name : facts_.relations) {
      resolved_.push_back(Resolve(snapshot_, name));
      use_of_.push_back(-1);
      if (resolved_.back().table == nullptr) continue;
      use_of_.back() = static_cast<int>(query_.tables.size());
      query_.tables.push_back({});
      query_.tables.back().relation = resolved_.back().table;
      query_.tables.back().alias = name.alias.empty() ? name.name : name.alias;
      query_.tables.back().per_row = name.per_row;
    }
    query_.statement = &statement_;
    query_.weight = static_cast<double>(statement_.calls);
    if (statement_.calls > statement_.errors) {
      query_.rows = static_cast<double>(statement_.rows) / static_cast<double>(statement_.calls - statement_.errors);
    }
    query_.aggregate = facts_.aggregate_only;
    query_.named = IsMostlyNamed();
    query_.limit = Limit();
    AddConditions();
    AddJoins();
    AddOrder();
    AddColumns();
    FitToObservedRows();
    AddExtremum();
    return std::move(query_);
  }

 private:
  // Of a column that is not qualified: the only one of the tables that has it. -1: cannot be told, as with subqueries,
  // which have columns of their own.
  int RelationOf(const sql::ColumnRef& column) const {
    if (column.relation >= 0 || facts_.has_subquery || facts_.has_set_operation) return column.relation;
    int found = -1;
    for (size_t i = 0; i < resolved_.size(); ++i) {
      if (resolved_[i].table == nullptr) return -1;
      if (ColumnNumber(resolved_[i], column.column) == 0) continue;
      if (found >= 0) return -1;
      found = static_cast<int>(i);
    }
    return found;
  }
  TableUse* UseOf(const sql::ColumnRef& column) {
    const int relation = RelationOf(column);
    if (relation < 0 || use_of_[static_cast<size_t>(relation)] < 0) return nullptr;
    return &query_.tables[static_cast<size_t>(use_of_[static_cast<size_t>(relation)])];
  }
  int16_t NumberOf(const sql::ColumnRef& column) const {
    const int relation = RelationOf(column);
    return relation < 0 ? int16_t{0} : ColumnNumber(resolved_[static_cast<size_t>(relation)], column.column);
  }
  const trace::SlotRow* Slot(int slot) const {
    const auto found = std::ranges::find(slots_, slot, &trace::SlotRow::slot);
    return slot < 0 || found == slots_.end() ? nullptr : &*found;
  }

  bool IsMostlyNamed() const {
    uint64_t named = 0, executions = 0;
    for (const trace::SlotRow& slot : slots_) {
      named = std::max(named, slot.named);
      executions = std::max(executions, slot.executions);
    }
    return named >= 6 && named * 2 > executions;  // a generic plan is considered from the sixth execution on
  }

  double Limit() const {
    if (facts_.limit.kind == sql::Bound::kNone || facts_.has_set_operation) return -1;
    const double offset = static_cast<double>(std::max<int64_t>(facts_.offset.value, 0));
    if (facts_.limit.value >= 0) return static_cast<double>(facts_.limit.value) + offset;
    return query_.rows < 0 ? -1 : std::max(query_.rows, 1.0) + offset;
  }

  void AddConditions() {
    for (const sql::Comparison& comparison : facts_.comparisons) {
      TableUse* use = UseOf(comparison.column);
      const int16_t number = NumberOf(comparison.column);
      if (use == nullptr || number == 0) continue;
      std::optional<Condition> condition =
          ReadCondition(comparison, statement_, Slot(comparison.slot), snapshot_, *use->relation, number);
      if (condition) use->conditions.push_back(std::move(*condition));
    }
  }

  void AddJoins() {
    for (const auto* joins : {&facts_.joins, &facts_.loose_joins}) {
      for (const sql::Join& join : *joins) {
        TableUse* left = UseOf(join.left);
        TableUse* right = UseOf(join.right);
        const int16_t left_number = NumberOf(join.left), right_number = NumberOf(join.right);
        if (left == nullptr || right == nullptr || left == right || left_number == 0 || right_number == 0) continue;
        left->joins.push_back({left_number, static_cast<size_t>(right - query_.tables.data()), right_number});
        right->joins.push_back({right_number, static_cast<size_t>(left - query_.tables.data()), left_number});
      }
    }
  }

  // Only the outermost level's: facts have no others.
  void AddOrder() {
    TableUse* sorted = nullptr;
    std::vector<SortColumn> keys;
    for (const sql::SortKey& key : facts_.order_by) {
      TableUse* use = UseOf(key.column);
      const int16_t number = NumberOf(key.column);
      if (key.expression || use == nullptr || number == 0 || (sorted != nullptr && use != sorted)) {
        keys.clear();
        break;
      }
      sorted = use;
      keys.push_back({number, key.descending, key.nulls_first});
    }
    if (sorted != nullptr && !facts_.has_set_operation && !facts_.distinct && facts_.group_by.empty())
      sorted->sort = std::move(keys);

    std::vector<int16_t> group;
    TableUse* grouped = nullptr;
    for (const sql::ColumnRef& column : facts_.group_by) {
      TableUse* use = UseOf(column);
      const int16_t number = NumberOf(column);
      if (use == nullptr || number == 0 || (grouped != nullptr && use != grouped)) return;
      grouped = use;
      group.push_back(number);
    }
    if (grouped != nullptr) grouped->group = std::move(group);
  }

  // SELECT max(a), min(a) FROM one table: as ORDER BY a LIMIT 1.
  void AddExtremum() {
    if (!facts_.aggregate_only || facts_.outputs.empty() || query_.tables.size() != 1) return;
    const sql::Output& first = facts_.outputs.front();
    const bool one = std::ranges::all_of(
        facts_.outputs, [&](const sql::Output& output) { return output.extremum && output.column == first.column; });
    TableUse* use = UseOf(first.column);
    const int16_t number = NumberOf(first.column);
    if (!one || use == nullptr || number == 0) return;
    query_.extremum = true;
    query_.limit = 1;
    use->sort = {{.attnum = number}};
  }

  void AddColumns() {
    std::vector<std::set<int16_t>> read(query_.tables.size());
    bool known = facts_.operation == sql::Operation::kSelect && !facts_.has_set_operation && !facts_.has_subquery &&
                 !facts_.locking;
    const auto add = [&](const sql::ColumnRef& column) {
      const TableUse* use = UseOf(column);
      const int16_t number = NumberOf(column);
      if (use == nullptr || number == 0) return false;
      read[static_cast<size_t>(use - query_.tables.data())].insert(number);
      return true;
    };
    for (const sql::Output& output : facts_.outputs) {
      // An expression or aggregate may read any column: only count(*) surely reads none.
      if (output.kind == sql::Output::Kind::kColumn) {
        known = add(output.column) && known;
      } else if (output.kind != sql::Output::Kind::kAggregate || !statement_.sql.contains("count(*)") ||
                 facts_.outputs.size() > 1) {
        known = false;
      }
    }
    for (const sql::Comparison& comparison : facts_.comparisons) known = add(comparison.column) && known;
    for (const auto* joins : {&facts_.joins, &facts_.loose_joins}) {
      for (const sql::Join& join : *joins) {
        add(join.left);
        add(join.right);
      }
    }
    for (const sql::SortKey& key : facts_.order_by) known = (add(key.column) || facts_.relations.empty()) && known;
    for (const sql::ColumnRef& column : facts_.group_by) known = add(column) && known;
    for (size_t i = 0; i < query_.tables.size(); ++i) {
      query_.tables[i].columns.assign(read[i].begin(), read[i].end());
      query_.tables[i].columns_known = known;
    }
  }

  // An interval, a pattern, a document, an expression's value: of these the statistics say little.
  static bool IsGuess(const Condition& condition) {
    const bool by_value = condition.use == Use::kEqual || condition.use == Use::kList;
    return condition.use != Use::kNull && (!by_value || !condition.expression.empty());
  }

  // How many rows a statement on one table really returned says more than the planner's constants for guesses.
  void FitToObservedRows() {
    if (query_.tables.size() != 1 || query_.aggregate || query_.rows < 0 || facts_.limit.kind != sql::Bound::kNone ||
        !facts_.group_by.empty() || facts_.distinct || facts_.has_subquery ||
        facts_.operation != sql::Operation::kSelect)
      return;
    TableUse& use = query_.tables.front();
    const double rows = SizeOf(snapshot_, *use.relation).rows;
    if (rows < 1) return;
    double exact = 1, guessed = 1;
    size_t guesses = 0;
    for (const Condition& condition : use.conditions) {
      (IsGuess(condition) ? guessed : exact) *= condition.selectivity;
      guesses += IsGuess(condition) ? 1U : 0U;
    }
    if (guesses == 0 || guessed <= 0) return;
    const double observed = std::clamp(query_.rows / rows, 0.5 / rows, 1.0);
    const double factor = std::pow(observed / (exact * guessed), 1.0 / static_cast<double>(guesses));
    for (Condition& condition : use.conditions) {
      if (IsGuess(condition)) condition.selectivity = std::clamp(condition.selectivity * factor, 0.5 / rows, 1.0);
    }
  }

  const trace::StatementRow& statement_;
  const sql::Facts& facts_;
  std::span<const trace::SlotRow> slots_;
  const Snapshot& snapshot_;
  std::vector<Resolved> resolved_;
  std::vector<int> use_of_;
  Query query_;
};

void AddWrites(const trace::StatementRow& statement, const Snapshot& snapshot, std::map<uint32_t, Writes>& writes) {
  const sql::Facts& facts = statement.facts;
  if (!facts.writes || facts.target < 0) return;
  const Resolved target = Resolve(snapshot, facts.relations[static_cast<size_t>(facts.target)]);
  if (target.table == nullptr) return;
  Writes& sum = writes[target.table->oid];
  const auto rows = static_cast<double>(statement.rows);
  if (facts.operation == sql::Operation::kInsert) sum.inserted += rows;
  if (facts.operation == sql::Operation::kDelete) sum.deleted += rows;
  const bool updates = facts.operation == sql::Operation::kUpdate || facts.operation == sql::Operation::kMerge;
  if (!updates) return;
  sum.updated += rows;
  for (const sql::Assignment& assignment : facts.assignments) {
    if (const int16_t number = ColumnNumber(target, assignment.column.column); number != 0)
      sum.updated_columns[number] += rows;
  }
}

// Share of the templates, not of the calls, that read a table and say IS NULL of a column.
void CountNullTests(Workload& workload) {
  std::map<uint32_t, double> reads;
  std::map<std::pair<uint32_t, int16_t>, double> tests;
  for (const Query& query : workload.queries) {
    if (query.statement->facts.operation != sql::Operation::kSelect) continue;
    for (const TableUse& use : query.tables) {
      reads[use.relation->oid] += 1;
      for (const Condition& condition : use.conditions) {
        if (condition.use == Use::kNull) tests[{use.relation->oid, condition.attnum}] += 1;
      }
    }
  }
  for (const auto& [key, count] : tests) workload.null_tested[key] = count / reads[key.first];
}

}  // namespace

const Writes& Workload::WritesOf(uint32_t relation_oid) const {
  static const Writes kNone;
  const auto found = writes.find(relation_oid);
  return found == writes.end() ? kNone : found->second;
}

TableSize SizeOf(const Snapshot& snapshot, const Relation& relation) {
  TableSize size;
  const auto add = [&](const Relation& part) {
    size.rows += std::max(part.rows, 0.0);
    size.pages += static_cast<double>(part.pages);
    size.all_visible_share += static_cast<double>(part.all_visible_pages);
    size.known = size.known || part.rows >= 0;
  };
  if (relation.kind == 'p') {
    std::vector<uint32_t> open = {relation.oid};
    for (size_t i = 0; i < open.size(); ++i) {
      for (const Relation& part : snapshot.relations) {
        if (!part.partition || part.parent_oid != open[i]) continue;
        if (part.kind == 'p')
          open.push_back(part.oid);
        else
          add(part);
      }
    }
    size.rows = std::max(size.rows, relation.rows);
  } else {
    add(relation);
  }
  for (const Column& column : relation.columns) size.width += std::max(column.average_width, 4);
  size.all_visible_share = size.pages > 0 ? size.all_visible_share / size.pages : 0;
  return size;
}

double EqualShare(const Snapshot& snapshot, const Relation& relation, const Column& column) {
  constexpr double kUnknownRows = 100'000;  // nothing is known of the table: taken as one that is worth an index
  const TableSize size = SizeOf(snapshot, relation);
  const double rows = size.known ? std::max(size.rows, 1.0) : kUnknownRows;
  double distinct = column.distinct > 0 ? column.distinct : -column.distinct * rows;
  if (column.distinct == 0) distinct = std::min(rows, 200.0);  // as the planner assumes without statistics
  const double not_null = 1 - std::max(column.null_fraction, 0.0);
  double common = 0;
  for (const double frequency : column.common_frequencies) common += frequency;
  const double others = distinct - static_cast<double>(column.common_frequencies.size());
  if (others >= 1 && not_null > common) return std::max((not_null - common) / others, 0.5 / rows);
  // Every value is among the common ones: their mean.
  return std::clamp(not_null / std::max(distinct, 1.0), 0.5 / rows, 1.0);
}

Workload MakeWorkload(std::span<const trace::StatementRow> statements, std::span<const trace::SlotRow> slots,
                      const Snapshot& snapshot, std::span<const trace::PlanRow> plans) {
  Workload workload;
  workload.snapshot = &snapshot;
  for (const trace::StatementRow& statement : statements) {
    AddWrites(statement, snapshot, workload.writes);
    const sql::Operation operation = statement.facts.operation;
    const bool reads = operation == sql::Operation::kSelect || operation == sql::Operation::kUpdate ||
                       operation == sql::Operation::kDelete;
    if (!reads || !statement.facts.parsed || statement.driver || statement.calls == 0) continue;
    const auto own = std::ranges::equal_range(slots, statement.statement_id, {}, &trace::SlotRow::statement_id);
    Query query = QueryBuilder(statement, own, snapshot).Build();
    AddPlanFilters(query, plans, snapshot);
    if (!query.tables.empty()) workload.queries.push_back(std::move(query));
  }
  CountNullTests(workload);
  return workload;
}

}  // namespace pgassay::advisor
