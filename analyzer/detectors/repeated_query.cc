// Rule repeated-query: the same SELECT with the same values and the same answer, again and again in one unit of work.
//
//   SELECT … FROM settings WHERE key = 'vat'    → the same rows
//   SELECT … FROM settings WHERE key = 'vat'    → the same rows     no write to settings in between
//   SELECT … FROM settings WHERE key = 'vat'    → the same rows
//
// Reads Repeat: the lineage has compared values and results by keyed hashes and watched the writes.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_executions", 3, "identical executions in one unit of work from which they are reported"},
    OptionInfo{"polling_ms", 200, "a regular interval longer than this, in no transaction, is polling, which is meant"},
};

constexpr RuleInfo kInfo = {
    .id = "repeated-query",
    .name = "Repeat",
    .summary = "the same query, values and result several times in one unit of work",
    .picture =
        "  SELECT … FROM settings WHERE key = $1   → 1 row\n"
        "  SELECT … FROM settings WHERE key = $1   → the same row   nothing wrote\n"
        "  SELECT … FROM settings WHERE key = $1   → the same row   to settings",
    .problem =
        "The same SELECT ran several times in one unit of work with the same values and brought the same rows each "
        "time, and no "
        "statement of the unit wrote to its tables in between. All but the first told the application nothing new.",
    .solution =
        "Load it once and pass the result on, or keep it for the length of the request. Object-relational mappers have "
        "a place for "
        "it: an identity map, a request cache, a cached property.",
    .options = kOptions,
};

// One execution more or less says nothing about what a clock, a sequence or a lock gives: such repeats are meant.
bool MayRepeat(const trace::StatementRow& statement) { return !statement.facts.volatile_functions; }

bool IsLookUpByKey(const sql::Facts& facts) {
  return facts.relations.size() == 1 && facts.comparisons.size() == 1 && facts.comparisons[0].column.column == "id" &&
         facts.comparisons[0].comparator == sql::Comparator::kEqual;
}

// Inside a scope, a trace or a transaction it is a loop with a slow body: nobody polls there, and time says nothing.
bool IsPolling(const lineage::Repeat& repeat, const lineage::Unit& unit, const Options& options) {
  using enum lineage::UnitKind;
  if (unit.kind == kScope || unit.kind == kTraceparent || unit.kind == kTransaction) return false;
  return repeat.regular_interval &&
         static_cast<double>(repeat.gap_median_ns) > OptionValue(kInfo, options, "polling_ms") * 1e6;
}

// Where only pauses cut units, a few equal values among very many are the birthday paradox, not a pattern.
bool IsChance(const lineage::Repeat& repeat, const lineage::Unit& unit, uint64_t calls) {
  constexpr uint64_t kOneIn = 20;
  return IsCutByTime(unit) && repeat.executions * kOneIn < calls;
}

// A test may ask for the same thing several times: it is one request only where it says so.
bool IsOneRequest(const lineage::Unit& unit) {
  using enum lineage::UnitKind;
  if (unit.kind == kScope) return unit.scope_id == 0 || !unit.label.empty() || !unit.trace_id.empty();
  return !IsCutByTime(unit) && unit.kind != kPool && !unit.shared_connection;
}

Finding MakeFinding(const trace::StatementRow& statement, const std::vector<const lineage::Repeat*>& repeats,
                    const TraceView& view) {
  Finding finding;
  Occurrences occurrences(view);
  uint64_t most = 0, rows = 0;
  double database_ns = 0;
  int64_t repeat_ns = 0;
  bool bounded = false;  // in a request or transaction, where "in between" is certain
  for (const lineage::Repeat* repeat : repeats) {
    const uint64_t again = repeat->executions - 1;
    occurrences.Add(repeat->unit_id, again);
    finding.executions += repeat->executions;
    finding.round_trips_saved += again;
    finding.wasted_bytes += repeat->bytes;
    rows += repeat->rows;
    repeat_ns += repeat->repeat_ns;
    database_ns +=
        static_cast<double>(repeat->repeat_ns) * static_cast<double>(repeat->executions) / static_cast<double>(again);
    most = std::max(most, repeat->executions);
    const lineage::Unit* unit = view.Unit(repeat->unit_id);
    bounded = bounded || IsOneRequest(*unit);
  }
  Identify(finding, kInfo.id, SkeletonId(kInfo.id, statement));
  finding.statement = TextOf(statement);
  finding.relation = statement.facts.relations[0].name;
  finding.database_ns = static_cast<int64_t>(database_ns);
  finding.wasted_ns = repeat_ns;
  occurrences.Fill(finding, statement.statement_id);
  finding.confidence = bounded ? Confidence::kProven : Confidence::kLikely;
  const std::string relations = RelationsText(statement.facts);
  finding.title = fmt::format("{}, the same rows up to {} times", relations, Count(most));
  finding.summary = fmt::format(
      "The same SELECT on {} with the same values ran {} times in {} and brought the same rows each time ({}). "
      "Load it once.",
      relations, Count(finding.executions), Counted(finding.units, "unit"), Duration(finding.database_ns));
  finding.evidence.push_back({fmt::format("the same values and the same {} up to {} times in one unit",
                                          rows == 0 ? "empty result" : "rows", Count(most)),
                              {{"executions", static_cast<double>(finding.executions)},
                               {"repeats", static_cast<double>(finding.round_trips_saved)},
                               {"value_sets", static_cast<double>(repeats.size())},
                               {"max_in_unit", static_cast<double>(most)}}});
  finding.evidence.push_back({fmt::format("nothing in the unit wrote to {} in between", relations), {}});
  finding.fix.advice = "Load it once per unit of work and pass the result on.";
  const sql::Orm sender = SenderOf(view, statement);
  if (sender != sql::Orm::kSqlAlchemy ||
      IsLookUpByKey(statement.facts)) {  // an identity map answers for primary keys alone
    AddIdiom(finding.fix, sender, FixFamily::kDeduplicate, {"", finding.relation, ""});
  }
  return finding;
}

std::vector<Finding> DetectRepeatedQuery(const TraceView& view, const Options& options) {
  std::map<std::pair<int64_t, int64_t>, const lineage::UnitStatement*> calls;
  for (const lineage::UnitStatement& row : view.unit_statements) calls[{row.unit_id, row.statement_id}] = &row;
  std::map<int64_t, std::vector<const lineage::Repeat*>> repeats;
  for (const lineage::Repeat& repeat : view.repeats) {
    const trace::StatementRow* statement = view.Statement(repeat.statement_id);
    const lineage::Unit* unit = view.Unit(repeat.unit_id);
    if (statement == nullptr || unit == nullptr || !IsJudged(*unit)) continue;
    if (!IsApplicationRead(*statement) || !MayRepeat(*statement)) continue;
    if (repeat.executions < 2 || static_cast<double>(repeat.executions) < OptionValue(kInfo, options, "min_executions"))
      continue;
    if (IsPolling(repeat, *unit, options)) continue;
    if (const auto row = calls.find({repeat.unit_id, repeat.statement_id}); row != calls.end()) {
      if (row->second->errors > 0) continue;  // a repeat after an error is a retry
      if (IsChance(repeat, *unit, row->second->calls)) continue;
    }
    repeats[repeat.statement_id].push_back(&repeat);
  }
  std::vector<Finding> findings;
  findings.reserve(repeats.size());
  for (const auto& [statement_id, rows] : repeats)
    findings.push_back(MakeFinding(*view.Statement(statement_id), rows, view));
  return findings;
}

}  // namespace

constinit const Detector kRepeatedQuery = {&kInfo, DetectRepeatedQuery};

}  // namespace pgassay::detectors
