#include "analyzer/sql/functions.h"

#include <algorithm>
#include <array>

namespace pgassay::sql {
namespace {

constexpr auto kAggregates = std::to_array<std::string_view>(
    {"array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "covar_pop", "covar_samp",
     "every", "json_agg", "json_object_agg", "jsonb_agg", "jsonb_object_agg", "max", "min", "mode", "percentile_cont",
     "percentile_disc", "range_agg", "range_intersect_agg", "regr_count", "regr_slope", "stddev", "stddev_pop",
     "stddev_samp", "string_agg", "sum", "var_pop", "var_samp", "variance", "xmlagg"});
static_assert(std::ranges::is_sorted(kAggregates));

constexpr auto kVolatile = std::to_array<std::string_view>(
    {"clock_timestamp", "currval", "gen_random_bytes", "gen_random_uuid", "lastval", "lo_create", "lo_import", "lo_unlink",
     "localtime", "localtimestamp", "nextval", "now", "pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_unlock",
     "pg_advisory_unlock_all", "pg_advisory_unlock_shared", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared",
     "pg_cancel_backend", "pg_current_wal_lsn", "pg_notify", "pg_sleep", "pg_sleep_for", "pg_sleep_until",
     "pg_terminate_backend", "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock",
     "pg_try_advisory_xact_lock_shared", "random", "set_config", "setseed", "setval", "statement_timestamp", "timeofday",
     "transaction_timestamp", "txid_current", "uuid_generate_v1", "uuid_generate_v4"});
static_assert(std::ranges::is_sorted(kVolatile));

constexpr auto kKnown = std::to_array<std::string_view>(
    {"abs", "age", "array_append", "array_cat", "array_length", "array_position", "array_remove", "array_to_json",
     "array_to_string", "ascii", "bit_length", "btrim", "cardinality", "ceil", "ceiling", "char_length",
     "character_length", "chr", "coalesce", "concat", "concat_ws", "cume_dist", "date", "date_bin", "date_part",
     "date_trunc", "decode", "dense_rank", "encode", "exp", "extract", "first_value", "floor", "format", "generate_series",
     "greatest", "hashtext", "initcap", "isfinite", "json_array_elements", "json_array_length", "json_build_array",
     "json_build_object", "json_each", "json_extract_path", "json_extract_path_text", "json_to_recordset", "json_typeof",
     "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array", "jsonb_build_object",
     "jsonb_each", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_path_exists", "jsonb_path_query",
     "jsonb_set", "jsonb_strip_nulls", "jsonb_to_recordset", "jsonb_typeof", "lag", "last_value", "lead", "least", "left",
     "length", "like_escape", "ln", "log", "lower", "lpad", "ltrim", "make_date", "make_interval", "make_timestamp", "md5", "mod",
     "nth_value", "ntile", "nullif", "octet_length", "overlaps", "overlay", "percent_rank", "plainto_tsquery", "position",
     "power", "quote_ident", "quote_literal", "rank", "regexp_match", "regexp_matches", "regexp_replace",
     "regexp_split_to_array", "regexp_split_to_table", "repeat", "replace", "reverse", "right", "round", "row_number",
     "row_to_json", "rpad", "rtrim", "setweight", "sha256", "sign", "similar_to_escape", "split_part", "sqrt", "starts_with", "string_to_array",
     "strpos", "substr", "substring", "timezone", "to_char", "to_date", "to_json", "to_jsonb", "to_number", "to_timestamp",
     "to_tsquery", "to_tsvector", "translate", "trim", "trunc", "ts_rank", "ts_rank_cd", "tsvector_to_array", "unnest",
     "upper", "websearch_to_tsquery", "width_bucket"});
static_assert(std::ranges::is_sorted(kKnown));

constexpr auto kCatalog = std::to_array<std::string_view>(
    {"col_description", "current_catalog", "current_database", "current_query", "current_schema", "current_schemas",
     "current_setting", "current_user", "format_type", "has_any_column_privilege", "has_column_privilege",
     "has_database_privilege", "has_schema_privilege", "has_table_privilege", "inet_server_addr", "inet_server_port", "obj_description",
     "session_user", "shobj_description", "to_regclass", "to_regproc", "to_regtype", "version"});
static_assert(std::ranges::is_sorted(kCatalog));

}  // namespace

bool IsAggregate(std::string_view name) { return std::ranges::binary_search(kAggregates, name); }
bool IsVolatileBuiltin(std::string_view name) { return std::ranges::binary_search(kVolatile, name); }
bool IsCatalogFunction(std::string_view name) {
  return std::ranges::binary_search(kCatalog, name) || (name.starts_with("pg_") && !IsVolatileBuiltin(name));
}
bool IsKnownBuiltin(std::string_view name) {
  return IsAggregate(name) || std::ranges::binary_search(kKnown, name) || IsCatalogFunction(name);
}

}  // namespace pgassay::sql
