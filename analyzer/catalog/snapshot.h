// What a database's catalogue says, as plain values: relations with their statistics, indexes, keys and foreign keys.
// Taken over a connection of our own (reader.h), stored in the trace as JSON, and read by rules, advisor and lineage
// without a connection. No value of a user's row is in here: of pg_stats only counts, fractions, widths and
// frequencies. Definitions (index predicates, CHECK, defaults, enum labels) are the catalogue's own text and are kept;
// view bodies are not. Source: PostgreSQL manual, "System Catalogs" and "pg_stats", versions 14 to 18.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/catalog/measurement.h"
#include "proxy/base/result.h"

namespace pgassay::catalog {

// A column of a relation, live attributes only. Statistics are -1 where the server has none or does not show them.
struct Column {
  std::string name = {};
  int16_t attnum = 0;
  uint32_t type_oid = 0;    // of a domain: its base type
  std::string type = {};    // format_type: "character varying(20)", "timestamp with time zone"
  char type_category = 0;   // pg_type.typcategory: 'N', 'S', 'D', 'A', 'E', 'B', 'U', …
  std::string domain = {};  // "" if the type is none
  int32_t type_modifier = -1;
  bool not_null = false, has_default = false, identity = false, generated = false,
       generated_virtual = false;  // 18: no index can be made on it
  std::string default_sql = {};    // "" if none
  std::string collation = {};      // "" if the type has none
  bool collation_is_c = false;     // byte order: a plain B-tree serves LIKE 'x%'
  char storage = 'p';              // pg_attribute.attstorage; 'x', 'e' and 'm' may be stored out of line
  std::vector<std::string> enum_labels = {};
  // pg_stats
  double null_fraction = -1;
  double distinct = 0;      // as pg_stats.n_distinct: > 0 a count, < 0 minus a share of the rows, 0 unknown
  int average_width = -1;   // bytes
  double correlation = -2;  // -1..1; -2 unknown
  std::vector<double> common_frequencies = {};  // of the most common values, descending; the values are not kept
  std::string comment = {};
  friend bool operator==(const Column&, const Column&) = default;
};

struct IndexKey {
  int16_t attnum = 0;               // 0: an expression
  std::string expression = {};      // the catalogue's text; "" of a column
  std::string operator_class = {};  // "int4_ops", "text_pattern_ops", "jsonb_path_ops"
  std::string collation = {};
  bool descending = false, nulls_first = false;
  friend bool operator==(const IndexKey&, const IndexKey&) = default;
};

struct Index {
  uint32_t oid = 0, relation_oid = 0, parent_oid = 0;  // parent_oid: the partitioned index it is attached to, 0: none
  std::string schema = {}, name = {};
  std::string access_method = {};      // "btree", "gin", …
  std::string definition = {};         // pg_get_indexdef
  std::vector<IndexKey> keys = {};     // in order
  std::vector<int16_t> included = {};  // INCLUDE columns
  std::string predicate = {};          // the catalogue's text; "" if not partial
  bool unique = false, primary = false, exclusion = false, constraint = false, valid = true, replica_identity = false,
       nulls_not_distinct = false;
  int64_t bytes = 0, pages = 0;
  double tuples = 0;   // reltuples
  int64_t scans = -1;  // pg_stat idx_scan; -1: not shown
  friend bool operator==(const Index&, const Index&) = default;
};

struct ForeignKey {
  uint32_t oid = 0, relation_oid = 0, referenced_oid = 0;
  std::string name = {};
  std::vector<int16_t> columns = {}, referenced_columns = {};  // in pairs
  char on_delete = 'a', on_update = 'a';  // pg_constraint: a no action, r restrict, c cascade, n null, d default
  bool validated = true;
  friend bool operator==(const ForeignKey&, const ForeignKey&) = default;
};

struct Check {
  uint32_t relation_oid = 0;
  std::string name = {}, definition = {};
  std::vector<int16_t> columns = {};
  friend bool operator==(const Check&, const Check&) = default;
};

// A view's output column and the base column that it passes on unchanged.
struct ViewColumn {
  std::string column = {};
  uint32_t base_oid = 0;
  int16_t base_attnum = 0;
  friend bool operator==(const ViewColumn&, const ViewColumn&) = default;
};

struct Relation {
  uint32_t oid = 0;
  std::string schema = {}, name = {};
  char kind = 'r';  // pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign
  char persistence = 'p';
  uint32_t parent_oid = 0;  // the table it is a partition (or child) of; 0: none
  bool partition = false;
  std::vector<int16_t> partition_columns = {};  // of a partitioned table
  bool row_security = false;
  int fill_factor = 100;
  double rows = -1;  // reltuples; -1: never analysed
  int64_t pages = 0, all_visible_pages = 0;
  int64_t bytes = 0, toast_bytes = 0;
  int64_t inserted = -1, updated = -1, hot_updated = -1, deleted = -1;  // pg_stat_all_tables; -1: not shown
  int64_t sequential_scans = -1;
  std::string comment = {};
  std::vector<Column> columns = {};  // by attnum
  std::vector<ViewColumn> view_columns = {};
  friend bool operator==(const Relation&, const Relation&) = default;
};

struct Setting {
  std::string name = {}, value = {};  // planner costs, work_mem, server_version_num, …
  friend bool operator==(const Setting&, const Setting&) = default;
};

// One database at one moment.
struct Snapshot {
  std::string upstream = {}, database = {};  // as in the trace's table `database`
  std::string role = {};                     // that looked
  int server_version = 0;                    // 150018
  int64_t taken_unix_ns = 0;
  int64_t statistics_reset_unix_ns = 0;  // 0: never, or not shown
  std::vector<Relation> relations = {};  // user relations, by oid
  std::vector<Index> indexes = {};       // by oid
  std::vector<ForeignKey> foreign_keys = {};
  std::vector<Check> checks = {};
  std::vector<Setting> settings = {};
  std::vector<std::string> extensions = {};
  std::vector<std::string> notes = {};         // what could not be read and why, sentences
  std::vector<Measurement> measurements = {};  // none unless measure.h was asked for them

  const Relation* FindRelation(uint32_t oid) const;
  // By name; `schema` "" looks in every schema and answers null where two of them have it in different shape.
  const Relation* FindRelation(std::string_view schema, std::string_view name) const;
  const Index* FindIndex(uint32_t oid) const;
  std::vector<const Index*> IndexesOf(uint32_t relation_oid) const;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};
const Column* FindColumn(const Relation& relation, std::string_view name);
const Column* FindColumn(const Relation& relation, int16_t attnum);
// Distinct values of a column in absolute terms; -1: unknown.
double DistinctValues(const Relation& relation, const Column& column);

// Names as a JSON array, and back: what is no name is left out.
std::string NamesToJson(const std::vector<std::string>& names);
std::vector<std::string> NamesFromJson(std::string_view json);

// A snapshot that a newer version wrote is an error with a sentence; fields that are missing take their defaults.
std::string SnapshotToJson(const Snapshot& snapshot);
Result<Snapshot> SnapshotFromJson(std::string_view json);

}  // namespace pgassay::catalog
