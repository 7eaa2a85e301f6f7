#include <nlohmann/json.hpp>
#include <string>

#include "analyzer/sql/statement.h"

// Facts as JSON: short keys for what repeats, nothing for what is default. setting_value stays in memory: it is as
// sent.

namespace pgassay::sql {
namespace {

using Json = nlohmann::json;

template <class T>
void Put(Json& json, const char* key, const T& value, const T& otherwise) {
  if (value != otherwise) json[key] = value;
}

template <class E>
void PutEnum(Json& json, const char* key, E value) {
  if (value != E{}) json[key] = static_cast<int>(value);
}

template <class T>
T Get(const Json& json, const char* key, T otherwise) {
  const auto found = json.find(key);
  if (found == json.end()) return otherwise;
  const bool fits = std::is_same_v<T, std::string> ? found->is_string()
                    : std::is_same_v<T, bool>      ? found->is_boolean()
                                                   : found->is_number_integer();
  return fits ? found->template get<T>() : otherwise;
}

template <class E>
E GetEnum(const Json& json, const char* key, E last) {
  const int value = Get(json, key, 0);
  return value < 0 || value > static_cast<int>(last) ? E{} : static_cast<E>(value);
}

Json ToJson(const ColumnRef& column) { return Json::array({column.relation, column.column}); }

ColumnRef ColumnFrom(const Json& json) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_number_integer() || !json[1].is_string()) return {};
  return {json[0].get<int>(), json[1].get<std::string>()};
}
ColumnRef ColumnAt(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() ? ColumnRef{} : ColumnFrom(*found);
}

Json ToJson(const Relation& relation) {
  Json json = Json::object();
  json["name"] = relation.name;
  Put(json, "schema", relation.schema, {});
  Put(json, "alias", relation.alias, {});
  Put(json, "per_row", relation.per_row, false);
  return json;
}
void From(const Json& json, Relation& relation) {
  relation = {.schema = Get<std::string>(json, "schema", ""),
              .name = Get<std::string>(json, "name", ""),
              .alias = Get<std::string>(json, "alias", ""),
              .per_row = Get(json, "per_row", false)};
}

Json ToJson(const Comparison& comparison) {
  Json json = Json::object();
  json["column"] = ToJson(comparison.column);
  json["op"] = comparison.operator_name;
  PutEnum(json, "kind", comparison.comparator);
  Put(json, "slot", comparison.slot, -1);
  Put(json, "conjunct", comparison.conjunct, false);
  Put(json, "function", comparison.function, {});
  Put(json, "tuple", comparison.tuple, -1);
  Put(json, "depth", comparison.subquery_depth, 0);
  return json;
}
void From(const Json& json, Comparison& comparison) {
  comparison = {.column = ColumnAt(json, "column"),
                .comparator = GetEnum(json, "kind", Comparator::kOther),
                .slot = Get(json, "slot", -1),
                .conjunct = Get(json, "conjunct", false),
                .function = Get<std::string>(json, "function", ""),
                .operator_name = Get<std::string>(json, "op", ""),
                .tuple = Get(json, "tuple", -1),
                .subquery_depth = Get(json, "depth", 0)};
}

Json ToJson(const Join& join) { return Json::array({ToJson(join.left), ToJson(join.right)}); }
void From(const Json& json, Join& join) {
  if (json.is_array() && json.size() == 2) join = {ColumnFrom(json[0]), ColumnFrom(json[1])};
}

void From(const Json& json, ColumnRef& column) { column = ColumnFrom(json); }

Json ToJson(const SortKey& key) {
  Json json = Json::object();
  json["column"] = ToJson(key.column);
  Put(json, "descending", key.descending, false);
  Put(json, "nulls_first", key.nulls_first, false);
  Put(json, "expression", key.expression, false);
  return json;
}
void From(const Json& json, SortKey& key) {
  key = {.column = ColumnAt(json, "column"),
         .descending = Get(json, "descending", false),
         .nulls_first = Get(json, "nulls_first", false),
         .expression = Get(json, "expression", false)};
}

Json ToJson(const Assignment& assignment) {
  Json json = Json::object();
  json["column"] = ToJson(assignment.column);
  Put(json, "slot", assignment.slot, -1);
  Put(json, "expression", assignment.expression, false);
  return json;
}
void From(const Json& json, Assignment& assignment) {
  assignment = {
      .column = ColumnAt(json, "column"), .slot = Get(json, "slot", -1), .expression = Get(json, "expression", false)};
}

Json ToJson(const Output& output) {
  Json json = Json::object();
  json["name"] = output.name;
  PutEnum(json, "kind", output.kind);
  Put(json, "column", output.column.column, {});
  Put(json, "relation", output.column.relation, -1);
  Put(json, "extremum", output.extremum, false);
  return json;
}
void From(const Json& json, Output& output) {
  output = {.kind = GetEnum(json, "kind", Output::Kind::kExpression),
            .column = {Get(json, "relation", -1), Get<std::string>(json, "column", "")},
            .name = Get<std::string>(json, "name", ""),
            .extremum = Get(json, "extremum", false)};
}

template <class T>
void PutList(Json& json, const char* key, const std::vector<T>& list) {
  if (list.empty()) return;
  Json values = Json::array();
  for (const T& value : list) values.push_back(ToJson(value));
  json[key] = std::move(values);
}

template <class T>
void GetList(const Json& json, const char* key, std::vector<T>& list) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return;
  for (const Json& value : *found) From(value, list.emplace_back());
}

void PutBound(Json& json, const char* key, const RowBound& bound) {
  if (bound.kind == Bound::kNone) return;
  Json value = Json::object();
  PutEnum(value, "kind", bound.kind);
  Put(value, "slot", bound.slot, -1);
  Put(value, "value", bound.value, int64_t{-1});
  json[key] = std::move(value);
}

RowBound GetBound(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object()) return {};
  return {.kind = GetEnum(*found, "kind", Bound::kExpression),
          .slot = Get(*found, "slot", -1),
          .value = Get(*found, "value", int64_t{-1})};
}

struct FlagName {
  const char* key;
  bool Facts::* flag;
};
constexpr FlagName kFlags[] = {{"parsed", &Facts::parsed},
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
                               {"single_row_insert", &Facts::single_row_insert}};

}  // namespace

std::string FactsToJson(const Facts& facts) {
  Json json = Json::object();
  json["operation"] = OperationName(facts.operation);
  Put(json, "fingerprint", facts.fingerprint, uint64_t{0});
  Put(json, "target", facts.target, -1);
  Put(json, "name", facts.name, {});
  Put(json, "fetch_count", facts.fetch_count, int64_t{-1});
  for (const FlagName& flag : kFlags) Put(json, flag.key, facts.*flag.flag, false);
  PutList(json, "relations", facts.relations);
  PutList(json, "comparisons", facts.comparisons);
  PutList(json, "joins", facts.joins);
  PutList(json, "loose_joins", facts.loose_joins);
  PutList(json, "group_by", facts.group_by);
  PutList(json, "order_by", facts.order_by);
  PutList(json, "outputs", facts.outputs);
  PutList(json, "assignments", facts.assignments);
  PutBound(json, "limit", facts.limit);
  PutBound(json, "offset", facts.offset);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Facts FactsFromJson(std::string_view text) {
  Facts facts;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return facts;
  facts.operation = OperationFromName(Get<std::string>(json, "operation", ""));
  facts.fingerprint = Get(json, "fingerprint", uint64_t{0});
  facts.target = Get(json, "target", -1);
  facts.name = Get<std::string>(json, "name", "");
  facts.fetch_count = Get(json, "fetch_count", int64_t{-1});
  for (const FlagName& flag : kFlags) facts.*flag.flag = Get(json, flag.key, false);
  GetList(json, "relations", facts.relations);
  GetList(json, "comparisons", facts.comparisons);
  GetList(json, "joins", facts.joins);
  GetList(json, "loose_joins", facts.loose_joins);
  GetList(json, "group_by", facts.group_by);
  GetList(json, "order_by", facts.order_by);
  GetList(json, "outputs", facts.outputs);
  GetList(json, "assignments", facts.assignments);
  facts.limit = GetBound(json, "limit");
  facts.offset = GetBound(json, "offset");
  return facts;
}

}  // namespace pgassay::sql
