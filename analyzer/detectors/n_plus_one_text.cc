#include "analyzer/detectors/n_plus_one_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/orm_idioms.h"
#include "analyzer/detectors/words.h"
#include "analyzer/sql/batch_sql.h"
#include "analyzer/sql/orm.h"

namespace pgassay::detectors {
namespace {

using lineage::Edge;
using lineage::Relationship;

const sql::Comparison& ComparisonOf(const FindingFacts& facts) {
  return facts.child.facts.comparisons[static_cast<size_t>(facts.sums.largest->child_comparison)];
}

// "$1" where the text compares the column with it, else the column's name.
std::string PlaceholderOf(const FindingFacts& facts) {
  const std::string_view text = facts.child.sql;
  const std::string& column = ComparisonOf(facts).column.column;
  for (size_t at = text.find(column); at != std::string_view::npos; at = text.find(column, at + 1)) {
    size_t next = text.find_first_not_of("\" ", at + column.size());
    if (next == std::string_view::npos || text[next] != '=') continue;
    next = text.find_first_not_of(" (", next + 1);
    if (next == std::string_view::npos || text[next] != '$') continue;
    const size_t end = std::min(text.find_first_not_of("0123456789", next + 1), text.size());
    if (end > next + 1) return std::string(text.substr(next, end - next));
  }
  return "value of " + NameOf(facts.columns.child);
}

std::string_view Verb(sql::Operation operation) {
  switch (operation) {
    case sql::Operation::kUpdate:
      return "UPDATE";
    case sql::Operation::kDelete:
      return "DELETE";
    default:
      return "SELECT";
  }
}

void AddProvenance(Finding& finding, const FindingFacts& facts) {
  const Edge& edge = *facts.sums.largest;
  const bool in_order = edge.order_values >= 2 && edge.order_tau >= 0.9;
  std::string text =
      fmt::format("every {} is {} of that result: {} of {}", PlaceholderOf(facts), NameOf(facts.columns.parent),
                  Count(edge.contained_values), Count(edge.child_distinct_values));
  if (edge.contained_values < edge.child_distinct_values) text.replace(0, 5, "nearly every");
  if (in_order) text += ", in row order";
  if (facts.sums.units > 1) text += fmt::format(" (largest of {})", Counted(facts.sums.units, "unit"));
  finding.evidence.push_back({std::move(text),
                              {{"contained_values", static_cast<double>(edge.contained_values)},
                               {"child_distinct_values", static_cast<double>(edge.child_distinct_values)},
                               {"children", static_cast<double>(edge.children)},
                               {"parent_rows", static_cast<double>(edge.parent_rows)},
                               {"order_tau", edge.order_tau}}});
}

void AddRelation(Finding& finding, const FindingFacts& facts) {
  const std::string parent = NameOf(facts.columns.parent), child = NameOf(facts.columns.child);
  if (facts.relationship == Relationship::kSameKey) {
    finding.evidence.push_back({fmt::format("both are the key column {}", parent), {}});
  } else if (facts.relationship == Relationship::kForeignKey) {
    finding.evidence.push_back({fmt::format("a foreign key joins {} and {}", child, parent), {}});
  } else if (facts.joined) {
    finding.evidence.push_back({fmt::format("{} = {} is joined elsewhere in this trace", child, parent), {}});
  } else if (facts.relationship == Relationship::kName) {
    finding.evidence.push_back({fmt::format("{} refers to {} by its name", child, parent), {}});
  } else if (facts.replicated) {
    finding.evidence.push_back(
        {fmt::format("names do not relate {} and {}, but the values matched in every unit", child, parent), {}});
  } else {
    finding.evidence.push_back({fmt::format("names do not tell whether {} refers to {}", child, parent), {}});
  }
}

void AddCaveats(Finding& finding, const FindingFacts& facts) {
  if (facts.dose.score > 0) {
    finding.evidence.push_back({fmt::format("grows with the parent's rows: {:.2f} per row over {} (R2 {:.2f})",
                                            facts.dose.slope, Counted(facts.dose.units, "unit"), facts.dose.r_squared),
                                {{"slope", facts.dose.slope}, {"r_squared", facts.dose.r_squared}}});
  }
  if (facts.sums.pipelined > 0) {
    finding.evidence.push_back(
        {fmt::format("{} of them were sent without waiting for the one before", Count(facts.sums.pipelined)),
         {{"pipelined", static_cast<double>(facts.sums.pipelined)}}});
  }
  if (facts.sums.truncated) finding.evidence.push_back({"large results were sampled: counts are of the sample", {}});
  if (facts.judgement.capped) {
    finding.evidence.push_back({"the connection is shared, or its client process is unknown: at most likely", {}});
  }
}

std::string AttributeOf(const FindingFacts& facts, bool to_one) {
  const std::string& reference = facts.columns.parent.column;
  if (to_one) {
    const std::string folded = lineage::FoldName(reference);
    return folded.ends_with("_id") && folded != "_id" ? folded.substr(0, folded.size() - 3)
                                                      : SingularName(facts.columns.child.relation);
  }
  // Over an association table the rows that are returned name the relation.
  for (const sql::Output& output : facts.child.facts.outputs) {
    const std::string relation = RelationOf(facts.child.facts, output.column);
    if (!relation.empty()) return lineage::FoldName(relation);
  }
  return lineage::FoldName(facts.columns.child.relation);
}

std::string LoadedRelation(const FindingFacts& facts) {
  for (const sql::Output& output : facts.child.facts.outputs) {
    const std::string relation = RelationOf(facts.child.facts, output.column);
    if (!relation.empty()) return relation;
  }
  return facts.columns.child.relation;
}

void WriteFix(Finding& finding, const FindingFacts& facts, const TraceView& view) {
  const sql::Facts& child = facts.child.facts;
  const std::string child_column = NameOf(facts.columns.child);
  finding.fix.sql = sql::BatchedSql(facts.child.sql, child, facts.sums.largest->child_comparison);
  // The key of the other table: each parent has one.
  const std::string folded = lineage::FoldName(facts.columns.child.column);
  const bool to_one =
      folded == "id" || folded == "uuid" || folded == SingularName(facts.columns.child.relation) + "_id";
  FixFamily family = to_one ? FixFamily::kLoadOne : FixFamily::kLoadMany;
  if (child.aggregate_only) family = FixFamily::kCount;
  if (child.operation != sql::Operation::kSelect) family = FixFamily::kBulkUpdate;
  std::vector<sql::Tag> tags;
  for (const trace::TagRow& tag : view.tags) {
    if (tag.statement_id == facts.child.statement_id) tags.push_back({tag.key, tag.value});
  }
  const sql::Orm orm = sql::GuessOrm(facts.child.sql, tags);
  const bool same_table =
      lineage::FoldName(facts.columns.parent.relation) == lineage::FoldName(facts.columns.child.relation);
  const std::string idiom = OrmIdiom(orm, family,
                                     {.parent_relation = facts.columns.parent.relation,
                                      .child_relation = LoadedRelation(facts),
                                      .attribute = same_table && !to_one ? "children" : AttributeOf(facts, to_one)});
  if (!idiom.empty() && !facts.columns.parent.relation.empty()) finding.fix.orm.emplace_back(sql::OrmName(orm), idiom);
  switch (family) {
    case FixFamily::kCount:
      finding.fix.advice = fmt::format("Count all of them in one query: {} = ANY($1) GROUP BY {}.", child_column,
                                       facts.columns.child.column);
      break;
    case FixFamily::kBulkUpdate:
      finding.fix.advice =
          fmt::format("{} all rows in one statement: {} = ANY($1), or join unnest() where the values differ.",
                      Verb(child.operation), child_column);
      break;
    default:
      finding.fix.advice = fmt::format("Fetch the rows in one query: {} = ANY($1).", child_column);
  }
  if (!finding.steps.empty())
    finding.fix.advice += " Then do the same one level down: " + finding.steps.front().edge + ".";
}

void WriteSummary(Finding& finding, const FindingFacts& facts) {
  const std::string relation = facts.columns.child.relation.empty() ? "rows" : facts.columns.child.relation;
  if (facts.small) {
    finding.summary = fmt::format(
        "{} on {} ran {} under parents of one or two rows in {} ({}): too small to tell whether it grows with them.",
        Verb(facts.child.facts.operation), relation, Counted(facts.sums.children, "time"),
        Counted(finding.units, "unit"), Duration(facts.sums.child_ns));
    return;
  }
  finding.summary =
      fmt::format("{} on {} by {} ran {} times, once per row of {} ({}). {}", Verb(facts.child.facts.operation),
                  relation, facts.columns.child.column, Count(facts.sums.children),
                  facts.columns.parent.relation.empty() ? "an earlier result" : facts.columns.parent.relation,
                  Duration(finding.database_ns), finding.fix.advice);
}

}  // namespace

EdgeColumns ColumnsOf(const Edge& edge, const trace::StatementRow& child) {
  const sql::ColumnRef& column = child.facts.comparisons[static_cast<size_t>(edge.child_comparison)].column;
  return {.parent = {edge.parent_column.relation, edge.parent_column.column},
          .child = {RelationOf(child.facts, column), column.column}};
}

std::string NameOf(const lineage::ColumnName& column) {
  if (column.column.empty()) return column.relation.empty() ? "an expression" : "a column of " + column.relation;
  return column.relation.empty() ? column.column : column.relation + "." + column.column;
}

EdgeSums SumEdges(const std::vector<const Edge*>& edges) {
  EdgeSums sums;
  std::set<int64_t> units;
  for (const Edge* edge : edges) {
    if (sums.largest == nullptr || edge->children > sums.largest->children) sums.largest = edge;
    sums.children += edge->children;
    sums.pipelined += edge->pipelined;
    sums.parent_rows += edge->parent_rows;
    sums.parent_executions += edge->parent_executions;
    sums.distinct_values += edge->distinct_values;
    sums.child_distinct_values += edge->child_distinct_values;
    sums.contained_values += edge->contained_values;
    sums.child_ns += edge->child_ns;
    sums.truncated |= edge->truncated;
    units.insert(edge->unit_id);
  }
  sums.units = units.size();
  return sums;
}

void WriteTexts(Finding& finding, const FindingFacts& facts, const TraceView& view) {
  finding.title = NameOf(facts.columns.child) + " <- " + NameOf(facts.columns.parent);
  WriteFix(finding, facts, view);
  WriteSummary(finding, facts);
  AddProvenance(finding, facts);
  AddRelation(finding, facts);
  AddCaveats(finding, facts);
}

}  // namespace pgassay::detectors
