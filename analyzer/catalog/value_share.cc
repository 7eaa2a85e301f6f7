#include "analyzer/catalog/value_share.h"

#include <array>
#include <string>

namespace pgassay::catalog {
namespace {

constexpr const char* kShare = R"(
SELECT coalesce(most_common_freqs[array_position(most_common_vals::text::text[], $4::text)], -1)
FROM pg_stats WHERE schemaname = $1 AND tablename = $2 AND attname = $3 ORDER BY inherited DESC LIMIT 1)";

}  // namespace

Result<double> ValueShare(Connections& connections, const Relation& relation, std::string_view column,
                          std::string_view value) {
  const auto connection = connections.Get();
  if (!connection) return std::unexpected(connection.error());
  const std::array<Parameter, 4> parameters = {{{.value = relation.schema},
                                                {.value = relation.name},
                                                {.value = std::string(column)},
                                                {.value = std::string(value)}}};
  const auto rows = (*connection)->Ask(kShare, parameters);
  if (!rows) return std::unexpected(rows.error());
  return rows->size() == 0 ? -1 : rows->Real(0, 0);
}

}  // namespace pgassay::catalog
