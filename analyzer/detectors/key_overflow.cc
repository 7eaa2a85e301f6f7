// Rule key-overflow: a generated key that will run out of numbers.
//
//   events.id  integer   ├────────────────────────────■──────┤  2 147 483 647
//                                                     82 %
//
// How far the key has come in its type's range is counted on the live database (the sequence's position, else the
// greatest key); only the share is kept. bigint is left alone.
#include <fmt/format.h>

#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_share", 0.5, "of the type's range that is used up from which it is a warning"},
    OptionInfo{"error_share", 0.8, "from which it is an error"},
};

constexpr RuleInfo kInfo = {
    .id = "key-overflow",
    .name = "Key overflow",
    .summary = "a generated key has used up most of its type's range",
    .picture =
        "  events.id  integer   |---------------------------#------|  2 147 483 647\n"
        "                                                  82 %",
    .problem =
        "The key is a smallint or an integer that a sequence counts up, and most of the type's range is used. When it "
        "is at its end, every INSERT fails. Rolled-back and conflicting inserts use up numbers too.",
    .solution =
        "Make the key, and every column that refers to it, bigint. On a large table do it beside the running system: a "
        "new column, a trigger that fills it, batches for the old rows, then a swap; a plain ALTER rewrites the table "
        "under an exclusive lock.",
    .options = kOptions,
    .max_severity = Severity::kError,
    .schema = true,
};

std::string WidenAll(const Table& table, const catalog::Column& column) {
  std::string sql = AlterColumn(table, column.name, "TYPE bigint");
  for (const catalog::ForeignKey& key : table.snapshot->foreign_keys) {
    const catalog::Relation* from = table.snapshot->FindRelation(key.relation_oid);
    if (key.referenced_oid != table.relation->oid || from == nullptr || from->parent_oid != 0) continue;
    for (size_t i = 0; i < key.columns.size(); ++i) {
      if (key.referenced_columns[i] != column.attnum) continue;
      const Table referring{table.snapshot, from};
      if (const catalog::Column* other = referring.Column(key.columns[i]); other != nullptr && other->type_oid != 20)
        sql += "; " + AlterColumn(referring, other->name, "TYPE bigint");
    }
  }
  return sql;
}

std::vector<Finding> DetectKeyOverflow(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    for (const catalog::Column& column : table.relation->columns) {
      const catalog::Measurement* measured = table.Measured(catalog::MeasureKind::kKeyRange, {column.attnum});
      if (measured == nullptr) continue;
      const double share = measured->Of("used_share");
      if (share < OptionValue(kInfo, options, "min_share")) continue;
      Finding finding = SchemaFinding(kInfo, table, {column.name});
      FillUse(finding, view,
              UseOf(view,
                    [&](const trace::StatementRow& statement) {
                      return statement.facts.operation == sql::Operation::kInsert &&
                             Names(statement, table.relation->name);
                    }),
              false);
      finding.confidence = Confidence::kProven;
      finding.severity = share >= OptionValue(kInfo, options, "error_share") ? Severity::kError : Severity::kWarning;
      finding.title += fmt::format(" has used {} of its range", Percent(share));
      finding.summary = fmt::format("{} of the numbers that {} can hold are used up. Make it bigint.", Percent(share),
                                    finding.relation + "." + column.name);
      finding.evidence.push_back(
          {fmt::format("{} of the range of {}", Percent(share), column.type), {{"used_share", share}}});
      finding.fix.sql = WidenAll(table, column);
      finding.fix.advice = "Make the key and every column that refers to it bigint.";
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kKeyOverflow = {&kInfo, DetectKeyOverflow};

}  // namespace pgassay::detectors
