#include "analyzer/lineage/columns.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace pgassay::lineage {
namespace {

constexpr uint32_t kUntyped = std::numeric_limits<uint32_t>::max();

}  // namespace

ColumnName NameOf(const sql::Facts& facts, const sql::ColumnRef& column) {
  ColumnName name;
  name.column = column.column;
  if (column.relation >= 0 && static_cast<size_t>(column.relation) < facts.relations.size()) {
    name.relation = facts.relations[static_cast<size_t>(column.relation)].name;
  } else if (facts.relations.size() == 1) {
    name.relation = facts.relations[0].name;
  }
  return name;
}

bool IsSinkComparison(const sql::Comparison& comparison) {
  using enum sql::Comparator;
  return (comparison.comparator == kEqual || comparison.comparator == kInList || comparison.comparator == kAnyArray) &&
         comparison.function.empty() && comparison.slot >= 0 && !comparison.column.column.empty();
}

uint32_t Columns::Id(const ColumnName& name) {
  const auto [at, fresh] = ids_.try_emplace(name, static_cast<uint32_t>(names_.size()));
  if (fresh) {
    names_.push_back(name);
    types_.push_back(0);
    domains_.emplace_back();
  }
  return at->second;
}

StatementInfo& Columns::Learn(const StatementProfile& statement) {
  StatementInfo& info = statements_[statement.statement_id];
  if (statement.facts == nullptr || std::exchange(info.learned, true)) return info;
  for (const sql::Comparison& comparison : statement.facts->comparisons)
    info.comparison_columns.push_back(Id(NameOf(*statement.facts, comparison.column)));
  if (statement.facts->catalog_only) return info;
  for (const sql::Relation& relation : statement.facts->relations) rules_.AddRelation(relation.name);
  for (const sql::Join& join : statement.facts->joins) {
    rules_.AddJoin(NameOf(*statement.facts, join.left), NameOf(*statement.facts, join.right));
  }
  return info;
}

void Columns::LearnTypes(StatementInfo& info, std::span<const ResultColumn> columns) {
  if (!std::ranges::equal(info.columns, columns)) {
    info.columns.assign(columns.begin(), columns.end());
    info.column_ids.clear();
    for (const ResultColumn& column : columns) {
      const bool typed = column.type_oid != 0 && !column.column.empty();
      info.column_ids.push_back(typed ? Id({column.relation, column.column}) : kUntyped);
    }
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (info.column_ids[i] != kUntyped) types_[info.column_ids[i]] = columns[i].type_oid;
  }
}

Relationship Columns::Judge(uint32_t source, uint32_t sink) {
  if (judged_version_ != rules_.version()) {
    judged_.clear();
    judged_version_ = rules_.version();
  }
  if (judged_.size() <= sink) judged_.resize(size_t{sink} + 1);
  auto& of_sink = judged_[sink];
  if (of_sink.size() <= source) of_sink.resize(size_t{source} + 1);
  if (!of_sink[source]) of_sink[source] = rules_.Judge(names_[source], names_[sink]);
  return *of_sink[source];
}

int Columns::LevelOf(uint32_t source, uint32_t sink) {
  const Relationship relationship = Judge(source, sink);
  return relationship >= Relationship::kName ? 2 : relationship == Relationship::kUnknown ? 1 : 0;
}

}  // namespace pgassay::lineage
