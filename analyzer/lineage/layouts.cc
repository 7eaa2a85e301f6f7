#include "analyzer/lineage/layouts.h"

#include <algorithm>
#include <utility>

namespace pgassay::lineage {
namespace {

void NameFromFacts(ResultColumn& column, const StatementProfile& statement, size_t position, size_t column_count) {
  if (!column.column.empty() || statement.facts == nullptr || statement.facts->outputs.size() != column_count) return;
  const sql::Output& output = statement.facts->outputs[position];
  if (output.kind != sql::Output::Kind::kColumn) return;
  const ColumnName name = NameOf(*statement.facts, output.column);
  column.relation = name.relation;
  column.column = name.column;
}

// The comparison that fixes this column to a parameter, directly or over equi-joins; -1: none.
int EchoOf(const StatementProfile& statement, const ResultColumn& column) {
  if (statement.facts == nullptr || column.column.empty()) return -1;
  const sql::Facts& facts = *statement.facts;
  for (size_t i = 0; i < facts.comparisons.size(); ++i) {
    const sql::Comparison& comparison = facts.comparisons[i];
    if (!comparison.conjunct || comparison.subquery_depth != 0 || !IsSinkComparison(comparison)) continue;
    std::vector<ColumnName> equal{NameOf(facts, comparison.column)};
    for (size_t known = 0; known < equal.size(); ++known) {
      for (const sql::Join& join : facts.joins) {
        const ColumnName left = NameOf(facts, join.left), right = NameOf(facts, join.right);
        if (left == equal[known] && std::ranges::find(equal, right) == equal.end()) equal.push_back(right);
        if (right == equal[known] && std::ranges::find(equal, left) == equal.end()) equal.push_back(left);
      }
    }
    for (const ColumnName& name : equal) {
      if (name.column == column.column &&
          (name.relation == column.relation || name.relation.empty() || column.relation.empty())) {
        return static_cast<int>(i);
      }
    }
  }
  return -1;
}

}  // namespace

const Layout& Layouts::Of(const StatementProfile& statement, uint64_t columns_hash,
                          std::span<const ResultColumn> columns, std::span<const uint16_t> hashed_columns) {
  auto& known = layouts_[{statement.statement_id, columns_hash}];
  if (known != nullptr && std::ranges::equal(known->hashed_columns, hashed_columns)) {
    bool same = true;
    for (const ColumnLayout& column : known->columns) {
      const auto at = static_cast<size_t>(column.position);
      same &= at >= columns.size() ||
              (columns[at].type_oid == column.column.type_oid && columns[at].relation == column.column.relation &&
               columns[at].column == column.column.column);
    }
    if (same) return *known;
  }
  auto layout = std::make_unique<Layout>();
  layout->hashed_columns.assign(hashed_columns.begin(), hashed_columns.end());
  for (const uint16_t position : hashed_columns) {
    ColumnLayout column;
    column.position = position;
    if (position < columns.size()) column.column = columns[position];
    NameFromFacts(column.column, statement, position, columns.size());
    column.column_id = columns_.Id({column.column.relation, column.column.column});
    column.type_class = TypeClassOf(column.column.type_oid);
    column.key_like = LooksLikeKey(column.column.column);
    column.echo_comparison = EchoOf(statement, column.column);
    if (column.column.type_oid != 0) columns_.SetType(column.column_id, column.column.type_oid);
    layout->columns.push_back(std::move(column));
  }
  if (known != nullptr) retired_.push_back(std::move(known));  // rows in flight may still refer to it
  known = std::move(layout);
  return *known;
}

}  // namespace pgassay::lineage
