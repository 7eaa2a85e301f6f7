// How two columns are related as far as names and observed joins tell: the fourth gate of an N+1, and what a claim
// prefers. A foreign key of the catalogue is believed; without one it is guessed from `x.id` and `y.x_id` (singular or
// plural, any role before it, snake or camel case), `parent_id` and its like within one table, and equal key names; an
// equi-join seen in the traffic beats a name. Names are compared without schema, case and partition suffix. Threads:
// one owner. Pure apart from what it was told.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pgassay::lineage {

enum class Relationship : uint8_t {
  kUnrelated,   // both named, and the names point elsewhere
  kUnknown,     // an expression, or names that say nothing
  kName,        // a foreign key by its name
  kJoin,        // equi-joined in the traffic
  kForeignKey,  // as the catalogue says
  kSameKey,     // the same key column
};

struct ColumnName {
  std::string relation;
  std::string column;
  friend auto operator<=>(const ColumnName&, const ColumnName&) = default;
};

// "unitPrice" -> "unit_price": lower case, words parted by '_'.
std::string FoldWords(std::string_view name);
// "OrderItem" and "order_items_2024_01" -> "order_item", "order_items": lower case, words parted by '_', partition
// suffix cut.
std::string FoldName(std::string_view name);
// Singular forms of a folded relation name, the name itself included: "categories" -> categories, category.
std::vector<std::string> SingularForms(const std::string& relation);
// A column that by its name holds a key or a reference to one.
bool LooksLikeKey(std::string_view column);

class RelationRules {
 public:
  void AddRelation(std::string_view relation);  // one that the traffic mentions
  void AddJoin(const ColumnName& left, const ColumnName& right);
  void AddForeignKey(const ColumnName& reference, const ColumnName& key);
  Relationship Judge(const ColumnName& source, const ColumnName& sink) const;
  bool Joined(const ColumnName& left, const ColumnName& right) const;
  // Grows whenever an answer may have changed.
  uint64_t version() const { return version_; }

 private:
  bool References(const ColumnName& reference, const ColumnName& key) const;
  bool PointsElsewhere(const ColumnName& reference, const ColumnName& other) const;

  std::set<std::string, std::less<>> relations_;                              // as told
  std::unordered_map<std::string, std::vector<std::string>> folded_by_stem_;  // singular form -> folded relations
  std::set<std::pair<ColumnName, ColumnName>> joins_;                         // folded, smaller first
  std::set<std::pair<ColumnName, ColumnName>> foreign_keys_;                  // likewise
  uint64_t version_ = 1;
};

}  // namespace pgassay::lineage
