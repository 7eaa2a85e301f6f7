// A catalogue and statements to advise on: tables by a line each, statements by their SQL.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "analyzer/advisor/candidate.h"
#include "analyzer/advisor/workload.h"
#include "analyzer/sql/statement.h"

namespace pgassay::tests {

struct ColumnLine {
  std::string name, type;
  double distinct = -1;
  int width = 8;
  double null_fraction = 0, correlation = 0;
};

class ShopCatalog {
 public:
  ShopCatalog() { snapshot.server_version = 150018; }

  catalog::Relation& Table(const std::string& name, double rows, int64_t pages, const std::vector<ColumnLine>& columns,
                           const std::string& schema = "public") {
    catalog::Relation relation;
    relation.oid = next_oid_++;
    relation.schema = schema;
    relation.name = name;
    relation.rows = rows;
    relation.pages = pages;
    relation.bytes = pages * 8192;
    for (const ColumnLine& line : columns) {
      catalog::Column column;
      column.name = line.name;
      column.attnum = static_cast<int16_t>(relation.columns.size() + 1);
      column.type = line.type;
      column.type_category = line.type == "text" || line.type.starts_with("character varying") ? 'S' : 'N';
      column.distinct = line.distinct;
      column.average_width = line.width;
      column.null_fraction = line.null_fraction;
      column.correlation = line.correlation;
      relation.columns.push_back(column);
    }
    snapshot.relations.push_back(relation);
    return snapshot.relations.back();
  }

  catalog::Index& AddIndex(const catalog::Relation& relation, const std::string& name,
                           const std::vector<std::string>& columns, bool unique = false) {
    catalog::Index index;
    index.oid = next_oid_++;
    index.relation_oid = relation.oid;
    index.schema = relation.schema;
    index.name = name;
    index.access_method = "btree";
    index.unique = unique;
    index.pages = 100;
    for (const std::string& column : columns) {
      catalog::IndexKey key;
      key.attnum = catalog::FindColumn(relation, column)->attnum;
      key.operator_class = "int4_ops";
      index.keys.push_back(key);
    }
    snapshot.indexes.push_back(index);
    return snapshot.indexes.back();
  }

  // The statement's id.
  int64_t Ran(const std::string& sql, uint64_t calls = 100, uint64_t rows = 100) {
    static sql::Analyzer analyzer;
    const auto scanned = sql::Scan(HashKey::ForTests(7), sql);
    trace::StatementRow row;
    row.statement_id = static_cast<int64_t>(statements.size() + 1);
    row.sql = scanned.at(0).sql;
    row.facts = analyzer.Analyze(sql, scanned.at(0));
    row.calls = calls;
    row.rows = rows;
    statements.push_back(row);
    return row.statement_id;
  }

  // What is known of the values that the first comparison on `column` took.
  trace::SlotRow& Values(int64_t statement_id, const std::string& column) {
    const auto& statement = statements.at(static_cast<size_t>(statement_id - 1));
    for (const sql::Comparison& comparison : statement.facts.comparisons) {
      if (comparison.column.column != column) continue;
      trace::SlotRow row;
      row.statement_id = statement_id;
      row.slot = comparison.slot;
      row.executions = statement.calls;
      slots.push_back(row);
      break;
    }
    return slots.back();
  }

  advisor::Workload Workload() const { return advisor::MakeWorkload(statements, slots, snapshot); }

  // "orders (user_id, created_at)", one a candidate, in their order.
  std::vector<std::string> Candidates() const {
    const advisor::Workload workload = Workload();
    std::vector<std::string> lines;
    for (const advisor::Candidate& candidate : advisor::MakeCandidates(workload)) lines.push_back(Line(candidate.spec));
    return lines;
  }

  std::string Line(const catalog::IndexSpec& spec) const {
    std::string text = catalog::IndexDefinition(spec, *snapshot.FindRelation(spec.relation_oid));
    return text.substr(text.find(" ON ") + 4);
  }

  catalog::Snapshot snapshot;
  std::vector<trace::StatementRow> statements;
  std::vector<trace::SlotRow> slots;

 private:
  uint32_t next_oid_ = 1000;
};

inline ShopCatalog OrdersShop(double rows = 1'000'000) {
  ShopCatalog shop;
  const auto pages = static_cast<int64_t>(rows / 60);
  shop.Table("orders", rows, pages,
             {{"id", "bigint", -1, 8, 0, 1},
              {"user_id", "bigint", 50'000},
              {"status", "character varying(20)", 5, 9},
              {"total", "numeric(10,2)", 90'000, 6},
              {"created_at", "timestamp with time zone", -0.9, 8, 0, 0.99},
              {"deleted_at", "timestamp with time zone", -0.01, 8, 0.98}});
  shop.AddIndex(shop.snapshot.relations[0], "orders_pkey", {"id"}, true).primary = true;
  shop.Table("users", rows / 20, pages / 20,
             {{"id", "bigint", -1},
              {"email", "text", -1, 24},
              {"name", "text", -0.9, 20},
              {"metadata", "jsonb", -1, 120},
              {"labels", "text[]", -0.5, 60}});
  shop.AddIndex(shop.snapshot.relations[1], "users_pkey", {"id"}, true).primary = true;
  return shop;
}

}  // namespace pgassay::tests
