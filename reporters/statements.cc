// `pgassay queries`: every statement with its figures, and one statement in full.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/words.h"
#include "reporters/finding_text.h"
#include "reporters/json_parts.h"
#include "reporters/plan_text.h"

namespace pgassay::reporters {
namespace {

using trace::StatementRow;

constexpr std::array<std::string_view, 6> kSorts = {"time", "calls", "rows", "bytes", "errors", "mean"};

int64_t MeanNs(const StatementRow& row) {
  return row.calls == 0 ? 0 : row.database_ns / static_cast<int64_t>(row.calls);
}

double SortValue(const StatementRow& row, std::string_view sort) {
  if (sort == "calls") return static_cast<double>(row.calls);
  if (sort == "rows") return static_cast<double>(row.rows);
  if (sort == "bytes") return static_cast<double>(row.bytes);
  if (sort == "errors") return static_cast<double>(row.errors);
  if (sort == "mean") return static_cast<double>(MeanNs(row));
  return static_cast<double>(row.database_ns);
}

std::vector<const StatementRow*> Sorted(const Report& report, std::string_view sort) {
  std::vector<const StatementRow*> rows;
  rows.reserve(report.statements.size());
  for (const StatementRow& row : report.statements) rows.push_back(&row);
  std::ranges::stable_sort(rows, [&](const StatementRow* a, const StatementRow* b) {
    const double value_a = SortValue(*a, sort), value_b = SortValue(*b, sort);
    return value_a != value_b ? value_a > value_b : a->statement_id < b->statement_id;
  });
  return rows;
}

// Cells of one row, right-aligned under their heads.
using Cells = std::vector<std::string>;

std::vector<std::string> Aligned(const std::vector<Cells>& table) {
  std::vector<size_t> widths(table.front().size());
  for (const Cells& row : table) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::vector<std::string> lines;
  lines.reserve(table.size());
  for (const Cells& row : table) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : "  ") + PadLeft(row[i], widths[i]);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string ComparisonText(const sql::Facts& facts, const sql::Comparison& comparison) {
  const std::string relation =
      comparison.column.relation < 0 ? "" : facts.relations[static_cast<size_t>(comparison.column.relation)].name + ".";
  const std::string column = relation + comparison.column.column;
  return (comparison.function.empty() ? column : comparison.function + "(" + column + ")") + " " +
         comparison.operator_name;
}

void WriteColumns(const Report& report, const StatementRow& statement, Page& page) {
  const auto columns =
      std::ranges::equal_range(report.columns, statement.statement_id, {}, &trace::ColumnRow::statement_id);
  if (columns.empty()) return;
  uint64_t total = 0;
  for (const trace::ColumnRow& row : columns) total += row.bytes;
  std::vector<Cells> table = {{"bytes", "share", "average", "null"}};
  std::vector<std::string> names;
  for (const trace::ColumnRow& row : columns) {
    const uint64_t values = row.cells - std::min(row.cells, row.nulls);
    const auto share = [](uint64_t part, uint64_t whole) {
      return whole == 0 ? std::string("-") : detectors::Percent(static_cast<double>(part) / static_cast<double>(whole));
    };
    table.push_back({FormatBytes(row.bytes), share(row.bytes, total), FormatBytes(values == 0 ? 0 : row.bytes / values),
                     share(row.nulls, row.cells)});
    const bool known = !row.column.relation.empty() && !row.column.column.empty();
    names.push_back(known ? row.column.relation + "." + row.column.column : row.name);
  }
  page.Blank();
  page.WriteLine(" columns, over the rows that were looked into", Ink::kBold);
  const std::vector<std::string> lines = Aligned(table);
  page.WriteLine("   " + lines[0] + "  column", Ink::kDim);
  for (size_t i = 0; i < names.size(); ++i) page.WriteLine("   " + lines[i + 1] + "  " + page.Shown(names[i]));
}

// $1 = '42' · $2 = ('a', 'b') · $3 = NULL · $4 left out (long)
std::string ExampleText(const trace::ExampleRow& example) {
  std::string text;
  for (size_t i = 0; i < example.values.size();) {
    const int number = example.values[i].number;
    std::vector<std::string> elements;
    for (; i < example.values.size() && example.values[i].number == number; ++i) {
      const trace::ExampleValue& value = example.values[i];
      std::string quoted = "'";
      for (const char c : value.value) quoted += c == '\'' ? "''" : std::string(1, c);
      elements.push_back(!value.left_out.empty() ? fmt::format("left out ({})", value.left_out)
                         : value.null            ? "NULL"
                                                 : quoted + "'");
    }
    const std::string all = fmt::format("{}", fmt::join(elements, ", "));
    text += fmt::format("{}${} = {}", text.empty() ? "" : " · ", number, elements.size() == 1 ? all : "(" + all + ")");
  }
  return text;
}

Json JsonExamples(std::span<const trace::ExampleRow> examples) {
  Json list = Json::array();
  for (const trace::ExampleRow& example : examples) {
    Json values = Json::array();
    for (const trace::ExampleValue& value : example.values) {
      Json one = {{"number", value.number}, {"element", value.element}, {"value", value.value}};
      if (value.null || !value.left_out.empty()) one["value"] = nullptr;
      if (!value.left_out.empty()) one["left_out"] = value.left_out;
      values.push_back(std::move(one));
    }
    list.push_back({{"execution", example.execution_no}, {"values", std::move(values)}});
  }
  return list;
}

}  // namespace

std::span<const std::string_view> StatementSorts() { return kSorts; }

void WriteStatements(const Report& report, std::string_view sort, size_t limit, const ReportStyle& style,
                     std::ostream& out) {
  Page page(style, out);
  const std::vector<const StatementRow*> rows = Sorted(report, sort);
  const size_t shown = limit == 0 ? rows.size() : std::min(limit, rows.size());
  page.WriteLabelled(0, "pgassay", 10, TotalsText(report.totals));
  page.Blank();
  std::vector<Cells> table = {{"id", "calls", "total", "mean", "p95", "rows", "bytes", "errors"}};
  for (size_t i = 0; i < shown; ++i) {
    const StatementRow& row = *rows[i];
    table.push_back({fmt::format("s{}", row.statement_id), FormatCount(row.calls), FormatDuration(row.database_ns),
                     FormatDuration(MeanNs(row)), FormatDuration(row.p95_ns), FormatCount(row.rows),
                     FormatBytes(row.bytes), FormatCount(row.errors)});
  }
  const std::vector<std::string> lines = Aligned(table);
  page.WriteLine(" " + lines[0], Ink::kDim);
  for (size_t i = 0; i < shown; ++i) {
    page.WriteLine(" " + lines[i + 1], Ink::kBold);
    page.Write(4, ShortenSql(rows[i]->sql, page.width() - 4), Ink::kPlain, 4);
  }
  if (shown < rows.size()) {
    page.Blank();
    page.Write(1, fmt::format("{} more: --limit 0", FormatCount(rows.size() - shown)), Ink::kDim);
  }
  page.Blank();
  page.Write(1, AccountingText(report), Ink::kDim);
}

void WriteStatementsJson(const Report& report, std::string_view sort, size_t limit, std::ostream& out) {
  Json json = JsonHead(report);
  json["totals"] = JsonTotals(report.totals);
  const std::vector<const StatementRow*> rows = Sorted(report, sort);
  const size_t shown = limit == 0 ? rows.size() : std::min(limit, rows.size());
  json["statements"] = Json::array();
  for (size_t i = 0; i < shown; ++i) json["statements"].push_back(JsonStatement(*rows[i]));
  DumpJson(json, out);
}

void WriteStatement(const Report& report, const StatementRow& statement, std::span<const trace::ExampleRow> examples,
                    const ReportStyle& style, std::ostream& out) {
  Page page(style, out);
  page.WriteHeading(fmt::format("s{}  {}", statement.statement_id, sql::OperationName(statement.facts.operation)),
                    fmt::format("s{}  ", statement.statement_id).size(), statement.fingerprint, Ink::kDim);
  page.Write(4, statement.sql, Ink::kPlain, 4);
  page.Blank();
  const auto line = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) page.WriteLabelled(1, label, 12, text);
  };
  line("ran", fmt::format("{} · {} · {} · {}", detectors::Counted(statement.calls, "time"),
                          detectors::Counted(statement.rows, "row"), FormatBytes(statement.bytes),
                          detectors::Counted(statement.errors, "error")));
  line("time", fmt::format("{} in all · mean {} · p50 {} · p95 {} · p99 {} · max {}",
                           FormatDuration(statement.database_ns), FormatDuration(MeanNs(statement)),
                           FormatDuration(statement.p50_ns), FormatDuration(statement.p95_ns),
                           FormatDuration(statement.p99_ns), FormatDuration(statement.max_ns)));
  const sql::Facts& facts = statement.facts;
  if (!facts.relations.empty()) line("relations", detectors::RelationsText(facts));
  std::string compared, sorted;
  for (const sql::Comparison& comparison : facts.comparisons)
    compared += (compared.empty() ? "" : " · ") + ComparisonText(facts, comparison);
  for (const sql::SortKey& key : facts.order_by) {
    sorted += (sorted.empty() ? "" : ", ") + (key.expression ? std::string("an expression") : key.column.column) +
              (key.descending ? " DESC" : "");
  }
  line("compares", compared);
  line("sorts by", sorted);
  std::string tags;
  for (const trace::TagRow& tag : report.tags) {
    if (tag.statement_id == statement.statement_id)
      tags += fmt::format("{}{}={} ({})", tags.empty() ? "" : " · ", tag.key, tag.value, FormatCount(tag.calls));
  }
  line("tags", tags);
  for (const trace::ExampleRow& example : examples)
    line(&example == examples.data() ? "values" : "", ExampleText(example));
  if (!facts.parsed) line("note", "the parser could not read it: what it compares and joins is unknown");
  for (const Finding& finding : report.findings) {
    const bool concerned = finding.statement.statement_id == statement.statement_id ||
                           (finding.parent && finding.parent->statement.statement_id == statement.statement_id);
    if (concerned)
      line("finding", fmt::format("{} {} {}", ShortId(report, finding), RuleLabel(finding), WithArrows(finding.title)));
  }
  WriteColumns(report, statement, page);
  WritePlans(report, statement.statement_id, page);
}

void WriteStatementJson(const Report& report, const StatementRow& statement,
                        std::span<const trace::ExampleRow> examples, std::ostream& out) {
  Json json = JsonHead(report);
  json["statement"] = JsonStatement(statement);
  Json& columns = json["statement"]["columns"] = Json::array();
  for (const trace::ColumnRow& row :
       std::ranges::equal_range(report.columns, statement.statement_id, {}, &trace::ColumnRow::statement_id)) {
    columns.push_back({{"position", row.position},
                       {"name", row.name},
                       {"relation", row.column.relation},
                       {"column", row.column.column},
                       {"cells", row.cells},
                       {"nulls", row.nulls},
                       {"bytes", row.bytes}});
  }
  json["statement"]["examples"] = JsonExamples(examples);
  json["statement"]["plans"] = JsonPlans(report, statement.statement_id);
  DumpJson(json, out);
}

}  // namespace pgassay::reporters
