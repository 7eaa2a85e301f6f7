#include "analyzer/detectors/index_fix.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace pgassay::detectors {
namespace {

// What the first CREATE INDEX of a fix is on: "public.orders USING btree (user_id, created_at)", without INCLUDE. "" if
// it creates none.
std::string Target(const Fix& fix) {
  std::string_view sql = fix.sql;
  const size_t create = sql.find("CREATE INDEX ");
  const size_t on = create == std::string_view::npos ? create : sql.find(" ON ", create);
  if (on == std::string_view::npos) return "";
  sql = sql.substr(on + 4, std::min(sql.find('\n', on), sql.size()) - on - 4);
  if (sql.starts_with("ONLY ")) sql.remove_prefix(5);
  if (sql.ends_with(';')) sql.remove_suffix(1);
  std::string target(sql);
  if (const size_t include = target.find(") INCLUDE ("); include != std::string::npos) {
    const size_t where = target.find(") WHERE ", include + 1);
    target.erase(include + 1, where == std::string::npos ? where : where - include);
  }
  return target;
}

}  // namespace

Fix IndexFix(const catalog::Snapshot& snapshot, const catalog::Relation& relation, const catalog::IndexSpec& spec,
             sql::Orm sender) {
  Fix fix;
  for (const std::string& statement : advisor::CreateStatements(spec, relation, snapshot))
    fix.sql += (fix.sql.empty() ? "" : "\n") + statement;
  fix.orm = advisor::Declarations(spec, relation);
  std::ranges::stable_partition(fix.orm, [&](const auto& each) { return each.first == sql::OrmName(sender); });
  return fix;
}

Fix NewIndexFix(const catalog::Snapshot& snapshot, const catalog::Relation& relation, catalog::IndexSpec spec,
                sql::Orm sender) {
  std::set<std::string> taken = advisor::TakenNames(snapshot);
  spec.relation_oid = relation.oid;
  spec.name = advisor::IndexName(spec, relation, taken);
  return IndexFix(snapshot, relation, spec, sender);
}

std::string IndexSubject(const catalog::IndexSpec& spec, const catalog::Relation& relation) {
  catalog::IndexSpec plain = spec;
  plain.included.clear();
  std::string text = catalog::IndexDefinition(plain, relation);
  text =
      text.substr(text.find(" ON " + catalog::QualifiedName(relation)) + 4 + catalog::QualifiedName(relation).size());
  constexpr std::string_view kUsual = " USING btree";
  if (text.starts_with(kUsual)) text.erase(0, kUsual.size());
  return relation.name + text;
}

bool MakesSameIndex(const Fix& a, const Fix& b) { return !Target(a).empty() && Target(a) == Target(b); }

bool MakesLongerIndex(const Fix& longer, const Fix& shorter) {
  std::string begins = Target(shorter);
  if (!begins.ends_with(')') || begins.contains(") WHERE ")) return false;
  begins.pop_back();
  const std::string target = Target(longer);
  return target.starts_with(begins + ", ") && !target.contains(") WHERE ");
}

}  // namespace pgassay::detectors
