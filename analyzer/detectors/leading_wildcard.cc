// Rule leading-wildcard: a pattern that begins with a wildcard, which no sorted index can answer.
//
//   index on users (email text_pattern_ops)
//   SELECT … FROM users WHERE email LIKE '%@example.org'      an index knows beginnings: every row is read
//
// By the plan, for the pattern itself is nowhere in the trace: an index leads with the column and is sorted as patterns
// need it, the statement was planned with its real values, and yet the planner, forbidden to scan sequentially, filters
// the whole table by LIKE. Then the pattern has no fixed beginning. Guards: small tables; few executions; ILIKE and
// patterns that are made of a column, which no such index serves whatever they begin with; no such index: whether one
// would serve cannot be told.
#include <fmt/format.h>

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
};

constexpr RuleInfo kInfo = {
    .id = "leading-wildcard",
    .name = "Wildcard",
    .summary = "a LIKE pattern begins with a wildcard, so that the column's index cannot answer",
    .picture =
        "  index on users (email text_pattern_ops)\n"
        "  SELECT … FROM users WHERE email LIKE '%@example.org'      every row is read",
    .problem =
        "A B-tree finds what begins with something. The pattern's beginning is open, so every row is read and compared "
        "with it, although the column has an index that serves patterns with a fixed beginning.",
    .solution =
        "Where the beginning is known, leave the first wildcard out. Where it is not, a trigram index (pg_trgm, GIN) "
        "finds the fixed part wherever it stands, from three characters on; for endings, an index on "
        "reverse(column) and a reversed pattern.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

// A B-tree that leads with the column and is sorted byte by byte.
bool HasPatternIndex(const Table& table, const catalog::Column& column) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    if (!LeadsWith(*index, std::array{column.attnum}) || index->access_method != "btree") return false;
    const catalog::IndexKey& key = index->keys.front();
    const bool by_bytes = key.collation.empty() ? column.collation_is_c : key.collation == "C";
    return by_bytes || key.operator_class.ends_with("_pattern_ops");
  });
}

// The column of the statement's only pattern; null if there is none, or several.
const catalog::Column* PatternColumn(const Table& table, const trace::StatementRow& statement) {
  const catalog::Column* found = nullptr;
  for (const sql::Comparison& comparison : statement.facts.comparisons) {
    if (comparison.comparator != sql::Comparator::kLike && comparison.comparator != sql::Comparator::kILike) continue;
    const bool plain = comparison.comparator == sql::Comparator::kLike && comparison.conjunct &&
                       comparison.function.empty() && comparison.slot >= 0 && comparison.operator_name == "~~";
    if (!plain || found != nullptr) return nullptr;
    if (RelationOf(statement.facts, comparison.column) != table.relation->name) return nullptr;
    found = table.Column(comparison.column.column);
  }
  return found;
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column, const PlannedUse& found) {
  Finding finding = SchemaFinding(kInfo, table, {column.name});
  FillUse(finding, view, found.use, true);
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  finding.summary = fmt::format(
      "{}.{} has an index for patterns, but {} search it with patterns of which at least one begins with a wildcard: "
      "every row is read.",
      table.relation->name, column.name, Counted(found.use.calls, "execution"));
  finding.evidence.push_back({fmt::format("with sequential scans switched off the index on {} still does not serve the "
                                          "pattern, so that it has no fixed beginning",
                                          column.name),
                              {{"executions", static_cast<double>(found.use.calls)}, {"rows", table.relation->rows}}});
  finding.evidence.push_back(PlanEvidence(table, found.plan, *FilteringScan(table, found.plan.plan)));
  finding.fix = NewIndexFix(*table.snapshot, *table.relation,
                            {.access_method = "gin",
                             .keys = {{.attnum = column.attnum, .operator_class = "gin_trgm_ops"}},
                             .extension = "pg_trgm"},
                            SenderOf(view, found.use));
  finding.fix.advice = "Leave the first wildcard out, or create a trigram index.";
  return finding;
}

std::vector<Finding> DetectLeadingWildcard(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  if (view.plans.empty()) return findings;
  for (const Table& table : JudgedTables(view)) {
    if (table.relation->rows < OptionValue(kInfo, options, "min_rows")) continue;
    std::map<int16_t, PlannedUse> by_column;
    for (const FrequentStatement& frequent :
         FrequentStatements(view, table, OptionValue(kInfo, options, "min_executions"))) {
      const catalog::Column* column = PatternColumn(table, *frequent.statement);
      if (column == nullptr || !HasPatternIndex(table, *column)) continue;
      auto plan = UnservedPlanOf(view, table, frequent.statement->statement_id);
      if (!plan || plan->row->kind != trace::PlanKind::kValues) continue;
      if (!FilteringScan(table, *plan->structural)->Condition("Filter").contains(" ~~ ")) continue;
      by_column[column->attnum].Add(frequent, std::move(*plan));
    }
    for (const auto& [attnum, found] : by_column) {
      findings.push_back(MakeFinding(view, table, *table.Column(attnum), found));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kLeadingWildcard = {&kInfo, DetectLeadingWildcard};

}  // namespace pgassay::detectors
