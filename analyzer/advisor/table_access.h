// What it costs to read one table of a statement: sequentially, by a B-tree, a GIN or a block range index, of those
// that exist and of candidates. Costs are the planner's units. Pure. Borrows workload and candidates.
// Source: src/backend/optimizer/path/costsize.c; Mackert and Lohman, "Index Scans Using a Finite LRU Buffer", 1989.
#pragma once

#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "analyzer/advisor/candidate.h"
#include "analyzer/advisor/workload.h"
#include "analyzer/catalog/planner_costs.h"

namespace pgassay::advisor {

// An index of the catalogue, or a candidate.
struct IndexView {
  std::string_view method;
  const std::vector<catalog::IndexKey>* keys = nullptr;
  const std::vector<int16_t>* included = nullptr;
  std::string_view predicate;
  double pages = 0;
  int candidate = -1;
};

struct Table {
  TableSize size;
  double growth = 1;  // small tables are taken as grown
  std::vector<IndexView> indexes;
};

inline constexpr double kNever = std::numeric_limits<double>::infinity();

struct Access {
  double startup = 0, total = kNever, rows = 0;
  int candidate = -1;
  bool ordered = false;
};

class TableAccess {
 public:
  TableAccess(const Workload& workload, std::span<const Candidate> candidates);

  // As a query has it. `set`: positions of the candidates that count as made.
  Table TableOf(const Query& query, const catalog::Relation& relation, std::span<const size_t> set) const;
  // The cheapest; total is kNever where there is none. `bound`, if not null: a look-up for one row of the tables that
  // are joined already, by position.
  Access BestAccess(const TableUse& use, const Table& table, const std::vector<bool>* bound, bool need_order) const;
  double FilteredRows(const TableUse& use, const Table& table) const;
  // Of the rows, `share` being what it is at today's size: shares of columns whose distinct values grow with a small
  // table shrink as it is taken as grown.
  double Share(const TableUse& use, const Table& table, int16_t attnum, double share) const;
  const catalog::Prices& prices() const { return prices_; }

 private:
  struct Match {
    double share = 1;      // of the rows that the scan visits
    size_t keys = 0;       // that narrow it
    bool ordered = false;  // as ORDER BY asks
    bool usable = false;
  };
  double Share(const TableUse& use, const Table& table, const Condition& condition) const;
  Match MatchBtree(const TableUse& use, const Table& table, const IndexView& index,
                   const std::vector<bool>* bound) const;
  double BitmapIo(double fetched, const Table& table) const;
  Access SequentialScan(const TableUse& use, const Table& table) const;
  Access BtreeScan(const TableUse& use, const Table& table, const IndexView& index, const std::vector<bool>* bound,
                   bool need_order) const;
  Access GinScan(const TableUse& use, const Table& table, const IndexView& index) const;
  Access BlockRangeScan(const TableUse& use, const Table& table, const IndexView& index) const;

  std::span<const Candidate> candidates_;
  const catalog::Snapshot& snapshot_;
  catalog::Prices prices_;
};

}  // namespace pgassay::advisor
