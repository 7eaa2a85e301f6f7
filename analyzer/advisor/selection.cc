#include "analyzer/advisor/selection.h"

#include <algorithm>
#include <queue>

#include "analyzer/advisor/plan_cache.h"

namespace pgassay::advisor {
namespace {

constexpr double kPage = 8192;
constexpr double kCoveringShare = 0.1;  // of what a new index has to save, that a copy of more columns has to
constexpr size_t kOtherStarts = 8;

// `longer` does all that `shorter` does: the same beginning on the same rows.
bool Extends(const Candidate& longer, const Candidate& shorter) {
  const catalog::IndexSpec &a = longer.spec, &b = shorter.spec;
  if (a.relation_oid != b.relation_oid || a.access_method != b.access_method || a.predicate != b.predicate)
    return false;
  if (a.access_method != "btree" || a.keys.size() < b.keys.size()) return false;
  for (size_t i = 0; i < b.keys.size(); ++i) {
    if (a.keys[i] != b.keys[i]) return false;
  }
  return std::ranges::all_of(b.included, [&](int16_t column) {
    return std::ranges::find(a.included, column) != a.included.end() ||
           std::ranges::any_of(a.keys, [&](const catalog::IndexKey& key) { return key.attnum == column; });
  });
}

class Selector {
 public:
  Selector(const Workload& workload, std::span<const Candidate> candidates, CostModel& model,
           const SelectionOptions& options)
      : workload_(workload),
        candidates_(candidates),
        options_(options),
        cache_(model, candidates, workload.queries.size()) {
    for (const Candidate& candidate : candidates) writes_.push_back(CostOfWrites(candidate, workload).cost);
    // A budget is of today's bytes, and so are the costs.
    const bool today = options_.budget_bytes >= 0;
    for (const Query& query : workload.queries)
      weights_.push_back(query.weight * (today ? ShareOfToday(*workload.snapshot, query) : 1));
    using_.resize(candidates.size());
    for (size_t i = 0; i < candidates.size(); ++i) using_[i] = candidates[i].queries;
  }

  Selection Run() {
    Selection result;
    for (size_t query = 0; query < workload_.queries.size(); ++query) {
      result.before.push_back(cache_.CostOf(query, {}));
      result.cost_before += workload_.queries[query].weight * result.before.back().total;
      total_ += Weighted(query, result.before.back());
    }
    LeaveOutUnused();
    GrowFrom({});
    if (options_.budget_bytes >= 0) TryOtherStarts();
    for (size_t query = 0; query < workload_.queries.size(); ++query) {
      result.after.push_back(cache_.CostOf(query, chosen_));
      result.cost_after += workload_.queries[query].weight * result.after.back().total;
    }
    result.chosen = chosen_;
    result.plans = cache_.asked();
    return result;
  }

 private:
  double Weighted(size_t query, const Cost& cost) const { return weights_[query] * cost.total; }

  double WeightedCost(std::span<const size_t> queries, std::span<const size_t> set) {
    double sum = 0;
    for (const size_t query : queries) sum += Weighted(query, cache_.CostOf(query, set));
    return sum;
  }

  // One plan with all its candidates tells which a statement would ever take, and its footprint answers for all sets
  // that hold these.
  void LeaveOutUnused() {
    for (size_t query = 0; query < workload_.queries.size(); ++query) {
      const auto relevant = cache_.Relevant(query);
      if (!relevant.empty()) cache_.CostOf(query, relevant);
    }
  }

  struct Step {
    double gain = 0, ratio = 0;
    int64_t bytes = 0;  // more than now
    std::vector<size_t> set;
    bool extends = false;  // takes the place of a chosen one
  };

  Step Try(size_t added) {
    Step step;
    int64_t bytes = candidates_[added].bytes;
    double writes = writes_[added];
    for (const size_t chosen : chosen_) {
      if (Extends(candidates_[added], candidates_[chosen])) {
        bytes -= candidates_[chosen].bytes;
        writes -= writes_[chosen];
        step.extends = true;
      } else {
        step.set.push_back(chosen);
      }
    }
    step.set.insert(std::ranges::upper_bound(step.set, added), added);
    std::vector<size_t> queries = using_[added];
    for (const size_t chosen : chosen_) {
      if (std::ranges::binary_search(step.set, chosen)) continue;
      queries.insert(queries.end(), using_[chosen].begin(), using_[chosen].end());
    }
    std::ranges::sort(queries);
    queries.erase(std::ranges::unique(queries).begin(), queries.end());
    step.bytes = bytes;
    step.gain = WeightedCost(queries, chosen_) - WeightedCost(queries, step.set) - writes;
    step.ratio = step.gain / std::max(static_cast<double>(bytes), kPage);
    return step;
  }

  // A longer key in the place of a chosen one may save little; what only spares looks at the table is a copy of it.
  double Least(const Step& step, size_t added) const {
    const double fresh = options_.min_workload_share * total_;
    if (!step.extends) return fresh;
    return candidates_[added].spec.included.empty() ? 0 : kCoveringShare * fresh;
  }

  bool Fits(const Step& step) const {
    return options_.budget_bytes < 0 || used_bytes_ + step.bytes <= options_.budget_bytes;
  }

  // What saves most per byte may leave no room for what saves most: sets begin with one and two of these, and the best
  // counts (partial enumeration: Khuller, Moss, Naor, "The Budgeted Maximum Coverage Problem", 1999).
  void TryOtherStarts() {
    std::vector<size_t> best = chosen_;
    double least = CostWithWrites();
    chosen_.clear();
    used_bytes_ = 0;
    std::vector<std::pair<double, size_t>> starts;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      const Step step = Try(i);
      if (step.gain > 0 && Fits(step)) starts.emplace_back(step.gain, i);
    }
    std::ranges::stable_sort(starts, std::greater{}, &std::pair<double, size_t>::first);
    if (starts.size() > kOtherStarts) starts.resize(kOtherStarts);
    for (size_t i = 0; i < starts.size(); ++i) {
      for (size_t j = i; j < starts.size(); ++j) {
        std::vector<size_t> start = {std::min(starts[i].second, starts[j].second)};
        if (i != j) start.push_back(std::max(starts[i].second, starts[j].second));
        GrowFrom(std::move(start));
        const double cost = CostWithWrites();
        if (used_bytes_ > options_.budget_bytes || cost >= least) continue;
        least = cost;
        best = chosen_;
      }
    }
    chosen_ = std::move(best);
  }

  double CostWithWrites() {
    double cost = 0;
    for (size_t query = 0; query < workload_.queries.size(); ++query)
      cost += Weighted(query, cache_.CostOf(query, chosen_));
    for (const size_t chosen : chosen_) cost += writes_[chosen];
    return cost;
  }

  void GrowFrom(std::vector<size_t> start) {
    chosen_ = std::move(start);
    used_bytes_ = 0;
    for (const size_t chosen : chosen_) used_bytes_ += candidates_[chosen].bytes;
    pruned_.assign(candidates_.size(), false);
    do Grow();
    while (Prune() && options_.budget_bytes >= 0);  // in the room that is free again
  }

  void Grow() {
    struct Entry {
      double ratio;
      size_t candidate, round;
      bool operator<(const Entry& other) const {
        return ratio != other.ratio ? ratio < other.ratio : candidate > other.candidate;
      }
    };
    std::vector<Entry> left;
    left.reserve(candidates_.size());
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (!pruned_[i] && !std::ranges::binary_search(chosen_, i)) left.push_back({1e300, i, 0});
    }
    for (size_t round = 1;; ++round) {
      std::priority_queue<Entry> queue(std::less<Entry>{}, std::move(left));
      left.clear();
      std::vector<Entry> tried;
      bool grown = false;
      while (!queue.empty()) {
        Entry top = queue.top();
        queue.pop();
        if (top.round != round) {
          const Step step = Try(top.candidate);
          // What would be taken away again must not push out what it does little better than.
          const double least = Least(step, top.candidate);
          top.ratio = step.gain > least ? step.ratio : 0;
          top.round = round;
          if (!Fits(step)) {
            tried.push_back(top);  // an extension of what may be chosen later might still fit
            continue;
          }
          queue.push(top);
          continue;
        }
        if (top.ratio <= 0) {
          tried.push_back(top);
          break;
        }
        const Step step = Try(top.candidate);  // cached: the plans were asked just now
        used_bytes_ += step.bytes;
        chosen_ = step.set;
        grown = true;
        break;
      }
      if (!grown) return;
      for (; !queue.empty(); queue.pop()) left.push_back(queue.top());
      // What did not help by itself before will hardly help beside more indexes; what was too large may fit as an
      // extension.
      for (const Entry& entry : tried) {
        if (entry.ratio > 0) left.push_back(entry);
      }
    }
  }

  // Takes away, one by one, what saves too little now that the others are there. Whether it did.
  bool Prune() {
    bool pruned = false;
    while (!chosen_.empty()) {
      size_t worst = chosen_.size();
      double worst_gain = 0;
      for (size_t i = 0; i < chosen_.size(); ++i) {
        std::vector<size_t> without = chosen_;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
        double gain = -writes_[chosen_[i]], best_share = 0;
        bool used = false;
        for (const size_t query : using_[chosen_[i]]) {
          const Cost &with = cache_.CostOf(query, chosen_), &less = cache_.CostOf(query, without);
          const double saved = less.total - with.total;
          used = used || std::ranges::binary_search(with.used, chosen_[i]);
          gain += saved * weights_[query];
          if (less.total > 0) best_share = std::max(best_share, saved / less.total);
        }
        const bool enough =
            used && gain >= options_.min_workload_share * total_ && best_share >= options_.min_query_share;
        if (!enough && (worst == chosen_.size() || gain < worst_gain)) {
          worst = i;
          worst_gain = gain;
        }
      }
      if (worst == chosen_.size()) break;
      pruned = pruned_[chosen_[worst]] = true;
      used_bytes_ -= candidates_[chosen_[worst]].bytes;
      chosen_.erase(chosen_.begin() + static_cast<std::ptrdiff_t>(worst));
    }
    return pruned;
  }

  const Workload& workload_;
  std::span<const Candidate> candidates_;
  const SelectionOptions& options_;
  PlanCache cache_;
  std::vector<double> writes_, weights_;
  std::vector<std::vector<size_t>> using_;
  std::vector<size_t> chosen_;
  std::vector<bool> pruned_;
  int64_t used_bytes_ = 0;
  double total_ = 0;
};

}  // namespace

Selection Select(const Workload& workload, std::span<const Candidate> candidates, CostModel& model,
                 const SelectionOptions& options) {
  return Selector(workload, candidates, model, options).Run();
}

}  // namespace pgassay::advisor
