// Rule function-on-column: an index that a function around its column puts out of reach.
//
//   index on users (email)
//   SELECT … FROM users WHERE lower(email) = $1      the index knows email, not lower(email): every row is read
//
// A built-in function or cast around a column that an index leads with, in a condition of equality or range. Guards:
// small tables; few executions; an index on the expression; casts of text; a statement that another, selective index
// serves. Where no index leads with the column there is nothing to lose: what to create is the advisor's to say.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyzer/advisor/condition.h"
#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 1000, "rows from which a table is judged"},
    OptionInfo{"min_executions", 5, "executions that compare the function's result"},
};

constexpr RuleInfo kInfo = {
    .id = "function-on-column",
    .name = "Function",
    .summary = "a function around an indexed column puts the index out of reach",
    .picture =
        "  index on users (email)\n"
        "  SELECT … FROM users WHERE lower(email) = $1      every row is read",
    .problem =
        "The condition compares what a function or a cast makes of the column. An index on the column is sorted by the "
        "column's own values, so it cannot answer: every row is read and the function is computed for each.",
    .solution =
        "Compare the bare column where that says the same: a day is a range (>= its start, < the next), and a value "
        "can "
        "be cast instead of the column. Else create an index on the expression, which needs a function that is "
        "immutable.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

// Immutable, of one argument: an index can hold their results.
bool IsIndexable(std::string_view function) {
  static constexpr std::array<std::string_view, 9> kFunctions = {"lower", "upper",  "btrim",       "ltrim", "rtrim",
                                                                 "md5",   "length", "char_length", "abs"};
  return std::ranges::find(kFunctions, function) != kFunctions.end();
}

bool IsOfDates(std::string_view function) {
  return function == "date" || function == "date_trunc" || function == "date_part" || function == "extract" ||
         function == "to_char";
}

bool HidesColumn(const sql::Comparison& comparison) {
  using enum sql::Comparator;
  const std::string& function = comparison.function;
  return comparison.conjunct && (IsIndexable(function) || IsOfDates(function) || function == "cast") &&
         (comparison.comparator == kEqual || comparison.comparator == kInList || comparison.comparator == kAnyArray ||
          comparison.comparator == kRange);
}

bool HasIndexOnExpression(const Table& table, const std::string& column, const std::string& function) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    return std::ranges::any_of(index->keys, [&](const catalog::IndexKey& key) {
      return key.expression.contains(column) && (function == "cast" || key.expression.contains(function));
    });
  });
}

std::string Shown(const std::string& column, const std::string& function) {
  return function == "cast" ? fmt::format("cast({} AS …)", column) : fmt::format("{}({})", function, column);
}

Fix FixOf(const TraceView& view, const Table& table, const catalog::Column& column, const std::string& function,
          const Use& use) {
  Fix fix;
  if (IsIndexable(function)) {
    const std::string expression = advisor::ExpressionText(function, column);
    fix = NewIndexFix(*table.snapshot, *table.relation, {.keys = {{.expression = expression}}}, SenderOf(view, use));
    fix.advice = fmt::format("Create an index on {}, or compare the bare column.", expression);
  } else if (IsOfDates(function) || IsMoment(column)) {
    fix.advice = fmt::format("Compare {0} with a range: {0} >= its start AND {0} < its end.", column.name);
  } else {
    fix.advice = fmt::format("Cast the value to {}, not the column.", column.type);
  }
  return fix;
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column,
                    const std::string& function, const Use& use) {
  Finding finding = SchemaFinding(kInfo, table, {column.name, function});
  FillUse(finding, view, use, true);
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  finding.title = fmt::format("{} of {}", Shown(column.name, function), table.relation->name);
  finding.summary = fmt::format("{}.{} has an index, and {} compare {}, which it cannot answer.", table.relation->name,
                                column.name, Counted(use.calls, "execution"), Shown(column.name, function));
  finding.evidence.push_back({fmt::format("{} by {}, in {}; the index is on {} itself", Counted(use.calls, "look-up"),
                                          Shown(column.name, function),
                                          Counted(static_cast<uint64_t>(table.relation->rows), "row"), column.name),
                              {{"executions", static_cast<double>(use.calls)}, {"rows", table.relation->rows}}});
  finding.fix = FixOf(view, table, column, function, use);
  return finding;
}

// By column and function.
std::map<std::pair<std::string, std::string>, Use> UsesOf(const TraceView& view, const Table& table) {
  std::map<std::pair<std::string, std::string>, Use> uses;
  const Use all =
      UseOf(view, [&](const trace::StatementRow& statement) { return Names(statement, table.relation->name); });
  for (const trace::StatementRow* statement : all.statements) {
    if (IsServedBySelectiveIndex(table, *statement)) continue;
    std::set<std::pair<std::string, std::string>> hidden;
    for (const sql::Comparison& comparison : statement->facts.comparisons) {
      if (HidesColumn(comparison) && RelationOf(statement->facts, comparison.column) == table.relation->name)
        hidden.emplace(comparison.column.column, comparison.function);
    }
    for (const auto& key : hidden) {
      uses[key].statements.push_back(statement);
      uses[key].calls += CallsOf(view, *statement);
    }
  }
  return uses;
}

std::vector<Finding> DetectFunctionOnColumn(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    if (table.relation->rows < OptionValue(kInfo, options, "min_rows")) continue;
    for (const auto& [key, use] : UsesOf(view, table)) {
      const auto& [name, function] = key;
      const catalog::Column* column = table.Column(name);
      if (column == nullptr || !HasIndexLeadingWith(table, std::array{column->attnum})) continue;
      if (function == "cast" && IsText(*column)) continue;  // varchar and text are one to an index
      if (HasIndexOnExpression(table, name, function)) continue;
      if (static_cast<double>(use.calls) >= OptionValue(kInfo, options, "min_executions"))
        findings.push_back(MakeFinding(view, table, *column, function, use));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kFunctionOnColumn = {&kInfo, DetectFunctionOnColumn};

}  // namespace pgassay::detectors
