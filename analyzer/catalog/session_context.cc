#include "analyzer/catalog/session_context.h"

#include <array>
#include <vector>

namespace pgassay::catalog {
namespace {

// What a login as $1 would find set, the more special the later.
constexpr const char* kOfRole = R"(
SELECT left(c, strpos(c, '=') - 1), substr(c, strpos(c, '=') + 1)
FROM pg_db_role_setting s, unnest(s.setconfig) c
WHERE s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = $1))
  AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY s.setrole <> 0, s.setdatabase <> 0)";

// These hold our own limits.
bool IsOurs(std::string_view name) {
  return name == "statement_timeout" || name == "lock_timeout" || name == "idle_in_transaction_session_timeout" ||
         name == "transaction_timeout" || name == "role" || name == "session_authorization" ||
         name == "client_encoding" || name.starts_with("transaction_") || name.starts_with("default_transaction_");
}

using Settings = std::vector<std::pair<std::string, std::string>>;

Settings OfRole(Connection& connection, const std::string& role) {
  Settings settings;
  const Parameter name{.value = role};
  const auto rows = TryRun(connection, kOfRole, {&name, 1});
  for (int row = 0; rows && row < rows->size(); ++row) settings.emplace_back(rows->Text(row, 0), rows->Text(row, 1));
  return settings;
}

}  // namespace

Result<Rows> TryRun(Connection& connection, const std::string& sql, std::span<const Parameter> parameters) {
  if (auto saved = connection.Run("SAVEPOINT pgassay"); !saved) return saved;
  auto rows = connection.Run(sql, parameters);
  if (auto back = connection.Run(rows ? "RELEASE pgassay" : "ROLLBACK TO pgassay"); !back) return back;
  return rows;
}

bool SetLocal(Connection& connection, const std::string& name, const std::string& value) {
  const std::array<Parameter, 2> parameters{Parameter{.value = name}, Parameter{.value = value}};
  return TryRun(connection, "SELECT pg_catalog.set_config($1, $2, true)", parameters).has_value();
}

std::string TakeOn(Connection& connection, const SessionContext* context) {
  const bool same_login = context == nullptr || context->user.empty() || context->user == connection.user();
  // Read before the path can lead anywhere else.
  const Settings of_role = same_login ? Settings{} : OfRole(connection, context->user);
  for (const char* name : {"search_path", "DateStyle", "extra_float_digits"}) {
    if (auto reset = connection.Run(std::string("SET LOCAL ") + name + " TO DEFAULT"); !reset) return "";
  }
  if (context == nullptr) return "without the application's role, search_path and settings";
  std::string missing;
  for (const Settings& settings : {of_role, context->settings}) {
    for (const auto& [name, value] : settings) {
      if (IsOurs(name) || SetLocal(connection, name, value)) continue;
      missing = "without some of the application's settings";
    }
  }
  const std::string role = context->role.empty() ? (same_login ? "" : context->user) : context->role;
  if (role.empty() || SetLocal(connection, "role", role)) return missing;
  return missing.empty() ? "without the application's role" : "without the application's role and some of its settings";
}

}  // namespace pgassay::catalog
