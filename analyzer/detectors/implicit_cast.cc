// Rule implicit-cast: an index that the type of a value puts out of reach.
//
//   index on orders (user_id), an integer
//   SELECT … FROM orders WHERE user_id = $1      $1 is sent as numeric: (user_id)::numeric = $1, every row is read
//
// By the plan: the statement compares the bare column, an index leads with it, and yet the planner, forbidden to scan
// sequentially, filters what it makes of the column by a cast. Guards: small tables; few executions; casts that an
// index sees through (varchar to text), for then the plan uses it.
#include <fmt/format.h>

#include <algorithm>
#include <map>

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
    .id = "implicit-cast",
    .name = "Cast",
    .summary = "a value of another type makes the server cast the column, which its index does not serve",
    .picture =
        "  index on orders (user_id), an integer\n"
        "  SELECT … FROM orders WHERE user_id = $1      $1 sent as numeric\n"
        "    Filter: ((user_id)::numeric = $1)          every row is read",
    .problem =
        "The value is sent as a type that is wider than the column's, so the server casts the column in every row to "
        "compare them. The index is sorted by the column's own type and cannot answer that.",
    .solution =
        "Send the value as the column's type: an int instead of a Decimal or a float, or with a cast of the value in "
        "the statement. Do not cast the column.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

// The type that the condition casts the column to for a comparison; "" if it does not.
std::string CastOf(std::string_view condition, const catalog::Column& column) {
  const std::string cast = "." + catalog::QuoteIdentifier(column.name) + ")::";
  for (size_t at = condition.find(cast); at != std::string_view::npos; at = condition.find(cast, at + 1)) {
    const std::string_view rest = condition.substr(at + cast.size());
    int depth = 0;  // numeric(10,2)
    size_t end = 0;
    for (; end < rest.size(); ++end) {
      if (rest[end] == ')' && depth-- == 0) break;
      depth += rest[end] == '(' ? 1 : 0;
      if (std::string_view("=<>~!*@#%&|?+-/^").contains(rest[end])) break;
    }
    const bool compared = end < rest.size() && (rest[end] == '=' || rest[end] == '<' || rest[end] == '>');
    std::string type(rest.substr(0, end));
    while (type.ends_with(' ')) type.pop_back();
    if (compared) return type;
  }
  return "";
}

// To an index text and varchar are one.
bool IsNoCast(const catalog::Column& column, std::string_view type) {
  return type.empty() || type == column.type || (type == "text" && column.type.starts_with("character varying"));
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column, const std::string& type,
                    const PlannedUse& found) {
  Finding finding = SchemaFinding(kInfo, table, {column.name, type});
  FillUse(finding, view, found.use, true);
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  finding.title = fmt::format("{}.{} as {}", table.relation->name, column.name, type);
  finding.summary =
      fmt::format("{}.{} is {} and has an index, but {} compare it with {}: the column is cast in every row.",
                  table.relation->name, column.name, column.type, Counted(found.use.calls, "execution"), type);
  finding.evidence.push_back(
      {fmt::format("the condition is on ({})::{}, and with sequential scans switched off no index "
                   "serves it",
                   column.name, type),
       {{"executions", static_cast<double>(found.use.calls)}, {"rows", table.relation->rows}}});
  finding.evidence.push_back(PlanEvidence(table, found.plan, *FilteringScan(table, found.plan.plan)));
  finding.fix.advice =
      fmt::format("Send the value as {}, or cast it: {} = $1::{}.", column.type, column.name, column.type);
  return finding;
}

// Columns that the statement compares as they are, that an index leads with, and that the plan casts; with the type.
std::vector<std::pair<const catalog::Column*, std::string>> CastColumns(const Table& table,
                                                                        const trace::StatementRow& statement,
                                                                        std::string_view condition) {
  std::vector<std::pair<const catalog::Column*, std::string>> columns;
  for (const sql::Comparison& comparison : statement.facts.comparisons) {
    if (!ComparesBareColumn(comparison)) continue;
    if (RelationOf(statement.facts, comparison.column) != table.relation->name) continue;
    const catalog::Column* column = table.Column(comparison.column.column);
    if (column == nullptr || !HasIndexLeadingWith(table, std::array{column->attnum})) continue;
    std::string type = CastOf(condition, *column);
    if (!IsNoCast(*column, type)) columns.emplace_back(column, std::move(type));
  }
  return columns;
}

std::vector<Finding> DetectImplicitCast(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  if (view.plans.empty()) return findings;
  for (const Table& table : JudgedTables(view)) {
    if (table.relation->rows < OptionValue(kInfo, options, "min_rows")) continue;
    std::map<std::pair<int16_t, std::string>, PlannedUse> by_column;
    for (const FrequentStatement& frequent :
         FrequentStatements(view, table, OptionValue(kInfo, options, "min_executions"))) {
      const auto plan = UnservedPlanOf(view, table, frequent.statement->statement_id);
      if (!plan) continue;
      const std::string_view filter = FilteringScan(table, *plan->structural)->Condition("Filter");
      for (const auto& [column, type] : CastColumns(table, *frequent.statement, filter)) {
        by_column[{column->attnum, type}].Add(frequent, *plan);
      }
    }
    for (const auto& [key, found] : by_column) {
      findings.push_back(MakeFinding(view, table, *table.Column(key.first), key.second, found));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kImplicitCast = {&kInfo, DetectImplicitCast};

}  // namespace pgassay::detectors
