#include "analyzer/catalog/snapshot.h"

#include <algorithm>

namespace pgassay::catalog {
namespace {

bool SameShape(const Relation& a, const Relation& b) {
  return a.kind == b.kind && std::ranges::equal(a.columns, b.columns, [](const Column& x, const Column& y) {
           return x.name == y.name && x.type_oid == y.type_oid;
         });
}

}  // namespace

const Relation* Snapshot::FindRelation(uint32_t oid) const {
  const auto found = std::ranges::lower_bound(relations, oid, {}, &Relation::oid);
  return found != relations.end() && found->oid == oid ? &*found : nullptr;
}

const Relation* Snapshot::FindRelation(std::string_view schema, std::string_view name) const {
  const Relation* first = nullptr;
  for (const Relation& relation : relations) {
    if (relation.name != name || (!schema.empty() && relation.schema != schema)) continue;
    if (first != nullptr && !SameShape(*first, relation)) return nullptr;
    if (first == nullptr) first = &relation;
  }
  return first;
}

const Index* Snapshot::FindIndex(uint32_t oid) const {
  const auto found = std::ranges::lower_bound(indexes, oid, {}, &Index::oid);
  return found != indexes.end() && found->oid == oid ? &*found : nullptr;
}

std::vector<const Index*> Snapshot::IndexesOf(uint32_t relation_oid) const {
  std::vector<const Index*> result;
  for (const Index& index : indexes) {
    if (index.relation_oid == relation_oid) result.push_back(&index);
  }
  return result;
}

const Column* FindColumn(const Relation& relation, std::string_view name) {
  const auto found = std::ranges::find(relation.columns, name, &Column::name);
  return found == relation.columns.end() ? nullptr : &*found;
}

const Column* FindColumn(const Relation& relation, int16_t attnum) {
  const auto found = std::ranges::lower_bound(relation.columns, attnum, {}, &Column::attnum);
  return found != relation.columns.end() && found->attnum == attnum ? &*found : nullptr;
}

double DistinctValues(const Relation& relation, const Column& column) {
  if (column.distinct > 0) return column.distinct;
  if (column.distinct < 0 && relation.rows >= 0) return -column.distinct * relation.rows;
  return -1;
}

}  // namespace pgassay::catalog
