// What HypoPG leaves out of a plan's costs. It tells the planner of a B-tree without levels, so that a descent costs
// nothing, and of a size without root and metapage, without deduplication and with a fifth to spare. Here the plan's
// costs become those of the B-tree that would be built: of each scan of it, and of every node above, as far as that
// node reads it. A list of values counts as one descent, and so does a subplan, whose runs the plan does not say.
// Source: HypoPG 1.3, hypo_estimate_index; selfuncs.c, btcostestimate and genericcostestimate. Pure.
#pragma once

#include <span>
#include <string>

#include "analyzer/catalog/planner.h"
#include "analyzer/catalog/planner_costs.h"

namespace pgassay::catalog {

struct SupposedTree {
  std::string name = {};         // as the plan has it
  double pages = 0, levels = 0;  // that it would have; levels: above the leaves
  double rows = 0;               // that are in it
  double supposed_pages = 0;     // as HypoPG has it
};

// Changes `cost`'s plan and total. A plan that cannot be read stays as it is.
void CorrectCost(PlannedCost& cost, std::span<const SupposedTree> trees, const Prices& prices);

}  // namespace pgassay::catalog
