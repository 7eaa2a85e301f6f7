#include "analyzer/advisor/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "analyzer/advisor/condition.h"
#include "analyzer/advisor/cost_model.h"
#include "analyzer/advisor/index_match.h"
#include "analyzer/advisor/size_model.h"

namespace pgassay::advisor {
namespace {

using catalog::Column;
using catalog::IndexKey;
using catalog::IndexSpec;
using catalog::Relation;

constexpr size_t kMaxEqualities = 3;          // a fourth column narrows hardly any further
constexpr double kPartialShare = 0.207;       // of the rows that a partial index may hold: a fifth, as a sample may say
constexpr double kKindsOfRows = 100;          // values of a column up to which one of them is a kind of row, not a key
constexpr double kSoftDeleteTemplates = 0.8;  // of a table's templates that test the column
constexpr int kIncludeBytes = 64;             // that INCLUDE may add to an entry
constexpr double kUpdatedShare = 0.05;        // of a table's writes from which a column counts as updated
constexpr double kBrinPages = 10'000;         // below, a B-tree is small anyway
constexpr double kBrinCorrelation = 0.95;
constexpr double kBrinShare = 0.001;  // of the rows from which an interval reads whole page ranges

IndexKey KeyOf(int16_t attnum, const std::string& expression = "") {
  IndexKey key;
  key.attnum = expression.empty() ? attnum : int16_t{0};
  key.expression = expression;
  return key;
}

bool CanBeBtreeKey(const Column& column) {
  static constexpr std::array kNever = {"json",    "jsonb", "tsvector", "tsquery", "xml",  "point",
                                        "polygon", "box",   "circle",   "path",    "line", "lseg"};
  return std::ranges::find(kNever, column.type) == kNever.end() && !column.type.ends_with("[]") &&
         column.average_width < 1000;
}

std::vector<IndexKey> Concat(std::vector<IndexKey> keys, const std::vector<IndexKey>& more) {
  for (const IndexKey& key : more) {
    if (std::ranges::none_of(keys, [&](const IndexKey& other) { return SameKey(key, other); })) keys.push_back(key);
  }
  return keys;
}

// How often each column is compared by = on each table, over all statements: what is shared comes first in a key.
using Shared = std::map<std::pair<uint32_t, std::string>, double>;
std::string NameOf(const Condition& condition) {
  return condition.expression.empty() ? fmt::format("{}", condition.attnum) : condition.expression;
}
Shared CountShared(const Workload& workload) {
  Shared shared;
  for (const Query& query : workload.queries) {
    for (const TableUse& use : query.tables) {
      for (const Condition& condition : use.conditions) {
        if (condition.use == Use::kEqual || condition.use == Use::kList)
          shared[{use.relation->oid, NameOf(condition)}] += 1;
      }
      for (const JoinColumn& join : use.joins) shared[{use.relation->oid, fmt::format("{}", join.attnum)}] += 1;
    }
  }
  return shared;
}

class Maker {
 public:
  Maker(const Workload& workload, bool tight)
      : workload_(workload), snapshot_(*workload.snapshot), shared_(CountShared(workload)), tight_(tight) {}

  std::vector<Candidate> Make() {
    for (size_t i = 0; i < workload_.queries.size(); ++i) {
      query_ = i;
      for (const TableUse& use : workload_.queries[i].tables) OfTable(use);
    }
    std::vector<Candidate> candidates;
    for (auto& [key, candidate] : found_) {
      candidate.bytes = IndexBytes(candidate.spec, *candidate.relation, candidate.predicate_share, snapshot_);
      candidates.push_back(std::move(candidate));
    }
    return candidates;
  }

 private:
  const Query& query() const { return workload_.queries[query_]; }

  void OfTable(const TableUse& use) {
    if (use.relation->persistence == 't') return;
    if (FindsOneRow(snapshot_, use)) return;
    OfBtrees(use, nullptr);
    for (const Condition& condition : use.conditions) {
      if (IsPartialPredicate(use, condition)) OfBtrees(use, &condition);
    }
    OfDocuments(use);
    OfBlockRanges(use);
  }

  // ---- B-trees ----

  // Equalities: shared columns first, then those with more values. `with_joins`: the other side of a join is bound
  // first.
  std::vector<IndexKey> Equalities(const TableUse& use, const Condition* without, bool constants, bool with_joins,
                                   bool lists) const {
    struct Ranked {
      IndexKey key;
      double shared, share;
    };
    std::vector<Ranked> ranked;
    const auto add = [&](IndexKey key, double shared, double share) {
      const bool known = std::ranges::any_of(ranked, [&](const Ranked& other) { return SameKey(other.key, key); });
      if (!known) ranked.push_back({std::move(key), shared, share});
    };
    for (const Condition& condition : use.conditions) {
      const bool equal = condition.use == Use::kEqual || (condition.use == Use::kNull && condition.selectivity < 0.5) ||
                         (lists && condition.use == Use::kList);
      const Column* column = catalog::FindColumn(*use.relation, condition.attnum);
      if (!constants || !equal || &condition == without || (condition.expression.empty() && !CanBeBtreeKey(*column)))
        continue;
      add(KeyOf(condition.attnum, condition.expression), SharedBy(use, NameOf(condition)), condition.selectivity);
    }
    for (const JoinColumn& join : use.joins) {
      const Column* column = catalog::FindColumn(*use.relation, join.attnum);
      if (!with_joins || !CanBeBtreeKey(*column)) continue;
      add(KeyOf(join.attnum), SharedBy(use, fmt::format("{}", join.attnum)),
          EqualShare(snapshot_, *use.relation, *column));
    }
    std::ranges::stable_sort(ranked, [](const Ranked& a, const Ranked& b) {
      return std::tuple(-a.shared, a.share) < std::tuple(-b.shared, b.share);
    });
    std::vector<IndexKey> keys;
    keys.reserve(ranked.size());
    for (const Ranked& each : ranked) keys.push_back(each.key);
    if (keys.size() > kMaxEqualities) keys.resize(kMaxEqualities);
    return keys;
  }
  double SharedBy(const TableUse& use, const std::string& name) const {
    const auto found = shared_.find({use.relation->oid, name});
    return found == shared_.end() ? 0 : found->second;
  }

  std::vector<std::vector<IndexKey>> Ranges(const TableUse& use, const Condition* without) const {
    std::vector<std::vector<IndexKey>> ranges;
    for (const Condition& condition : use.conditions) {
      if (&condition == without) continue;
      const Column& column = *catalog::FindColumn(*use.relation, condition.attnum);
      if (condition.use != Use::kRange && condition.use != Use::kPrefix && condition.use != Use::kList) continue;
      if (condition.expression.empty() && !CanBeBtreeKey(column)) continue;
      IndexKey key = KeyOf(condition.attnum, condition.expression);
      if (condition.use == Use::kPrefix && !column.collation_is_c)
        key.operator_class = column.type.starts_with("character varying") ? "varchar_pattern_ops"
                             : column.type.starts_with("character(")      ? "bpchar_pattern_ops"
                                                                          : "text_pattern_ops";
      ranges.push_back({std::move(key)});
    }
    return ranges;
  }

  // ORDER BY as keys; all descending is all ascending read backwards.
  static std::vector<IndexKey> Sort(const TableUse& use) {
    std::vector<IndexKey> keys;
    const bool backwards =
        std::ranges::all_of(use.sort, [](const SortColumn& c) { return c.descending && c.nulls_first; });
    for (const SortColumn& column : use.sort) {
      IndexKey key = KeyOf(column.attnum);
      key.descending = column.descending && !backwards;
      key.nulls_first = column.nulls_first && !backwards;
      if (!CanBeBtreeKey(*catalog::FindColumn(*use.relation, column.attnum))) return {};
      keys.push_back(std::move(key));
    }
    return keys;
  }

  void OfBtrees(const TableUse& use, const Condition* partial) {
    const std::vector<IndexKey> sort = Sort(use);
    const auto ranges = Ranges(use, partial);
    const bool sorts = !sort.empty();
    std::vector<std::vector<IndexKey>> bases;
    const auto base = [&](std::vector<IndexKey> keys) {
      if (std::ranges::find(bases, keys) == bases.end()) bases.push_back(std::move(keys));
    };
    base(Equalities(use, partial, true, false, !sorts));
    if (!use.joins.empty()) {
      base(Equalities(use, partial, false, true, false));
      base(Equalities(use, partial, true, true, !sorts));
      for (const JoinColumn& join : use.joins) {
        if (CanBeBtreeKey(*catalog::FindColumn(*use.relation, join.attnum))) base({KeyOf(join.attnum)});
      }
    }
    for (const std::vector<IndexKey>& keys : bases) {
      for (size_t length = 1; length <= keys.size(); ++length)
        Add(use, {keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(length)}, partial);
      // Every column alone too: a budget may have room for one only.
      for (const IndexKey& key : keys) Add(use, {key}, partial);
      // After the equalities the order, if few rows of many are wanted or all of them have to be sorted; or one range.
      if (sorts && (!keys.empty() || query().limit >= 0)) Add(use, Concat(keys, sort), partial);
      for (const std::vector<IndexKey>& range : ranges) Add(use, Concat(keys, range), partial);
      if (!use.group.empty() && keys.size() < kMaxEqualities) {
        std::vector<IndexKey> group;
        for (const int16_t column : use.group) {
          if (CanBeBtreeKey(*catalog::FindColumn(*use.relation, column))) group.push_back(KeyOf(column));
        }
        if (!group.empty() && !keys.empty()) Add(use, Concat(keys, group), partial);
      }
    }
    if (partial != nullptr && bases.size() == 1 && bases[0].empty() && ranges.empty() && !sorts) {
      // Nothing else narrows or orders: the few rows are the whole point; the key is what costs least.
      Add(use, {KeyOf(CheapestColumn(*use.relation, partial->attnum))}, partial);
    }
  }

  int16_t CheapestColumn(const Relation& relation, int16_t otherwise) const {
    for (const catalog::Index* index : snapshot_.IndexesOf(relation.oid)) {
      if (index->primary && index->keys.size() == 1 && index->keys[0].attnum != 0) return index->keys[0].attnum;
    }
    return otherwise;
  }

  bool IsPartialPredicate(const TableUse& use, const Condition& condition) const {
    if (condition.constant.empty() || !condition.expression.empty()) return false;
    const Column& column = *catalog::FindColumn(*use.relation, condition.attnum);
    if (condition.use == Use::kEqual)
      return condition.selectivity <= kPartialShare && column.distinct >= 0 && column.distinct <= kKindsOfRows;
    if (condition.use != Use::kNull) return false;
    const auto tested = workload_.null_tested.find({use.relation->oid, condition.attnum});
    const bool soft_delete =
        column.name.contains("deleted") || column.name.contains("archived") || column.name.contains("removed");
    return condition.selectivity <= kPartialShare ||
           (soft_delete && tested != workload_.null_tested.end() && tested->second >= kSoftDeleteTemplates);
  }

  static std::string PredicateText(const Relation& relation, const Condition& condition) {
    const std::string column = catalog::QuoteIdentifier(catalog::FindColumn(relation, condition.attnum)->name);
    return condition.use == Use::kNull ? column + " IS NULL" : column + " = " + condition.constant;
  }

  void Add(const TableUse& use, std::vector<IndexKey> keys, const Condition* partial) {
    if (keys.empty()) return;
    IndexSpec spec;
    spec.relation_oid = use.relation->oid;
    spec.keys = std::move(keys);
    Kind kind = Kind::kPlain;
    for (const IndexKey& key : spec.keys) {
      if (!key.operator_class.empty()) kind = Kind::kPattern;
      if (key.attnum == 0) kind = Kind::kExpression;
    }
    double share = 1;
    if (partial != nullptr) {
      spec.predicate = PredicateText(*use.relation, *partial);
      kind = Kind::kPartial;
      share = partial->selectivity;
    }
    Keep(use, spec, kind, share);
    if (std::vector<int16_t> included = Included(use, spec); !included.empty()) {
      spec.included = std::move(included);
      Keep(use, std::move(spec), Kind::kCovering, share);
    }
  }

  // The rest of the columns, where an index-only scan would need no look at the table and no update touches them.
  std::vector<int16_t> Included(const TableUse& use, const IndexSpec& spec) const {
    if (!use.columns_known || query().statement->facts.operation != sql::Operation::kSelect) return {};
    if (std::ranges::any_of(spec.keys, [](const IndexKey& key) { return key.attnum == 0; })) return {};
    // Of a small table nobody knows what it saves, and the keys alone say what is missing.
    const TableSize size = SizeOf(snapshot_, *use.relation);
    if (size.all_visible_share < kVisibleShare || IsSmall(snapshot_, *use.relation)) return {};
    std::vector<int16_t> included;
    int bytes = 0;
    const Writes& writes = workload_.WritesOf(use.relation->oid);
    for (const int16_t number : use.columns) {
      if (std::ranges::any_of(spec.keys, [&](const IndexKey& key) { return key.attnum == number; })) continue;
      const Column& column = *catalog::FindColumn(*use.relation, number);
      const auto updated = writes.updated_columns.find(number);
      if (updated != writes.updated_columns.end() && updated->second > kUpdatedShare * writes.all()) return {};
      bytes += column.average_width < 0 ? 16 : column.average_width;
      included.push_back(number);
    }
    return bytes <= kIncludeBytes ? included : std::vector<int16_t>{};
  }

  // ---- what B-trees cannot ----

  void OfDocuments(const TableUse& use) {
    for (const Condition& condition : use.conditions) {
      const Column& column = *catalog::FindColumn(*use.relation, condition.attnum);
      IndexSpec spec;
      spec.relation_oid = use.relation->oid;
      spec.access_method = "gin";
      spec.keys = {KeyOf(condition.attnum)};
      if (condition.use == Use::kInfix && condition.expression.empty()) {
        spec.keys[0].operator_class = "gin_trgm_ops";
        spec.extension = "pg_trgm";
        Keep(use, spec, Kind::kTrigram, 1);
      } else if (condition.use == Use::kContains || condition.use == Use::kKeyExists ||
                 condition.use == Use::kTextSearch) {
        if (column.type == "jsonb" && OnlyContained(use.relation->oid, condition.attnum))
          spec.keys[0].operator_class = "jsonb_path_ops";
        Keep(use, spec, Kind::kGin, 1);
      }
    }
  }

  bool OnlyContained(uint32_t relation_oid, int16_t attnum) const {
    for (const Query& query : workload_.queries) {
      for (const TableUse& use : query.tables) {
        for (const Condition& condition : use.conditions) {
          if (use.relation->oid == relation_oid && condition.attnum == attnum && condition.use == Use::kKeyExists)
            return false;
        }
      }
    }
    return true;
  }

  void OfBlockRanges(const TableUse& use) {
    if (SizeOf(snapshot_, *use.relation).pages < (tight_ ? kSmallTablePages : kBrinPages)) return;
    for (const Condition& condition : use.conditions) {
      const Column& column = *catalog::FindColumn(*use.relation, condition.attnum);
      const bool wide = condition.use == Use::kRange && condition.selectivity >= kBrinShare;
      const bool narrow = condition.use == Use::kRange || condition.use == Use::kEqual;
      if (!(tight_ ? narrow : wide) || !condition.expression.empty() ||
          std::abs(column.correlation) < kBrinCorrelation || column.correlation < -1)
        continue;
      IndexSpec spec;
      spec.relation_oid = use.relation->oid;
      spec.access_method = "brin";
      spec.keys = {KeyOf(condition.attnum)};
      Keep(use, spec, Kind::kBrin, 1);
    }
  }

  void Keep(const TableUse& use, IndexSpec spec, Kind kind, double share) {
    for (const catalog::Index* index : snapshot_.IndexesOf(use.relation->oid)) {
      if (Serves(*index, spec) || MayServe(*index, spec, use)) return;
    }
    auto [at, added] = found_.try_emplace({spec.relation_oid, catalog::IndexDefinition(spec, *use.relation)});
    Candidate& candidate = at->second;
    if (added) {
      candidate.spec = std::move(spec);
      candidate.relation = use.relation;
      candidate.kind = kind;
      candidate.predicate_share = share;
    }
    if (candidate.queries.empty() || candidate.queries.back() != query_) candidate.queries.push_back(query_);
  }

  const Workload& workload_;
  const catalog::Snapshot& snapshot_;
  Shared shared_;
  const bool tight_;
  size_t query_ = 0;
  std::map<std::pair<uint32_t, std::string>, Candidate> found_;
};

}  // namespace

std::string_view KindName(Kind kind) {
  static constexpr std::array<std::string_view, 8> kNames = {"plain",   "expression", "partial", "covering",
                                                             "pattern", "GIN",        "trigram", "BRIN"};
  return kNames[static_cast<size_t>(kind)];
}

std::vector<Candidate> MakeCandidates(const Workload& workload, bool tight) { return Maker(workload, tight).Make(); }

}  // namespace pgassay::advisor
