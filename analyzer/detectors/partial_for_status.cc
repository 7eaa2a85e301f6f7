// Rule partial-for-status: many statements ask for the few rows in one state, and read past all the others.
//
//   SELECT … FROM jobs WHERE status = 'pending' ORDER BY due LIMIT 10     1 % of the rows, most of the calls
//   CREATE INDEX … ON jobs (due) WHERE status = 'pending'                 has the few rows alone, in order
//
// From slot facts: one value in nearly every execution, and by the server's statistics few rows have it. The index is
// the advisor's. Guards: an index that leads with the column or has it in its predicate; statements that another,
// selective index serves; a value that arrives as a parameter of a named statement, for which the server may make a
// plan without knowing the value: then no index is printed, but what to do first.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyzer/advisor/advice.h"
#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 1000, "rows from which a table is judged"},
    OptionInfo{"min_executions", 10, "executions that ask for the value"},
    OptionInfo{"max_share", 0.1, "of the rows that may have the value"},
    OptionInfo{"min_calls", 0.3, "of the reads of the table that ask for it"},
};

constexpr RuleInfo kInfo = {
    .id = "partial-for-status",
    .name = "Status",
    .summary = "many statements ask for the few rows in one state, without a partial index",
    .picture =
        "  SELECT … WHERE status = 'pending' ORDER BY due LIMIT 10   1 % of the rows\n"
        "  CREATE INDEX … ON jobs (due) WHERE status = 'pending'     has them alone",
    .problem =
        "Most reads of the table ask for one state that few rows are in. Without an index they read past all the rows "
        "in other states, and an index on the whole table holds mostly rows that nobody asks for. A partial index has "
        "the few alone, so it is small, stays in memory and is not touched by rows in other states.",
    .solution =
        "Create the partial index as printed. Its predicate must stand in the statement as a literal: a plan that was "
        "made before a parameter's value is known cannot use it.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

constexpr double kOneValue = 0.95;  // of the executions

bool AlwaysOneValue(const trace::SlotRow& slot) {
  return slot.executions > 0 &&
         static_cast<double>(slot.top_executions) >= kOneValue * static_cast<double>(slot.executions);
}

bool HasIndexWith(const Table& table, const catalog::Column& column) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    return index->valid && ((!index->keys.empty() && index->keys.front().attnum == column.attnum) ||
                            index->predicate.contains(column.name));
  });
}

// Statements that compare the column with one value that few rows have.
struct Asked {
  Use use = {};
  double share = 0;  // of the rows
  bool literal = true;
};

class Status {
 public:
  Status(const TraceView& view, const Options& options) : view_(view), options_(options) {}

  std::vector<Finding> Of(const Table& table, const advisor::Advice& advice) const {
    std::vector<Finding> findings;
    if (table.relation->rows < Option("min_rows")) return findings;
    const Use reads = UseOf(view_, [&](const trace::StatementRow& statement) {
      return IsApplicationRead(statement) && Names(statement, table.relation->name);
    });
    for (const auto& [attnum, asked] : AskedOf(table, reads)) {
      const auto calls = static_cast<double>(asked.use.calls);
      if (calls < Option("min_executions") || calls < Option("min_calls") * static_cast<double>(reads.calls)) continue;
      const catalog::Column& column = *table.Column(attnum);
      const catalog::IndexSpec* spec = AdvisedOn(table, column, advice);
      if (asked.literal && spec == nullptr) continue;  // it would not pay
      findings.push_back(MakeFinding(table, column, asked, reads.calls, asked.literal ? spec : nullptr));
    }
    return findings;
  }

 private:
  double Option(std::string_view name) const { return OptionValue(kInfo, options_, name); }

  const trace::SlotRow* Slot(int64_t statement_id, int slot) const {
    const auto found = std::ranges::find_if(
        view_.slots, [&](const trace::SlotRow& row) { return row.statement_id == statement_id && row.slot == slot; });
    return found == view_.slots.end() ? nullptr : &*found;
  }

  std::map<int16_t, Asked> AskedOf(const Table& table, const Use& reads) const {
    std::map<int16_t, Asked> by_column;
    for (const trace::StatementRow* statement : reads.statements) {
      if (IsServedBySelectiveIndex(table, *statement)) continue;
      for (const sql::Comparison& comparison : statement->facts.comparisons) {
        const bool equal = comparison.conjunct && comparison.comparator == sql::Comparator::kEqual &&
                           comparison.function.empty() && comparison.slot >= 0;
        if (!equal || RelationOf(statement->facts, comparison.column) != table.relation->name) continue;
        const catalog::Column* column = table.Column(comparison.column.column);
        const trace::SlotRow* slot = Slot(statement->statement_id, comparison.slot);
        if (column == nullptr || slot == nullptr || !AlwaysOneValue(*slot)) continue;
        if (slot->share <= 0 || slot->share > Option("max_share") || HasIndexWith(table, *column)) continue;
        const bool literal = slot->literals == slot->executions;
        if (!literal && slot->named == 0) continue;  // planned with its value each time, and the value was not kept
        Asked& asked = by_column[column->attnum];
        asked.use.statements.push_back(statement);
        asked.use.calls += CallsOf(view_, *statement);
        asked.share = std::max(asked.share, slot->share);
        asked.literal = asked.literal && literal;
      }
    }
    return by_column;
  }

  static const catalog::IndexSpec* AdvisedOn(const Table& table, const catalog::Column& column,
                                             const advisor::Advice& advice) {
    const std::string begins = catalog::QuoteIdentifier(column.name) + " = ";
    for (const advisor::NewIndex& index : advice.create) {
      const catalog::IndexSpec& spec = index.candidate.spec;
      if (spec.relation_oid == table.relation->oid && spec.predicate.starts_with(begins)) return &spec;
    }
    return nullptr;
  }

  Finding MakeFinding(const Table& table, const catalog::Column& column, const Asked& asked, uint64_t reads,
                      const catalog::IndexSpec* spec) const {
    Finding finding = SchemaFinding(kInfo, table, {column.name});
    FillUse(finding, view_, asked.use, true);
    finding.confidence = spec != nullptr ? Confidence::kLikely : Confidence::kHint;
    finding.severity = spec != nullptr ? Severity::kWarning : Severity::kInfo;
    const double calls = static_cast<double>(asked.use.calls) / static_cast<double>(reads);
    finding.summary = fmt::format("{} of the reads of {} ask for one value of {} that {} of the rows have. {}",
                                  Percent(calls), table.relation->name, column.name, Percent(asked.share),
                                  spec != nullptr ? "Create a partial index." : "Write the value into the SQL.");
    finding.evidence.push_back(
        {fmt::format("asked for in {} of {} of the table", Count(asked.use.calls), Counted(reads, "read")),
         {{"executions", static_cast<double>(asked.use.calls)}, {"share_of_reads", calls}}});
    finding.evidence.push_back({fmt::format("{} of the rows have it, by the server's statistics", Percent(asked.share)),
                                {{"share_of_rows", asked.share}}});
    if (spec == nullptr) {
      finding.evidence.push_back(
          {"the value arrives as a parameter of a named prepared statement: a plan made without it cannot use a "
           "partial index",
           {}});
      finding.fix.advice =
          fmt::format("Write the value of {} into the SQL; then a partial index on it serves.", column.name);
      return finding;
    }
    finding.fix = IndexFix(*table.snapshot, *table.relation, *spec, SenderOf(view_, asked.use));
    finding.fix.advice = "Create the index outside of a transaction.";
    return finding;
  }

  const TraceView& view_;
  const Options& options_;
};

std::vector<Finding> DetectPartialForStatus(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  if (view.slots.empty()) return findings;
  const std::vector<trace::StatementRow> statements = JudgedStatements(view);
  const Status status(view, options);
  for (const catalog::Snapshot& snapshot : view.catalogs) {
    const advisor::Workload workload = advisor::MakeWorkload(statements, view.slots, snapshot, view.plans);
    const advisor::Advice advice = advisor::Advise(workload, advisor::MakePageCostModel, {.trials = view.trials});
    for (const Table& table : JudgedTables(snapshot)) {
      std::ranges::move(status.Of(table, advice), std::back_inserter(findings));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kPartialForStatus = {&kInfo, DetectPartialForStatus};

}  // namespace pgassay::detectors
