// Rule query-in-loop: one SELECT per value, and no result on the wire that the values came from.
//
//   SELECT * FROM orders WHERE user_id = 17     the values 17, 4, 92, … are in no earlier result of the unit:
//   SELECT * FROM orders WHERE user_id = 4      they came from a cache, a file, a queue or the request
//   SELECT * FROM orders WHERE user_id = 92
//
// Reads UnitStatement: executions whose value no earlier result column claims. Where one does, the rule n-plus-one
// judges.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/words.h"
#include "analyzer/sql/batch_sql.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_executions", 10, "executions in one unit of work from which a loop is reported"},
    OptionInfo{"min_distinct_share", 0.95, "share of them that must have a value of their own"},
    OptionInfo{
        "max_gap_ms", 20,
        "between two executions, in units of work that only idle gaps tell apart; 5 x the median duration if longer"},
};

constexpr RuleInfo kInfo = {
    .id = "query-in-loop",
    .name = "Loop",
    .summary = "one query per value, where the values came from is not on the wire",
    .picture =
        "  for id in ids:                 SELECT … FROM orders WHERE user_id = $1\n"
        "      load orders of id          SELECT … FROM orders WHERE user_id = $1\n"
        "                                 SELECT … FROM orders WHERE user_id = $1",
    .problem =
        "The same SELECT ran once for each of many values within one unit of work. Each execution pays a round trip, "
        "and the "
        "server plans and looks up each value alone. Unlike an N+1, no earlier result held the values: they came from "
        "a cache, "
        "a file, a message or the request itself, so the proof of a parent is missing and the finding is at most "
        "likely.",
    .solution =
        "Collect the values first and fetch all rows in one query: column = ANY($1) with an array. Group the rows by "
        "that column "
        "in the application. For very many values go in batches of about a thousand.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
};

// The comparison that the values go into: the first equality with a slot, as an index; -1 if there is none.
int LoopComparison(const sql::Facts& facts) {
  for (size_t i = 0; i < facts.comparisons.size(); ++i) {
    const sql::Comparison& comparison = facts.comparisons[i];
    if (comparison.comparator == sql::Comparator::kEqual && comparison.slot >= 0) return static_cast<int>(i);
  }
  return -1;
}

// From so many executions without a pause on, a unit that only pauses cut may as well be a busy connection: a load
// test, a worker.
constexpr uint64_t kStream = 1'000;

bool IsLoop(const lineage::UnitStatement& row, const lineage::Unit& unit, const Options& options) {
  const auto unclaimed = static_cast<double>(row.unclaimed);
  if (unclaimed < OptionValue(kInfo, options, "min_executions")) return false;
  if (static_cast<double>(row.unclaimed_distinct) < OptionValue(kInfo, options, "min_distinct_share") * unclaimed)
    return false;
  if (row.batches * 2 > row.calls || row.errors > 0) return false;  // already in batches; a retry
  if (!IsCutByTime(unit)) return true;
  const auto limit_ns =
      std::max(OptionValue(kInfo, options, "max_gap_ms") * 1e6, 5.0 * static_cast<double>(row.median_ns));
  return static_cast<double>(row.gap_p90_ns) < limit_ns;
}

Finding MakeFinding(const trace::StatementRow& statement, const std::vector<const lineage::UnitStatement*>& rows,
                    const TraceView& view) {
  Finding finding;
  Occurrences occurrences(view);
  uint64_t distinct = 0, most = 0;
  double database_ns = 0;
  bool bounded = false;  // a unit with a boundary of its own
  for (const lineage::UnitStatement* row : rows) {
    bounded = bounded || !IsCutByTime(*view.Unit(row->unit_id));
    occurrences.Add(row->unit_id, row->unclaimed);
    finding.executions += row->unclaimed;
    distinct += row->unclaimed_distinct;
    most = std::max(most, row->unclaimed);
    database_ns +=
        static_cast<double>(row->database_ns) * static_cast<double>(row->unclaimed) / static_cast<double>(row->calls);
  }
  const int comparison = LoopComparison(statement.facts);
  const sql::ColumnRef& column = statement.facts.comparisons[static_cast<size_t>(comparison)].column;
  const std::string relation = RelationOf(statement.facts, column);
  const std::string name = relation.empty() ? column.column : relation + "." + column.column;
  Identify(finding, kInfo.id, SkeletonId(kInfo.id, statement));
  finding.statement = TextOf(statement);
  finding.relation =
      relation.empty() && !statement.facts.relations.empty() ? statement.facts.relations[0].name : relation;
  finding.database_ns = static_cast<int64_t>(database_ns);
  finding.round_trips_saved = finding.executions - rows.size();
  occurrences.Fill(finding, statement.statement_id);
  finding.confidence = bounded || most < kStream ? Confidence::kLikely : Confidence::kHint;
  finding.title = fmt::format("{}, one value at a time", name);
  finding.summary = fmt::format(
      "SELECT on {} ran {} times in {}, each time for another value of {} ({}). Fetch the rows in one query: "
      "{} = ANY($1).",
      RelationsText(statement.facts), Count(finding.executions), Counted(finding.units, "unit"), name,
      Duration(finding.database_ns), column.column);
  finding.evidence.push_back(
      {finding.units == 1
           ? fmt::format("{} executions with {} different values of {}", Count(finding.executions), Count(distinct),
                         name)
           : fmt::format("up to {} executions in one unit, nearly each with its own value of {}", Count(most), name),
       {{"executions", static_cast<double>(finding.executions)},
        {"distinct_values", static_cast<double>(distinct)},
        {"max_in_unit", static_cast<double>(most)}}});
  finding.evidence.push_back({"none of these values was in an earlier result: they came from elsewhere", {}});
  finding.fix.sql = sql::BatchedSql(statement.sql, statement.facts, comparison);
  finding.fix.advice = fmt::format("Collect the values and fetch the rows in one query: {} = ANY($1).", column.column);
  return finding;
}

std::vector<Finding> DetectQueryInLoop(const TraceView& view, const Options& options) {
  std::map<int64_t, std::vector<const lineage::UnitStatement*>> loops;
  for (const lineage::UnitStatement& row : view.unit_statements) {
    const trace::StatementRow* statement = view.Statement(row.statement_id);
    const lineage::Unit* unit = view.Unit(row.unit_id);
    if (statement == nullptr || unit == nullptr || !IsJudged(*unit)) continue;
    if (!IsApplicationRead(*statement) || LoopComparison(statement->facts) < 0 || !IsLoop(row, *unit, options))
      continue;
    loops[row.statement_id].push_back(&row);
  }
  std::vector<Finding> findings;
  findings.reserve(loops.size());
  for (const auto& [statement_id, rows] : loops)
    findings.push_back(MakeFinding(*view.Statement(statement_id), rows, view));
  return findings;
}

}  // namespace

constinit const Detector kQueryInLoop = {&kInfo, DetectQueryInLoop};

}  // namespace pgassay::detectors
