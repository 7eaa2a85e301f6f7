#include "analyzer/catalog/hypopg_cost.h"

#include <algorithm>
#include <cmath>

#include "analyzer/catalog/plan_fields.h"

namespace pgassay::catalog {
namespace {

using Json = PlanJson;

struct Added {
  double startup = 0, total = 0;
};

double Cents(double cost) { return std::round(cost * 100) / 100; }

class Correction {
 public:
  Correction(std::span<const SupposedTree> trees, const Prices& prices) : trees_(trees), prices_(prices) {}

  // `loops`: how often rows of a node above start it anew.
  Added Node(Json& node, double loops, int depth = 0) const {
    if (depth > kMaxPlanDepth) return {};
    const double startup = NumberAt(node, "Startup Cost"), total = NumberAt(node, "Total Cost");
    Added added = Scan(node, loops);
    if (const auto plans = node.find("Plans"); plans != node.end() && plans->is_array()) {
      const double rows = plans->empty() ? 1 : std::max(1.0, NumberAt((*plans)[0], "Plan Rows"));
      for (Json& child : *plans) {
        if (!child.is_object()) continue;
        const double child_startup = NumberAt(child, "Startup Cost"), child_total = NumberAt(child, "Total Cost");
        const bool inner =
            TextAt(node, "Node Type") == "Nested Loop" && TextAt(child, "Parent Relationship") == "Inner";
        const Added below = Node(child, inner ? loops * rows : loops, depth + 1);
        if (below.total == 0) continue;
        if (inner) {
          added.startup += below.startup;
          added.total += below.total * std::clamp(total / std::max(child_total, 0.01), 1.0, rows);
          continue;
        }
        // All of it before the first row, or as much of it as the node reads.
        const double read = std::clamp((total - child_startup) / std::max(child_total - child_startup, 0.01), 0.0, 1.0);
        const double most = below.startup + (below.total - below.startup) * read;
        added.startup += startup >= child_total ? below.total : below.startup;
        added.total += most;
      }
    }
    if (added.total == 0) return added;
    node["Startup Cost"] = Cents(std::max(0.0, startup + added.startup));
    node["Total Cost"] = Cents(std::max(startup + added.startup, total + added.total));
    return added;
  }

 private:
  Added Scan(const Json& node, double loops) const {
    const std::string type = TextAt(node, "Node Type"), index = TextAt(node, "Index Name");
    const auto tree = std::ranges::find(trees_, index, &SupposedTree::name);
    if (index.empty() || tree == trees_.end()) return {};
    const double descent = kDescentOperations * prices_.operation * (tree->levels + 1);
    const double total =
        descent + PagesCost(node, tree->pages, *tree, loops) - PagesCost(node, tree->supposed_pages, *tree, loops);
    return {.startup = type == "Bitmap Index Scan" ? 0 : descent, .total = total};
  }

  // Of reading the leaves, if the tree had so many pages; 0 where the plan does not say how many rows it reads there.
  double PagesCost(const Json& node, double pages, const SupposedTree& tree, double loops) const {
    double share = 1;
    if (node.contains("Index Cond")) {
      const auto parallel = node.find("Parallel Aware");
      if (node.contains("Filter") || (parallel != node.end() && *parallel == true)) return 0;
      share = std::min(1.0, NumberAt(node, "Plan Rows") / std::max(tree.rows, 1.0));
    }
    const double read = std::max(1.0, std::ceil(share * pages));
    return prices_.random_page * (loops > 1 ? std::ceil(PagesFetched(read * loops, pages)) / loops : read);
  }

  std::span<const SupposedTree> trees_;
  const Prices& prices_;
};

}  // namespace

void CorrectCost(PlannedCost& cost, std::span<const SupposedTree> trees, const Prices& prices) {
  Json plans = Json::parse(cost.plan_json, nullptr, false);
  if (!plans.is_array()) return;
  const Correction correction(trees, prices);
  for (Json& query : plans) {
    if (!query.is_object() || !query.contains("Plan") || !query["Plan"].is_object()) continue;
    const double before = NumberAt(query["Plan"], "Total Cost");
    correction.Node(query["Plan"], 1);
    cost.total_cost += NumberAt(query["Plan"], "Total Cost") - before;
  }
  cost.plan_json = plans.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pgassay::catalog
