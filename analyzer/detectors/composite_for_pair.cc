// Rule composite-for-pair: two columns that are asked for together and indexed apart.
//
//   SELECT … FROM orders WHERE shop_id = $1 AND state = $2
//                              │                └ 1 row of 5
//                              └ index: 2 000 rows, of which 1 600 are thrown away
//
// The same two columns fixed by equality in a good part of the table's statements, an index on one of them, none that
// has both, and statistics that say that both together leave far fewer rows. Guards: small tables; one of the two is
// nearly unique; the pair is (type, id), which audit-lookup judges.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 10000, "rows from which a table is judged"},
    OptionInfo{"min_executions", 20, "executions that fix both columns"},
    OptionInfo{"min_share", 0.3, "of the table's executions that fix both columns"},
    OptionInfo{"few_rows", 100, "rows for one value, on average, that an index on that column alone serves well"},
    OptionInfo{"min_gain", 4, "times fewer rows that both columns together leave"},
};

constexpr RuleInfo kInfo = {
    .id = "composite-for-pair",
    .name = "Pair",
    .summary = "two columns are asked for together and indexed apart",
    .picture =
        "  SELECT … FROM orders WHERE shop_id = $1 AND state = $2\n"
        "                             └ index: 2 000 rows, of which 1 600 are thrown away",
    .problem =
        "A good part of the table's statements fix the same two columns, and the indexes know one of them at a time. "
        "The "
        "server reads every row of one value and filters by the other, or builds two bitmaps and meets them.",
    .solution =
        "Create one index on both columns, the one with more distinct values first unless another statement needs the "
        "other one alone. An index on the first column alone is then superfluous.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

bool MayFilter(const trace::StatementRow& statement) {
  using enum sql::Operation;
  const sql::Operation operation = statement.facts.operation;
  return operation == kSelect || operation == kUpdate || operation == kDelete;
}

// Among the keys of one index, or one as a key and the other in its predicate.
bool HaveIndexTogether(const Table& table, const catalog::Column& a, const catalog::Column& b) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    const auto has = [&](const catalog::Column& column) {
      return std::ranges::find(index->keys, column.attnum, &catalog::IndexKey::attnum) != index->keys.end() ||
             index->predicate.contains(column.name);
    };
    return index->valid && has(a) && has(b);
  });
}

class Pairs {
 public:
  Pairs(const TraceView& view, const Options& options) : view_(view), options_(options) {}

  std::vector<Finding> Of(const Table& table) const {
    std::vector<Finding> findings;
    if (table.relation->rows < Option("min_rows")) return findings;
    const Use all =
        UseOf(view_, [&](const trace::StatementRow& s) { return MayFilter(s) && Names(s, table.relation->name); });
    std::map<std::pair<std::string, std::string>, Use> pairs;
    for (const trace::StatementRow* statement : all.statements) {
      if (IsServedBySelectiveIndex(table, *statement)) continue;
      const std::set<std::string> columns = EqualityColumns(*statement, table.relation->name);
      for (auto a = columns.begin(); a != columns.end(); ++a) {
        for (auto b = std::next(a); b != columns.end(); ++b) {
          Use& use = pairs[{*a, *b}];
          use.statements.push_back(statement);
          use.calls += CallsOf(view_, *statement);
        }
      }
    }
    for (const auto& [names, use] : pairs) {
      const catalog::Column *a = table.Column(names.first), *b = table.Column(names.second);
      if (a == nullptr || b == nullptr) continue;
      if (RowsPerValue(table, a->attnum) > RowsPerValue(table, b->attnum)) std::swap(a, b);
      if (IsWanted(table, *a, *b, use, all.calls)) findings.push_back(MakeFinding(table, *a, *b, use, all.calls));
    }
    return findings;
  }

 private:
  double Option(std::string_view name) const { return OptionValue(kInfo, options_, name); }

  bool IsWanted(const Table& table, const catalog::Column& a, const catalog::Column& b, const Use& use,
                uint64_t calls) const {
    const auto executions = static_cast<double>(use.calls);
    if (executions < Option("min_executions") || executions < Option("min_share") * static_cast<double>(calls))
      return false;
    if (IsPolymorphicPair(a.name, b.name) || IsPolymorphicPair(b.name, a.name)) return false;
    const double per_a = RowsPerValue(table, a.attnum), per_b = RowsPerValue(table, b.attnum);
    if (per_a < Option("few_rows") || per_b < Option("few_rows")) return false;  // unknown is 0: no finding
    if (table.relation->rows / per_b < Option("min_gain")) return false;         // the weaker one hardly narrows
    if (HaveIndexTogether(table, a, b)) return false;
    return HasIndexLeadingWith(table, std::array{a.attnum}) || HasIndexLeadingWith(table, std::array{b.attnum});
  }

  Finding MakeFinding(const Table& table, const catalog::Column& a, const catalog::Column& b, const Use& use,
                      uint64_t calls) const {
    Finding finding = SchemaFinding(kInfo, table, {a.name, b.name});
    FillUse(finding, view_, use, true);
    finding.confidence = Confidence::kLikely;
    finding.severity = Severity::kWarning;
    const double per_a = RowsPerValue(table, a.attnum), per_b = RowsPerValue(table, b.attnum);
    const double together = per_a * per_b / table.relation->rows;
    const double share = static_cast<double>(use.calls) / static_cast<double>(calls);
    finding.summary =
        fmt::format("{} of the statements on {} fix {} and {} together, and no index has both. Create one.",
                    Percent(share), table.relation->name, a.name, b.name);
    finding.evidence.push_back(
        {fmt::format("both fixed in {} of {} on the table", Count(use.calls), Counted(calls, "execution")),
         {{"executions", static_cast<double>(use.calls)}, {"share", share}}});
    finding.evidence.push_back(
        {fmt::format("one {} has {} on average, one {} has {}, both together {} if they are independent", a.name,
                     Counted(Rounded(per_a), "row"), b.name, Counted(Rounded(per_b), "row"), Count(Rounded(together))),
         {{"rows_per_first", per_a}, {"rows_per_second", per_b}, {"rows_together", together}}});
    finding.fix = NewIndexFix(*table.snapshot, *table.relation, {.keys = {{.attnum = a.attnum}, {.attnum = b.attnum}}},
                              SenderOf(view_, use));
    finding.fix.advice = fmt::format("Create one index on ({}, {}).", a.name, b.name);
    return finding;
  }

  const TraceView& view_;
  const Options& options_;
};

std::vector<Finding> DetectCompositeForPair(const TraceView& view, const Options& options) {
  const Pairs pairs(view, options);
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) std::ranges::move(pairs.Of(table), std::back_inserter(findings));
  return findings;
}

}  // namespace

constinit const Detector kCompositeForPair = {&kInfo, DetectCompositeForPair};

}  // namespace pgassay::detectors
