#include "analyzer/lineage/relation_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace pgassay::lineage {
namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char Lower(char c) { return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// events_2024_01, events_p3, events_y2024m01, events_default: one partitioned table.
bool IsPartitionWord(std::string_view word) {
  if (word == "default") return true;
  if (word.empty() || !IsDigit(word.back())) return false;
  return std::ranges::all_of(
      word, [](char c) { return IsDigit(c) || c == 'p' || c == 'y' || c == 'm' || c == 'w' || c == 'q'; });
}

void CutPartitionSuffix(std::string& name) {
  for (;;) {
    const size_t at = name.rfind('_');
    if (at == std::string::npos || at == 0) return;
    if (!IsPartitionWord(std::string_view(name).substr(at + 1))) return;
    name.resize(at);
  }
}

std::string SnakeCase(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool word_begins = IsUpper(c) && i > 0 && name[i - 1] != '_' &&
                             (!IsUpper(name[i - 1]) || (i + 1 < name.size() && IsLower(name[i + 1])));
    if (word_begins) out += '_';
    out += Lower(c);
  }
  return out;
}

std::string WithoutUnderscores(std::string_view name) {
  std::string out(name);
  std::erase(out, '_');
  return out;
}

// Columns that hold a key of their own table.
bool IsSelfRole(std::string_view column) {
  static constexpr std::array<std::string_view, 19> kRoles = {
      "parent_id",   "parent",      "root_id",      "ancestor_id",    "manager_id", "supervisor_id", "reply_to_id",
      "reply_to",    "previous_id", "prev_id",      "next_id",        "reports_to", "reports_to_id", "superior_id",
      "original_id", "replaced_by", "duplicate_of", "in_reply_to_id", "in_reply_to"};
  return std::ranges::find(kRoles, column) != kRoles.end() ||
         (column.starts_with("parent_") && column.ends_with("_id"));
}

bool IsPlainKey(std::string_view column) {
  return column == "id" || column == "uuid" || column == "pk" || column == "guid" || column == "oid" || column == "key";
}

// The smaller first.
std::pair<ColumnName, ColumnName> FoldedPair(const ColumnName& left, const ColumnName& right) {
  ColumnName a{FoldName(left.relation), SnakeCase(left.column)};
  ColumnName b{FoldName(right.relation), SnakeCase(right.column)};
  if (b < a) std::swap(a, b);
  return {std::move(a), std::move(b)};
}

}  // namespace

std::string FoldWords(std::string_view name) { return SnakeCase(name); }

std::string FoldName(std::string_view name) {
  std::string out = SnakeCase(name);
  CutPartitionSuffix(out);
  return out;
}

std::vector<std::string> SingularForms(const std::string& relation) {
  std::vector<std::string> forms{relation};
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kIrregular = {
      {{"people", "person"},
       {"children", "child"},
       {"women", "woman"},
       {"men", "man"},
       {"indices", "index"},
       {"analyses", "analysis"},
       {"media", "medium"},
       {"criteria", "criterion"}}};
  for (const auto& [plural, singular] : kIrregular) {
    if (relation == plural || relation.ends_with("_" + std::string(plural))) {
      forms.push_back(relation.substr(0, relation.size() - plural.size()) + std::string(singular));
      return forms;
    }
  }
  const auto cut = [&](size_t n, std::string_view tail) {
    forms.push_back(relation.substr(0, relation.size() - n) + std::string(tail));
  };
  if (relation.size() > 4 && relation.ends_with("ies")) {
    cut(3, "y");
    cut(1, "");
  } else if (relation.ends_with("ses") || relation.ends_with("xes") || relation.ends_with("zes") ||
             relation.ends_with("ches") || relation.ends_with("shes")) {
    cut(2, "");
    cut(1, "");
  } else if (relation.size() > 3 && relation.ends_with("ves")) {
    cut(1, "");
    cut(3, "f");
  } else if (relation.size() > 2 && relation.ends_with('s') && !relation.ends_with("ss") && !relation.ends_with("us") &&
             !relation.ends_with("is")) {
    cut(1, "");
  }
  return forms;
}

bool LooksLikeKey(std::string_view column) {
  const std::string folded = SnakeCase(column);
  return IsPlainKey(folded) || folded.ends_with("id") || folded.ends_with("_key") || folded.ends_with("_uuid") ||
         folded.ends_with("_pk") || folded == "code" || folded == "slug" || folded == "sku" || IsSelfRole(folded);
}

void RelationRules::AddRelation(std::string_view relation) {
  if (relation.empty() || relations_.contains(relation)) return;
  relations_.emplace(relation);
  const std::string folded = FoldName(relation);
  for (const std::string& stem : SingularForms(folded)) {
    auto& known = folded_by_stem_[stem];
    if (std::ranges::find(known, folded) == known.end()) known.push_back(folded);
  }
  ++version_;
}

void RelationRules::AddJoin(const ColumnName& left, const ColumnName& right) {
  if (left.relation.empty() || right.relation.empty()) return;
  if (joins_.insert(FoldedPair(left, right)).second) ++version_;
}

void RelationRules::AddForeignKey(const ColumnName& reference, const ColumnName& key) {
  if (foreign_keys_.insert(FoldedPair(reference, key)).second) ++version_;
}

bool RelationRules::Joined(const ColumnName& left, const ColumnName& right) const {
  return joins_.contains(FoldedPair(left, right));
}

// REQUIRES: both folded.
bool RelationRules::References(const ColumnName& reference, const ColumnName& key) const {
  if (reference.relation == key.relation && reference.column != key.column && IsPlainKey(key.column) &&
      IsSelfRole(reference.column)) {
    const std::string stem =
        reference.column.ends_with("_id") ? reference.column.substr(0, reference.column.size() - 3) : reference.column;
    if (!folded_by_stem_.contains(stem)) return true;
  }
  const auto names = [&](const std::string& stem) {
    const std::string whole = stem + "_" + key.column;
    return reference.column == whole || reference.column.ends_with("_" + whole) ||
           WithoutUnderscores(reference.column) == WithoutUnderscores(whole) ||
           (IsPlainKey(key.column) && reference.column == stem);
  };
  for (const std::string& stem : SingularForms(key.relation)) {
    if (names(stem)) return true;
  }
  // "shop_orders" is called "order" by its own application; not so where a table of that name exists.
  for (size_t at = key.relation.find('_'); at != std::string::npos; at = key.relation.find('_', at + 1)) {
    for (const std::string& stem : SingularForms(key.relation.substr(at + 1))) {
      if (!folded_by_stem_.contains(stem) && names(stem)) return true;
    }
  }
  return false;
}

// `reference` names another relation of the traffic than `other`'s. REQUIRES: both folded.
bool RelationRules::PointsElsewhere(const ColumnName& reference, const ColumnName& other) const {
  if (!reference.column.ends_with("_id")) return false;
  const auto known = folded_by_stem_.find(reference.column.substr(0, reference.column.size() - 3));
  return known != folded_by_stem_.end() && std::ranges::find(known->second, other.relation) == known->second.end();
}

Relationship RelationRules::Judge(const ColumnName& source, const ColumnName& sink) const {
  if (source.relation.empty() || sink.relation.empty() || source.column.empty() || sink.column.empty())
    return Relationship::kUnknown;
  const ColumnName a{FoldName(source.relation), SnakeCase(source.column)};
  const ColumnName b{FoldName(sink.relation), SnakeCase(sink.column)};
  if (a == b) return LooksLikeKey(a.column) ? Relationship::kSameKey : Relationship::kName;
  const std::pair<ColumnName, ColumnName> pair = a < b ? std::pair{a, b} : std::pair{b, a};
  if (foreign_keys_.contains(pair)) return Relationship::kForeignKey;
  if (joins_.contains(pair)) return Relationship::kJoin;
  if (References(a, b) || References(b, a)) return Relationship::kName;
  if (a.column == b.column && !IsPlainKey(a.column) && LooksLikeKey(a.column) && !IsSelfRole(a.column))
    return Relationship::kName;
  if (PointsElsewhere(a, b) || PointsElsewhere(b, a)) return Relationship::kUnrelated;
  if (IsPlainKey(a.column) && IsPlainKey(b.column)) return Relationship::kUnrelated;
  return Relationship::kUnknown;
}

}  // namespace pgassay::lineage
