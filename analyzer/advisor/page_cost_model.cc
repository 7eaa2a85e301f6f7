#include <algorithm>
#include <array>
#include <cmath>

#include "analyzer/advisor/cost_model.h"
#include "analyzer/advisor/table_access.h"

namespace pgassay::advisor {
namespace {

class PageCostModel final : public CostModel {
 public:
  PageCostModel(const Workload& workload, std::span<const Candidate> candidates)
      : workload_(workload), candidates_(candidates), snapshot_(*workload.snapshot), access_(workload, candidates) {}

  Cost CostOf(size_t query, std::span<const size_t> set) override {
    ++calls_;
    const Query& asked = workload_.queries[query];
    std::vector<Table> tables;
    tables.reserve(asked.tables.size());
    for (const TableUse& use : asked.tables) tables.push_back(access_.TableOf(asked, *use.relation, set));
    Cost best{.total = kNever, .used = {}};
    for (size_t first = 0; first < tables.size(); ++first) {
      if (IsBound(asked, first)) continue;
      for (const bool ordered : {false, true}) {
        if (ordered && asked.tables[first].sort.empty()) continue;
        Cost cost = Ordered(asked, tables, first, ordered);
        if (cost.total < best.total) best = std::move(cost);
      }
    }
    std::ranges::sort(best.used);
    best.used.erase(std::ranges::unique(best.used).begin(), best.used.end());
    return best;
  }

  How HowKnown(size_t candidate) const override {
    return IsSmall(snapshot_, *candidates_[candidate].relation) ? How::kStructural : How::kModelled;
  }
  uint64_t calls() const override { return calls_; }

 private:
  // By a query around it, for each of whose rows it is run.
  static bool IsBound(const Query& query, size_t table) {
    return query.tables[table].per_row && std::ranges::any_of(query.tables[table].joins, [&](const JoinColumn& join) {
             return !query.tables[join.other].per_row;
           });
  }

  static double Sorted(double rows, double limit, double operation) {
    const double kept = limit >= 0 ? std::min(rows, std::max(limit, 1.0)) : rows;
    return 2 * operation * rows * std::log2(std::max(kept, 2.0));
  }

  // One join order: `first`, then whatever is connected and smallest, each by hash or by look-ups.
  Cost Ordered(const Query& query, const std::vector<Table>& tables, size_t first, bool ordered) const {
    const Access start = access_.BestAccess(query.tables[first], tables[first], nullptr, ordered);
    if (start.total == kNever) return {.total = kNever, .used = {}};
    double startup = start.startup, total = start.total, rows = start.rows;
    bool streams = true;
    std::vector<size_t> used;
    const auto use_candidate = [&](const Access& access) {
      if (access.candidate >= 0) used.push_back(static_cast<size_t>(access.candidate));
    };
    use_candidate(start);
    std::vector<bool> joined(tables.size(), false);
    joined[first] = true;
    for (size_t step = 1; step < tables.size(); ++step) {
      const size_t next = Next(query, tables, joined);
      const TableUse& use = query.tables[next];
      const Access whole = access_.BestAccess(use, tables[next], nullptr, false);
      const bool connected = std::ranges::any_of(use.joins, [&](const JoinColumn& join) { return joined[join.other]; });
      const Access look_up = connected ? access_.BestAccess(use, tables[next], &joined, false) : Access{};
      const double repeats = std::max(rows, 1.0);
      const bool per_row = use.per_row && connected;
      const double by_hash = per_row ? repeats * whole.total
                                     : whole.total + (whole.rows + rows) * 2 * access_.prices().operation +
                                           whole.rows * access_.prices().tuple;
      // Repeated look-ups find the upper pages in the cache, and never read more than the table.
      const double by_look_ups = look_up.total == kNever ? kNever : repeats * look_up.total;
      if (by_look_ups < by_hash) {
        total += by_look_ups;
        use_candidate(look_up);
      } else {
        total += by_hash;
        startup += whole.total;
        use_candidate(whole);
        streams = streams && whole.total < total;
      }
      // How tables go together that nothing is known to join, a key would tell: as many rows as the larger has.
      if (!connected)
        rows = std::max(rows, whole.rows);
      else if (!per_row)
        rows = std::max(1.0, rows * whole.rows * JoinShare(query, tables, next, joined));
      joined[next] = true;
    }
    const bool wants_order = std::ranges::any_of(query.tables, [](const TableUse& use) { return !use.sort.empty(); }) ||
                             !query.statement->facts.order_by.empty();
    if (wants_order && !ordered) {
      total += Sorted(rows, query.limit, access_.prices().operation);
    } else if (query.limit >= 0 && streams && query.limit < rows && (!query.aggregate || query.extremum)) {
      total = startup + (total - startup) * query.limit / rows;
    }
    total += (query.limit >= 0 ? std::min(rows, query.limit) : rows) * access_.prices().tuple *
             (query.aggregate ? 0.5 : 0.1);
    return {.total = total, .used = std::move(used)};
  }

  size_t Next(const Query& query, const std::vector<Table>& tables, const std::vector<bool>& joined) const {
    size_t best = tables.size();
    double best_rows = kNever;
    bool best_connected = false;
    for (size_t i = 0; i < tables.size(); ++i) {
      if (joined[i]) continue;
      const bool connected =
          std::ranges::any_of(query.tables[i].joins, [&](const JoinColumn& join) { return joined[join.other]; });
      const double rows = access_.FilteredRows(query.tables[i], tables[i]);
      if (best == tables.size() || (connected && !best_connected) ||
          (connected == best_connected && rows < best_rows)) {
        best = i;
        best_rows = rows;
        best_connected = connected;
      }
    }
    return best;
  }

  double JoinShare(const Query& query, const std::vector<Table>& tables, size_t next,
                   const std::vector<bool>& joined) const {
    double share = 1;
    for (const JoinColumn& join : query.tables[next].joins) {
      if (!joined[join.other]) continue;
      const TableUse &use = query.tables[next], &other = query.tables[join.other];
      const double here = EqualShare(snapshot_, *use.relation, *catalog::FindColumn(*use.relation, join.attnum));
      const double there =
          EqualShare(snapshot_, *other.relation, *catalog::FindColumn(*other.relation, join.other_attnum));
      share *= std::min(access_.Share(use, tables[next], join.attnum, here),
                        access_.Share(other, tables[join.other], join.other_attnum, there));
    }
    return share;
  }

  const Workload& workload_;
  std::span<const Candidate> candidates_;
  const catalog::Snapshot& snapshot_;
  TableAccess access_;
  uint64_t calls_ = 0;
};

}  // namespace

std::string_view HowName(How how) {
  static constexpr std::array<std::string_view, 4> kNames = {"structural", "modelled", "hypothetical", "built"};
  return kNames[static_cast<size_t>(how)];
}

bool IsSmall(const catalog::Snapshot& snapshot, const catalog::Relation& relation) {
  const TableSize size = SizeOf(snapshot, relation);
  return !size.known || size.pages < kSmallTablePages;
}

double Growth(const catalog::Snapshot& snapshot, const Query& query, const catalog::Relation& relation) {
  if (!IsSmall(snapshot, relation)) return 1;
  const TableSize size = SizeOf(snapshot, relation);
  const bool beside_large =
      std::ranges::any_of(query.tables, [&](const TableUse& use) { return !IsSmall(snapshot, *use.relation); });
  return size.known && beside_large ? 1 : kGrownPages / std::max(size.pages, 1.0);
}

double ShareOfToday(const catalog::Snapshot& snapshot, const Query& query) {
  double today = 0, grown = 0;
  for (const TableUse& use : query.tables) {
    const double pages = std::max(SizeOf(snapshot, *use.relation).pages, 1.0);
    today += pages;
    grown += pages * Growth(snapshot, query, *use.relation);
  }
  return grown > 0 ? today / grown : 1;
}

std::unique_ptr<CostModel> MakePageCostModel(const Workload& workload, std::span<const Candidate> candidates) {
  return std::make_unique<PageCostModel>(workload, candidates);
}

}  // namespace pgassay::advisor
