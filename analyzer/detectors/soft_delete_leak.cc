// Rule soft-delete-leak: a list that shows what was deleted.
//
//   SELECT … FROM users WHERE deleted_at IS NULL AND …     as in nearly all statements on users
//   SELECT … FROM users WHERE city = $1                    not in this one: 3 of its rows had deleted_at set
//
// A table whose lists nearly all ask for deleted_at IS NULL, and a list that does not compare it. Likely if rows with
// the column set were seen in its result, else a hint. Guards: rows looked up by their key (history may show a deleted
// author); statements that compare the column in any way; aggregates; routes of administration, restoring, audit.
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
    OptionInfo{"min_share", 0.8, "of the table's lists that must leave deleted rows out"},
    OptionInfo{"min_statements", 4, "different lists that leave them out"},
};

constexpr RuleInfo kInfo = {
    .id = "soft-delete-leak",
    .name = "Deleted rows",
    .summary = "a list that does not leave out rows marked as deleted",
    .picture =
        "  SELECT … FROM users WHERE deleted_at IS NULL AND …   nearly all do\n"
        "  SELECT … FROM users WHERE city = $1                  this one not",
    .problem =
        "Rows of this table are marked as deleted instead of being removed, and nearly every list of the application "
        "leaves the marked ones out. This one does not, so it shows, counts or mails what somebody has deleted.",
    .solution =
        "Add the condition where it is missing. Better, put it in one place: a view of the living rows, the mapper's "
        "default scope or loader criteria, or a policy of row-level security.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

bool IsDeletionMark(std::string_view column) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "deleted_at", "deleted_on", "removed_at", "date_deleted", "discarded_at", "destroyed_at", "deletion_time"};
  return std::ranges::find(kNames, lineage::FoldWords(column)) != kNames.end();
}

bool IsMeantToShowDeleted(std::string_view label) {
  return HasWord(label, {"admin", "restore", "trash", "audit", "archive", "deleted", "undelete", "purge"}) ||
         label.contains("admin") || label.contains("restore") || label.contains("trash");
}

// Lists start at the table; a row that is looked up by its key, or joined to another, is not listed.
bool IsListOf(const trace::StatementRow& statement, const std::string& relation) {
  const sql::Facts& facts = statement.facts;
  if (!IsApplicationRead(statement) || facts.relations[0].name != relation || facts.aggregate_only) return false;
  return std::ranges::none_of(EqualityColumns(statement, relation), [](const std::string& column) {
    return column == "id" || column == "uuid" || column == "email" || column == "slug";
  });
}

struct Lists {
  std::string mark;                                 // the column
  std::vector<const trace::StatementRow*> guarded;  // IS NULL on it
  std::vector<const trace::StatementRow*> open;     // no comparison with it
};

std::map<std::string, Lists> ListsByRelation(const TraceView& view) {
  std::map<std::string, Lists> lists;
  for (const trace::StatementRow& statement : view.statements) {
    for (const sql::Comparison& comparison : statement.facts.comparisons) {
      if (comparison.comparator != sql::Comparator::kIsNull || !IsDeletionMark(comparison.column.column)) continue;
      lists[RelationOf(statement.facts, comparison.column)].mark = comparison.column.column;
    }
  }
  lists.erase("");
  for (auto& [relation, found] : lists) {
    for (const trace::StatementRow& statement : view.statements) {
      if (!IsListOf(statement, relation) || CallsOf(view, statement) == 0) continue;
      const bool guarded = std::ranges::any_of(statement.facts.comparisons, [&](const sql::Comparison& comparison) {
        return comparison.comparator == sql::Comparator::kIsNull && comparison.column.column == found.mark;
      });
      if (guarded) {
        found.guarded.push_back(&statement);
      } else if (!Compares(statement, relation, found.mark)) {
        found.open.push_back(&statement);
      }
    }
  }
  return lists;
}

// Rows with the mark set in the statement's results, as far as they were looked into.
uint64_t DeletedRows(const TraceView& view, const trace::StatementRow& statement, const std::string& relation,
                     const std::string& mark) {
  for (const trace::ColumnRow& row : view.Columns(statement.statement_id)) {
    if (row.column.relation == relation && row.column.column == mark) return row.cells - std::min(row.cells, row.nulls);
  }
  return 0;
}

Finding MakeFinding(const TraceView& view, const trace::StatementRow& statement, const std::string& relation,
                    const Lists& lists) {
  Finding finding;
  Identify(finding, kInfo.id, SkeletonId(kInfo.id, statement));
  finding.relation = relation;
  finding.wasted_ns = 0;
  const Use use{{&statement}, CallsOf(view, statement)};
  FillUse(finding, view, use, true);
  const uint64_t deleted = DeletedRows(view, statement, relation, lists.mark);
  finding.confidence = deleted > 0 ? Confidence::kLikely : Confidence::kHint;
  finding.severity = deleted > 0 ? Severity::kWarning : Severity::kInfo;
  const std::string column = relation + "." + lists.mark;
  finding.title = deleted > 0 ? fmt::format("{} of {} {} deleted", Counted(deleted, "listed row"), relation,
                                            deleted == 1 ? "was" : "were")
                              : fmt::format("a list of {} without {} IS NULL", relation, lists.mark);
  finding.summary = fmt::format(
      "A list of {} does not leave out rows that are marked as deleted, as {} others do. Add {} "
      "IS NULL.",
      relation, Count(lists.guarded.size()), column);
  if (deleted > 0) {
    finding.evidence.push_back({fmt::format("{} with {} set came back", Counted(deleted, "row"), lists.mark),
                                {{"deleted_rows", static_cast<double>(deleted)}}});
  }
  finding.evidence.push_back(
      {fmt::format("{} of {} on the table ask for {} IS NULL", Count(lists.guarded.size()),
                   Counted(lists.guarded.size() + lists.open.size(), "list"), lists.mark),
       {{"guarded", static_cast<double>(lists.guarded.size())}, {"open", static_cast<double>(lists.open.size())}}});
  finding.fix.advice = fmt::format("Add {} IS NULL, or say why deleted rows belong there.", column);
  if (const sql::Orm sender = SenderOf(view, use); sender == sql::Orm::kSqlAlchemy) {
    const std::string name = ClassName(relation);
    finding.fix.orm.emplace_back(sql::OrmName(sender),
                                 fmt::format("with_loader_criteria({0}, {0}.{1}.is_(None))", name, lists.mark));
  }
  return finding;
}

bool IsMeantToShowDeleted(const TraceView& view, const trace::StatementRow& statement) {
  const bool tagged = std::ranges::any_of(view.tags, [&](const trace::TagRow& tag) {
    return tag.statement_id == statement.statement_id && IsMeantToShowDeleted(tag.value);
  });
  return tagged || std::ranges::any_of(view.unit_statements, [&](const lineage::UnitStatement& row) {
           const lineage::Unit* unit = row.statement_id == statement.statement_id ? view.Unit(row.unit_id) : nullptr;
           return unit != nullptr && IsMeantToShowDeleted(unit->label);
         });
}

std::vector<Finding> DetectSoftDeleteLeak(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const auto& [relation, lists] : ListsByRelation(view)) {
    const auto guarded = static_cast<double>(lists.guarded.size());
    const double all = guarded + static_cast<double>(lists.open.size());
    if (guarded < OptionValue(kInfo, options, "min_statements") ||
        guarded < OptionValue(kInfo, options, "min_share") * all)
      continue;
    for (const trace::StatementRow* statement : lists.open) {
      if (!IsMeantToShowDeleted(view, *statement)) findings.push_back(MakeFinding(view, *statement, relation, lists));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kSoftDeleteLeak = {&kInfo, DetectSoftDeleteLeak};

}  // namespace pgassay::detectors
