// Rule version-conflict: optimistic locking that loses often.
//
//   UPDATE products SET stock = $1, version = $2 WHERE id = $3 AND version = $4      0 rows: somebody was faster
//
// An UPDATE or DELETE by a key and a version column that finds no row is a conflict: the work before it was for
// nothing. Each execution changes one row or none, so conflicts are executions minus rows. Proven: the server's own
// counts.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_executions", 50, "of versioned changes of a table from which the rate is judged"},
    OptionInfo{"min_share", 0.01, "of them that found no row from which it is a warning"},
    OptionInfo{"error_share", 0.05, "from which it is an error"},
};

constexpr RuleInfo kInfo = {
    .id = "version-conflict",
    .name = "Conflicts",
    .summary = "optimistic locking that often finds the row changed",
    .picture =
        "  UPDATE products SET stock = $1, version = $2\n"
        "   WHERE id = $3 AND version = $4            0 rows: somebody was faster",
    .problem =
        "The application changes rows by key and version and finds the version gone in more than a few cases. Each "
        "conflict is work that was done for nothing, and has to be repeated or shown to the user as a failure.",
    .solution =
        "Make the time between reading and writing shorter; change only what is meant and let the database count (SET "
        "stock = stock - $1 WHERE stock >= $1); or, where everybody wants the same rows, lock them when they are read "
        "(SELECT … FOR UPDATE).",
    .options = kOptions,
    .max_severity = Severity::kError,
    .schema = true,
};

bool IsVersion(std::string_view column) {
  const std::vector<std::string> words = NameWords(column);
  const std::string folded = [&] {
    std::string all;
    for (const std::string& word : words) all += word;
    return all;
  }();
  return folded == "version" || folded == "lockversion" || folded == "rowversion" || folded == "versionid" ||
         folded == "optlock" || folded == "revision";
}

// The version column of an UPDATE or DELETE that names one row by key and version; "" if it is none.
std::string VersionColumn(const trace::StatementRow& statement) {
  const sql::Facts& facts = statement.facts;
  const bool changing = facts.operation == sql::Operation::kUpdate || facts.operation == sql::Operation::kDelete;
  if (!changing || facts.target < 0 || facts.relations.size() != 1) return "";
  std::string version;
  bool key = false;
  for (const sql::Comparison& comparison : facts.comparisons) {
    if (!comparison.conjunct || comparison.subquery_depth != 0) return "";
    const bool equal = comparison.comparator == sql::Comparator::kEqual && comparison.slot >= 0;
    if (equal && IsVersion(comparison.column.column)) version = comparison.column.column;
    if (equal && lineage::LooksLikeKey(comparison.column.column)) key = true;
    if (!equal) return "";  // a list changes several rows, a range may
  }
  const bool counts_up =
      facts.operation == sql::Operation::kDelete || Assigns(statement, facts.relations[0].name, version);
  return key && counts_up ? version : "";
}

struct Changes {
  Use use;
  uint64_t done = 0;  // rows
};

Finding MakeFinding(const TraceView& view, const std::string& relation, const std::string& version,
                    const Changes& changes, const Options& options) {
  const uint64_t conflicts = changes.use.calls - changes.done;
  const double share = static_cast<double>(conflicts) / static_cast<double>(changes.use.calls);
  Finding finding;
  Identify(finding, kInfo.id, SchemaId(kInfo.id, relation + "." + version));
  finding.relation = relation;
  FillUse(finding, view, changes.use, true);
  finding.confidence = Confidence::kProven;
  finding.severity = share > OptionValue(kInfo, options, "error_share") ? Severity::kError : Severity::kWarning;
  finding.title = fmt::format("{} of the versioned changes of {} found no row", Percent(share), relation);
  finding.summary = fmt::format("{} of {} changes of {} by key and {} found the row changed by somebody else.",
                                Count(conflicts), Count(changes.use.calls), relation, version);
  finding.evidence.push_back(
      {fmt::format("{} of {} changed no row", Count(conflicts), Counted(changes.use.calls, "execution")),
       {{"conflicts", static_cast<double>(conflicts)},
        {"executions", static_cast<double>(changes.use.calls)},
        {"share", share}}});
  finding.wasted_ns = static_cast<int64_t>(static_cast<double>(finding.database_ns) * share);
  finding.fix.advice =
      "Shorten the time between reading and writing, let the database count, or lock the row when it is read.";
  if (const sql::Orm sender = SenderOf(view, changes.use); sender == sql::Orm::kSqlAlchemy) {
    finding.fix.orm.emplace_back(sql::OrmName(sender),
                                 fmt::format("select({}).with_for_update()", ClassName(relation)));
  }
  return finding;
}

std::vector<Finding> DetectVersionConflict(const TraceView& view, const Options& options) {
  std::map<std::pair<std::string, std::string>, Changes> by_version;
  for (const lineage::UnitStatement& row : view.unit_statements) {
    const trace::StatementRow* statement = view.Statement(row.statement_id);
    const lineage::Unit* unit = view.Unit(row.unit_id);
    if (statement == nullptr || (unit != nullptr && !IsJudged(*unit)) || row.calls <= row.errors) continue;
    const std::string version = VersionColumn(*statement);
    if (version.empty()) continue;
    Changes& changes = by_version[{statement->facts.relations[0].name, version}];
    if (std::ranges::find(changes.use.statements, statement) == changes.use.statements.end())
      changes.use.statements.push_back(statement);
    changes.use.calls += row.calls - row.errors;
    changes.done += row.rows;
  }
  std::vector<Finding> findings;
  for (const auto& [key, changes] : by_version) {
    if (changes.done >= changes.use.calls) continue;
    if (static_cast<double>(changes.use.calls) < OptionValue(kInfo, options, "min_executions")) continue;
    const double share = 1 - static_cast<double>(changes.done) / static_cast<double>(changes.use.calls);
    if (share > OptionValue(kInfo, options, "min_share"))
      findings.push_back(MakeFinding(view, key.first, key.second, changes, options));
  }
  return findings;
}

}  // namespace

constinit const Detector kVersionConflict = {&kInfo, DetectVersionConflict};

}  // namespace pgassay::detectors
