// Rule missing-foreign-key: a reference that everybody keeps and the database does not.
//
//   invoices.account_id ──?──> accounts.id        JOIN accounts ON accounts.id = invoices.account_id
//         every sampled value is there            no constraint: the next one may not be
//
// A column that by its name refers to a table with a key of its own, whose sampled values are all found there (counted
// on the live database), without a constraint. Likely if the traffic joins or follows the two, else a hint. Guards:
// polymorphic pairs (x_type beside x_id), views and foreign tables, columns of a composite foreign key, small samples.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_sample", 100, "values that must have been looked up before containment says anything"},
};

constexpr RuleInfo kInfo = {
    .id = "missing-foreign-key",
    .name = "No foreign key",
    .summary = "a reference to another table without a foreign key",
    .picture =
        "  invoices.account_id ──?──> accounts.id     every value is there,\n"
        "                                             and no constraint keeps it so",
    .problem =
        "The column holds keys of another table: by its name, by every sampled value, and where the trace shows it, by "
        "the joins. But there is no foreign key, so a deleted row leaves references to nothing behind, and neither the "
        "planner nor a reader of the schema knows of the relation.",
    .solution =
        "Add the constraint as NOT VALID, which locks for a moment only, then VALIDATE it, which reads the table while "
        "it is written to. Rows of the referenced table that are deleted will need an index on the column.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

bool IsPolymorphic(const Table& table, std::string_view name) {
  for (const std::string_view suffix : {"_id", "Id"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string stem(name.substr(0, name.size() - suffix.size()));
    for (const char* type : {"_type", "Type", "_kind", "_table", "_class"}) {
      if (table.Column(stem + type) != nullptr) return true;
    }
  }
  return false;
}

// Statements that join the two columns, or whose values were seen to come from the other one.
Use FollowedIn(const TraceView& view, const std::string& relation, const std::string& column, const std::string& other,
               const std::string& key) {
  std::set<int64_t> fed;
  for (const lineage::Edge& edge : view.edges) {
    const trace::StatementRow* child = view.Statement(edge.child_statement_id);
    const auto comparison = static_cast<size_t>(edge.child_comparison);
    if (child == nullptr || comparison >= child->facts.comparisons.size()) continue;
    const sql::ColumnRef& sink = child->facts.comparisons[comparison].column;
    const std::string sink_relation = RelationOf(child->facts, sink);
    const lineage::ResultColumn& source = edge.parent_column;
    const bool there =
        source.relation == other && source.column == key && sink_relation == relation && sink.column == column;
    const bool back =
        source.relation == relation && source.column == column && sink_relation == other && sink.column == key;
    if (there || back) fed.insert(child->statement_id);
  }
  return UseOf(view, [&](const trace::StatementRow& statement) {
    if (fed.contains(statement.statement_id)) return true;
    const sql::Facts& facts = statement.facts;
    const auto is = [&](const sql::ColumnRef& ref, const std::string& of, const std::string& name) {
      return ref.column == name && RelationOf(facts, ref) == of;
    };
    return std::ranges::any_of(facts.joins, [&](const sql::Join& join) {
      return (is(join.left, relation, column) && is(join.right, other, key)) ||
             (is(join.right, relation, column) && is(join.left, other, key));
    });
  });
}

// A partitioned table takes no constraint that is not valid at once.
std::string AddConstraint(const Table& table, const catalog::Column& column, const Reference& reference,
                          const std::string& key) {
  const std::string name = catalog::QuoteIdentifier(fmt::format("{}_{}_fkey", table.relation->name, column.name));
  std::string add = fmt::format("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
                                TableName(table), name, catalog::QuoteIdentifier(column.name),
                                catalog::QualifiedName(*reference.relation), catalog::QuoteIdentifier(key));
  if (table.relation->kind == 'p') return add;
  return fmt::format("{} NOT VALID; ALTER TABLE {} VALIDATE CONSTRAINT {}", add, TableName(table), name);
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column,
                    const Reference& reference, double sampled) {
  const std::string& other = reference.relation->name;
  const std::string& key = catalog::FindColumn(*reference.relation, reference.key)->name;
  Finding finding = SchemaFinding(kInfo, table, {column.name});
  const Use use = FollowedIn(view, table.relation->name, column.name, other, key);
  FillUse(finding, view, use, true);
  finding.confidence = use.calls > 0 ? Confidence::kLikely : Confidence::kHint;
  finding.severity = use.calls > 0 ? Severity::kWarning : Severity::kInfo;
  finding.title = fmt::format("{} has no foreign key to {}.{}", finding.title, other, key);
  finding.summary = fmt::format("{}.{} holds keys of {} and has no foreign key. Add the constraint.",
                                table.relation->name, column.name, other);
  finding.evidence.push_back(
      {fmt::format("all of {} sampled values are in {}.{}", Count(static_cast<uint64_t>(sampled)), other, key),
       {{"sampled", sampled}}});
  if (use.calls > 0) {
    finding.evidence.push_back({fmt::format("{} joined or followed the two", Counted(use.calls, "execution")),
                                {{"executions", static_cast<double>(use.calls)}}});
  }
  finding.fix.sql = AddConstraint(table, column, reference, key);
  finding.fix.advice = fmt::format("Add a foreign key to {}.{}.", other, key);
  if (const sql::Orm sender = SenderOf(view, use); sender == sql::Orm::kSqlAlchemy)
    finding.fix.orm.emplace_back(sql::OrmName(sender), fmt::format("mapped_column(ForeignKey(\"{}.{}\"))", other, key));
  return finding;
}

std::vector<Finding> DetectMissingForeignKey(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    for (const catalog::Column& column : table.relation->columns) {
      const catalog::Measurement* measured = table.Measured(catalog::MeasureKind::kContainment, {column.attnum});
      if (measured == nullptr || IsInForeignKey(table, column.attnum) || IsPolymorphic(table, column.name)) continue;
      const double sampled = measured->Of("sampled");
      if (sampled < OptionValue(kInfo, options, "min_sample") || measured->Of("contained") < sampled) continue;
      const catalog::MeasureTask& task = measured->task;
      const Reference reference{table.snapshot->FindRelation(task.referenced_oid),
                                task.referenced_columns.empty() ? int16_t{0} : task.referenced_columns[0], false};
      if (reference.relation == nullptr || catalog::FindColumn(*reference.relation, reference.key) == nullptr) continue;
      findings.push_back(MakeFinding(view, table, column, reference, sampled));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kMissingForeignKey = {&kInfo, DetectMissingForeignKey};

}  // namespace pgassay::detectors
