#include "analyzer/advisor/selection.h"

#include <algorithm>
#include <queue>

#include "analyzer/advisor/plan_cache.h"

namespace pgassay::advisor {
namespace {

constexpr double kPage = 8192;

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
    using_.resize(candidates.size());
    for (size_t i = 0; i < candidates.size(); ++i) using_[i] = candidates[i].queries;
  }

  Selection Run() {
    Selection result;
    for (size_t query = 0; query < workload_.queries.size(); ++query) {
      result.before.push_back(cache_.CostOf(query, {}));
      result.cost_before += Weighted(query, result.before.back());
    }
    total_ = result.cost_before;
    LeaveOutUnused();
    Grow();
    Prune();
    for (size_t query = 0; query < workload_.queries.size(); ++query) {
      result.after.push_back(cache_.CostOf(query, chosen_));
      result.cost_after += Weighted(query, result.after.back());
    }
    result.chosen = chosen_;
    result.plans = cache_.asked();
    return result;
  }

 private:
  double Weighted(size_t query, const Cost& cost) const { return workload_.queries[query].weight * cost.total; }

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

  bool Fits(const Step& step) const {
    return options_.budget_bytes < 0 || used_bytes_ + step.bytes <= options_.budget_bytes;
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
    for (size_t i = 0; i < candidates_.size(); ++i) left.push_back({1e300, i, 0});
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
          const double least = step.extends ? 0 : options_.min_workload_share * total_;
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

  // Takes away, one by one, what saves too little now that the others are there.
  void Prune() {
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
          gain += saved * workload_.queries[query].weight;
          if (less.total > 0) best_share = std::max(best_share, saved / less.total);
        }
        const bool enough =
            used && gain >= options_.min_workload_share * total_ && best_share >= options_.min_query_share;
        if (!enough && (worst == chosen_.size() || gain < worst_gain)) {
          worst = i;
          worst_gain = gain;
        }
      }
      if (worst == chosen_.size()) return;
      chosen_.erase(chosen_.begin() + static_cast<std::ptrdiff_t>(worst));
    }
  }

  const Workload& workload_;
  std::span<const Candidate> candidates_;
  const SelectionOptions& options_;
  PlanCache cache_;
  std::vector<double> writes_;
  std::vector<std::vector<size_t>> using_;
  std::vector<size_t> chosen_;
  int64_t used_bytes_ = 0;
  double total_ = 0;
};

}  // namespace

Selection Select(const Workload& workload, std::span<const Candidate> candidates, CostModel& model,
                 const SelectionOptions& options) {
  return Selector(workload, candidates, model, options).Run();
}

}  // namespace pgassay::advisor
