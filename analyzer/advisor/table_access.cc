#include "analyzer/advisor/table_access.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "analyzer/advisor/cost_model.h"
#include "analyzer/advisor/index_match.h"
#include "analyzer/advisor/size_model.h"

namespace pgassay::advisor {
namespace {

using catalog::IndexKey;
using catalog::PagesFetched;

bool ServesPrefix(const catalog::Relation& relation, const IndexKey& key, const Condition& condition) {
  const catalog::Column* column = catalog::FindColumn(relation, condition.attnum);
  return key.operator_class.contains("pattern") || key.collation == "C" ||
         (column != nullptr && column->collation_is_c);
}

const Condition* FindCondition(const TableUse& use, const IndexKey& key, std::initializer_list<Use> uses) {
  for (const Condition& condition : use.conditions) {
    if (std::ranges::find(uses, condition.use) != uses.end() && IsOn(condition, key)) return &condition;
  }
  return nullptr;
}

// The statement says what the predicate says. Its share is counted, once.
bool Implies(const TableUse& use, std::string_view predicate, double& share) {
  for (const Condition& condition : use.conditions) {
    if (condition.constant.empty() || !condition.expression.empty()) continue;
    const std::string column = catalog::QuoteIdentifier(catalog::FindColumn(*use.relation, condition.attnum)->name);
    const std::string text = condition.use == Use::kNull ? column + " IS NULL" : column + " = " + condition.constant;
    if (CanonicalExpression(text) != CanonicalExpression(predicate)) continue;
    share *= condition.selectivity;
    return true;
  }
  return false;
}

bool SortedFrom(const TableUse& use, const IndexView& index, size_t at) {
  if (use.sort.empty()) return false;
  for (const bool backwards : {false, true}) {
    size_t key = at, sorted = 0;
    for (; sorted < use.sort.size(); ++sorted) {
      const SortColumn& wants = use.sort[sorted];
      // A column that is fixed to one value is in any order.
      const bool fixed = std::ranges::any_of(use.conditions, [&](const Condition& condition) {
        return condition.attnum == wants.attnum && condition.expression.empty() && condition.use == Use::kEqual;
      });
      if (fixed) continue;
      if (key >= index.keys->size()) break;
      const IndexKey& has = (*index.keys)[key];
      if (has.attnum != wants.attnum || (has.descending != wants.descending) != backwards ||
          (has.nulls_first != wants.nulls_first) != backwards)
        break;
      ++key;
    }
    if (sorted == use.sort.size()) return true;
  }
  return false;
}

bool Covers(const TableUse& use, const IndexView& index) {
  if (!use.columns_known) return false;
  return std::ranges::all_of(use.columns, [&](int16_t column) {
    return std::ranges::find(*index.included, column) != index.included->end() ||
           std::ranges::any_of(*index.keys, [&](const IndexKey& key) { return key.attnum == column; });
  });
}

double CorrelationOf(const TableUse& use, const IndexView& index) {
  const catalog::Column* column = catalog::FindColumn(*use.relation, (*index.keys)[0].attnum);
  if (column == nullptr || column->correlation < -1) return 0;
  return index.keys->size() > 1 ? column->correlation * 0.75 : column->correlation;  // as the planner has it
}

}  // namespace

TableAccess::TableAccess(const Workload& workload, std::span<const Candidate> candidates)
    : candidates_(candidates), snapshot_(*workload.snapshot), prices_(snapshot_) {}

Table TableAccess::TableOf(const Query& query, const catalog::Relation& relation, std::span<const size_t> set) const {
  Table table;
  table.size = SizeOf(snapshot_, relation);
  table.growth = Growth(snapshot_, query, relation);
  if (table.growth > 1) {
    // An unknown table has rows of its columns' width.
    const double rows_per_page = table.size.rows > 0 ? table.size.rows / std::max(table.size.pages, 1.0)
                                                     : 8000 / std::max(table.size.width + 28, 36.0);
    table.size.pages = kGrownPages;
    table.size.rows = rows_per_page * kGrownPages;
  }
  for (const catalog::Index* index : snapshot_.IndexesOf(relation.oid)) {
    if (!index->valid) continue;
    table.indexes.push_back({index->access_method, &index->keys, &index->included, index->predicate,
                             std::max(static_cast<double>(index->pages), 1.0) * table.growth, -1});
  }
  for (const size_t position : set) {
    const Candidate& candidate = candidates_[position];
    if (candidate.spec.relation_oid != relation.oid) continue;
    const double pages = static_cast<double>(candidate.bytes) / 8192;
    table.indexes.push_back({candidate.spec.access_method, &candidate.spec.keys, &candidate.spec.included,
                             candidate.spec.predicate, std::max(pages, 1.0) * table.growth,
                             static_cast<int>(position)});
  }
  return table;
}

double TableAccess::Share(const TableUse& use, const Table& table, int16_t attnum, double share) const {
  if (table.growth <= 1) return share;
  const catalog::Column* column = catalog::FindColumn(*use.relation, attnum);
  if (column == nullptr) return share;
  if (column->distinct < 0) return share / table.growth;
  if (column->distinct == 0 && column->type_category == 'B') return 0.5;
  if (column->distinct == 0 && column->type_category == 'E')
    return 1.0 / std::max<double>(1, static_cast<double>(column->enum_labels.size()));
  return share;
}
double TableAccess::Share(const TableUse& use, const Table& table, const Condition& condition) const {
  const bool by_value = condition.use == Use::kEqual || condition.use == Use::kList;
  return by_value ? Share(use, table, condition.attnum, condition.selectivity) : condition.selectivity;
}

double TableAccess::FilteredRows(const TableUse& use, const Table& table) const {
  double rows = table.size.rows;
  for (const Condition& condition : use.conditions) rows *= Share(use, table, condition);
  return std::max(rows, 1.0);
}

// In the table's order: the more of it, the more one after the other.
double TableAccess::BitmapIo(double fetched, const Table& table) const {
  const double share = std::min(1.0, fetched / std::max(table.size.pages, 1.0));
  return fetched * (prices_.random_page - (prices_.random_page - prices_.sequential_page) * std::sqrt(share));
}

Access TableAccess::SequentialScan(const TableUse& use, const Table& table) const {
  Access access;
  access.rows = FilteredRows(use, table);
  access.total = table.size.pages * prices_.sequential_page +
                 table.size.rows * (prices_.tuple + prices_.operation * static_cast<double>(use.conditions.size()));
  return access;
}

// How far the keys of a B-tree serve: equalities, then one range, then the order.
TableAccess::Match TableAccess::MatchBtree(const TableUse& use, const Table& table, const IndexView& index,
                                           const std::vector<bool>* bound) const {
  Match match;
  size_t at = 0;
  bool order_lost = false;
  if (!index.predicate.empty() && !Implies(use, index.predicate, match.share)) return match;
  for (; at < index.keys->size(); ++at) {
    const IndexKey& key = (*index.keys)[at];
    const Condition* equal = FindCondition(use, key, {Use::kEqual, Use::kNull});
    if (equal != nullptr) {
      match.share *= Share(use, table, *equal);
      continue;
    }
    if (bound != nullptr && key.attnum != 0 && std::ranges::any_of(use.joins, [&](const JoinColumn& join) {
          return join.attnum == key.attnum && (*bound)[join.other];
        })) {
      const catalog::Column& column = *catalog::FindColumn(*use.relation, key.attnum);
      match.share *= Share(use, table, key.attnum, EqualShare(snapshot_, *use.relation, column));
      continue;
    }
    if (const Condition* list = FindCondition(use, key, {Use::kList})) {
      match.share *= Share(use, table, *list);
      order_lost = true;
      continue;
    }
    break;
  }
  match.keys = at;
  match.ordered = !order_lost && SortedFrom(use, index, at);
  if (at < index.keys->size()) {
    const IndexKey& key = (*index.keys)[at];
    for (const Condition& condition : use.conditions) {
      const bool range = condition.use == Use::kRange ||
                         (condition.use == Use::kPrefix && ServesPrefix(*use.relation, key, condition));
      if (!range || !IsOn(condition, key)) continue;
      match.share *= condition.selectivity;
      match.keys = at + 1;
    }
  }
  match.usable = match.keys > 0 || match.ordered || !index.predicate.empty();
  return match;
}

Access TableAccess::BtreeScan(const TableUse& use, const Table& table, const IndexView& index,
                              const std::vector<bool>* bound, bool need_order) const {
  Access access;
  const Match match = MatchBtree(use, table, index, bound);
  const bool covers = Covers(use, index);
  if (need_order && !match.ordered) return access;
  if (!match.usable && !covers) return access;
  double index_share = 1;
  Implies(use, index.predicate, index_share);
  const double in_index = std::max(table.size.rows * index_share, 1.0);
  const double tuples = std::max(table.size.rows * match.share, 1.0);
  const double scanned = std::clamp(tuples / in_index, 0.0, 1.0);
  access.startup =
      prices_.operation * (std::log2(in_index + 1) + catalog::kDescentOperations * (TreeLevels(index.pages) + 1));
  const double filters = static_cast<double>(use.conditions.size());
  const double cpu =
      tuples * (prices_.index_tuple + prices_.operation * static_cast<double>(match.keys) + prices_.tuple +
                prices_.operation * std::max(filters - static_cast<double>(match.keys), 0.0));
  const double index_io = std::ceil(scanned * index.pages) * prices_.random_page;

  const double visible = covers ? table.size.all_visible_share : 0;
  const double fetched = PagesFetched(tuples, table.size.pages) * (1 - visible);
  const double worst = fetched * prices_.random_page;
  const double in_line = std::ceil(std::min(match.share, 1.0) * table.size.pages) * (1 - visible);
  const double best = in_line > 0 ? prices_.random_page + (in_line - 1) * prices_.sequential_page : 0;
  const double correlation = CorrelationOf(use, index);
  const double plain_io = worst + correlation * correlation * (std::min(best, worst) - worst);
  const double bitmap_io = BitmapIo(fetched, table) + 0.1 * prices_.operation * tuples;
  access.ordered = match.ordered;
  access.total = access.startup + cpu + index_io + plain_io;
  if (!need_order && match.keys > 0 && bitmap_io < plain_io) {
    access.total = access.startup + cpu + index_io + bitmap_io;
    access.startup = access.total * 0.3;  // the bitmap comes before the first row
    access.ordered = false;
  }
  access.rows = FilteredRows(use, table);
  access.candidate = index.candidate;
  return access;
}

// GIN: a few entries, then a bitmap of the table.
Access TableAccess::GinScan(const TableUse& use, const Table& table, const IndexView& index) const {
  Access access;
  const IndexKey& key = (*index.keys)[0];
  const bool trigram = key.operator_class.contains("trgm");
  double share = 1, entries = 0;
  for (const Condition& condition : use.conditions) {
    if (!IsOn(condition, key)) continue;
    const bool serves = trigram ? condition.use == Use::kInfix || condition.use == Use::kPrefix
                                : condition.use == Use::kContains || condition.use == Use::kTextSearch ||
                                      (condition.use == Use::kKeyExists && !key.operator_class.contains("path_ops"));
    if (!serves) continue;
    share *= condition.selectivity;
    entries += trigram ? 5 : 2;
  }
  if (entries == 0) return access;
  const double tuples = std::max(table.size.rows * share, 1.0);
  const double fetched = PagesFetched(tuples, table.size.pages);
  access.startup = entries * 2 * prices_.random_page;
  access.total = access.startup + BitmapIo(fetched, table) + tuples * (prices_.tuple + 2 * prices_.operation);
  access.rows = FilteredRows(use, table);
  access.candidate = index.candidate;
  return access;
}

Access TableAccess::BlockRangeScan(const TableUse& use, const Table& table, const IndexView& index) const {
  Access access;
  double share = 1;
  for (const Condition& condition : use.conditions) {
    if ((condition.use == Use::kRange || condition.use == Use::kEqual) && IsOn(condition, (*index.keys)[0]))
      share *= condition.selectivity;
  }
  if (share >= 1) return access;
  const double ranges = std::ceil(std::max(table.size.pages, 1.0) / kRangePages);
  const double correlation = std::abs(CorrelationOf(use, index));
  const double read = std::min(std::ceil(ranges * share) / std::max(correlation, 0.01), ranges);
  const double tuples = table.size.rows * read / ranges;
  access.startup = index.pages * prices_.random_page + 0.1 * prices_.operation * read * kRangePages;
  access.total = access.startup + BitmapIo(PagesFetched(tuples, table.size.pages), table) +
                 tuples * (prices_.tuple + 2 * prices_.operation);
  access.rows = FilteredRows(use, table);
  access.candidate = index.candidate;
  return access;
}

Access TableAccess::BestAccess(const TableUse& use, const Table& table, const std::vector<bool>* bound,
                               bool need_order) const {
  Access best;
  if (!need_order && bound == nullptr) best = SequentialScan(use, table);
  for (const IndexView& index : table.indexes) {
    Access access;
    if (index.method == "btree") {
      access = BtreeScan(use, table, index, bound, need_order);
    } else if (!need_order && bound == nullptr && index.method == "gin") {
      access = GinScan(use, table, index);
    } else if (!need_order && bound == nullptr && index.method == "brin") {
      access = BlockRangeScan(use, table, index);
    }
    if (access.total < best.total) best = access;
  }
  return best;
}

}  // namespace pgassay::advisor
