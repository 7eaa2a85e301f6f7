#include <nlohmann/json.hpp>

#include "analyzer/sql/statement.h"

// Short keys: there is one row per shape, but reports read them all. What is false, empty or absent is left out.
namespace pgassay::sql {
namespace {

using nlohmann::json;

json ToJson(const ColumnRef& column) { return json::array({column.relation, column.column}); }

ColumnRef ColumnFromJson(const json& value) {
  if (!value.is_array() || value.size() != 2) return {};
  return {value[0].get<int>(), value[1].get<std::string>()};
}

json ToJson(const Relation& relation) { return json::array({relation.schema, relation.name, relation.alias}); }

json ToJson(const Comparison& comparison) {
  return {{"column", ToJson(comparison.column)},
          {"comparator", static_cast<int>(comparison.comparator)},
          {"slot", comparison.slot},
          {"conjunct", comparison.conjunct},
          {"function", comparison.function},
          {"operator", comparison.operator_name},
          {"tuple", comparison.tuple},
          {"depth", comparison.subquery_depth}};
}

Comparison ComparisonFromJson(const json& value) {
  Comparison comparison;
  comparison.column = ColumnFromJson(value.at("column"));
  comparison.comparator = static_cast<Comparator>(value.at("comparator").get<int>());
  comparison.slot = value.at("slot").get<int>();
  comparison.conjunct = value.at("conjunct").get<bool>();
  comparison.function = value.at("function").get<std::string>();
  comparison.operator_name = value.at("operator").get<std::string>();
  comparison.tuple = value.at("tuple").get<int>();
  comparison.subquery_depth = value.at("depth").get<int>();
  return comparison;
}

json ToJson(const SortKey& key) {
  return {{"column", ToJson(key.column)},
          {"descending", key.descending},
          {"nulls_first", key.nulls_first},
          {"expression", key.expression}};
}

SortKey SortKeyFromJson(const json& value) {
  return {ColumnFromJson(value.at("column")), value.at("descending").get<bool>(), value.at("nulls_first").get<bool>(),
          value.at("expression").get<bool>()};
}

json ToJson(const Output& output) {
  return {{"kind", static_cast<int>(output.kind)}, {"column", ToJson(output.column)}, {"name", output.name}};
}

Output OutputFromJson(const json& value) {
  return {static_cast<Output::Kind>(value.at("kind").get<int>()), ColumnFromJson(value.at("column")),
          value.at("name").get<std::string>()};
}

json ToJson(const Assignment& assignment) {
  return {{"column", ToJson(assignment.column)}, {"slot", assignment.slot}, {"expression", assignment.expression}};
}

Assignment AssignmentFromJson(const json& value) {
  return {ColumnFromJson(value.at("column")), value.at("slot").get<int>(), value.at("expression").get<bool>()};
}

json ToJson(const RowBound& bound) {
  return {{"kind", static_cast<int>(bound.kind)}, {"slot", bound.slot}, {"value", bound.value}};
}

RowBound RowBoundFromJson(const json& value) {
  return {static_cast<Bound>(value.at("kind").get<int>()), value.at("slot").get<int>(),
          value.at("value").get<int64_t>()};
}

template <class T>
void PutList(json& out, const char* key, const std::vector<T>& items) {
  if (items.empty()) return;
  json& list = out[key] = json::array();
  for (const T& item : items) list.push_back(ToJson(item));
}

template <class T, class FromJson>
void GetList(const json& in, const char* key, std::vector<T>& items, FromJson from_json) {
  const auto found = in.find(key);
  if (found == in.end()) return;
  for (const json& item : *found) items.push_back(from_json(item));
}

struct Flag {
  const char* key;
  bool Facts::* member;
};

constexpr Flag kFlags[] = {
    {"parsed", &Facts::parsed},
    {"distinct", &Facts::distinct},
    {"star", &Facts::has_star},
    {"subquery", &Facts::has_subquery},
    {"set_operation", &Facts::has_set_operation},
    {"returning", &Facts::has_returning},
    {"aggregate_only", &Facts::aggregate_only},
    {"locking", &Facts::locking},
    {"volatile_functions", &Facts::volatile_functions},
    {"unknown_functions", &Facts::unknown_functions},
    {"writes", &Facts::writes},
    {"catalog_only", &Facts::catalog_only},
    {"on_conflict", &Facts::on_conflict},
    {"single_row_insert", &Facts::single_row_insert},
};

}  // namespace

std::string FactsToJson(const Facts& facts) {
  json out = json::object();
  out["operation"] = OperationName(facts.operation);
  if (facts.fingerprint != 0) out["fingerprint"] = facts.fingerprint;
  for (const Flag& flag : kFlags) {
    if (facts.*flag.member) out[flag.key] = true;
  }
  PutList(out, "relations", facts.relations);
  if (facts.target >= 0) out["target"] = facts.target;
  PutList(out, "comparisons", facts.comparisons);
  if (!facts.joins.empty()) {
    json& joins = out["joins"] = json::array();
    for (const Join& join : facts.joins) joins.push_back(json::array({ToJson(join.left), ToJson(join.right)}));
  }
  PutList(out, "group_by", facts.group_by);
  PutList(out, "order_by", facts.order_by);
  PutList(out, "outputs", facts.outputs);
  PutList(out, "assignments", facts.assignments);
  if (facts.limit.kind != Bound::kNone) out["limit"] = ToJson(facts.limit);
  if (facts.offset.kind != Bound::kNone) out["offset"] = ToJson(facts.offset);
  if (!facts.name.empty()) out["name"] = facts.name;
  if (!facts.setting_value.empty()) out["setting_value"] = facts.setting_value;
  if (facts.fetch_count >= 0) out["fetch_count"] = facts.fetch_count;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Facts FactsFromJson(std::string_view text) {
  Facts facts;
  const json in = json::parse(text, nullptr, false);
  if (!in.is_object()) return facts;
  try {
    facts.operation = OperationFromName(in.value("operation", ""));
    facts.fingerprint = in.value("fingerprint", uint64_t{0});
    for (const Flag& flag : kFlags) facts.*flag.member = in.value(flag.key, false);
    GetList(in, "relations", facts.relations, [](const json& item) {
      return Relation{item.at(0).get<std::string>(), item.at(1).get<std::string>(), item.at(2).get<std::string>()};
    });
    facts.target = in.value("target", -1);
    GetList(in, "comparisons", facts.comparisons, ComparisonFromJson);
    GetList(in, "joins", facts.joins, [](const json& item) {
      return Join{ColumnFromJson(item.at(0)), ColumnFromJson(item.at(1))};
    });
    GetList(in, "group_by", facts.group_by, ColumnFromJson);
    GetList(in, "order_by", facts.order_by, SortKeyFromJson);
    GetList(in, "outputs", facts.outputs, OutputFromJson);
    GetList(in, "assignments", facts.assignments, AssignmentFromJson);
    if (const auto found = in.find("limit"); found != in.end()) facts.limit = RowBoundFromJson(*found);
    if (const auto found = in.find("offset"); found != in.end()) facts.offset = RowBoundFromJson(*found);
    facts.name = in.value("name", "");
    facts.setting_value = in.value("setting_value", "");
    facts.fetch_count = in.value("fetch_count", int64_t{-1});
  } catch (const json::exception&) {
    return {};  // not what FactsToJson wrote: nothing is known of the statement
  }
  return facts;
}

}  // namespace pgassay::sql
