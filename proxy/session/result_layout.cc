#include "proxy/session/result_layout.h"

#include <algorithm>

#include "proxy/wire/reply_body.h"

namespace pgassay::session {
namespace {

bool IsKeyName(std::string_view name) { return name.ends_with("id") || name.ends_with("Id") || name.ends_with("ID"); }

// Lower is better; kNever is not chosen.
constexpr int kNever = 100;
int Rank(const wire::FieldDescription& field) {
  const int key = IsKeyName(field.name) ? 0 : 10;
  switch (TypeClassOf(field.type_oid)) {
    case TypeClass::kUuid:
      return key;
    case TypeClass::kInteger:
      return key + 1;
    case TypeClass::kText:
    case TypeClass::kUnknown:  // enums and domains
      return key + 5;
    case TypeClass::kBytes:
    case TypeClass::kNotComparable:
      return kNever;
  }
  return kNever;
}

struct Choice {
  int rank = kNever;
  uint16_t position = 0;
  uint32_t type_oid = 0;
  bool binary = false;
  friend bool operator<(const Choice& a, const Choice& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.position < b.position;
  }
};

}  // namespace

bool ReadLayout(const HashKey& key, std::string_view body, ResultLayout& layout, std::vector<Column>* columns) {
  layout = {};
  std::array<Choice, kMaxLineageColumns> best;
  size_t count = 0;
  uint64_t hash = 0;
  const bool read = wire::ReadRowDescription(body, [&](uint16_t position, const wire::FieldDescription& field) {
    ++layout.column_count;
    const uint64_t facts[] = {hash, HashBytes(key, field.name),
                              uint64_t{field.table_oid} << 32 | static_cast<uint16_t>(field.attnum),
                              uint64_t{field.type_oid} << 32 | static_cast<uint32_t>(field.type_modifier)};
    hash = HashBytes(key, {reinterpret_cast<const char*>(facts), sizeof facts});
    if (columns != nullptr) {
      columns->push_back({.name = field.name,
                          .table_oid = field.table_oid,
                          .attnum = field.attnum,
                          .type_oid = field.type_oid,
                          .type_size = field.type_size,
                          .type_modifier = field.type_modifier});
    }
    const Choice choice{Rank(field), position, field.type_oid, field.binary};
    if (choice.rank == kNever) return;
    if (count == best.size()) {
      Choice* const worst = std::max_element(best.data(), best.data() + count);
      if (!(choice < *worst)) return;
      std::move(worst + 1, best.data() + count, worst);  // positions stay in order
      --count;
    }
    best[count++] = choice;
  });
  if (!read) return false;
  layout.columns_hash = hash == 0 ? HashBytes(key, {}) : hash;  // a result without columns is described, too
  layout.chosen_count = static_cast<uint8_t>(count);
  for (size_t i = 0; i < count; ++i) {
    layout.positions[i] = best[i].position;
    layout.type_oids[i] = best[i].type_oid;
    if (best[i].binary) layout.binary_cells = static_cast<uint8_t>(layout.binary_cells | 1U << i);
  }
  return true;
}

const ResultLayout* LayoutCache::Find(uint64_t body_hash) const {
  if (entries_.empty()) return nullptr;
  const Entry& entry = entries_[body_hash % kEntries];
  return entry.body_hash == body_hash ? &entry.layout : nullptr;
}

void LayoutCache::Put(uint64_t body_hash, const ResultLayout& layout) {
  if (entries_.empty()) entries_.resize(kEntries);
  entries_[body_hash % kEntries] = {body_hash, layout};
}

}  // namespace pgassay::session
