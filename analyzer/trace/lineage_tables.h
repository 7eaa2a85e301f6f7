// The rows of lineage as tables: each struct's columns, once, for the recorder (binds) and the trace (reads). A new
// column is a line in schema.sql and a line here. Key columns come first; a row that is `Empty` takes no place in the
// file.
#pragma once

#include <string>
#include <type_traits>

#include "analyzer/lineage/lineage.h"
#include "analyzer/trace/sqlite.h"

namespace pgassay::trace {

// For each table: kName, kKeyColumns, Empty(row) and Visit(row, field), which calls field("column", member) in the
// order of columns.
struct UnitStatementTable {
  static constexpr const char* kName = "unit_statement";
  static constexpr int kKeyColumns = 2;
  static bool Empty(const lineage::UnitStatement& row) { return row.calls == 0; }
  template <class Row, class Field>
  static void Visit(Row& row, Field field) {
    field("unit_id", row.unit_id);
    field("statement_id", row.statement_id);
    field("calls", row.calls);
    field("errors", row.errors);
    field("rows", row.rows);
    field("bytes", row.bytes);
    field("pipelined", row.pipelined);
    field("batches", row.batches);
    field("batch_elements", row.batch_elements);
    field("distinct_parameters", row.distinct_parameters);
    field("unclaimed", row.unclaimed);
    field("unclaimed_distinct", row.unclaimed_distinct);
    field("unclaimed_max_repeat", row.unclaimed_max_repeat);
    field("database_ns", row.database_ns);
    field("gap_p90_ns", row.gap_p90_ns);
    field("median_ns", row.median_ns);
    field("first_no", row.first_no);
    field("last_no", row.last_no);
  }
};

struct EdgeTable {
  static constexpr const char* kName = "lineage";
  static constexpr int kKeyColumns = 5;
  static bool Empty(const lineage::Edge& row) { return row.children == 0; }
  template <class Row, class Field>
  static void Visit(Row& row, Field field) {
    field("unit_id", row.unit_id);
    field("parent_statement_id", row.parent_statement_id);
    field("parent_position", row.parent_position);
    field("child_statement_id", row.child_statement_id);
    field("child_comparison", row.child_comparison);
    field("parent_relation", row.parent_column.relation);
    field("parent_column", row.parent_column.column);
    field("parent_table_oid", row.parent_column.table_oid);
    field("parent_attnum", row.parent_column.attnum);
    field("parent_type_oid", row.parent_column.type_oid);
    field("child_type_oid", row.child_type_oid);
    field("children", row.children);
    field("child_executions", row.child_executions);
    field("distinct_values", row.distinct_values);
    field("child_distinct_values", row.child_distinct_values);
    field("contained_values", row.contained_values);
    field("parent_executions", row.parent_executions);
    field("parent_executions_claimed", row.parent_executions_claimed);
    field("parent_executions_total", row.parent_executions_total);
    field("max_children_per_parent", row.max_children_per_parent);
    field("max_distinct_per_parent", row.max_distinct_per_parent);
    field("max_children_per_ancestor", row.max_children_per_ancestor);
    field("max_distinct_per_ancestor", row.max_distinct_per_ancestor);
    field("parent_rows", row.parent_rows);
    field("parent_distinct", row.parent_distinct);
    field("values_as_often", row.values_as_often);
    field("holes", row.holes);
    field("order_tau", row.order_tau);
    field("order_values", row.order_values);
    field("order_log10_p", row.order_log10_p);
    field("same_connection", row.same_connection);
    field("same_process", row.same_process);
    field("same_transaction", row.same_transaction);
    field("rejoined", row.rejoined);
    field("from_outside", row.from_outside);
    field("untested", row.untested);
    field("values_hash", row.values_hash);
    field("sink_domain", row.sink_domain);
    field("pipelined", row.pipelined);
    field("first_child_delay_ns", row.first_child_delay_ns);
    field("gap_p90_ns", row.gap_p90_ns);
    field("child_median_ns", row.child_median_ns);
    field("child_ns", row.child_ns);
    field("child_rows", row.child_rows);
    field("child_bytes", row.child_bytes);
    field("truncated", row.truncated);
    field("first_child_no", row.first_child_no);
    field("last_child_no", row.last_child_no);
    field("parent_no", row.parent_no);
  }
};

struct RepeatTable {
  static constexpr const char* kName = "repeat";
  static constexpr int kKeyColumns = 3;
  static bool Empty(const lineage::Repeat& row) { return row.executions == 0; }
  template <class Row, class Field>
  static void Visit(Row& row, Field field) {
    field("unit_id", row.unit_id);
    field("statement_id", row.statement_id);
    field("parameters_hash", row.parameters_hash);
    field("executions", row.executions);
    field("rows", row.rows);
    field("bytes", row.bytes);
    field("repeat_ns", row.repeat_ns);
    field("gap_median_ns", row.gap_median_ns);
    field("regular_interval", row.regular_interval);
    field("first_no", row.first_no);
    field("last_no", row.last_no);
  }
};

template <class Table, class Row>
std::string ColumnList() {
  std::string columns;
  Row row;
  Table::Visit(row, [&](const char* name, auto&) {
    if (!columns.empty()) columns += ", ";
    columns += name;
  });
  return columns;
}

template <class Table, class Row>
std::string ReplaceSql() {
  std::string marks;
  Row row;
  Table::Visit(row, [&](const char*, auto&) { marks += marks.empty() ? "?" : ", ?"; });
  return std::string("REPLACE INTO ") + Table::kName + " (" + ColumnList<Table, Row>() + ") VALUES (" + marks + ")";
}

template <class Table, class Row>
std::string DeleteSql() {
  std::string condition;
  Row row;
  int left = Table::kKeyColumns;
  Table::Visit(row, [&](const char* name, auto&) {
    if (left-- > 0) condition += (condition.empty() ? "" : " AND ") + std::string(name) + " = ?";
  });
  return std::string("DELETE FROM ") + Table::kName + " WHERE " + condition;
}

template <class Table, class Row>
std::string SelectSql() {
  std::string keys;
  for (int i = 1; i <= Table::kKeyColumns; ++i) keys += (i == 1 ? "" : ", ") + std::to_string(i);
  return "SELECT " + ColumnList<Table, Row>() + " FROM " + Table::kName + " ORDER BY " + keys;
}

// The first `limit` columns of a row, from parameter 1.
template <class Table, class Row>
void BindRow(Query& query, const Row& row, int limit = 1 << 20) {
  int index = 0;
  Table::Visit(row, [&](const char*, const auto& member) {
    if (++index > limit) return;
    if constexpr (std::is_convertible_v<decltype(member), std::string_view>) {
      query.Bind(index, std::string_view(member));
    } else {
      query.Bind(index, member);
    }
  });
}

template <class Table, class Row>
Row ReadRow(const Query& query) {
  Row row;
  int column = 0;
  Table::Visit(row, [&](const char*, auto& member) {
    using Member = std::remove_reference_t<decltype(member)>;
    if constexpr (std::is_same_v<Member, std::string>) {
      member = query.Text(column);
    } else if constexpr (std::is_same_v<Member, double>) {
      member = query.Real(column);
    } else if constexpr (std::is_same_v<Member, bool>) {
      member = query.Int(column) != 0;
    } else {
      member = static_cast<Member>(query.Int(column));
    }
    ++column;
  });
  return row;
}

}  // namespace pgassay::trace
