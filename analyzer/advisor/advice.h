// The advisor's door: statements, what is known of their values, a catalogue snapshot and a cost model in; indexes to
// create and to drop out. Pure but for the cost model. The same input gives the same advice. Borrows the workload.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/advisor/candidate.h"
#include "analyzer/advisor/cost_model.h"
#include "analyzer/advisor/drops.h"
#include "analyzer/advisor/selection.h"
#include "analyzer/advisor/trials.h"
#include "analyzer/advisor/write_cost.h"

namespace pgassay::advisor {

struct Helped {
  const trace::StatementRow* statement = nullptr;
  double calls = 0, cost_before = 0, cost_after = 0;  // planner's units, of one execution
  double of_today = 1;                                // of the costs, at today's sizes
  const trace::TrialRow* trial = nullptr;             // costs are the trial's, where it has some (trials.h)
};

struct NewIndex {
  Candidate candidate;           // its spec has a name
  std::vector<std::string> ddl;  // statements, in order
  std::vector<std::pair<std::string, std::string>> declarations;
  std::vector<Helped> helped;  // most saved first, without it beside the other advice
  double saved = 0;            // weighted cost, writes taken off
  double share = 0;            // of the cost of the whole workload, both at today's sizes
  WriteCost writes;
  How how = How::kModelled;
};

struct Advice {
  std::vector<NewIndex> create;  // most saved first
  std::vector<Drop> drop;
  std::vector<BareForeignKey> foreign_keys;  // that no index of `create` serves; their specs have names
  double cost_before = 0, cost_after = 0;    // of the workload, writes not counted
  uint64_t plans = 0;
};

// Makes the cost model once the candidates are known.
using ModelMaker = std::function<std::unique_ptr<CostModel>(const Workload&, std::span<const Candidate>)>;

struct AdviceOptions {
  SelectionOptions selection = {};
  double min_rows = 100;                         // tables that are known to have fewer are left alone
  double min_executions = 5;                     // that an index has to serve on a small table
  std::span<const trace::TrialRow> trials = {};  // what a server said; others' databases are passed over
};

Advice Advise(const Workload& workload, const ModelMaker& make_model, const AdviceOptions& options);

}  // namespace pgassay::advisor
