// Rule missing-index: statements that an index would serve, and nothing like it exists.
//
//   SELECT … FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT 10      reads all of orders, sorts, keeps 10
//   CREATE INDEX … ON orders (user_id, created_at)                                 reads ten entries, in order
//
// Candidates, their cost and the choice among them are the advisor's. Costs are modelled from the catalogue's
// statistics, or the planner's where the recorder could try the index; on tables so small that a cost says nothing, the
// index is a hint by structure alone. Guards: tables of a few rows; statements of set-up and migrations; what the
// writes of the recording would pay for it; indexes that the planner would not take.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analyzer/advisor/advice.h"
#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/plans.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"
#include "analyzer/sql/select_list.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 100, "tables that are known to have fewer rows are left alone"},
    OptionInfo{"min_share", 0.01, "of the modelled cost of all statements, that an index has to save"},
    OptionInfo{"min_executions", 5,
               "executions that it has to serve where the table is so small that cost says nothing"},
    OptionInfo{"budget_mb", 0, "megabytes that all advised indexes may take together; 0: any"},
};

constexpr RuleInfo kInfo = {
    .id = "missing-index",
    .name = "Index",
    .summary = "statements read far more than they return, and an index would serve them",
    .picture =
        "  SELECT … WHERE user_id = $1 ORDER BY created_at LIMIT 10   reads all of orders\n"
        "  CREATE INDEX … ON orders (user_id, created_at)             reads ten entries",
    .problem =
        "No index of the table answers what the statements ask, so each execution reads rows that it throws away. The "
        "index is chosen over the whole recording: what it saves, weighted by executions, minus what the writes of the "
        "recording would pay for it. Costs are modelled from the catalogue's statistics; where HypoPG is in the "
        "database, or --sandbox said that it is nobody's, the recorder asked the planner, and an index that it does "
        "not take is not advised. On tables that are small here, cost says nothing: the advice is structural then, and "
        "a hint.",
    .solution =
        "Create the index as printed, outside of a transaction. Look at the plan of the statement before and after.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

std::string Cost(double cost) { return cost < 10 ? fmt::format("{:.1f}", cost) : Count(Rounded(cost)); }

std::string Megabytes(double bytes) { return Bytes(static_cast<uint64_t>(std::max(bytes, 0.0))); }

std::string Shortened(const std::string& sql) {
  constexpr size_t kLongestList = 40;
  const auto list = sql::FindSelectList(sql);
  return list && list->end - list->begin > kLongestList ? sql::WithSelectList(sql, *list, "…") : sql;
}

std::string ColumnNames(const catalog::Relation& relation, const std::vector<int16_t>& columns) {
  std::string names;
  for (const int16_t number : columns) {
    const catalog::Column* column = catalog::FindColumn(relation, number);
    if (column != nullptr) names += (names.empty() ? "" : ", ") + column->name;
  }
  return names;
}

class IndexFinding {
 public:
  IndexFinding(const TraceView& view, const catalog::Snapshot& snapshot, const advisor::NewIndex& index)
      : view_(view), snapshot_(snapshot), index_(index), relation_(*index.candidate.relation) {}

  Finding Make() const {
    Finding finding;
    const std::string subject = IndexSubject(index_.candidate.spec, relation_);
    Identify(finding, kInfo.id, SchemaId(kInfo.id, subject));
    finding.relation = relation_.name;
    finding.title = subject;
    const Use use = Served();
    FillUse(finding, view_, use, false);
    const trace::StatementRow* first = view_.Statement(index_.helped.front().statement->statement_id);
    finding.statement = TextOf(*first);
    Judge(finding);
    finding.summary =
        fmt::format("{} on {} cost {} in all, and {} with an index on {}. Create it.", Counted(use.calls, "execution"),
                    relation_.name, Cost(Sum(&advisor::Helped::cost_before)), Cost(Sum(&advisor::Helped::cost_after)),
                    subject.substr(relation_.name.size() + 1));
    AddStatements(finding);
    AddPlanOfToday(finding);
    AddPlans(finding);
    AddSizes(finding);
    AddWrites(finding);
    AddHow(finding);
    finding.fix = IndexFix(snapshot_, relation_, index_.candidate.spec, SenderOf(view_, use));
    finding.fix.advice = "Create the index outside of a transaction.";
    return finding;
  }

 private:
  Use Served() const {
    Use use;
    for (const advisor::Helped& helped : index_.helped) {
      use.statements.push_back(view_.Statement(helped.statement->statement_id));
      use.calls += helped.statement->calls;
    }
    return use;
  }

  double Sum(double advisor::Helped::* cost) const {
    double sum = 0;
    for (const advisor::Helped& helped : index_.helped) sum += helped.calls * helped.*cost;
    return sum;
  }

  // Time is expected to shrink as cost does; on a small table nobody knows.
  void Judge(Finding& finding) const {
    constexpr int64_t kMs = 1'000'000;
    finding.wasted_ns = 0;
    finding.confidence = Confidence::kHint;
    finding.severity = Severity::kInfo;
    if (index_.how == advisor::How::kStructural) return;
    finding.confidence = Confidence::kLikely;
    const double before = Sum(&advisor::Helped::cost_before), after = Sum(&advisor::Helped::cost_after);
    finding.wasted_ns =
        static_cast<int64_t>(static_cast<double>(finding.database_ns) * std::max(before - after, 0.0) / before);
    const int64_t per_unit = finding.wasted_ns / static_cast<int64_t>(std::max<uint64_t>(finding.units, 1));
    if (per_unit >= 2 * kMs || finding.wasted_ns >= 100 * kMs) finding.severity = Severity::kWarning;
  }

  void AddStatements(Finding& finding) const {
    constexpr size_t kShown = 3;
    for (size_t i = 0; i < std::min(kShown, index_.helped.size()); ++i) {
      const advisor::Helped& helped = index_.helped[i];
      const std::string what = i == 0 ? std::string("the statement") : Shortened(helped.statement->sql);
      finding.evidence.push_back(
          {fmt::format("{}, {}: cost {} -> {} each", what, Counted(helped.statement->calls, "time"),
                       Cost(helped.cost_before), Cost(helped.cost_after)),
           {{"executions", helped.calls}, {"cost_before", helped.cost_before}, {"cost_after", helped.cost_after}}});
    }
    if (index_.helped.size() > kShown)
      finding.evidence.push_back(
          {fmt::format("and {}", Counted(index_.helped.size() - kShown, "other statement")), {}});
    finding.evidence.push_back({fmt::format("{} of the cost of all statements{}", Percent(index_.share),
                                            index_.how == advisor::How::kStructural ? ", at today's sizes" : ""),
                                {{"share", index_.share}}});
  }

  // What the planner said of the statement, where it could not be asked about the index. A cost of 0 says nothing: it
  // was of a table of another size.
  void AddPlanOfToday(Finding& finding) const {
    if (index_.how != advisor::How::kModelled) return;
    const auto plan = PlanOf(view_, snapshot_, index_.helped.front().statement->statement_id);
    const double cost = plan ? plan->row->total_cost : 0;
    if (cost <= 0) return;
    finding.evidence.push_back(
        {fmt::format("the planner's cost today is {}{}: {}", Cost(cost),
                     plan->row->executions > 1 ? fmt::format(", the mean of {}", plan->row->executions) : "",
                     plan->row->how),
         {{"planned_cost", cost}}});
  }

  void AddSizes(Finding& finding) const {
    const advisor::TableSize size = advisor::SizeOf(snapshot_, relation_);
    const auto bytes = static_cast<double>(index_.candidate.bytes);
    finding.evidence.push_back(
        {size.known ? fmt::format("the index would take about {}, the table has {}", Megabytes(bytes),
                                  Megabytes(size.pages * 8192))
                    : fmt::format("{} was never analysed: the size of the index is not known", relation_.name),
         {{"bytes", bytes}}});
    for (const Table& table : JudgedTables(snapshot_)) {
      if (table.relation->oid != relation_.oid || table.schemas < 2) continue;
      finding.evidence.push_back({fmt::format("the table stands in {} schemas", table.schemas),
                                  {{"schemas", static_cast<double>(table.schemas)}}});
    }
  }

  void AddWrites(Finding& finding) const {
    const advisor::WriteCost& writes = index_.writes;
    if (writes.entries <= 0) {
      finding.evidence.push_back({"the recording writes nothing that the index would have to follow", {}});
      return;
    }
    finding.evidence.push_back(
        {fmt::format("writes of the recording would pay {}: cost {}, about {} of WAL",
                     Counted(static_cast<uint64_t>(writes.entries), "index entry"), Cost(writes.cost),
                     Megabytes(writes.wal_bytes)),
         {{"entries", writes.entries}, {"write_cost", writes.cost}, {"wal_bytes", writes.wal_bytes}}});
    if (writes.hot_updates_lost >= 1)
      finding.evidence.push_back({fmt::format("{} that may be heap-only today would no longer be",
                                              Counted(static_cast<uint64_t>(writes.hot_updates_lost), "updated row")),
                                  {{"hot_updates_lost", writes.hot_updates_lost}}});
    if (!writes.updated.empty())
      finding.evidence.push_back({fmt::format("often updated: {}", ColumnNames(relation_, writes.updated)), {}});
  }

  void AddPlans(Finding& finding) const {
    for (const advisor::Helped& helped : index_.helped) {
      const trace::TrialRow* trial = helped.trial;
      if (trial == nullptr || !trial->problem.empty() || !trial->used) continue;
      PlanChange& change = finding.plan_changes.emplace_back();
      change.statement = TextOf(*view_.Statement(helped.statement->statement_id));
      change.how = fmt::format("{}{}: {}", trace::TrialKindName(trial->kind),
                               trial->structural ? ", with sequential scans switched off" : "", trial->how);
      change.plan_before = trial->plan_before;
      change.plan_after = trial->plan_after;
      change.cost_before = trial->cost_before;
      change.cost_after = trial->cost_after;
    }
  }

  void AddHow(Finding& finding) const { finding.evidence.push_back({HowText(finding.plan_changes.size()), {}}); }

  std::string HowText(size_t tried) const {
    const std::string statements = Counted(tried, "statement");
    switch (index_.how) {
      case advisor::How::kBuilt:
        return fmt::format(
            "built: it was made in a transaction that was rolled back, and the planner takes it for {} of {}",
            statements, index_.helped.size());
      case advisor::How::kHypothetical:
        return fmt::format(
            "hypothetical: HypoPG told the planner of it, who takes it for {} of {}{}{}", statements,
            index_.helped.size(), IsGeneric() ? ", by generic plans" : "",
            HasTrialCosts() ? "" : "; it has no statistics of the expression yet, so costs are modelled");
      case advisor::How::kModelled:
        return "modelled: costs are computed from the catalogue's statistics; " + Unconfirmed();
      case advisor::How::kStructural:
        break;
    }
    const advisor::TableSize size = advisor::SizeOf(snapshot_, relation_);
    return fmt::format("structural: {}; costs are those of {}{}",
                       size.known ? fmt::format("with {} here, {} is too small for a cost to say anything",
                                                Counted(static_cast<uint64_t>(size.pages), "page"), relation_.name)
                                  : fmt::format("nothing is known of the size of {}", relation_.name),
                       Counted(static_cast<uint64_t>(advisor::kGrownPages), "page"),
                       tried == 0
                           ? "; " + Unconfirmed()
                           : fmt::format(". With sequential scans switched off the planner takes it for {} of {}",
                                         statements, index_.helped.size()));
  }

  bool HasTrialCosts() const {
    return std::ranges::any_of(index_.helped, [&](const advisor::Helped& helped) {
      return helped.trial != nullptr && advisor::Trials::HasCosts(*helped.trial, index_.candidate);
    });
  }

  // No trial had an execution's values.
  bool IsGeneric() const {
    return std::ranges::all_of(index_.helped, [](const advisor::Helped& helped) {
      return helped.trial == nullptr || !helped.trial->used || helped.trial->executions == 0;
    });
  }

  // Why no server said it.
  std::string Unconfirmed() const {
    for (const advisor::Helped& helped : index_.helped) {
      if (helped.trial != nullptr && !helped.trial->problem.empty())
        return fmt::format("the planner could not be asked: {}", helped.trial->problem);
    }
    const std::string& method = index_.candidate.spec.access_method;
    if (std::ranges::find(snapshot_.extensions, "hypopg") == snapshot_.extensions.end())
      return "HypoPG is not in this database, so the planner could not be asked";
    if (method == "gin") return "HypoPG knows no GIN index, so the planner could not be asked";
    return "no plan with it was asked for";
  }

  const TraceView& view_;
  const catalog::Snapshot& snapshot_;
  const advisor::NewIndex& index_;
  const catalog::Relation& relation_;
};

std::vector<Finding> DetectMissingIndex(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  if (view.catalogs.empty()) return findings;
  const std::vector<trace::StatementRow> statements = JudgedStatements(view);
  advisor::AdviceOptions wanted;
  wanted.min_rows = OptionValue(kInfo, options, "min_rows");
  wanted.min_executions = OptionValue(kInfo, options, "min_executions");
  wanted.selection.min_workload_share = OptionValue(kInfo, options, "min_share");
  if (const double budget = OptionValue(kInfo, options, "budget_mb"); budget > 0)
    wanted.selection.budget_bytes = std::llround(budget * 1e6);
  for (const catalog::Snapshot& snapshot : view.catalogs) {
    wanted.trials = view.trials;
    const advisor::Workload workload = advisor::MakeWorkload(statements, view.slots, snapshot, view.plans);
    const advisor::Advice advice = advisor::Advise(workload, advisor::MakePageCostModel, wanted);
    for (const advisor::NewIndex& index : advice.create) {
      Finding finding = IndexFinding(view, snapshot, index).Make();
      const bool by_cost = index.how != advisor::How::kStructural;
      if (by_cost || static_cast<double>(finding.executions) >= wanted.min_executions)
        findings.push_back(std::move(finding));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kMissingIndex = {&kInfo, DetectMissingIndex};

}  // namespace pgassay::detectors
