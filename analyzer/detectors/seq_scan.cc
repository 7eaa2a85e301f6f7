// Rule seq-scan: a table that is read whole for a few of its rows, because no index could serve the condition.
//
//   SELECT … FROM orders WHERE user_id = $1
//     Seq Scan on orders                          and the same with enable_seqscan = off: no index serves it
//
// By the structural test: the planner, forbidden to scan sequentially, still does. So it says the same of ten rows and
// of ten million, and a gate on a small test database may use it (min_rows = 0); by default only tables are judged that
// are not small where it ran. Guards: few executions; a condition that lets much through; conditions that compare no
// bare column; a column that an index already leads with, for then something else keeps it from being used
// (implicit-cast, function-on-column).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/plans.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 1000, "rows from which a table is judged; 0 where test tables are small"},
    OptionInfo{"min_executions", 5, "executions of the statement"},
    OptionInfo{"max_share", 0.1, "share of the table's rows that the condition lets through, at most"},
};

constexpr RuleInfo kInfo = {
    .id = "seq-scan",
    .name = "Seq scan",
    .summary = "a table is read whole for a few of its rows, and no index could serve the condition",
    .picture =
        "  SELECT … FROM orders WHERE user_id = $1\n"
        "    Seq Scan on orders        also with enable_seqscan = off: none serves it",
    .problem =
        "Every execution reads all rows of the table and throws most of them away. The planner was asked again with "
        "sequential scans switched off, and still had to: there is no index that it could use. The price grows with "
        "the table, so that a small development database hides it.",
    .solution =
        "Create an index that leads with the compared columns. On a table that stays small for good, leave it: "
        "raise min_rows. The rule is off by default, because missing-index advises the same with its price; it is made "
        "for gates: [rules.seq-scan] enabled = 1, min_rows = 0 and the gate's policy.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
    .enabled_by_default = false,  // missing-index says what to create, and what it costs
};

// Equality first, then one range: as an index would have them. None where one of them leads an index already.
std::vector<int16_t> KeyOf(const Table& table, const trace::StatementRow& statement) {
  std::vector<int16_t> equal, range;
  for (const sql::Comparison& comparison : statement.facts.comparisons) {
    if (!ComparesBareColumn(comparison) || comparison.subquery_depth > 0) continue;
    if (RelationOf(statement.facts, comparison.column) != table.relation->name) continue;
    const catalog::Column* column = table.Column(comparison.column.column);
    if (column == nullptr) continue;
    if (HasIndexLeadingWith(table, std::array{column->attnum})) return {};
    auto& columns = comparison.comparator == sql::Comparator::kRange ? range : equal;
    if (std::ranges::find(columns, column->attnum) == columns.end()) columns.push_back(column->attnum);
  }
  if (!range.empty() && std::ranges::find(equal, range[0]) == equal.end()) equal.push_back(range[0]);
  return equal;
}

Finding MakeFinding(const TraceView& view, const Table& table, const std::vector<int16_t>& key,
                    const PlannedUse& found) {
  std::vector<std::string_view> names;
  std::vector<catalog::IndexKey> keys;
  for (const int16_t attnum : key) {
    names.push_back(table.Column(attnum)->name);
    keys.push_back({.attnum = attnum});
  }
  const std::string listed = fmt::format("{}", fmt::join(names, ", "));
  Finding finding = SchemaFinding(kInfo, table, {listed});
  FillUse(finding, view, found.use, true);
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  const double rows = table.relation->rows;
  finding.summary =
      fmt::format("{} ({}) is read whole by each of {} that compare {}, and no index could serve them.",
                  table.relation->name, rows < 0 ? "never analysed" : Counted(static_cast<uint64_t>(rows), "row"),
                  Counted(found.use.calls, "execution"), listed);
  finding.evidence.push_back({"with sequential scans switched off (enable_seqscan = off) the table is still read whole",
                              {{"executions", static_cast<double>(found.use.calls)}, {"rows", std::max(0.0, rows)}}});
  finding.evidence.push_back(PlanEvidence(table, found.plan, *FilteringScan(table, found.plan.plan)));
  finding.fix = NewIndexFix(*table.snapshot, *table.relation, {.keys = std::move(keys)}, SenderOf(view, found.use));
  finding.fix.advice = fmt::format("Create an index on {} ({}).", table.relation->name, listed);
  return finding;
}

std::vector<Finding> DetectSeqScan(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  if (view.plans.empty()) return findings;
  const double max_share = OptionValue(kInfo, options, "max_share");
  for (const Table& table : JudgedTables(view)) {
    const double rows = std::max(0.0, table.relation->rows);  // never analysed: as if empty
    if (rows < OptionValue(kInfo, options, "min_rows")) continue;
    std::map<std::vector<int16_t>, PlannedUse> by_key;
    for (const FrequentStatement& frequent :
         FrequentStatements(view, table, OptionValue(kInfo, options, "min_executions"))) {
      const std::vector<int16_t> key = KeyOf(table, *frequent.statement);
      if (key.empty()) continue;
      auto plan = UnservedPlanOf(view, table, frequent.statement->statement_id);
      if (!plan) continue;
      // What the planner expects of ten rows says nothing of how selective a condition is.
      constexpr double kTellingRows = 1000;
      if (rows >= kTellingRows && FilteringScan(table, plan->plan)->rows > max_share * rows) continue;
      by_key[key].Add(frequent, std::move(*plan));
    }
    for (const auto& [key, found] : by_key) findings.push_back(MakeFinding(view, table, key, found));
  }
  return findings;
}

}  // namespace

constinit const Detector kSeqScan = {&kInfo, DetectSeqScan};

}  // namespace pgassay::detectors
