#include <algorithm>
#include <array>

#include "analyzer/catalog/planner.h"

namespace pgassay::catalog {
namespace {

// pg_get_keywords() of 14 to 18 without the unreserved ones: names that have to be quoted. Sorted.
constexpr auto kKeywords = std::to_array<std::string_view>({
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
});

bool IsPlainWord(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  const bool plain =
      std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  return plain && !std::ranges::binary_search(kKeywords, name);
}

std::string KeyText(const IndexKey& key, const Relation& relation) {
  std::string text;
  if (key.attnum != 0) {
    const Column* column = FindColumn(relation, key.attnum);
    text = column == nullptr ? std::string("?") : QuoteIdentifier(column->name);
  } else {
    text = "(" + key.expression + ")";
  }
  if (!key.collation.empty()) text += " COLLATE " + QuoteIdentifier(key.collation);
  if (!key.operator_class.empty()) text += " " + key.operator_class;
  if (key.descending) text += " DESC";
  if (key.nulls_first != key.descending) text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  return text;
}

}  // namespace

std::string QuoteIdentifier(std::string_view name) {
  if (IsPlainWord(name)) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string QuoteLiteral(std::string_view text) {
  const bool escaped = text.contains('\\');
  std::string quoted = escaped ? "E'" : "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

std::string QualifiedName(const Relation& relation) {
  return QuoteIdentifier(relation.schema) + "." + QuoteIdentifier(relation.name);
}

std::string IndexDefinition(const IndexSpec& spec, const Relation& relation, IndexForm form) {
  std::string text = spec.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  if (form.concurrently) text += "CONCURRENTLY ";
  if (form.if_not_exists) text += "IF NOT EXISTS ";
  if (!spec.name.empty()) text += QuoteIdentifier(spec.name) + " ";
  text += form.only ? "ON ONLY " : "ON ";
  text += QualifiedName(relation) + " USING " + spec.access_method + " (";
  for (size_t i = 0; i < spec.keys.size(); ++i) text += (i == 0 ? "" : ", ") + KeyText(spec.keys[i], relation);
  text += ")";
  for (size_t i = 0; i < spec.included.size(); ++i) {
    const Column* column = FindColumn(relation, spec.included[i]);
    text += (i == 0 ? " INCLUDE (" : ", ") + (column == nullptr ? std::string("?") : QuoteIdentifier(column->name));
  }
  if (!spec.included.empty()) text += ")";
  if (!spec.predicate.empty()) text += " WHERE " + spec.predicate;
  return text;
}

}  // namespace pgassay::catalog
