// Rule gin-for-jsonb: documents searched by what is in them, one by one.
//
//   SELECT … FROM products WHERE metadata @> $1        a B-tree cannot answer this: every document is opened
//
// Containment, key and path operators on a jsonb or array column without a GIN index on it. Guards: small tables; few
// executions; statements that another, selective index serves.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 1000, "rows from which a table is judged"},
    OptionInfo{"min_executions", 5, "executions that look into the column"},
};

constexpr RuleInfo kInfo = {
    .id = "gin-for-jsonb",
    .name = "GIN",
    .summary = "jsonb or array contents are searched without a GIN index",
    .picture = "  SELECT … FROM products WHERE metadata @> $1     every document is read",
    .problem =
        "Statements search the column by what is in it (@>, ?, &&, @?), which only a GIN index can answer. There is "
        "none, so every row is read and its document unpacked, from TOAST where it is long.",
    .solution =
        "Create a GIN index on the column. For jsonb that is searched by @> alone, jsonb_path_ops makes a smaller and "
        "faster one. If it is always the same key that is asked for, a generated column with a B-tree is smaller "
        "still.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

constexpr uint32_t kJsonb = 3802;

bool IsSearched(const sql::Comparison& comparison) {
  using enum sql::Comparator;
  if (!comparison.conjunct || !comparison.function.empty()) return false;
  return comparison.comparator == kContains || comparison.comparator == kKeyExists ||
         comparison.operator_name == "&&" || comparison.operator_name == "@?";
}

bool IsSearched(const trace::StatementRow& statement, const std::string& relation, const std::string& column) {
  return std::ranges::any_of(statement.facts.comparisons, [&](const sql::Comparison& comparison) {
    return IsSearched(comparison) && comparison.column.column == column &&
           RelationOf(statement.facts, comparison.column) == relation;
  });
}

bool HasGin(const Table& table, int16_t attnum) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    return index->valid && index->access_method != "btree" && index->access_method != "hash" &&
           std::ranges::find(index->keys, attnum, &catalog::IndexKey::attnum) != index->keys.end();
  });
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column, const Use& use) {
  Finding finding = SchemaFinding(kInfo, table, {column.name});
  FillUse(finding, view, use, true);
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  std::set<std::string> operators;
  for (const trace::StatementRow* statement : use.statements) {
    for (const sql::Comparison& comparison : statement->facts.comparisons) {
      if (IsSearched(comparison) && comparison.column.column == column.name) operators.insert(comparison.operator_name);
    }
  }
  std::string listed;
  for (const std::string& name : operators) listed += (listed.empty() ? "" : ", ") + name;
  const bool by_path = column.type_oid == kJsonb && operators == std::set<std::string>{"@>"};
  finding.summary = fmt::format("{} is searched by {} in {} and has no GIN index. Create one.", finding.title, listed,
                                Counted(use.calls, "execution"));
  finding.evidence.push_back({fmt::format("searched by {} in {} of {}", listed, Counted(use.calls, "execution"),
                                          Counted(static_cast<uint64_t>(table.relation->rows), "row")),
                              {{"executions", static_cast<double>(use.calls)}, {"rows", table.relation->rows}}});
  finding.fix = NewIndexFix(
      *table.snapshot, *table.relation,
      {.access_method = "gin", .keys = {{.attnum = column.attnum, .operator_class = by_path ? "jsonb_path_ops" : ""}}},
      SenderOf(view, use));
  finding.fix.advice = fmt::format("Create a GIN index on {}.", column.name);
  return finding;
}

std::vector<Finding> DetectGinForJsonb(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    if (table.relation->rows < OptionValue(kInfo, options, "min_rows")) continue;
    for (const catalog::Column& column : table.relation->columns) {
      const bool judged = column.type_oid == kJsonb || column.type_category == 'A';
      if (!judged || HasGin(table, column.attnum)) continue;
      const Use use = UseOf(view, [&](const trace::StatementRow& statement) {
        return IsSearched(statement, table.relation->name, column.name) && !IsServedBySelectiveIndex(table, statement);
      });
      if (static_cast<double>(use.calls) >= OptionValue(kInfo, options, "min_executions"))
        findings.push_back(MakeFinding(view, table, column, use));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kGinForJsonb = {&kInfo, DetectGinForJsonb};

}  // namespace pgassay::detectors
