// Rule repeating-groups (first normal form): a list that was laid out as columns.
//
//   orders (…, item1_name, item1_qty, item2_name, item2_qty, item3_name, item3_qty)
//                                                  ↑ mostly NULL   ↑ nearly always NULL
//
// Columns that differ in a number alone: two or more of them for each number (item1_name, item1_qty), or one in a run
// of three and more (phone_1 … phone_3); of equal type, the later ones NULL more often. Guards: single letters (x1, y1,
// q1 … q4) and names in which a number means something (ipv4, sha256); address_line1 and its like are a hint.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_run", 3, "numbers in a row from which one column for each counts"},
};

constexpr RuleInfo kInfo = {
    .id = "repeating-groups",
    .name = "1NF",
    .summary = "a list laid out as numbered columns (first normal form)",
    .picture =
        "  orders (…, item1_name, item1_qty, item2_name, item2_qty, …)\n"
        "                                    └ mostly NULL",
    .problem =
        "The table has columns that differ in a number alone: places for the elements of a list. The list cannot grow "
        "beyond them, most are empty, and every question about an element has to be asked once per column.",
    .solution =
        "Move the elements to a table of their own, a row each, with a foreign key back to this one and a position if "
        "their order matters. The statement printed copies what is there.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
    .enabled_by_default = false,
};

struct Numbered {
  std::string before, after;  // "item", "_name"
  int number = 0;
};

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

std::optional<Numbered> SplitNumber(std::string_view name) {
  const auto first = std::ranges::find_if(name, IsDigit);
  const auto last = std::find_if_not(first, name.end(), IsDigit);
  if (first == name.end() || last - first > 2 || std::any_of(last, name.end(), IsDigit)) return std::nullopt;
  Numbered parts{std::string(name.begin(), first), std::string(last, name.end()), 0};
  for (auto at = first; at != last; ++at) parts.number = parts.number * 10 + (*at - '0');
  std::string stem = parts.before;
  std::erase(stem, '_');
  if (stem.size() < 2 ||
      HasWord(parts.before, {"ipv", "sha", "md", "utf", "base", "iso", "level", "quarter", "week", "day"}))
    return std::nullopt;
  return parts;
}

struct Group {
  std::map<std::string, std::map<int, const catalog::Column*>> by_suffix;  // "_name" -> number -> column
};

// From 1 or 0 without a hole, of one type.
bool IsRun(const std::map<int, const catalog::Column*>& run, size_t at_least) {
  if (run.size() < at_least || run.begin()->first > 1) return false;
  if (run.rbegin()->first - run.begin()->first + 1 != static_cast<int>(run.size())) return false;
  return std::ranges::all_of(run,
                             [&](const auto& one) { return one.second->type_oid == run.begin()->second->type_oid; });
}

// Elements of a list are filled from the front; without statistics, NOT NULL says it.
bool ThinsOut(const std::map<int, const catalog::Column*>& run) {
  const auto emptiness = [](const catalog::Column& column) {
    return column.null_fraction >= 0 ? column.null_fraction : column.not_null ? 0.0 : 0.5;
  };
  double before = -1;
  for (const auto& [number, column] : run) {
    if (emptiness(*column) < before) return false;
    before = emptiness(*column);
  }
  return emptiness(*run.rbegin()->second) > emptiness(*run.begin()->second);
}

std::string CopyToRows(const Table& table, const std::string& stem, const Group& group) {
  const auto indexes = table.snapshot->IndexesOf(table.relation->oid);
  const auto primary = std::ranges::find_if(indexes, &catalog::Index::primary);
  if (primary == indexes.end() || (*primary)->keys.size() != 1) return "";
  const std::string key = catalog::QuoteIdentifier(table.Column((*primary)->keys[0].attnum)->name);
  std::string columns, rows, values;
  for (const auto& [suffix, run] : group.by_suffix) {
    const std::string name = suffix.empty() ? "value" : suffix.substr(suffix.find_first_not_of('_'));
    columns += ", " + catalog::QuoteIdentifier(name);
    values += (values.empty() ? "v." : ", v.") + catalog::QuoteIdentifier(name);
  }
  const auto& any = group.by_suffix.begin()->second;
  for (const auto& [number, column] : any) {
    rows += fmt::format("{}({}", rows.empty() ? "" : ", ", number);
    for (const auto& [suffix, run] : group.by_suffix) rows += ", t." + catalog::QuoteIdentifier(run.at(number)->name);
    rows += ")";
  }
  const std::string target = catalog::QuoteIdentifier(table.relation->schema) + "." +
                             catalog::QuoteIdentifier(table.relation->name + "_" + stem);
  return fmt::format(
      "CREATE TABLE {} AS SELECT t.{}, v.* FROM {} t CROSS JOIN LATERAL (VALUES {}) AS v (position{}) WHERE "
      "num_nonnulls({}) > 0; ALTER TABLE {} ADD PRIMARY KEY ({}, position)",
      target, key, TableName(table), rows, columns, values, target, key);
}

Finding MakeFinding(const TraceView& view, const Table& table, const std::string& before, const Group& group) {
  std::string stem = before;
  while (stem.ends_with('_')) stem.pop_back();
  Finding finding = SchemaFinding(kInfo, table, {stem + "1…"});
  size_t numbers = 0, columns = 0;
  double last_null = 0;
  std::string named;
  Use use;
  for (const auto& [suffix, run] : group.by_suffix) {
    numbers = std::max(numbers, run.size());
    columns += run.size();
    last_null = std::max(last_null, run.rbegin()->second->null_fraction);
    named += (named.empty() ? "" : ", ") + run.begin()->second->name;
    for (const auto& [number, column] : run) {
      const Use one = UseOfColumn(view, table.relation->name, column->name);
      if (one.calls > use.calls) use = one;
    }
  }
  FillUse(finding, view, use, false);
  const bool address = HasWord(stem, {"line", "address", "street", "addr"});
  finding.confidence = address ? Confidence::kHint : Confidence::kLikely;
  finding.severity = address ? Severity::kInfo : Severity::kWarning;
  finding.title = fmt::format("{}.{} repeats {} times", table.relation->name, stem, numbers);
  finding.summary = fmt::format("{} keeps a list of {} in {} numbered columns. Give it a table of its own.",
                                table.relation->name, stem, columns);
  finding.evidence.push_back({fmt::format("{} and so on up to {}: {} columns", named, numbers, columns),
                              {{"repeats", static_cast<double>(numbers)}, {"columns", static_cast<double>(columns)}}});
  if (last_null > 0) {
    finding.evidence.push_back(
        {fmt::format("the last ones are NULL in {} of the rows", Percent(last_null)), {{"null_share", last_null}}});
  }
  finding.fix.sql = CopyToRows(table, stem, group);
  finding.fix.advice = fmt::format("Move {} to a table of its own, one row each.", stem);
  return finding;
}

std::vector<Finding> DetectRepeatingGroups(const TraceView& view, const Options& options) {
  const auto min_run = static_cast<size_t>(OptionValue(kInfo, options, "min_run"));
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    std::map<std::string, Group> groups;
    for (const catalog::Column& column : table.relation->columns) {
      if (const auto parts = SplitNumber(column.name))
        groups[parts->before].by_suffix[parts->after][parts->number] = &column;
    }
    for (auto& [before, group] : groups) {
      std::erase_if(group.by_suffix, [](const auto& one) { return !IsRun(one.second, 2) || !ThinsOut(one.second); });
      if (group.by_suffix.empty()) continue;
      const size_t numbers = group.by_suffix.begin()->second.size();
      std::erase_if(group.by_suffix, [&](const auto& one) { return one.second.size() != numbers; });
      if (group.by_suffix.size() >= 2 || numbers >= min_run)
        findings.push_back(MakeFinding(view, table, before, group));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kRepeatingGroups = {&kInfo, DetectRepeatingGroups};

}  // namespace pgassay::detectors
