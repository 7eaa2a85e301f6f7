// Rule audit-lookup: the history of one row, looked up in everybody's history.
//
//   SELECT … FROM audit_logs WHERE table_name = $1 AND record_id = $2
//                                  │                └ index (record_id): this id of every table
//                                  └ index (table_name): half of the log
//
// Equality on a pair that says which row of which table is meant, and no index that leads with both. Guard: where an
// index on the id alone leaves a few rows, it serves.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 1000, "rows from which a table is judged"},
    OptionInfo{"min_executions", 5, "executions that look the pair up"},
    OptionInfo{"few_rows", 10, "rows for one id, on average, that an index on the id alone serves well"},
};

constexpr RuleInfo kInfo = {
    .id = "audit-lookup",
    .name = "Audit look-up",
    .summary = "rows are looked up by (type, id) and no index has both",
    .picture =
        "  SELECT … FROM audit_logs WHERE table_name = $1 AND record_id = $2\n"
        "                                 two indexes of one column each",
    .problem =
        "The table keeps rows about rows of several tables, and is asked for those of one of them: by type and id "
        "together. No index leads with both columns, so the server reads all entries of one column and throws away "
        "what "
        "the other one does not match.",
    .solution =
        "Create one index on both columns. With few distinct types the id belongs first: it tells more, and then "
        "serves "
        "look-ups by id alone as well. The indexes on one of the columns may then go.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

struct Pair {
  const catalog::Column* type = nullptr;
  const catalog::Column* id = nullptr;
};

std::vector<Pair> PolymorphicPairs(const Table& table) {
  std::vector<Pair> pairs;
  for (const catalog::Column& type : table.relation->columns) {
    for (const catalog::Column& id : table.relation->columns) {
      if (IsPolymorphicPair(type.name, id.name)) pairs.push_back({&type, &id});
    }
  }
  return pairs;
}

bool IsServed(const Table& table, const Pair& pair, const Options& options) {
  if (HasIndexLeadingWith(table, std::array{pair.type->attnum, pair.id->attnum})) return true;
  if (!HasIndexLeadingWith(table, std::array{pair.id->attnum})) return false;
  return RowsPerValue(table, pair.id->attnum) < OptionValue(kInfo, options, "few_rows");  // unknown is 0: no finding
}

Finding MakeFinding(const TraceView& view, const Table& table, const Pair& pair, const Use& use) {
  Finding finding = SchemaFinding(kInfo, table, {pair.type->name, pair.id->name});
  FillUse(finding, view, use, true);
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  const double per_id = RowsPerValue(table, pair.id->attnum), per_type = RowsPerValue(table, pair.type->attnum);
  finding.summary = fmt::format("{} is looked up by {} and {} together ({}), and no index has both. Create one.",
                                table.relation->name, pair.type->name, pair.id->name, Counted(use.calls, "time"));
  finding.evidence.push_back({fmt::format("{} by both columns, in {}", Counted(use.calls, "look-up"),
                                          Counted(static_cast<uint64_t>(table.relation->rows), "row")),
                              {{"executions", static_cast<double>(use.calls)}, {"rows", table.relation->rows}}});
  if (per_id > 0 && per_type > 0) {
    finding.evidence.push_back(
        {fmt::format("one {} has {} on average, one {} has {}", pair.id->name, Counted(Rounded(per_id), "row"),
                     pair.type->name, Counted(Rounded(per_type), "row")),
         {{"rows_per_id", per_id}, {"rows_per_type", per_type}}});
  }
  finding.fix =
      NewIndexFix(*table.snapshot, *table.relation,
                  {.keys = {{.attnum = pair.id->attnum}, {.attnum = pair.type->attnum}}}, SenderOf(view, use));
  finding.fix.advice = fmt::format("Create one index on ({}, {}).", pair.id->name, pair.type->name);
  return finding;
}

std::vector<Finding> DetectAuditLookup(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    if (table.relation->rows < OptionValue(kInfo, options, "min_rows")) continue;
    for (const Pair& pair : PolymorphicPairs(table)) {
      if (IsServed(table, pair, options)) continue;
      const Use use = UseOf(view, [&](const trace::StatementRow& statement) {
        const std::set<std::string> columns = EqualityColumns(statement, table.relation->name);
        return columns.contains(pair.type->name) && columns.contains(pair.id->name);
      });
      if (static_cast<double>(use.calls) >= OptionValue(kInfo, options, "min_executions"))
        findings.push_back(MakeFinding(view, table, pair, use));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kAuditLookup = {&kInfo, DetectAuditLookup};

}  // namespace pgassay::detectors
