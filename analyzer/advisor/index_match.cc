#include "analyzer/advisor/index_match.h"

#include <algorithm>
#include <cctype>

namespace pgassay::advisor {

using catalog::IndexKey;
using catalog::IndexSpec;

bool SameKey(const IndexKey& a, const IndexKey& b) {
  return a.attnum == b.attnum && CanonicalExpression(a.expression) == CanonicalExpression(b.expression);
}

std::string CanonicalExpression(std::string_view expression) {
  std::string text;
  for (size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] == '(' || expression[i] == ')' || expression[i] == ' ') continue;
    if (expression.substr(i).starts_with(
            "::")) {  // of a constant or a column: pg_get_expr writes casts that nobody typed
      i += 2;
      while (i < expression.size() &&
             (std::isalnum(static_cast<unsigned char>(expression[i])) != 0 || expression[i] == '_' ||
              (expression[i] == ' ' && expression.substr(i).starts_with(" varying"))))
        ++i;
      --i;
      continue;
    }
    text += expression[i];
  }
  return text;
}

bool Serves(const catalog::Index& index, const IndexSpec& spec) {
  if (!index.valid || index.access_method != spec.access_method || index.keys.size() < spec.keys.size()) return false;
  if (!index.predicate.empty() && CanonicalExpression(index.predicate) != CanonicalExpression(spec.predicate))
    return false;
  // Read backwards, every direction is the other one.
  const auto matches = [&](bool backwards) {
    for (size_t i = 0; i < spec.keys.size(); ++i) {
      const IndexKey &has = index.keys[i], &wants = spec.keys[i];
      if (!SameKey(has, wants)) return false;
      const bool special = !wants.operator_class.empty();
      const bool has_special = has.operator_class.contains("pattern") || has.operator_class.contains("trgm") ||
                               has.operator_class.contains("path_ops");
      if (special != has_special && !(spec.access_method == "gin" && special && !has.operator_class.contains("trgm")))
        return false;
      if (spec.access_method == "btree" && spec.keys.size() > 1 &&
          ((has.descending != wants.descending) != backwards || (has.nulls_first != wants.nulls_first) != backwards))
        return false;
    }
    return true;
  };
  if (!matches(false) && !matches(true)) return false;
  return std::ranges::all_of(spec.included, [&](int16_t column) {
    return std::ranges::find(index.included, column) != index.included.end() ||
           std::ranges::any_of(index.keys, [&](const IndexKey& key) { return key.attnum == column; });
  });
}

bool MayServe(const catalog::Index& index, const IndexSpec& spec, const TableUse& use) {
  if (!index.valid || index.access_method != spec.access_method || index.predicate.empty()) return false;
  const std::string predicate = CanonicalExpression(index.predicate);
  return std::ranges::any_of(use.conditions, [&](const Condition& condition) {
    if (condition.use != Use::kEqual || condition.value_known || !condition.expression.empty()) return false;
    const catalog::Column* column = catalog::FindColumn(*use.relation, condition.attnum);
    if (!predicate.starts_with(CanonicalExpression(catalog::QuoteIdentifier(column->name)) + "=")) return false;
    const auto key = std::ranges::find_if(
        spec.keys, [&](const IndexKey& wanted) { return wanted.attnum != condition.attnum || wanted.attnum == 0; });
    return key == spec.keys.end() || SameKey(index.keys.front(), *key);
  });
}

bool FindsOneRow(const catalog::Snapshot& snapshot, const TableUse& use) {
  return std::ranges::any_of(snapshot.IndexesOf(use.relation->oid), [&](const catalog::Index* index) {
    return index->unique && index->valid && index->predicate.empty() &&
           std::ranges::all_of(index->keys, [&](const IndexKey& key) {
             return std::ranges::any_of(use.conditions, [&](const Condition& condition) {
               return condition.use == Use::kEqual && IsOn(condition, key);
             });
           });
  });
}

bool IsOn(const Condition& condition, const IndexKey& key) {
  return condition.expression.empty()
             ? key.attnum == condition.attnum && key.attnum != 0
             : key.attnum == 0 && CanonicalExpression(key.expression) == CanonicalExpression(condition.expression);
}

}  // namespace pgassay::advisor
