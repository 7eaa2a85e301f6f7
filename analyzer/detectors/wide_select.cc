// Rule wide-select: most of what a result weighs is one column that nothing on the database's side needed.
//
//   SELECT id, name, …, description FROM products        41 MB
//          │   │        └ 93 % of it: never compared, sorted or joined by, and no later query was fed from it
//          └───┴ what the queries around it used
//
// Tier A: an index alone would answer what the database needs of it, as the planner says (advisor/narrow.h), a hint.
// Tier B: one heavy column of a select that takes all columns of its table. Tier C: one column fed all later queries
// and the rest is nearly all of the bytes, a hint. Tier D: a star over many columns, information only. Whether the
// application reads a column cannot be seen from here, so this says what it costs, never "unused". A view looks like a
// table from here and is judged as one.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"
#include "analyzer/sql/select_list.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_share", 0.5, "of the result's bytes that one column must have"},
    OptionInfo{"min_column_bytes", 256, "average width from which a column is heavy"},
    OptionInfo{"min_kb", 64, "least effect in a unit of work: bytes that would not be sent, in kB"},
    OptionInfo{"min_ms", 1, "or least effect in a unit of work: their share of the database time, in ms"},
    OptionInfo{"min_rest_share", 0.8, "of the result's bytes beside the one column that fed later queries"},
    OptionInfo{"min_star_columns", 21, "columns of a star from which its shape alone is noted"},
    OptionInfo{"max_narrow_columns", 6, "tables with no more columns than this are left alone"},
};

constexpr RuleInfo kInfo = {
    .id = "wide-select",
    .name = "Wide",
    .summary = "columns that no query needed make up most of a result",
    .picture =
        "  SELECT id, name, …, description FROM products      41 MB\n"
        "                      └ 93 % of the bytes, needed by no predicate,\n"
        "                        sort, join or later query",
    .problem =
        "The statement takes every column of its table, and one of them makes up most of the bytes of the result. The "
        "server reads it "
        "(often from TOAST), sends it and the client decodes it in every row. Nothing compared, sorted or joined by "
        "it, and no later "
        "query was fed from it. Whether the application reads it cannot be seen on the wire: the finding says what it "
        "costs. Hints say more of the same: that an index alone would answer for the columns which the statement finds "
        "and sorts by, or that one column fed every later query and the rest was sent beside it.",
    .solution =
        "If the page does not show the column, leave it out of the select list and load it where it is shown: name the "
        "columns, or mark this one as deferred in the mapper. Where only keys are wanted, a join or a subquery in the "
        "later query takes them without a result in between.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
};

using ColumnNames = std::set<std::string>;

const std::string& NameOf(const trace::ColumnRow& row) {
  return row.column.column.empty() ? row.name : row.column.column;
}

double AverageWidth(const trace::ColumnRow& row) {
  const uint64_t values = row.cells - std::min(row.cells, row.nulls);
  return values == 0 ? 0 : static_cast<double>(row.bytes) / static_cast<double>(values);
}

// What is known of the tables from every result of the trace: without a catalogue, a table's columns are all that any
// result showed.
class Tables {
 public:
  explicit Tables(const TraceView& view) {
    for (const trace::ColumnRow& row : view.columns) {
      if (row.column.relation.empty()) continue;
      columns_[row.column.relation].insert(NameOf(row));
    }
  }
  size_t ColumnCount(const std::string& relation) const {
    const auto found = columns_.find(relation);
    return found == columns_.end() ? 0 : found->second.size();
  }

 private:
  std::map<std::string, ColumnNames> columns_;
};

bool HasStarOver(const sql::Facts& facts, const std::string& relation) {
  return std::ranges::any_of(facts.outputs, [&](const sql::Output& output) {
    return output.kind == sql::Output::Kind::kStar &&
           (output.column.relation < 0 ||
            facts.relations[static_cast<size_t>(output.column.relation)].name == relation);
  });
}

// An all-columns shape: a star, or every column of the table that the trace has seen and hardly a hole in their
// attribute numbers (dropped columns leave some).
bool TakesAllColumns(const trace::StatementRow& statement, std::span<const trace::ColumnRow> columns,
                     const std::string& relation, const Tables& tables) {
  if (HasStarOver(statement.facts, relation)) return true;
  ColumnNames taken;
  int16_t last = 0;
  for (const trace::ColumnRow& row : columns) {
    if (row.column.relation != relation) continue;
    taken.insert(NameOf(row));
    last = std::max(last, row.column.attnum);
  }
  return taken.size() >= tables.ColumnCount(relation) &&
         static_cast<double>(taken.size()) >= 0.8 * static_cast<double>(last);
}

// Positions of result columns that something needed: keys, what the statement compares, joins, groups or sorts by, and
// what fed later queries (`claimed`).
std::set<int> NeededPositions(const trace::StatementRow& statement, std::span<const trace::ColumnRow> columns,
                              std::set<int> claimed) {
  const sql::Facts& facts = statement.facts;
  ColumnNames named;
  for (const sql::Comparison& comparison : facts.comparisons) named.insert(comparison.column.column);
  for (const sql::Join& join : facts.joins) named.insert({join.left.column, join.right.column});
  for (const sql::ColumnRef& column : facts.group_by) named.insert(column.column);
  for (const sql::SortKey& key : facts.order_by) named.insert(key.column.column);
  std::set<int> needed = std::move(claimed);
  for (const trace::ColumnRow& row : columns) {
    const std::string& name = NameOf(row);
    if (name == "id" || name.ends_with("_id") || named.contains(name)) needed.insert(row.position);
  }
  return needed;
}

// A unit that writes to the relation may write the row back: it needs all of it.
std::set<std::pair<int64_t, std::string>> WrittenRelations(const TraceView& view) {
  std::set<std::pair<int64_t, std::string>> written;
  for (const lineage::UnitStatement& row : view.unit_statements) {
    const trace::StatementRow* statement = view.Statement(row.statement_id);
    if (statement == nullptr || !statement->facts.writes || statement->facts.target < 0) continue;
    written.emplace(row.unit_id, statement->facts.relations[static_cast<size_t>(statement->facts.target)].name);
  }
  return written;
}

bool IsSingleRowLookUp(const trace::StatementRow& statement, const lineage::UnitStatement& row) {
  return row.rows <= row.calls &&
         std::ranges::any_of(statement.facts.comparisons, [](const sql::Comparison& comparison) {
           return comparison.conjunct && comparison.comparator == sql::Comparator::kEqual;
         });
}

// The select list without `left_out`, "" where the text's list cannot be told item by item.
std::string NarrowedSql(const trace::StatementRow& statement, std::span<const trace::ColumnRow> columns,
                        const std::string& relation, const ColumnNames& left_out) {
  const auto list = sql::FindSelectList(statement.sql);
  if (!list) return "";
  const sql::Facts& facts = statement.facts;
  std::string items;
  const auto add = [&](std::string_view item) { items += (items.empty() ? "" : ", ") + std::string(item); };
  if (facts.has_star) {
    if (list->items.size() != 1 || facts.relations.size() != 1) return "";
    for (const trace::ColumnRow& row : columns) {
      if (!left_out.contains(NameOf(row))) add(NameOf(row));
    }
  } else {
    if (list->items.size() != facts.outputs.size()) return "";
    for (size_t i = 0; i < list->items.size(); ++i) {
      const sql::Output& output = facts.outputs[i];
      const bool out = output.kind == sql::Output::Kind::kColumn && left_out.contains(output.column.column) &&
                       RelationOf(facts, output.column) == relation;
      if (!out) add(list->items[i]);
    }
  }
  return items.empty() ? "" : sql::WithSelectList(statement.sql, *list, items);
}

// The statement with other columns; "" where its list cannot be found.
std::string WithColumns(const trace::StatementRow& statement, std::string_view columns) {
  const auto list = sql::FindSelectList(statement.sql);
  return list ? sql::WithSelectList(statement.sql, *list, columns) : "";
}

// "id, \"when, local\"": as a trial's columns are written.
ColumnNames SplitNames(std::string_view names) {
  ColumnNames split;
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == '"') quoted = !quoted;
    if (quoted || names[i] != ',') continue;
    split.emplace(names.substr(begin, i - begin));
    begin = i + 2;
  }
  split.emplace(names.substr(begin));
  return split;
}

struct Effect {
  uint64_t executions = 0, result_bytes = 0, bytes = 0, max_unit_bytes = 0;
  int64_t database_ns = 0, wasted_ns = 0;
};

class WideSelect {
 public:
  WideSelect(const TraceView& view, const Options& options)
      : view_(view), options_(options), tables_(view), written_(WrittenRelations(view)) {
    for (const lineage::UnitStatement& row : view.unit_statements) {
      uses_[row.statement_id].push_back(&row);
      if (row.batches == 0) continue;
      batched_units_.insert(row.unit_id);
      const lineage::Unit* unit = view.Unit(row.unit_id);
      batch_cut_by_time_ = batch_cut_by_time_ || (unit != nullptr && IsCutByTime(*unit));
    }
    for (const lineage::Edge& edge : view.edges) {
      claimed_[edge.parent_statement_id].insert(edge.parent_position);
      const lineage::Unit* unit = view.Unit(edge.unit_id);
      if (unit != nullptr && IsJudged(*unit)) edges_[edge.parent_statement_id].push_back(&edge);
    }
    for (const trace::TrialRow& trial : view.trials) {
      if (trial.used && !trial.columns.empty()) narrowed_.emplace(trial.statement_id, &trial);
    }
    for (const Table& table : JudgedTables(view))
      columns_in_catalog_[table.relation->name] = table.relation->columns.size();
  }

  std::vector<Finding> Detect() const {
    std::vector<Finding> findings;
    for (const trace::StatementRow& statement : view_.statements) {
      if (!IsApplicationRead(statement)) continue;
      std::optional<Finding> finding = HeavyColumn(statement);
      if (!finding) finding = IndexOnly(statement);
      if (!finding) finding = OneColumnFeeds(statement);
      if (!finding) finding = WideStar(statement);
      if (finding) findings.push_back(std::move(*finding));
    }
    return findings;
  }

 private:
  double Option(std::string_view name) const { return OptionValue(kInfo, options_, name); }

  std::set<int> Claimed(const trace::StatementRow& statement) const {
    const auto found = claimed_.find(statement.statement_id);
    return found == claimed_.end() ? std::set<int>{} : found->second;
  }

  // What leaving out `share` of the result's bytes would save, over the units where it saves enough. Time by the share
  // of bytes: a guess, and one of the two thresholds only.
  // Over the units for which `counts` holds.
  Effect EffectOf(
      const trace::StatementRow& statement, const std::string& relation, double share, Occurrences& occurrences,
      const std::function<bool(int64_t)>& counts = [](int64_t) { return true; }) const {
    Effect effect;
    const auto uses = uses_.find(statement.statement_id);
    if (uses == uses_.end()) return effect;
    for (const lineage::UnitStatement* row : uses->second) {
      const lineage::Unit* unit = view_.Unit(row->unit_id);
      if (unit == nullptr || !IsJudged(*unit) || IsSingleRowLookUp(statement, *row)) continue;
      if (written_.contains({row->unit_id, relation})) continue;
      if (!counts(row->unit_id)) continue;
      const double bytes = static_cast<double>(row->bytes) * share;
      const double time_ns = std::min(static_cast<double>(row->database_ns) * share, bytes * kMostNsPerByte);
      if (bytes < Option("min_kb") * 1e3 && time_ns < Option("min_ms") * 1e6) continue;
      const auto whole_bytes = static_cast<uint64_t>(bytes);
      occurrences.Add(row->unit_id, whole_bytes);
      effect.executions += row->calls;
      effect.result_bytes += row->bytes;
      effect.bytes += whole_bytes;
      effect.max_unit_bytes = std::max(effect.max_unit_bytes, whole_bytes);
      effect.database_ns += row->database_ns;
      effect.wasted_ns += static_cast<int64_t>(time_ns);
    }
    return effect;
  }

  std::optional<Finding> HeavyColumn(const trace::StatementRow& statement) const {
    const auto columns = view_.Columns(statement.statement_id);
    uint64_t total = 0;
    for (const trace::ColumnRow& row : columns) total += row.bytes;
    const auto heaviest = std::ranges::max_element(columns, {}, &trace::ColumnRow::bytes);
    if (total == 0 || heaviest->column.relation.empty()) return std::nullopt;
    const std::string& relation = heaviest->column.relation;
    const double share = static_cast<double>(heaviest->bytes) / static_cast<double>(total);
    if (share < Option("min_share") || AverageWidth(*heaviest) < Option("min_column_bytes")) return std::nullopt;
    if (static_cast<double>(tables_.ColumnCount(relation)) <= Option("max_narrow_columns")) return std::nullopt;
    if (!TakesAllColumns(statement, columns, relation, tables_)) return std::nullopt;
    const std::set<int> needed = NeededPositions(statement, columns, Claimed(statement));
    if (needed.contains(heaviest->position)) return std::nullopt;

    ColumnNames left_out;
    uint64_t left_out_bytes = 0;
    for (const trace::ColumnRow& row : columns) {
      if (row.column.relation != relation || needed.contains(row.position)) continue;
      if (AverageWidth(row) < Option("min_column_bytes")) continue;
      left_out.insert(NameOf(row));
      left_out_bytes += row.bytes;
    }
    Occurrences occurrences(view_);
    const Effect effect =
        EffectOf(statement, relation, static_cast<double>(left_out_bytes) / static_cast<double>(total), occurrences);
    if (occurrences.units() == 0) return std::nullopt;

    const std::string name = relation + "." + NameOf(*heaviest);
    Finding finding = Common(statement, relation, effect, occurrences);
    finding.confidence = Confidence::kLikely;
    finding.title = fmt::format("{} is {} of {}", name, Percent(share), Bytes(effect.result_bytes));
    finding.summary = fmt::format(
        "{} makes up {} of the {} that SELECT on {} brought in {}, and no query needed it. Leave it out where it is "
        "not "
        "shown.",
        name, Percent(share), Bytes(effect.result_bytes), RelationsText(statement.facts),
        Counted(effect.executions, "execution"));
    finding.evidence.push_back({fmt::format("{} on average, {} of each result",
                                            Bytes(static_cast<uint64_t>(AverageWidth(*heaviest))), Percent(share)),
                                {{"share", share}, {"average_bytes", AverageWidth(*heaviest)}}});
    finding.evidence.push_back({"no predicate, sort or join used it, and no later query was fed from it", {}});
    if (left_out.size() > 1) {
      std::string others;
      for (const std::string& other : left_out) {
        if (other != NameOf(*heaviest)) others += (others.empty() ? "" : ", ") + other;
      }
      finding.evidence.push_back({fmt::format("also heavy: {}", others), {}});
    }
    finding.fix.sql = NarrowedSql(statement, columns, relation, left_out);
    AddIdiom(finding.fix, SenderOf(view_, statement), FixFamily::kNarrow, {"", relation, NameOf(*heaviest)});
    finding.fix.advice = fmt::format("Leave {} out of the select list and load it where it is shown.", name);
    return finding;
  }

  std::optional<Finding> IndexOnly(const trace::StatementRow& statement) const {
    const auto found = narrowed_.find(statement.statement_id);
    if (found == narrowed_.end()) return std::nullopt;
    const trace::TrialRow& trial = *found->second;
    const ColumnNames kept = SplitNames(trial.columns);
    const std::set<int> claimed = Claimed(statement);
    const auto columns = view_.Columns(statement.statement_id);
    uint64_t total = 0, rest = 0;
    for (const trace::ColumnRow& row : columns) {
      const bool is_kept = kept.contains(catalog::QuoteIdentifier(NameOf(row)));
      if (!is_kept && claimed.contains(row.position)) return std::nullopt;
      total += row.bytes;
      if (!is_kept) rest += row.bytes;
    }
    if (total == 0) return std::nullopt;
    const std::string& relation = statement.facts.relations.front().name;
    Occurrences occurrences(view_);
    const double share = static_cast<double>(rest) / static_cast<double>(total);
    const Effect effect =
        EffectOf(statement, relation, share, occurrences, [&](int64_t unit) { return !MayFeedBatch(unit); });
    if (occurrences.units() == 0) return std::nullopt;

    Finding finding = Common(statement, relation, effect, occurrences);
    finding.confidence = Confidence::kHint;
    finding.title = fmt::format("{}: an index alone has {}", relation, trial.columns);
    finding.summary = fmt::format(
        "SELECT on {} brought {} columns and {} in {}; the database itself needs {} of them ({}), for which the "
        "planner reads {} and not the table.",
        relation, columns.size(), Bytes(effect.result_bytes), Counted(effect.executions, "execution"), kept.size(),
        trial.columns, trial.index.empty() ? "an index" : "an index that could be made");
    finding.evidence.push_back({fmt::format("{} with these columns alone: cost {:.2f} instead of {:.2f}", trial.how,
                                            trial.cost_after, trial.cost_before),
                                {{"cost_before", trial.cost_before}, {"cost_after", trial.cost_after}}});
    finding.evidence.push_back(
        {fmt::format("the other columns are {} of the bytes; no predicate or sort used them, and "
                     "no later query was fed from them",
                     Percent(share)),
         {{"share", share}}});
    if (!trial.index.empty())
      finding.evidence.push_back({fmt::format("{}, with {}", trace::TrialKindName(trial.kind), trial.index), {}});
    finding.plan_changes.push_back({.statement = finding.statement,
                                    .how = trial.how,
                                    .plan_before = trial.plan_before,
                                    .plan_after = trial.plan_after,
                                    .cost_before = trial.cost_before,
                                    .cost_after = trial.cost_after});
    finding.fix.sql = WithColumns(statement, trial.columns);
    finding.fix.advice = "Where no more of the row is shown, name these columns";
    finding.fix.advice += trial.index.empty() ? "." : " and make the index: " + trial.index + ".";
    return finding;
  }

  std::optional<Finding> OneColumnFeeds(const trace::StatementRow& statement) const {
    const auto edges = edges_.find(statement.statement_id);
    if (edges == edges_.end() || statement.facts.relations.size() != 1) return std::nullopt;
    const std::string& relation = statement.facts.relations.front().name;
    const auto known = columns_in_catalog_.find(relation);
    const auto columns = view_.Columns(statement.statement_id);
    if (known == columns_in_catalog_.end() || columns.size() < known->second) return std::nullopt;
    if (static_cast<double>(known->second) <= Option("max_narrow_columns")) return std::nullopt;

    std::set<int> positions;
    std::set<int64_t> units;
    uint64_t children = 0;
    for (const lineage::Edge* edge : edges->second) {
      if (edge->distinct_values * 2 < edge->parent_distinct) return std::nullopt;  // rows were picked out
      positions.insert(edge->parent_position);
      if (!MayFeedBatch(edge->unit_id)) units.insert(edge->unit_id);
      children += edge->children;
    }
    if (positions.size() != 1) return std::nullopt;
    const auto feeding = std::ranges::find(columns, *positions.begin(), &trace::ColumnRow::position);
    if (feeding == columns.end()) return std::nullopt;
    uint64_t total = 0;
    for (const trace::ColumnRow& row : columns) total += row.bytes;
    const double share = total == 0 ? 0 : static_cast<double>(total - feeding->bytes) / static_cast<double>(total);
    if (share < Option("min_rest_share")) return std::nullopt;
    Occurrences occurrences(view_);
    const Effect effect =
        EffectOf(statement, relation, share, occurrences, [&](int64_t unit) { return units.contains(unit); });
    if (occurrences.units() == 0) return std::nullopt;

    const std::string name = relation + "." + NameOf(*feeding);
    Finding finding = Common(statement, relation, effect, occurrences);
    finding.confidence = Confidence::kHint;
    finding.title = fmt::format("only {} fed later queries", name);
    finding.summary =
        fmt::format("SELECT on {} brought {} columns and {} in {}; later queries were fed from {} alone.", relation,
                    columns.size(), Bytes(effect.result_bytes), Counted(effect.executions, "execution"), name);
    finding.evidence.push_back(
        {fmt::format("{} took their values from {}, one each", Counted(children, "later execution"), name),
         {{"children", static_cast<double>(children)}}});
    finding.evidence.push_back(
        {fmt::format("the other columns are {} of the bytes", Percent(share)), {{"share", share}}});
    finding.fix.sql = WithColumns(statement, catalog::QuoteIdentifier(NameOf(*feeding)));
    finding.fix.advice =
        fmt::format("Where nothing else of {} is shown, ask for {} inside the later query, by a join or a subquery.",
                    relation, name);
    return finding;
  }

  // A batch does not say which result its values came from: any column may have fed it. Where an idle gap ended the
  // unit, the batch may stand behind the gap.
  bool MayFeedBatch(int64_t unit_id) const {
    return batched_units_.contains(unit_id) || (batch_cut_by_time_ && IsCutByTime(*view_.Unit(unit_id)));
  }

  std::optional<Finding> WideStar(const trace::StatementRow& statement) const {
    const auto columns = view_.Columns(statement.statement_id);
    if (!statement.facts.has_star || static_cast<double>(columns.size()) < Option("min_star_columns"))
      return std::nullopt;
    const std::set<int> needed = NeededPositions(statement, columns, Claimed(statement));
    uint64_t total = 0, not_needed = 0;
    for (const trace::ColumnRow& row : columns) {
      total += row.bytes;
      if (!needed.contains(row.position)) not_needed += row.bytes;
    }
    if (total == 0) return std::nullopt;
    const std::string& relation = statement.facts.relations[0].name;
    Occurrences occurrences(view_);
    const double share = static_cast<double>(not_needed) / static_cast<double>(total);
    const Effect effect = EffectOf(statement, relation, share, occurrences);
    if (occurrences.units() == 0) return std::nullopt;
    Finding finding = Common(statement, relation, effect, occurrences);
    finding.confidence = Confidence::kHint;
    finding.title = fmt::format("{}: * is {} columns", RelationsText(statement.facts), columns.size());
    finding.summary = fmt::format("SELECT * on {} brought {} columns and {} in {}. Name the columns that are shown.",
                                  RelationsText(statement.facts), columns.size(), Bytes(effect.result_bytes),
                                  Counted(effect.executions, "execution"));
    finding.evidence.push_back(
        {fmt::format("{} columns, of which {} were compared, joined, sorted by or fed a later query", columns.size(),
                     needed.size()),
         {{"columns", static_cast<double>(columns.size())}, {"needed_columns", static_cast<double>(needed.size())}}});
    finding.fix.advice = "Name the columns that are shown.";
    return finding;
  }

  static Finding Common(const trace::StatementRow& statement, const std::string& relation, const Effect& effect,
                        const Occurrences& occurrences) {
    Finding finding;
    Identify(finding, kInfo.id, SkeletonId(kInfo.id, statement));
    finding.relation = relation;
    finding.statement = TextOf(statement);
    finding.executions = effect.executions;
    finding.database_ns = effect.database_ns;
    finding.wasted_ns = effect.wasted_ns;
    finding.wasted_bytes = effect.bytes;
    occurrences.Fill(finding, statement.statement_id);
    return finding;
  }

  static constexpr double kMostNsPerByte =
      50;  // reading, sending and decoding: measured 4 to 6; a slow scan is not the column's doing

  const TraceView& view_;
  const Options& options_;
  Tables tables_;
  std::set<std::pair<int64_t, std::string>> written_;
  std::map<int64_t, std::vector<const lineage::UnitStatement*>> uses_;
  std::map<int64_t, std::set<int>> claimed_;
  std::map<int64_t, std::vector<const lineage::Edge*>> edges_;  // of judged units, by parent
  std::set<int64_t> batched_units_;
  bool batch_cut_by_time_ = false;
  std::map<int64_t, const trace::TrialRow*> narrowed_;
  std::map<std::string, size_t> columns_in_catalog_;
};

std::vector<Finding> DetectWideSelect(const TraceView& view, const Options& options) {
  return WideSelect(view, options).Detect();
}

}  // namespace

constinit const Detector kWideSelect = {&kInfo, DetectWideSelect};

}  // namespace pgassay::detectors
