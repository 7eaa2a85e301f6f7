// A catalogue snapshot from the "tables" of a case file, in few words:
//   {"orders": {"rows": 5000, "primary": ["id"], "columns": [["id", "integer"], ["state", {"type": "text", "distinct":
//   4}]],
//               "indexes": [["user_id"], {"columns": ["doc"], "method": "gin", "class": "jsonb_path_ops", "unique":
//               false, "where": "…"}],
//               "references": {"user_id": "users.id"}, "checks": ["state"], "comment": "…", "updated": 3,
//               "measured": [["copy", "user_id, email", "users: id, email", {"rows": 900, "equal": 900}]]}}
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analyzer/catalog/snapshot.h"

namespace pgassay::tests {

class CatalogCase {
 public:
  using Json = nlohmann::json;

  explicit CatalogCase(const Json& tables) {
    snapshot_.upstream = "127.0.0.1:5432";
    snapshot_.database = "shop";
    uint32_t oid = 16000;
    for (const auto& [name, table] : tables.items()) AddRelation(oid += 10, name, table);
    for (const auto& [name, table] : tables.items()) {
      if (table.contains("parent")) Find(name)->parent_oid = Find(table["parent"].get<std::string>())->oid;
    }
    for (const auto& [name, table] : tables.items()) AddRest(*Find(name), table);
  }
  const catalog::Snapshot& snapshot() const { return snapshot_; }

 private:
  struct Type {
    uint32_t oid;
    char category;
  };
  static Type TypeOf(const std::string& name) {
    static const std::map<std::string, Type> kTypes = {{"smallint", {21, 'N'}},
                                                       {"integer", {23, 'N'}},
                                                       {"bigint", {20, 'N'}},
                                                       {"text", {25, 'S'}},
                                                       {"boolean", {16, 'B'}},
                                                       {"numeric", {1700, 'N'}},
                                                       {"real", {700, 'N'}},
                                                       {"double precision", {701, 'N'}},
                                                       {"date", {1082, 'D'}},
                                                       {"timestamp without time zone", {1114, 'D'}},
                                                       {"timestamp with time zone", {1184, 'D'}},
                                                       {"jsonb", {3802, 'U'}},
                                                       {"uuid", {2950, 'U'}},
                                                       {"text[]", {1009, 'A'}}};
    if (name.starts_with("character varying")) return {1043, 'S'};
    return kTypes.at(name);
  }

  catalog::Relation* Find(const std::string& name) {
    const auto found =
        std::ranges::find(snapshot_.relations, name.substr(name.rfind('.') + 1), &catalog::Relation::name);
    return found == snapshot_.relations.end() ? nullptr : &*found;
  }

  void AddRelation(uint32_t oid, const std::string& name, const Json& json) {
    catalog::Relation relation;
    relation.oid = oid;
    relation.schema = json.value("schema", "public");
    relation.name = name;
    relation.kind = json.value("kind", "r")[0];
    relation.row_security = json.value("row_security", false);
    relation.partition = json.value("partition", false);
    relation.rows = json.value("rows", -1.0);
    relation.pages = json.value("pages", int64_t{0});
    relation.all_visible_pages = json.value("visible_pages", int64_t{0});
    relation.updated = json.value("updated", int64_t{-1});
    relation.deleted = json.value("deleted", int64_t{-1});
    relation.comment = json.value("comment", "");
    int16_t attnum = 0;
    for (const Json& item : json.value("columns", Json::array())) {
      const Json said = item.at(1).is_string() ? Json{{"type", item.at(1)}} : item.at(1);
      catalog::Column column;
      column.name = item.at(0).get<std::string>();
      column.attnum = ++attnum;
      column.type = said.at("type").get<std::string>();
      column.type_oid = TypeOf(column.type).oid;
      column.type_category = TypeOf(column.type).category;
      column.not_null = said.value("not_null", false);
      column.default_sql = said.value("default", "");
      column.domain = said.value("domain", "");
      column.distinct = said.value("distinct", 0.0);
      column.null_fraction = said.value("nulls", -1.0);
      column.collation_is_c = said.value("collation_is_c", false);
      column.average_width = said.value("width", -1);
      column.comment = said.value("comment", "");
      relation.columns.push_back(std::move(column));
    }
    snapshot_.relations.push_back(std::move(relation));
  }

  static std::vector<int16_t> Numbers(const catalog::Relation& relation, const Json& names) {
    std::vector<int16_t> numbers;
    for (const Json& name : names) numbers.push_back(catalog::FindColumn(relation, name.get<std::string>())->attnum);
    return numbers;
  }
  static Json Split(const std::string& list) {
    Json names = Json::array();
    for (size_t from = 0; from <= list.size();) {
      const size_t comma = std::min(list.find(", ", from), list.size());
      names.push_back(list.substr(from, comma - from));
      from = comma + 2;
    }
    return names;
  }

  void AddIndex(const catalog::Relation& relation, const Json& json, bool primary) {
    const Json said = json.is_array() ? Json{{"columns", json}} : json;
    catalog::Index index;
    index.oid = 90000 + static_cast<uint32_t>(snapshot_.indexes.size());
    index.relation_oid = relation.oid;
    index.schema = relation.schema;
    index.name = "index" + std::to_string(index.oid);
    index.access_method = said.value("method", "btree");
    index.predicate = said.value("where", "");
    index.primary = primary;
    index.unique = primary || said.value("unique", false);
    for (const int16_t attnum : Numbers(relation, said.at("columns"))) index.keys.push_back({.attnum = attnum});
    if (said.contains("class")) index.keys.front().operator_class = said["class"].get<std::string>();
    if (said.contains("expression")) index.keys.push_back({.expression = said["expression"].get<std::string>()});
    snapshot_.indexes.push_back(std::move(index));
  }

  void AddRest(const catalog::Relation& relation, const Json& json) {
    if (json.contains("primary")) AddIndex(relation, json["primary"], true);
    for (const Json& index : json.value("indexes", Json::array())) AddIndex(relation, index, false);
    const Json references = json.value("references", Json::object());
    for (const auto& [column, target] : references.items()) {
      const auto name = target.get<std::string>();
      const catalog::Relation& other = *Find(name.substr(0, name.find('.')));
      snapshot_.foreign_keys.push_back({.oid = 80000,
                                        .relation_oid = relation.oid,
                                        .referenced_oid = other.oid,
                                        .columns = Numbers(relation, {column}),
                                        .referenced_columns = Numbers(other, {name.substr(name.find('.') + 1)})});
    }
    for (const Json& column : json.value("checks", Json::array()))
      snapshot_.checks.push_back({relation.oid, "check", "CHECK (…)", Numbers(relation, {column})});
    for (const Json& item : json.value("measured", Json::array())) {
      catalog::Measurement measurement;
      measurement.task.kind = catalog::MeasureKindFromName(item.at(0).get<std::string>());
      measurement.task.relation_oid = relation.oid;
      measurement.task.columns = Numbers(relation, Split(item.at(1).get<std::string>()));
      if (const auto target = item.at(2).get<std::string>(); !target.empty()) {
        const catalog::Relation& other = *Find(target.substr(0, target.find(':')));
        measurement.task.referenced_oid = other.oid;
        measurement.task.referenced_columns = Numbers(other, Split(target.substr(target.find(':') + 2)));
      }
      for (const auto& [name, value] : item.at(3).items()) measurement.figures.push_back({name, value.get<double>()});
      snapshot_.measurements.push_back(std::move(measurement));
    }
  }

  catalog::Snapshot snapshot_;
};

}  // namespace pgassay::tests
