// Rule no-primary-key: rows that nothing can name.
//
//   visits (page, at)      '/home', 12:00        UPDATE … WHERE ?
//                          '/home', 12:00        which of the two
//
// A table without a primary key. A table with a unique key over NOT NULL columns has one in all but name, and is left
// alone. Guard: tables that the statistics and the trace saw no UPDATE and no DELETE on are a hint only: logs may do
// without.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr RuleInfo kInfo = {
    .id = "no-primary-key",
    .name = "No primary key",
    .summary = "a table without a primary key",
    .picture =
        "  visits (page, at)     '/home', 12:00\n"
        "                        '/home', 12:00     which of the two?",
    .problem =
        "The table has no primary key and no unique key that could stand for one. Rows can be there twice, an UPDATE "
        "or "
        "DELETE of one row cannot name it, logical replication refuses both, and most mappers cannot load the table.",
    .solution =
        "Add the natural key as PRIMARY KEY if the rows have one, else a generated id. Adding an identity column "
        "rewrites the table under an exclusive lock.",
    .options = {},
    .max_severity = Severity::kWarning,
    .schema = true,
};

bool HasKey(const Table& table) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    if (index->primary) return true;
    return index->unique && index->valid && index->predicate.empty() &&
           std::ranges::all_of(index->keys, [&](const catalog::IndexKey& key) {
             const catalog::Column* column = table.Column(key.attnum);
             return column != nullptr && column->not_null;
           });
  });
}

Finding MakeFinding(const TraceView& view, const Table& table) {
  const std::string& relation = table.relation->name;
  Finding finding = SchemaFinding(kInfo, table, {});
  const Use use = UseOf(view, [&](const trace::StatementRow& statement) { return Names(statement, relation); });
  FillUse(finding, view, use, false);
  const Use changes = UseOf(view, [&](const trace::StatementRow& statement) {
    const sql::Facts& facts = statement.facts;
    const bool changing = facts.operation == sql::Operation::kUpdate || facts.operation == sql::Operation::kDelete;
    return changing && facts.target >= 0 && facts.relations[static_cast<size_t>(facts.target)].name == relation;
  });
  const int64_t changed = std::max<int64_t>(table.relation->updated, 0) + std::max<int64_t>(table.relation->deleted, 0);
  const bool changing = changes.calls > 0 || changed > 0;
  finding.confidence = changing ? Confidence::kLikely : Confidence::kHint;
  finding.severity = changing ? Severity::kWarning : Severity::kInfo;
  finding.title = relation + " has no primary key";
  finding.summary = relation + " has no primary key, so no statement can name one of its rows. Add one.";
  finding.evidence.push_back({"no primary key, and no unique key over columns that are NOT NULL", {}});
  if (changes.calls > 0) {
    finding.evidence.push_back(
        {fmt::format("the trace has {} of UPDATE or DELETE on it", Counted(changes.calls, "execution")),
         {{"changes", static_cast<double>(changes.calls)}}});
  }
  if (changed > 0) {
    finding.evidence.push_back(
        {fmt::format("{} updated or deleted so far", Counted(static_cast<uint64_t>(changed), "row")),
         {{"changed_rows", static_cast<double>(changed)}}});
  }
  const bool has_id = table.Column("id") != nullptr;
  finding.fix.sql = has_id ? fmt::format("ALTER TABLE {} ADD PRIMARY KEY (id)", TableName(table))
                           : fmt::format("ALTER TABLE {} ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
                                         TableName(table));
  if (table.relation->kind == 'p')
    finding.fix.sql = "";  // it must hold the partition key, which only its owner can choose
  finding.fix.advice = "Make the natural key the primary key, or add a generated id.";
  return finding;
}

std::vector<Finding> DetectNoPrimaryKey(const TraceView& view, const Options& /*options*/) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    if (!HasKey(table)) findings.push_back(MakeFinding(view, table));
  }
  return findings;
}

}  // namespace

constinit const Detector kNoPrimaryKey = {&kInfo, DetectNoPrimaryKey};

}  // namespace pgassay::detectors
