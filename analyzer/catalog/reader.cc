#include "analyzer/catalog/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace pgassay::catalog {
namespace {

using Json = nlohmann::json;

constexpr const char* kRelationLimit = "20000";  // a snapshot of more would take longer than anyone would wait

// User relations, by what makes them so; $1: the limit.
constexpr const char* kRelations = R"(
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition,
       coalesce((SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid = c.oid ORDER BY h.inhseqno LIMIT 1), 0),
       c.relrowsecurity,
       coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), '100'),
       c.reltuples, c.relpages, c.relallvisible,
       CASE WHEN current_setting('track_counts')::bool AND c.relkind IN ('r', 'm') THEN 1 ELSE 0 END,
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_hot_updated(c.oid),
       pg_stat_get_tuples_deleted(c.oid), pg_stat_get_numscans(c.oid), coalesce(obj_description(c.oid, 'pg_class'), ''),
       coalesce((SELECT p.partattrs::text FROM pg_partitioned_table p WHERE p.partrelid = c.oid), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid LIMIT $1::int)";

// Defaults of locked relations are left out: reading an expression may wait for the lock. $1: their OIDs.
constexpr const char* kColumns = R"(
WITH RECURSIVE base (oid, base, typmod) AS (
  SELECT oid, typbasetype, typtypmod FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT b.oid, t.typbasetype, t.typtypmod FROM base b JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd')
SELECT a.attrelid, a.attnum, a.attname, t.oid,
       format_type(t.oid, CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE b.typmod END), t.typcategory,
       CASE WHEN b.oid IS NULL THEN '' ELSE format_type(a.atttypid, NULL) END,
       CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE b.typmod END, a.attnotnull, a.atthasdef AND a.attgenerated = '',
       a.attidentity <> '', a.attgenerated <> '', a.attgenerated = 'v',
       CASE WHEN a.attrelid = ANY ($1::oid[]) THEN '' ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), '') END,
       coalesce(l.collname, ''),
       CASE WHEN l.collname IN ('C', 'POSIX') OR l.collprovider = 'b' THEN true
            WHEN l.collname = 'default' THEN (SELECT coalesce(to_jsonb(x) ->> 'datlocprovider', 'c') = 'b'
                   OR coalesce(to_jsonb(x) ->> 'datlocprovider', 'c') = 'c' AND x.datcollate IN ('C', 'POSIX')
                 FROM pg_database x WHERE x.datname = current_database())
            ELSE false END,
       a.attstorage,
       coalesce((SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e WHERE e.enumtypid = t.oid), ''),
       coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN base b ON b.oid = a.atttypid AND NOT EXISTS (SELECT FROM pg_type x WHERE x.oid = b.base AND x.typtype = 'd')
     JOIN pg_type t ON t.oid = coalesce(b.base, a.atttypid)
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY a.attrelid, a.attnum)";

// Of a partitioned table only the statistics that include its partitions exist; of others those without children come
// first. The most common values themselves, and the bounds of the histogram, are not asked for.
constexpr const char* kStatistics = R"(
SELECT s.schemaname, s.tablename, s.attname, s.null_frac, s.n_distinct, s.avg_width, s.correlation,
       coalesce(to_json(s.most_common_freqs)::text, '')
FROM pg_stats s
WHERE s.schemaname <> 'information_schema' AND s.schemaname !~ '^pg_'
ORDER BY s.inherited DESC)";

constexpr const char* kIndexes = R"(
SELECT i.indexrelid, i.indrelid,
       coalesce((SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid = i.indexrelid LIMIT 1), 0), n.nspname, c.relname,
       m.amname, pg_get_indexdef(i.indexrelid),
       (SELECT json_agg(json_build_object('attnum', i.indkey[k],
                 'expression', CASE WHEN i.indkey[k] = 0 THEN pg_get_indexdef(i.indexrelid, k + 1, true) ELSE '' END,
                 'operator_class', (SELECT opcname FROM pg_opclass WHERE oid = i.indclass[k]),
                 'collation', coalesce((SELECT collname FROM pg_collation WHERE oid = i.indcollation[k]
                   AND oid IS DISTINCT FROM (SELECT a.attcollation FROM pg_attribute a
                                             WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k])), ''),
                 'option', i.indoption[k]) ORDER BY k)::text
        FROM generate_series(0, i.indnkeyatts - 1) k),
       array_to_string(i.indkey[i.indnkeyatts:], ' '),
       coalesce(pg_get_expr(i.indpred, i.indrelid), ''), i.indisunique, i.indisprimary, i.indisexclusion,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')),
       i.indisvalid, i.indisreplident, coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'true', c.relpages,
       c.reltuples, CASE WHEN current_setting('track_counts')::bool THEN pg_stat_get_numscans(i.indexrelid) ELSE -1 END
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_am m ON m.oid = c.relam
WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT i.indrelid = ANY ($1::oid[])
ORDER BY i.indexrelid)";

constexpr const char* kSizes = R"(
SELECT c.oid, c.relkind, pg_relation_size(c.oid),
       CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'i') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT c.oid = ANY ($1::oid[])
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = c.oid AND i.indrelid = ANY ($1::oid[])))";

constexpr const char* kForeignKeys = R"(
SELECT k.oid, k.conrelid, k.confrelid, k.conname, array_to_string(k.conkey, ' '), array_to_string(k.confkey, ' '),
       k.confdeltype, k.confupdtype, k.convalidated
FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY k.oid)";

constexpr const char* kChecks = R"(
SELECT k.conrelid, k.conname, pg_get_constraintdef(k.oid), coalesce(array_to_string(k.conkey, ' '), '')
FROM pg_constraint k WHERE k.contype = 'c' AND k.conrelid <> 0 AND NOT k.conrelid = ANY ($1::oid[]) ORDER BY k.oid)";

constexpr const char* kViews = R"(
SELECT r.ev_class, r.ev_action
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND r.rulename = '_RETURN' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_')";

// What the planner's arithmetic rests on. In the setting's own unit.
constexpr const char* kSettings = R"(
SELECT name, setting FROM pg_settings WHERE name = ANY (ARRAY[
  'server_version_num', 'block_size', 'seq_page_cost', 'random_page_cost', 'cpu_tuple_cost', 'cpu_index_tuple_cost',
  'cpu_operator_cost', 'parallel_setup_cost', 'parallel_tuple_cost', 'effective_cache_size', 'work_mem', 'shared_buffers',
  'hash_mem_multiplier', 'max_parallel_workers_per_gather', 'min_parallel_table_scan_size', 'jit', 'plan_cache_mode',
  'default_statistics_target', 'constraint_exclusion', 'enable_partition_pruning', 'enable_seqscan', 'enable_indexscan',
  'enable_bitmapscan', 'enable_indexonlyscan', 'autovacuum', 'track_counts']) ORDER BY name)";

constexpr const char* kAbout = R"(
SELECT current_user, coalesce((extract(epoch FROM s.stats_reset) * 1e9)::bigint, 0),
       (extract(epoch FROM clock_timestamp()) * 1e9)::bigint
FROM pg_stat_database s WHERE s.datname = current_database())";

// Of this database, held or wanted by others so that a reader would wait.
constexpr const char* kLocked = R"(
SELECT DISTINCT l.relation FROM pg_locks l
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.relation IS NOT NULL)";

std::vector<int16_t> Numbers(std::string_view text) {
  std::vector<int16_t> numbers;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    numbers.push_back(static_cast<int16_t>(std::atoi(std::string(text.substr(at, end - at)).c_str())));
    at = end + 1;
  }
  return numbers;
}

template <class T>
std::vector<T> List(std::string_view json) {
  std::vector<T> list;
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_array()) return list;
  for (const Json& element : parsed) {
    if constexpr (std::is_same_v<T, std::string>) {
      if (element.is_string()) list.push_back(element.get<T>());
    } else {
      if (element.is_number()) list.push_back(element.get<T>());
    }
  }
  return list;
}

std::vector<IndexKey> Keys(std::string_view json) {
  constexpr int kDescending = 1, kNullsFirst = 2;  // INDOPTION_*
  std::vector<IndexKey> keys;
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_array()) return keys;
  for (const Json& element : parsed) {
    const int option = element.value("option", 0);
    keys.push_back({.attnum = element.value("attnum", int16_t{0}),
                    .expression = element.value("expression", ""),
                    .operator_class = element.value("operator_class", ""),
                    .collation = element.value("collation", ""),
                    .descending = (option & kDescending) != 0,
                    .nulls_first = (option & kNullsFirst) != 0});
  }
  return keys;
}

class Reading {
 public:
  explicit Reading(Connections& connections) : connections_(connections) {}

  Result<Snapshot> Read() {
    auto relations = Ask(kRelations, kRelationLimit);
    if (!relations) return std::unexpected(relations.error());
    TakeRelations(*relations);
    FindLocked();
    About();
    Part("columns", kColumns, locked_, [this](const Rows& rows, int row) { TakeColumn(rows, row); });
    Part("statistics", kStatistics, {}, [this](const Rows& rows, int row) { TakeStatistics(rows, row); });
    Part("indexes", kIndexes, locked_, [this](const Rows& rows, int row) { TakeIndex(rows, row); });
    Part("sizes", kSizes, locked_, [this](const Rows& rows, int row) { TakeSize(rows, row); });
    Part("foreign keys", kForeignKeys, {}, [this](const Rows& rows, int row) { TakeForeignKey(rows, row); });
    Part("checks", kChecks, locked_, [this](const Rows& rows, int row) { TakeCheck(rows, row); });
    Part("columns behind views", kViews, {}, [this](const Rows& rows, int row) { TakeView(rows, row); });
    Part("settings", kSettings, {}, [this](const Rows& rows, int row) {
      snapshot_.settings.push_back({std::string(rows.Text(row, 0)), std::string(rows.Text(row, 1))});
    });
    Part("extensions", "SELECT extname FROM pg_extension ORDER BY extname", {},
         [this](const Rows& rows, int row) { snapshot_.extensions.emplace_back(rows.Text(row, 0)); });
    if (connections_.given_up()) return Fail("the database was left");
    ResolveViews();
    return std::move(snapshot_);
  }

 private:
  // `parameter`: of the only parameter; "": the text has none.
  Result<Rows> Ask(const char* sql, const std::string& parameter) {
    const auto connection = connections_.Get();
    if (!connection) return std::unexpected(connection.error());
    snapshot_.server_version = (*connection)->server_version();
    const Parameter one{.value = parameter};
    return (*connection)->Ask(sql, parameter.empty() ? std::span<const Parameter>{} : std::span(&one, 1));
  }

  // What cannot be had costs its part alone.
  template <class Take>
  void Part(std::string_view what, const char* sql, const std::string& parameter, Take take) {
    const auto rows = Ask(sql, parameter);
    if (!rows) {
      snapshot_.notes.push_back(fmt::format("The {} could not be read: {}.", what, rows.error().message));
      return;
    }
    for (int row = 0; row < rows->size(); ++row) take(*rows, row);
  }

  Relation* Find(uint32_t oid) {
    const auto found = std::ranges::lower_bound(snapshot_.relations, oid, {}, &Relation::oid);
    return found != snapshot_.relations.end() && found->oid == oid ? &*found : nullptr;
  }

  void TakeRelations(const Rows& rows) {
    for (int row = 0; row < rows.size(); ++row) {
      Relation& relation = snapshot_.relations.emplace_back();
      relation.oid = rows.Oid(row, 0);
      relation.schema = rows.Text(row, 1);
      relation.name = rows.Text(row, 2);
      relation.kind = rows.Char(row, 3);
      relation.persistence = rows.Char(row, 4);
      relation.partition = rows.Bool(row, 5);
      relation.parent_oid = rows.Oid(row, 6);
      relation.row_security = rows.Bool(row, 7);
      relation.fill_factor = static_cast<int>(rows.Int(row, 8));
      relation.rows = rows.Real(row, 9);
      relation.pages = rows.Int(row, 10);
      relation.all_visible_pages = rows.Int(row, 11);
      if (rows.Int(row, 12) != 0) {
        relation.inserted = rows.Int(row, 13);
        relation.updated = rows.Int(row, 14);
        relation.hot_updated = rows.Int(row, 15);
        relation.deleted = rows.Int(row, 16);
        relation.sequential_scans = rows.Int(row, 17);
      }
      relation.comment = rows.Text(row, 18);
      relation.partition_columns = Numbers(rows.Text(row, 19));
      by_name_[{relation.schema, relation.name}] = relation.oid;
    }
    if (std::to_string(rows.size()) == kRelationLimit) {
      snapshot_.notes.push_back(fmt::format("Only the first {} relations were read.", kRelationLimit));
    }
  }

  void FindLocked() {
    locked_ = "{}";
    const auto rows = Ask(kLocked, "");
    if (!rows) return;
    for (int row = 0; row < rows->size(); ++row) {
      const uint32_t oid = rows->Oid(row, 0);
      locked_.insert(locked_.size() - 1, fmt::format("{}{}", locked_.size() > 2 ? "," : "", oid));
      if (const Relation* relation = Find(oid)) {
        snapshot_.notes.push_back(
            fmt::format("{}.{} was locked exclusively: its size, indexes, defaults and checks could not be read.",
                        relation->schema, relation->name));
      }
    }
  }

  void About() {
    Part("role", kAbout, {}, [this](const Rows& rows, int row) {
      snapshot_.role = rows.Text(row, 0);
      snapshot_.statistics_reset_unix_ns = rows.Int(row, 1);
      snapshot_.taken_unix_ns = rows.Int(row, 2);
    });
  }

  void TakeColumn(const Rows& rows, int row) {
    Relation* relation = Find(rows.Oid(row, 0));
    if (relation == nullptr) return;
    Column& column = relation->columns.emplace_back();
    column.attnum = static_cast<int16_t>(rows.Int(row, 1));
    column.name = rows.Text(row, 2);
    column.type_oid = rows.Oid(row, 3);
    column.type = rows.Text(row, 4);
    column.type_category = rows.Char(row, 5);
    column.domain = rows.Text(row, 6);
    column.type_modifier = static_cast<int32_t>(rows.Int(row, 7));
    column.not_null = rows.Bool(row, 8);
    column.has_default = rows.Bool(row, 9);
    column.identity = rows.Bool(row, 10);
    column.generated = rows.Bool(row, 11);
    column.generated_virtual = rows.Bool(row, 12);
    column.default_sql = rows.Text(row, 13);
    column.collation = rows.Text(row, 14);
    column.collation_is_c = rows.Bool(row, 15);
    column.storage = rows.Char(row, 16);
    column.enum_labels = List<std::string>(rows.Text(row, 17));
    column.comment = rows.Text(row, 18);
  }

  void TakeStatistics(const Rows& rows, int row) {
    const auto oid = by_name_.find({std::string(rows.Text(row, 0)), std::string(rows.Text(row, 1))});
    Relation* relation = oid == by_name_.end() ? nullptr : Find(oid->second);
    if (relation == nullptr) return;
    const auto column = std::ranges::find(relation->columns, rows.Text(row, 2), &Column::name);
    if (column == relation->columns.end()) return;
    column->null_fraction = rows.Real(row, 3);
    column->distinct = rows.Real(row, 4);
    column->average_width = static_cast<int>(rows.Int(row, 5));
    column->correlation = rows.IsNull(row, 6) ? -2 : rows.Real(row, 6);
    column->common_frequencies = List<double>(rows.Text(row, 7));
  }

  void TakeIndex(const Rows& rows, int row) {
    const uint32_t relation = rows.Oid(row, 1);
    if (Find(relation) == nullptr) return;
    Index& index = snapshot_.indexes.emplace_back();
    index.oid = rows.Oid(row, 0);
    index.relation_oid = relation;
    index.parent_oid = rows.Oid(row, 2);
    index.schema = rows.Text(row, 3);
    index.name = rows.Text(row, 4);
    index.access_method = rows.Text(row, 5);
    index.definition = rows.Text(row, 6);
    index.keys = Keys(rows.Text(row, 7));
    index.included = Numbers(rows.Text(row, 8));
    index.predicate = rows.Text(row, 9);
    index.unique = rows.Bool(row, 10);
    index.primary = rows.Bool(row, 11);
    index.exclusion = rows.Bool(row, 12);
    index.constraint = rows.Bool(row, 13);
    index.valid = rows.Bool(row, 14);
    index.replica_identity = rows.Bool(row, 15);
    index.nulls_not_distinct = rows.Bool(row, 16);
    index.pages = rows.Int(row, 17);
    index.tuples = rows.Real(row, 18);
    index.scans = rows.Int(row, 19);
  }

  void TakeSize(const Rows& rows, int row) {
    const uint32_t oid = rows.Oid(row, 0);
    if (rows.Char(row, 1) == 'i') {
      const auto index = std::ranges::lower_bound(snapshot_.indexes, oid, {}, &Index::oid);
      if (index != snapshot_.indexes.end() && index->oid == oid) index->bytes = rows.Int(row, 2);
    } else if (Relation* relation = Find(oid)) {
      relation->bytes = rows.Int(row, 2);
      relation->toast_bytes = rows.Int(row, 3);
    }
  }

  void TakeForeignKey(const Rows& rows, int row) {
    if (Find(rows.Oid(row, 1)) == nullptr) return;
    snapshot_.foreign_keys.push_back({.oid = rows.Oid(row, 0),
                                      .relation_oid = rows.Oid(row, 1),
                                      .referenced_oid = rows.Oid(row, 2),
                                      .name = std::string(rows.Text(row, 3)),
                                      .columns = Numbers(rows.Text(row, 4)),
                                      .referenced_columns = Numbers(rows.Text(row, 5)),
                                      .on_delete = rows.Char(row, 6),
                                      .on_update = rows.Char(row, 7),
                                      .validated = rows.Bool(row, 8)});
  }

  void TakeCheck(const Rows& rows, int row) {
    if (Find(rows.Oid(row, 0)) == nullptr) return;
    snapshot_.checks.push_back({.relation_oid = rows.Oid(row, 0),
                                .name = std::string(rows.Text(row, 1)),
                                .definition = std::string(rows.Text(row, 2)),
                                .columns = Numbers(rows.Text(row, 3))});
  }

  void TakeView(const Rows& rows, int row) {
    if (Relation* view = Find(rows.Oid(row, 0))) view->view_columns = ViewColumnsOf(rows.Text(row, 1), *view);
  }

  // A view's columns name what it reads; where that is a view again, what that one reads.
  void ResolveViews() {
    constexpr int kMaxSteps = 32;  // a chain of views is never a circle, but a bound costs nothing
    for (Relation& view : snapshot_.relations) {
      for (ViewColumn& column : view.view_columns) {
        for (int step = 0; step < kMaxSteps; ++step) {
          const Relation* below = Find(column.base_oid);
          const Column* through = below == nullptr ? nullptr : FindColumn(*below, column.base_attnum);
          if (through == nullptr || (below->kind != 'v' && below->kind != 'm')) break;
          const auto next = std::ranges::find(below->view_columns, through->name, &ViewColumn::column);
          if (next == below->view_columns.end()) break;
          column.base_oid = next->base_oid;
          column.base_attnum = next->base_attnum;
        }
      }
    }
  }

  Connections& connections_;
  Snapshot snapshot_;
  std::string locked_;  // OIDs as an array's text
  std::map<std::pair<std::string, std::string>, uint32_t> by_name_;
};

}  // namespace

Result<Snapshot> ReadSnapshot(Connections& connections) { return Reading(connections).Read(); }

}  // namespace pgassay::catalog
