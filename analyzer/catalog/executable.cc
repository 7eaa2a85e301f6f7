#include "analyzer/catalog/executable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "analyzer/catalog/plan_fields.h"
#include "analyzer/catalog/session_context.h"

namespace pgassay::catalog {
namespace {

using Json = PlanJson;

// $1: JSON array of names. Read with search_path = pg_catalog.
constexpr const char* kVolatile = R"(
WITH called AS (SELECT n::name FROM json_array_elements_text($1::json) n),
     restless AS (SELECT oid, proname FROM pg_proc WHERE provolatile = 'v')
SELECT 'function ' || proname FROM restless WHERE proname IN (SELECT n FROM called)
UNION ALL
SELECT 'aggregate ' || p.proname FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
WHERE p.proname IN (SELECT n FROM called)
  AND EXISTS (SELECT FROM restless r WHERE r.oid IN (a.aggtransfn, a.aggfinalfn, a.aggmtransfn, a.aggmfinalfn, a.aggminvtransfn))
UNION ALL
SELECT 'operator ' || o.oprname FROM pg_operator o JOIN restless r ON r.oid = o.oprcode
UNION ALL
SELECT 'cast to ' || format_type(c.casttarget, NULL) FROM pg_cast c JOIN restless r ON r.oid = c.castfunc
LIMIT 1)";

struct Called {
  std::set<std::string> names = {};
  bool lexes = true;
  std::string elsewhere = {};  // the type of a node that reads what is not a table of this server

  void AddText(std::string_view text) {
    const auto found = sql::CalledNames(text);
    lexes = lexes && found.has_value();
    if (found) names.insert(found->begin(), found->end());
  }

  // False: nested too deeply.
  bool AddPlan(const Json& value, int depth) {
    if (depth > 2 * kMaxPlanDepth) return false;
    if (value.is_string()) AddText(value.get<std::string>());
    if (!value.is_structured()) return true;
    if (const std::string type = value.is_object() ? TextAt(value, "Node Type") : "";
        type == "Foreign Scan" || type == "Custom Scan") {
      elsewhere = type;
    }
    return std::ranges::all_of(value.items(), [&](const auto& member) {
      return (value.is_object() && IsName(member.key())) || AddPlan(member.value(), depth + 1);
    });
  }

  // As it is, not as SQL quotes it.
  static bool IsName(std::string_view key) { return key.ends_with(" Name") || key == "Schema" || key == "Alias"; }
};

// Where the application's search_path leads nowhere.
Result<Rows> RunInCatalog(Connection& connection, const std::string& sql, std::span<const Parameter> parameters) {
  if (auto saved = connection.Run("SAVEPOINT pgassay_path"); !saved) return saved;
  if (auto set = connection.Run(Connection::kOwnPath); !set) return set;
  auto rows = connection.Run(sql, parameters);
  if (auto back = connection.Run("ROLLBACK TO pgassay_path"); !back) return back;
  return rows;
}

}  // namespace

Result<> MayBeExecuted(const sql::Facts& facts, const Snapshot& snapshot) {
  if (facts.operation != sql::Operation::kSelect || facts.writes || facts.locking) {
    return Fail("it is not executed: it does more than to read");
  }
  for (const sql::Relation& named : facts.relations) {
    const Relation* relation = snapshot.FindRelation(named.schema, named.name);
    if (relation == nullptr) return Fail(fmt::format("it is not executed: {} is no table that is known", named.name));
    if (relation->kind != 'r' && relation->kind != 'p' && relation->kind != 'm') {
      return Fail(fmt::format("it is not executed: {} is no table, and what it calls is not known", named.name));
    }
  }
  return {};
}

Result<> MayBeExecuted(Connection& connection, const std::string& sql, std::string_view plan_json) {
  const Json plan = Json::parse(plan_json, nullptr, false);
  Called called;
  called.AddText(sql);
  if (plan.is_discarded() || !called.AddPlan(plan, 0) || !called.lexes) {
    return Fail("it is not executed: what it calls cannot be told");
  }
  if (!called.elsewhere.empty()) return Fail("it is not executed: its plan has a " + called.elsewhere);
  const Parameter names{.value = Json(called.names).dump(-1, ' ', false, Json::error_handler_t::replace)};
  const auto rows = RunInCatalog(connection, kVolatile, {&names, 1});
  if (!rows) return std::unexpected(rows.error());
  if (rows->size() > 0) return Fail(fmt::format("it is not executed: the {} is volatile", rows->Text(0, 0)));
  return {};
}

}  // namespace pgassay::catalog
