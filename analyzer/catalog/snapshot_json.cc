#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "analyzer/catalog/snapshot.h"

// A snapshot as JSON: each struct's members once, for writing and for reading. A member that has its default is left
// out.

namespace pgassay::catalog {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;  // grows with every change that an older reader would misread

template <class Field>
void MembersOf(const Column*, Field field) {
  field("name", &Column::name);
  field("attnum", &Column::attnum);
  field("type_oid", &Column::type_oid);
  field("type", &Column::type);
  field("type_category", &Column::type_category);
  field("domain", &Column::domain);
  field("type_modifier", &Column::type_modifier);
  field("not_null", &Column::not_null);
  field("has_default", &Column::has_default);
  field("identity", &Column::identity);
  field("generated", &Column::generated);
  field("generated_virtual", &Column::generated_virtual);
  field("default_sql", &Column::default_sql);
  field("collation", &Column::collation);
  field("collation_is_c", &Column::collation_is_c);
  field("storage", &Column::storage);
  field("enum_labels", &Column::enum_labels);
  field("null_fraction", &Column::null_fraction);
  field("distinct", &Column::distinct);
  field("average_width", &Column::average_width);
  field("correlation", &Column::correlation);
  field("common_frequencies", &Column::common_frequencies);
  field("comment", &Column::comment);
}

template <class Field>
void MembersOf(const IndexKey*, Field field) {
  field("attnum", &IndexKey::attnum);
  field("expression", &IndexKey::expression);
  field("operator_class", &IndexKey::operator_class);
  field("collation", &IndexKey::collation);
  field("descending", &IndexKey::descending);
  field("nulls_first", &IndexKey::nulls_first);
}

template <class Field>
void MembersOf(const Index*, Field field) {
  field("oid", &Index::oid);
  field("relation_oid", &Index::relation_oid);
  field("parent_oid", &Index::parent_oid);
  field("schema", &Index::schema);
  field("name", &Index::name);
  field("access_method", &Index::access_method);
  field("definition", &Index::definition);
  field("keys", &Index::keys);
  field("included", &Index::included);
  field("predicate", &Index::predicate);
  field("unique", &Index::unique);
  field("primary", &Index::primary);
  field("exclusion", &Index::exclusion);
  field("constraint", &Index::constraint);
  field("valid", &Index::valid);
  field("replica_identity", &Index::replica_identity);
  field("nulls_not_distinct", &Index::nulls_not_distinct);
  field("bytes", &Index::bytes);
  field("pages", &Index::pages);
  field("tuples", &Index::tuples);
  field("scans", &Index::scans);
}

template <class Field>
void MembersOf(const ForeignKey*, Field field) {
  field("oid", &ForeignKey::oid);
  field("relation_oid", &ForeignKey::relation_oid);
  field("referenced_oid", &ForeignKey::referenced_oid);
  field("name", &ForeignKey::name);
  field("columns", &ForeignKey::columns);
  field("referenced_columns", &ForeignKey::referenced_columns);
  field("on_delete", &ForeignKey::on_delete);
  field("on_update", &ForeignKey::on_update);
  field("validated", &ForeignKey::validated);
}

template <class Field>
void MembersOf(const Check*, Field field) {
  field("relation_oid", &Check::relation_oid);
  field("name", &Check::name);
  field("definition", &Check::definition);
  field("columns", &Check::columns);
}

template <class Field>
void MembersOf(const ViewColumn*, Field field) {
  field("column", &ViewColumn::column);
  field("base_oid", &ViewColumn::base_oid);
  field("base_attnum", &ViewColumn::base_attnum);
}

template <class Field>
void MembersOf(const Relation*, Field field) {
  field("oid", &Relation::oid);
  field("schema", &Relation::schema);
  field("name", &Relation::name);
  field("kind", &Relation::kind);
  field("persistence", &Relation::persistence);
  field("parent_oid", &Relation::parent_oid);
  field("partition", &Relation::partition);
  field("partition_columns", &Relation::partition_columns);
  field("row_security", &Relation::row_security);
  field("fill_factor", &Relation::fill_factor);
  field("rows", &Relation::rows);
  field("pages", &Relation::pages);
  field("all_visible_pages", &Relation::all_visible_pages);
  field("bytes", &Relation::bytes);
  field("toast_bytes", &Relation::toast_bytes);
  field("inserted", &Relation::inserted);
  field("updated", &Relation::updated);
  field("hot_updated", &Relation::hot_updated);
  field("deleted", &Relation::deleted);
  field("sequential_scans", &Relation::sequential_scans);
  field("comment", &Relation::comment);
  field("columns", &Relation::columns);
  field("view_columns", &Relation::view_columns);
}

template <class Field>
void MembersOf(const Setting*, Field field) {
  field("name", &Setting::name);
  field("value", &Setting::value);
}

template <class Field>
void MembersOf(const MeasureTask*, Field field) {
  field("kind", &MeasureTask::kind);
  field("relation_oid", &MeasureTask::relation_oid);
  field("columns", &MeasureTask::columns);
  field("referenced_oid", &MeasureTask::referenced_oid);
  field("referenced_columns", &MeasureTask::referenced_columns);
}

template <class Field>
void MembersOf(const Figure*, Field field) {
  field("name", &Figure::name);
  field("value", &Figure::value);
}

template <class Field>
void MembersOf(const Measurement*, Field field) {
  field("task", &Measurement::task);
  field("figures", &Measurement::figures);
}

template <class Field>
void MembersOf(const Snapshot*, Field field) {
  field("upstream", &Snapshot::upstream);
  field("database", &Snapshot::database);
  field("role", &Snapshot::role);
  field("server_version", &Snapshot::server_version);
  field("taken_unix_ns", &Snapshot::taken_unix_ns);
  field("statistics_reset_unix_ns", &Snapshot::statistics_reset_unix_ns);
  field("relations", &Snapshot::relations);
  field("indexes", &Snapshot::indexes);
  field("foreign_keys", &Snapshot::foreign_keys);
  field("checks", &Snapshot::checks);
  field("settings", &Snapshot::settings);
  field("extensions", &Snapshot::extensions);
  field("notes", &Snapshot::notes);
  field("measurements", &Snapshot::measurements);
}

template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;

template <class T>
Json ToJson(const T& value) {
  if constexpr (std::is_same_v<T, char>) {
    return value == 0 ? std::string() : std::string(1, value);
  } else if constexpr (std::is_same_v<T, MeasureKind>) {
    return MeasureKindName(value);
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (kIsList<T>) {
    Json list = Json::array();
    for (const auto& element : value) list.push_back(ToJson(element));
    return list;
  } else {
    const T otherwise{};
    Json object = Json::object();
    MembersOf(&value, [&](const char* name, auto member) {
      if constexpr (kIsList<std::remove_cvref_t<decltype(value.*member)>>) {
        if ((value.*member).empty()) return;
      } else {
        if (value.*member == otherwise.*member) return;
      }
      object[name] = ToJson(value.*member);
    });
    return object;
  }
}

// What is of another type than it should be is left at its default: a trace may come from a stranger.
template <class T>
void FromJson(const Json& json, T& value) {
  if constexpr (std::is_same_v<T, char>) {
    if (json.is_string())
      value = json.get_ref<const std::string&>().empty() ? '\0' : json.get_ref<const std::string&>()[0];
  } else if constexpr (std::is_same_v<T, MeasureKind>) {
    if (json.is_string()) value = MeasureKindFromName(json.get_ref<const std::string&>());
  } else if constexpr (std::is_same_v<T, bool>) {
    if (json.is_boolean()) value = json.get<bool>();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (json.is_number()) value = json.get<T>();
  } else if constexpr (std::is_integral_v<T>) {
    if (json.is_number_integer()) value = json.get<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (json.is_string()) value = json.get<std::string>();
  } else if constexpr (kIsList<T>) {
    if (!json.is_array()) return;
    for (const Json& element : json) FromJson(element, value.emplace_back());
  } else {
    if (!json.is_object()) return;
    MembersOf(&value, [&](const char* name, auto member) {
      if (const auto found = json.find(name); found != json.end()) FromJson(*found, value.*member);
    });
  }
}

}  // namespace

std::string NamesToJson(const std::vector<std::string>& names) {
  return Json(names).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> NamesFromJson(std::string_view text) {
  std::vector<std::string> names;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return names;
  for (const Json& name : json) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

std::string SnapshotToJson(const Snapshot& snapshot) {
  Json json = ToJson(snapshot);
  json["version"] = kVersion;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Snapshot> SnapshotFromJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Fail("the snapshot of a catalogue is damaged");
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_integer()) return Fail("the snapshot of a catalogue has no version");
  if (*version > kVersion) {
    return Fail("a snapshot of a catalogue has version " + version->dump() + "; this pgassay knows up to " +
                std::to_string(kVersion) + ": use a newer pgassay");
  }
  Snapshot snapshot;
  FromJson(json, snapshot);
  return snapshot;
}

}  // namespace pgassay::catalog
