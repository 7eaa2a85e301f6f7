// The columns that the traffic names, by number: the type each was last described with, how many values it was ever
// seen to hold, and how any two are related. And per statement, what is read from its facts once. Memory: one entry
// per name. Threads: one owner.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "analyzer/lineage/lineage.h"
#include "analyzer/lineage/relation_rules.h"
#include "analyzer/lineage/value_source.h"

namespace pgassay::lineage {

// What is read from a statement's facts once.
struct StatementInfo {
  bool learned = false;
  std::vector<uint32_t> comparison_columns;  // ids, by comparison
  std::vector<ResultColumn> columns;         // of its result, as last described, and their ids
  std::vector<uint32_t> column_ids;
};

// Of a column in a statement's facts; without alias or schema.
ColumnName NameOf(const sql::Facts& facts, const sql::ColumnRef& column);
// A slot compared by =, IN or = ANY with a base column.
bool IsSinkComparison(const sql::Comparison& comparison);

class Columns {
 public:
  uint32_t Id(const ColumnName& name);
  const ColumnName& Name(uint32_t column_id) const { return names_[column_id]; }
  void SetType(uint32_t column_id, uint32_t type_oid) { types_[column_id] = type_oid; }
  TypeClass TypeOf(uint32_t column_id) const { return TypeClassOf(types_[column_id]); }
  // As the client declared it, else as the column was described.
  TypeClass TypeOf(const SinkValue& sink, uint32_t column_id) const {
    return sink.type_oid != 0 ? TypeClassOf(sink.type_oid) : TypeOf(column_id);
  }
  DistinctSketch& Domain(uint32_t column_id) { return domains_[column_id]; }

  StatementInfo& Learn(const StatementProfile& statement);
  void LearnTypes(StatementInfo& info, std::span<const ResultColumn> columns);
  // 2: related, 1: unknown, 0: unrelated.
  int LevelOf(uint32_t source, uint32_t sink);

 private:
  Relationship Judge(uint32_t source, uint32_t sink);

  RelationRules rules_;
  std::unordered_map<int64_t, StatementInfo> statements_;
  std::map<ColumnName, uint32_t> ids_;
  std::vector<ColumnName> names_;
  std::vector<uint32_t> types_;
  std::vector<DistinctSketch> domains_;
  std::vector<std::vector<std::optional<Relationship>>> judged_;  // by sink, then source
  uint64_t judged_version_ = 0;
};

}  // namespace pgassay::lineage
