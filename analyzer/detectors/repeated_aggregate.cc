// Rule repeated-aggregate: the same costly aggregate, computed again for every request, although its answer stays.
//
//   SELECT status, count(*), sum(total) FROM orders GROUP BY status    180 ms   5 rows, from 900 000
//   … another request …                                                180 ms   the same 5 rows
//   … and another …                                                    180 ms   the same 5 rows
//
// Judged are executions with the same values, one of each unit of work: repeats inside a unit are repeated-query's.
// Answers are compared by keyed hashes in the order in which they came (AnswerRow). What asks for one user's, tenant's
// or order's part is left alone, and so are tests: each of them makes a world of its own, and their rate says nothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "analyzer/advisor/ddl.h"
#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/plans.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/summary_view.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_executions", 10, "in different units of work, with the same values, and in an hour"},
    OptionInfo{"min_ms", 100, "database time of one execution on average from which it is costly, in ms"},
    OptionInfo{"min_scanned_rows", 100'000, "or rows that it reads, by catalogue and plan"},
    OptionInfo{"min_saved_ms", 100, "least saving: database time in the whole recording, in ms"},
    OptionInfo{"min_same_share", 0.8, "of the executions that must have had the same answer as the one before"},
    OptionInfo{"min_values_share", 0.8, "of the executions that must have asked with the same values"},
    OptionInfo{"max_write_share", 0.2, "writes to its tables, for each execution, above which nothing is said"},
    OptionInfo{"max_rows", 1000, "of a result above which it is no summary"},
    OptionInfo{"min_minutes", 10, "observed time below which the finding is a hint, in minutes"},
};

constexpr RuleInfo kInfo = {
    .id = "repeated-aggregate",
    .name = "Summary",
    .summary = "a costly aggregate is computed again and again for the same answer",
    .picture =
        "  SELECT status, sum(total) FROM orders GROUP BY status  180 ms\n"
        "  … the next request                                     180 ms   same 5 rows\n"
        "  … and the next                                         180 ms   same 5 rows",
    .problem =
        "The same aggregate over many rows ran in request after request, and nearly always with the answer of the time "
        "before: what it reads hardly changes. The server reads and adds up all of the rows each time.",
    .solution =
        "Keep the answer: a materialized view that is refreshed from time to time, a table that is kept up to date, or "
        "a cache. REFRESH … CONCURRENTLY leaves readers alone and needs a unique index. The interval is how old an "
        "answer may be; the one that is printed follows from how often the answer changed.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

constexpr int64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

double Option(const Options& options, std::string_view name) { return OptionValue(kInfo, options, name); }

// Executions with the same values against one database in one recording.
struct Series {
  std::vector<const trace::AnswerRow*> answers;
  uint64_t all_values = 0;  // executions there, with whatever values
  uint64_t changes = 0;
  int64_t busy_ns = 0;
  std::vector<int64_t> between_changes_ns;

  uint64_t size() const { return answers.size(); }
  int64_t Span() const { return answers.back()->sent_ns - answers.front()->sent_ns; }
  int64_t Mean() const { return busy_ns / static_cast<int64_t>(size()); }
  double Same() const { return 1 - static_cast<double>(changes) / static_cast<double>(size() - 1); }
};

// Where a part of the rows is asked for, by key: another user sees another answer.
bool AsksByKey(const sql::Facts& facts) {
  using enum sql::Comparator;
  return std::ranges::any_of(facts.comparisons, [](const sql::Comparison& comparison) {
    const bool equal =
        comparison.comparator == kEqual || comparison.comparator == kInList || comparison.comparator == kAnyArray;
    return equal && comparison.slot >= 0 && lineage::LooksLikeKey(comparison.column.column);
  });
}

bool IsTest(const TraceView& view, const lineage::Unit& unit) {
  if (unit.scope_id == 0) return false;
  const auto scope = std::ranges::find(view.scopes, unit.scope_id, &trace::ScopeRow::scope_id);
  return scope == view.scopes.end() || scope->kind == lineage::ScopeKind::kTest;
}

// The longest series of a statement; none where another one is nearly as long.
std::optional<Series> SeriesOf(const TraceView& view, const trace::StatementRow& statement, const Options& options) {
  std::map<std::pair<int64_t, int64_t>, std::map<uint64_t, Series>> places;
  std::set<int64_t> units;
  for (const trace::AnswerRow& answer : view.Answers(statement.statement_id)) {
    const lineage::Unit* unit = view.Unit(answer.unit_id);
    if (unit == nullptr || !IsJudged(*unit) || IsTest(view, *unit) || !units.insert(answer.unit_id).second) continue;
    places[{answer.recording_id, answer.database_id}][answer.parameters_hash].answers.push_back(&answer);
  }
  Series* longest = nullptr;
  for (auto& [place, by_values] : places) {
    uint64_t all = 0;
    for (const auto& [values, series] : by_values) all += series.size();
    for (auto& [values, series] : by_values) {
      series.all_values = all;
      if (values != 0 && (longest == nullptr || series.size() > longest->size())) longest = &series;
    }
  }
  if (longest == nullptr || longest->size() < 2) return std::nullopt;
  const double share = static_cast<double>(longest->size()) / static_cast<double>(longest->all_values);
  if (share < Option(options, "min_values_share")) return std::nullopt;

  std::ranges::stable_sort(longest->answers, {}, &trace::AnswerRow::sent_ns);
  int64_t changed_ns = longest->answers.front()->sent_ns;
  for (size_t i = 0; i < longest->size(); ++i) {
    const trace::AnswerRow& answer = *longest->answers[i];
    longest->busy_ns += answer.busy_ns;
    if (i == 0 || answer.result_hash == longest->answers[i - 1]->result_hash) continue;
    ++longest->changes;
    longest->between_changes_ns.push_back(answer.sent_ns - std::exchange(changed_ns, answer.sent_ns));
  }
  return std::move(*longest);
}

// Executions that wrote to one of the statement's tables.
uint64_t WritesTo(const TraceView& view, const sql::Facts& facts) {
  uint64_t writes = 0;
  for (const lineage::UnitStatement& row : view.unit_statements) {
    const trace::StatementRow* other = view.Statement(row.statement_id);
    const lineage::Unit* unit = view.Unit(row.unit_id);
    if (other == nullptr || !other->facts.writes || (unit != nullptr && !IsJudged(*unit))) continue;
    const bool touches =
        other->facts.operation == sql::Operation::kTruncate || other->facts.target < 0
            ? std::ranges::any_of(
                  other->facts.relations,
                  [&](const sql::Relation& one) {
                    return std::ranges::find(facts.relations, one.name, &sql::Relation::name) != facts.relations.end();
                  })
            : std::ranges::find(facts.relations, other->facts.relations[static_cast<size_t>(other->facts.target)].name,
                                &sql::Relation::name) != facts.relations.end();
    if (touches) writes += row.calls;
  }
  return writes;
}

// Rows that one execution reads, by catalogue and plan; 0: not known.
double ScannedRows(const TraceView& view, const trace::StatementRow& statement) {
  double most = 0;
  for (const catalog::Snapshot& snapshot : view.catalogs) {
    double rows = 0;
    if (const auto plan = PlanOf(view, snapshot, statement.statement_id)) {
      catalog::ForEachNode(plan->plan, [&](const catalog::PlanNode& node) {
        if (node.relation.empty()) return;
        const catalog::Relation* relation = snapshot.FindRelation(node.schema, node.relation);
        const bool whole = node.type.ends_with("Seq Scan") && relation != nullptr;
        rows += whole ? std::max(relation->rows, 0.0) : node.rows;
      });
    } else if (statement.facts.comparisons.empty() && statement.facts.limit.kind == sql::Bound::kNone) {
      for (const sql::Relation& one : statement.facts.relations) {
        const catalog::Relation* relation = snapshot.FindRelation(one.schema, one.name);
        if (relation != nullptr) rows += std::max(relation->rows, 0.0);
      }
    }
    most = std::max(most, rows);
  }
  return most;
}

// A view of it would be possible and would show every reader what the table shows: tables and views that are there for
// good, no summary already, no rows that only some may see.
bool CanBeKept(const TraceView& view, const sql::Facts& facts) {
  if (view.catalogs.empty()) return true;
  return std::ranges::any_of(view.catalogs, [&](const catalog::Snapshot& snapshot) {
    return std::ranges::all_of(facts.relations, [&](const sql::Relation& one) {
      const catalog::Relation* relation = snapshot.FindRelation(one.schema, one.name);
      return relation != nullptr && relation->kind != 'm' && relation->persistence != 't' && !relation->row_security;
    });
  });
}

// How old an answer may be: the median time between changes, or the time for which it did not change; rounded down.
int64_t IntervalOf(const Series& series) {
  static constexpr std::array<int64_t, 14> kSteps = {
      kMinute, 2 * kMinute, 5 * kMinute, 10 * kMinute, 15 * kMinute, 20 * kMinute, 30 * kMinute,
      kHour,   2 * kHour,   3 * kHour,   4 * kHour,    6 * kHour,    12 * kHour,   24 * kHour};
  int64_t longest = series.Span();
  if (!series.between_changes_ns.empty()) {
    std::vector<int64_t> gaps = series.between_changes_ns;
    std::ranges::sort(gaps);
    longest = gaps[(gaps.size() - 1) / 2];
  }
  const auto step = std::ranges::upper_bound(kSteps, longest);
  return step == kSteps.begin() ? kSteps.front() : *(step - 1);
}

std::string IntervalText(int64_t ns) {
  const int64_t minutes = ns / kMinute;
  if (minutes == 1) return "minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  return minutes == 60 ? "hour" : fmt::format("{} hours", minutes / 60);
}

std::string GroupsText(const trace::StatementRow& statement) {
  std::string text;
  for (const sql::ColumnRef& column : statement.facts.group_by) {
    text += text.empty() ? "" : ", ";
    text += column.column.empty() ? "expression" : column.column;
  }
  return text;
}

class RepeatedAggregate {
 public:
  RepeatedAggregate(const TraceView& view, const Options& options) : view_(view), options_(options) {
    for (const catalog::Snapshot& snapshot : view.catalogs) {
      taken_.merge(advisor::TakenNames(snapshot));
    }
  }

  std::vector<Finding> Detect() {
    std::vector<Finding> findings;
    for (const trace::StatementRow& statement : view_.statements) {
      if (!IsApplicationRead(statement) || !IsAggregate(statement.facts)) continue;
      if (statement.facts.volatile_functions || AsksByKey(statement.facts)) continue;
      const auto series = SeriesOf(view_, statement, options_);
      if (!series || !IsFrequent(*series) || !CanBeKept(view_, statement.facts)) continue;
      const double scanned = ScannedRows(view_, statement);
      if (static_cast<double>(series->Mean()) < Option(options_, "min_ms") * 1e6 &&
          (scanned <= 0 || scanned < Option(options_, "min_scanned_rows")))
        continue;
      const uint64_t writes = WritesTo(view_, statement.facts);
      if (static_cast<double>(writes) > Option(options_, "max_write_share") * static_cast<double>(series->size()))
        continue;
      if (auto finding = Judge(statement, *series, scanned, writes)) findings.push_back(std::move(*finding));
    }
    return findings;
  }

 private:
  bool IsFrequent(const Series& series) const {
    const double least = Option(options_, "min_executions"), size = static_cast<double>(series.size());
    if (size < least || size * static_cast<double>(kHour) < least * static_cast<double>(series.Span())) return false;
    const bool summary = std::ranges::all_of(series.answers, [&](const trace::AnswerRow* answer) {
      return static_cast<double>(answer->rows) <= Option(options_, "max_rows");
    });
    return summary && series.Same() >= Option(options_, "min_same_share");
  }

  std::optional<Finding> Judge(const trace::StatementRow& statement, const Series& series, double scanned,
                               uint64_t writes) {
    const int64_t interval = IntervalOf(series);
    const int64_t refreshes = 1 + series.Span() / interval;
    const int64_t saved = series.Mean() * std::max<int64_t>(static_cast<int64_t>(series.size()) - refreshes, 0);
    if (static_cast<double>(saved) < Option(options_, "min_saved_ms") * 1e6) return std::nullopt;

    const std::string relations = RelationsText(statement.facts), groups = GroupsText(statement);
    const std::string by = groups.empty() ? "" : " by " + groups;
    Finding finding;
    Identify(finding, kInfo.id, SchemaId(kInfo.id, Skeleton(statement) + by));
    finding.relation = statement.facts.relations[0].name;
    finding.statement = TextOf(statement);
    finding.executions = series.size();
    finding.database_ns = series.busy_ns;
    finding.wasted_ns = saved;
    Occurrences occurrences(view_);
    for (const trace::AnswerRow* answer : series.answers) occurrences.Add(answer->unit_id, 1);
    occurrences.Fill(finding, statement.statement_id);
    const bool long_enough =
        static_cast<double>(series.Span()) >= Option(options_, "min_minutes") * static_cast<double>(kMinute);
    finding.confidence = long_enough ? Confidence::kLikely : Confidence::kHint;
    finding.severity = long_enough ? Severity::kWarning : Severity::kInfo;
    finding.title = groups.empty() ? "totals of " + relations : relations + by;
    finding.summary = fmt::format(
        "The same aggregate over {} ran {} times in {} ({}), and its answer {}. Keep the answer and refresh it every "
        "{}.",
        relations, Count(series.size()), Counted(finding.units, "unit"), Duration(series.busy_ns), ChangesText(series),
        IntervalText(interval));
    AddEvidence(finding, series, scanned, writes);
    AddFix(finding, statement, interval);
    return finding;
  }

  static std::string ChangesText(const Series& series) {
    if (series.changes == 0) return "stayed the same";
    return series.changes == 1 ? "changed once" : fmt::format("changed {} times", Count(series.changes));
  }

  static void AddEvidence(Finding& finding, const Series& series, double scanned, uint64_t writes) {
    finding.evidence.push_back(
        {fmt::format("the same values each time, and {} of {} answers as the one before, in {}",
                     Count(series.size() - 1 - series.changes), Count(series.size() - 1), Duration(series.Span())),
         {{"executions", static_cast<double>(series.size())},
          {"changes", static_cast<double>(series.changes)},
          {"seconds", static_cast<double>(series.Span()) / 1e9}}});
    const auto rows = std::ranges::max_element(series.answers, {}, &trace::AnswerRow::rows);
    std::string cost = fmt::format("{} on average", Duration(series.Mean()));
    if (scanned > 0) cost += fmt::format(", some {} rows read", Count(static_cast<uint64_t>(scanned)));
    finding.evidence.push_back({fmt::format("{} for {}", cost, Counted((*rows)->rows, "row")),
                                {{"mean_ms", static_cast<double>(series.Mean()) / 1e6}, {"scanned_rows", scanned}}});
    finding.evidence.push_back({writes == 0 ? "nothing was seen to write to its tables"
                                            : fmt::format("{} to its tables", Counted(writes, "write")),
                                {{"writes", static_cast<double>(writes)}}});
  }

  void AddFix(Finding& finding, const trace::StatementRow& statement, int64_t interval) {
    const std::string every = IntervalText(interval);
    const auto summary = SummaryViewOf(statement, view_.Columns(statement.statement_id), taken_);
    if (!summary) {
      finding.fix.advice = fmt::format(
          "Keep the answer in a materialized view with a unique index and refresh it every {}, or cache it as long. "
          "The view is not printed: the trace does not keep the values that it needs.",
          every);
      return;
    }
    finding.fix.sql = summary->Script("every " + every);
    finding.fix.advice = fmt::format("Read the view instead: {}. It shows rows as they were up to {} ago.",
                                     summary->Reading(), every == "minute" || every == "hour" ? "one " + every : every);
    finding.fix.orm = summary->Declarations(SenderOf(view_, statement));
  }

  const TraceView& view_;
  const Options& options_;
  std::set<std::string> taken_;
};

std::vector<Finding> DetectRepeatedAggregate(const TraceView& view, const Options& options) {
  return RepeatedAggregate(view, options).Detect();
}

}  // namespace

constinit const Detector kRepeatedAggregate = {&kInfo, DetectRepeatedAggregate};

}  // namespace pgassay::detectors
