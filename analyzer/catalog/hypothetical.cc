#include "analyzer/catalog/hypothetical.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace pgassay::catalog {
namespace {

constexpr auto kHypoPgMethods = std::to_array<std::string_view>({"btree", "brin", "hash"});

constexpr const char* kExtensionSchema =
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1";

// The index and, of a partitioned one, those of the partitions.
constexpr const char* kBuilt = R"(
SELECT c.relname, pg_relation_size(c.oid), i.indcheckxmin
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.oid = to_regclass($1) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1))))";

// And lets its operator classes be found.
Result<> MakeExtension(Connection& connection, const std::string& extension, const Relation& relation) {
  const std::string make = fmt::format("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}", QuoteIdentifier(extension),
                                       QuoteIdentifier(relation.schema));
  if (auto made = connection.Run(make); !made) return std::unexpected(made.error());
  const Parameter name{.value = extension};
  const auto rows = connection.Run(kExtensionSchema, {&name, 1});
  if (!rows) return std::unexpected(rows.error());
  if (rows->size() == 0) return Fail(extension + " is not there");
  const auto set =
      connection.Run(fmt::format("SET LOCAL search_path = pg_catalog, {}, pg_temp", QuoteIdentifier(rows->Text(0, 0))));
  if (!set) return std::unexpected(set.error());
  return {};
}

bool HasExpression(const IndexSpec& index) {
  return std::ranges::any_of(index.keys, [](const IndexKey& key) { return key.attnum == 0; });
}

}  // namespace

bool HypoPgKnows(const IndexSpec& index) {
  return std::ranges::find(kHypoPgMethods, index.access_method) != kHypoPgMethods.end();
}

Result<std::string> HypoPgSchema(Connection& connection) {
  const Parameter name{.value = "hypopg"};
  const auto rows = connection.Ask(kExtensionSchema, {&name, 1});
  if (!rows) return std::unexpected(rows.error());
  return rows->size() == 0 ? "" : std::string(rows->Text(0, 0));
}

Result<MadeIndex> Suppose(Connection& connection, const std::string& hypopg_schema, const IndexSpec& index,
                          const Relation& relation) {
  const std::string schema = QuoteIdentifier(hypopg_schema);
  const Parameter definition{.value = IndexDefinition(index, relation)};
  const auto made = connection.Run(
      fmt::format("SELECT indexname, {0}.hypopg_relation_size(indexrelid) FROM {0}.hypopg_create_index($1)", schema),
      {&definition, 1});
  if (!made) return std::unexpected(made.error());
  if (made->size() != 1) return Fail("HypoPG made no index");
  return MadeIndex{.names = {std::string(made->Text(0, 0))}, .bytes = made->Int(0, 1)};
}

Result<MadeIndex> Build(Connection& connection, const IndexSpec& index, const Relation& relation, size_t number) {
  IndexSpec named = index;
  named.name = fmt::format("pgassay_{}", number);
  if (!index.extension.empty()) {
    if (auto there = MakeExtension(connection, index.extension, relation); !there)
      return std::unexpected(there.error());
  }
  if (auto built = connection.Run(IndexDefinition(named, relation)); !built) return std::unexpected(built.error());
  if (!index.extension.empty()) {
    if (auto back = connection.Run(Connection::kOwnPath); !back) return std::unexpected(back.error());
  }
  // What an expression's values are like is known only once they were looked at.
  if (HasExpression(index)) {
    if (auto seen = connection.Run("ANALYZE " + QualifiedName(relation)); !seen) return std::unexpected(seen.error());
  }
  const Parameter name{.value = QuoteIdentifier(relation.schema) + "." + named.name};
  const auto rows = connection.Run(kBuilt, {&name, 1});
  if (!rows) return std::unexpected(rows.error());
  MadeIndex made;
  for (int row = 0; row < rows->size(); ++row) {
    if (rows->Bool(row, 2)) return Fail("rows were changed too recently for a trial of the index");
    made.names.emplace_back(rows->Text(row, 0));
    made.bytes += rows->Int(row, 1);
  }
  if (made.names.empty()) return Fail("the index that was built is not there");
  return made;
}

Result<> ForgetSupposed(Connection& connection, const std::string& hypopg_schema) {
  const auto forgotten = connection.Ask(fmt::format("SELECT {}.hypopg_reset()", QuoteIdentifier(hypopg_schema)));
  if (!forgotten) return std::unexpected(forgotten.error());
  return {};
}

}  // namespace pgassay::catalog
