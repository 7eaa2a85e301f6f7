#include "analyzer/advisor/drops.h"

#include <algorithm>

#include "analyzer/advisor/index_match.h"

namespace pgassay::advisor {
namespace {

using catalog::Index;

constexpr int64_t kTwoWeeksNs = int64_t{14} * 24 * 3600 * 1'000'000'000;

bool IsFree(const Index& index) {
  return !index.unique && !index.primary && !index.constraint && !index.exclusion && !index.replica_identity &&
         index.parent_oid == 0 && index.valid;
}

// The same key to the letter: column, class, collation, direction.
bool IsPrefix(const Index& shorter, const Index& longer) {
  if (shorter.access_method != longer.access_method || shorter.keys.size() > longer.keys.size()) return false;
  if (CanonicalExpression(shorter.predicate) != CanonicalExpression(longer.predicate)) return false;
  if (shorter.access_method != "btree" && shorter.keys.size() != longer.keys.size()) return false;
  for (size_t i = 0; i < shorter.keys.size(); ++i) {
    const catalog::IndexKey &a = shorter.keys[i], &b = longer.keys[i];
    const bool same = SameKey(a, b) && a.operator_class == b.operator_class && a.collation == b.collation &&
                      a.descending == b.descending && a.nulls_first == b.nulls_first;
    if (!same) return false;
  }
  return std::ranges::all_of(shorter.included, [&](int16_t column) {
    return std::ranges::find(longer.included, column) != longer.included.end() ||
           std::ranges::any_of(longer.keys, [&](const catalog::IndexKey& key) { return key.attnum == column; });
  });
}

bool IsDuplicate(const Index& a, const Index& b) {
  return IsPrefix(a, b) && a.keys.size() == b.keys.size() && a.included.size() == b.included.size();
}

// Of two duplicates the one that keeps a promise stays, else the older one.
bool Goes(const Index& index, const Index& other) {
  if (!IsFree(index)) return false;
  return !IsFree(other) || index.oid > other.oid;
}

// Whether any statement of the trace names the beginning of the index in a condition, join, order or grouping.
bool CouldBeUsed(const Workload& workload, const Index& index) {
  const catalog::IndexKey& key = index.keys.front();
  for (const Query& query : workload.queries) {
    for (const TableUse& use : query.tables) {
      if (use.relation->oid != index.relation_oid) continue;
      if (key.attnum == 0) {
        // An expression: any condition on a column that it names.
        for (const Condition& condition : use.conditions) {
          const catalog::Column* column = catalog::FindColumn(*use.relation, condition.attnum);
          if (column != nullptr && key.expression.contains(column->name)) return true;
        }
        continue;
      }
      const auto on = [&](const auto& each) { return each.attnum == key.attnum; };
      if (std::ranges::any_of(use.conditions, on) || std::ranges::any_of(use.joins, on) ||
          std::ranges::any_of(use.sort, on) || std::ranges::find(use.group, key.attnum) != use.group.end() ||
          !use.columns_known)
        return true;
    }
  }
  return false;
}

bool IsUnused(const Workload& workload, const Index& index) {
  const catalog::Snapshot& snapshot = *workload.snapshot;
  const bool long_enough = snapshot.statistics_reset_unix_ns > 0 &&
                           snapshot.taken_unix_ns - snapshot.statistics_reset_unix_ns >= kTwoWeeksNs;
  if (index.scans != 0 || !long_enough || index.keys.empty()) return false;
  return !CouldBeUsed(workload, index);
}

bool ServesForeignKey(const Index& index, const catalog::ForeignKey& key) {
  if (index.access_method != "btree" && index.access_method != "hash") return false;
  if (!index.valid || !index.predicate.empty() || index.keys.size() < key.columns.size()) return false;
  for (size_t i = 0; i < key.columns.size(); ++i) {  // the first columns, in any order
    if (std::ranges::find(key.columns, index.keys[i].attnum) == key.columns.end()) return false;
  }
  return true;
}

}  // namespace

std::vector<Drop> FindDrops(const Workload& workload) {
  std::vector<Drop> drops;
  const catalog::Snapshot& snapshot = *workload.snapshot;
  for (const catalog::Relation& relation : snapshot.relations) {
    const auto indexes = snapshot.IndexesOf(relation.oid);
    for (const Index* index : indexes) {
      if (!IsFree(*index)) continue;
      Drop drop{.index = index, .relation = &relation, .reason = DropReason::kDuplicate, .other = nullptr};
      for (const Index* other : indexes) {
        if (other == index || !other->valid) continue;
        if (IsDuplicate(*index, *other) && Goes(*index, *other)) {
          drop.reason = DropReason::kDuplicate;
          drop.other = other;
          break;
        }
        if (drop.other == nullptr && IsPrefix(*index, *other) && !IsDuplicate(*index, *other)) {
          drop.reason = DropReason::kPrefix;
          drop.other = other;
        }
      }
      if (drop.other == nullptr) {
        if (!IsUnused(workload, *index)) continue;
        drop.reason = DropReason::kUnused;
      }
      drops.push_back(drop);
    }
  }
  return drops;
}

std::vector<BareForeignKey> FindBareForeignKeys(const Workload& workload) {
  std::vector<BareForeignKey> bare;
  const catalog::Snapshot& snapshot = *workload.snapshot;
  for (const catalog::ForeignKey& key : snapshot.foreign_keys) {
    const catalog::Relation* relation = snapshot.FindRelation(key.relation_oid);
    const catalog::Relation* referenced = snapshot.FindRelation(key.referenced_oid);
    // A partition's keys are those of its root.
    if (relation == nullptr || referenced == nullptr || relation->partition || key.columns.empty()) continue;
    const auto indexes = snapshot.IndexesOf(relation->oid);
    if (std::ranges::any_of(indexes, [&](const Index* index) { return ServesForeignKey(*index, key); })) continue;
    BareForeignKey found{.key = &key, .relation = relation, .referenced = referenced, .spec = {}};
    const Writes& writes = workload.WritesOf(referenced->oid);
    found.deletes = writes.deleted;
    for (const int16_t column : key.referenced_columns) {
      const auto updates = writes.updated_columns.find(column);
      if (updates != writes.updated_columns.end()) found.deletes += updates->second;
    }
    for (const Query& query : workload.queries) {
      for (const TableUse& use : query.tables) {
        if (use.relation != relation) continue;
        const auto on = [&](const auto& each) { return each.attnum == key.columns[0]; };
        if (std::ranges::any_of(use.conditions, on) || std::ranges::any_of(use.joins, on)) found.joins += query.weight;
      }
    }
    found.spec.relation_oid = relation->oid;
    for (const int16_t column : key.columns) {
      found.spec.keys.emplace_back();
      found.spec.keys.back().attnum = column;
    }
    bare.push_back(std::move(found));
  }
  return bare;
}

}  // namespace pgassay::advisor
