// What the rules of schema share: which tables are judged, what the traffic did with a column, names as words, and the
// frame of a finding. Pure. Borrows the TraceView.
#pragma once

#include <array>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/catalog/planner.h"
#include "analyzer/detectors/detector.h"
#include "analyzer/detectors/orm_idioms.h"
#include "analyzer/lineage/relation_rules.h"
#include "analyzer/sql/orm.h"

namespace pgassay::detectors {

// A table as the newest snapshot of its database shows it.
struct Table {
  const catalog::Snapshot* snapshot;
  const catalog::Relation* relation;
  size_t schemas = 1;  // tables of this name in that database: a schema per tenant is judged once

  const catalog::Column* Column(int16_t attnum) const { return catalog::FindColumn(*relation, attnum); }
  const catalog::Column* Column(std::string_view name) const { return catalog::FindColumn(*relation, name); }
  // The figures of one measurement; null if it was not taken.
  const catalog::Measurement* Measured(catalog::MeasureKind kind, std::initializer_list<int16_t> columns) const;
};
// Tables of the application, by name; of equal names in several databases the first. Left out: partitions (their table
// stands for them), temporary and foreign tables, and what migration tools keep for themselves.
std::vector<Table> JudgedTables(const TraceView& view);
std::vector<Table> JudgedTables(const catalog::Snapshot& snapshot);

// ---- names ----

// "unitPrice", "unit_price" -> unit, price. Lower case.
std::vector<std::string> NameWords(std::string_view name);
bool HasWord(std::string_view name, std::initializer_list<std::string_view> words);  // one of them among its words

// ---- columns ----

bool IsText(const catalog::Column& column);     // text, varchar, char
bool IsInteger(const catalog::Column& column);  // int2, int4, int8
bool IsMoment(const catalog::Column& column);   // timestamp with or without time zone

// Valid and not partial, and its first keys are these columns in any order.
bool LeadsWith(const catalog::Index& index, std::span<const int16_t> columns);
bool HasIndexLeadingWith(const Table& table, std::span<const int16_t> columns);
// A unique index, or the primary key, on this column alone.
bool IsUniqueAlone(const Table& table, int16_t attnum);
bool IsInForeignKey(const Table& table, int16_t attnum);
// Rows that one value of the column stands for, on average; 0: unknown.
double RowsPerValue(const Table& table, int16_t attnum);

// x_type beside x_id, table_name beside record_id: which table a reference goes to stands in the row.
bool IsPolymorphicPair(std::string_view type, std::string_view id);
// An index already leads with a column that this statement fixes to one of many values: more of one is of little use.
bool IsServedBySelectiveIndex(const Table& table, const trace::StatementRow& statement);

// What a column points at: by its foreign key, else by its name and a table with a key of its own.
struct Reference {
  const catalog::Relation* relation = nullptr;  // null: nothing
  int16_t key = 0;
  bool constraint = false;
};
class References {  // of one database
 public:
  explicit References(const catalog::Snapshot& snapshot);
  Reference Of(const catalog::Relation& relation, const catalog::Column& column) const;

 private:
  struct Target {
    const catalog::Relation* relation;
    const catalog::Column* key;
    std::vector<std::string> stems;
  };
  const catalog::Snapshot& snapshot_;
  lineage::RelationRules rules_;
  std::vector<Target> targets_;
};

// ---- traffic ----

bool Names(const trace::StatementRow& statement, std::string_view relation);
bool Compares(const trace::StatementRow& statement, std::string_view relation, std::string_view column);
bool Assigns(const trace::StatementRow& statement, std::string_view relation, std::string_view column);
// The conjuncts `relation.column = slot` of the statement's own level, IN and = ANY included.
std::set<std::string> EqualityColumns(const trace::StatementRow& statement, std::string_view relation);

struct Use {
  std::vector<const trace::StatementRow*> statements;  // by id
  uint64_t calls = 0;                                  // outside of migrations
};
// Of the statements of the application for which `wanted` holds, and which ran outside of migrations.
template <class Wanted>
Use UseOf(const TraceView& view, Wanted wanted);
uint64_t CallsOf(const TraceView& view, const trace::StatementRow& statement);
// Comparing, sorting, assigning or returning it.
Use UseOfColumn(const TraceView& view, std::string_view relation, std::string_view column);

// ---- findings ----

// Rule, id, relation and title; of a table when `columns` is empty.
Finding SchemaFinding(const RuleInfo& rule, const Table& table, std::initializer_list<std::string_view> columns);
// Executions, units, times, scopes; and the statement, the most costly of them, where `show` is set.
void FillUse(Finding& finding, const TraceView& view, const Use& use, bool show);
// Who writes the application, by the use's statements.
sql::Orm SenderOf(const TraceView& view, const Use& use);
// "ALTER TABLE public.orders ALTER COLUMN total …".
std::string AlterColumn(const Table& table, std::string_view column, std::string_view action);
std::string TableName(const Table& table);  // qualified, quoted

template <class Wanted>
Use UseOf(const TraceView& view, Wanted wanted) {
  Use use;
  for (const trace::StatementRow& statement : view.statements) {
    if (statement.driver || statement.facts.catalog_only || !wanted(statement)) continue;
    const uint64_t calls = CallsOf(view, statement);
    if (calls == 0) continue;
    use.statements.push_back(&statement);
    use.calls += calls;
  }
  return use;
}

}  // namespace pgassay::detectors
