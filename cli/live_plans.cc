#include "cli/live_plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "analyzer/advisor/try_advice.h"
#include "analyzer/catalog/explainer.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/ingest/plan_statements.h"

namespace pgassay::cli {

namespace {

constexpr std::chrono::seconds kPlanBudget{10}, kTrialBudget{20};  // somebody is waiting
constexpr std::string_view kListGoesOn = ", …";

// A statement's text with its lists written out: "($2, …)" -> "($2, $7, $8)".
struct WrittenOut {
  std::string text = {};
  int parameters = 0;
  std::map<std::pair<int, int>, int> numbers = {};  // of a list's number and element, from 1 -> its parameter
};

// `elements`: of a list, by its number; two of one value where nothing is known. Nullopt for lists of rows.
std::optional<WrittenOut> WithLists(std::string_view sql, const std::map<int, int>& elements, int parameters) {
  WrittenOut out{.parameters = parameters};
  while (true) {
    const size_t at = sql.find(kListGoesOn);
    out.text += sql.substr(0, at);
    if (at == std::string_view::npos) return out;
    sql.remove_prefix(at + kListGoesOn.size());
    const size_t dollar = out.text.find_last_not_of("0123456789");
    if (dollar == std::string::npos || out.text[dollar] != '$' || dollar + 1 == out.text.size()) return std::nullopt;
    const std::string digits = out.text.substr(dollar + 1);
    int number = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc()) return std::nullopt;
    const auto known = elements.find(number);
    if (known == elements.end()) out.text += ", $" + digits;
    for (int i = 1; known != elements.end() && i < known->second; ++i) {
      out.text += fmt::format(", ${}", ++out.parameters);
      out.numbers[{number, i}] = out.parameters;
    }
  }
}

int LastNumber(std::string_view sql) {
  static constexpr HashKey kNoKey{};  // nothing is compared
  int last = 0;
  for (const sql::Statement& statement : sql::Scan(kNoKey, sql)) {
    for (const sql::SlotValue& value : statement.values) last = std::max(last, value.parameter);
  }
  return last;
}

// An execution whose values were all kept.
std::optional<catalog::Sample> Kept(const std::string& sql, const trace::ExampleRow& example) {
  const int last = LastNumber(sql);
  std::map<int, int> elements;
  for (const trace::ExampleValue& value : example.values) {
    if (!value.left_out.empty() || value.number < 1 || value.number > last) return std::nullopt;
    elements[value.number] = std::max(elements[value.number], value.element + 1);
  }
  auto out = elements.size() == static_cast<size_t>(last) ? WithLists(sql, elements, last) : std::nullopt;
  if (!out) return std::nullopt;
  catalog::Sample sample{.sql = std::move(out->text)};
  sample.binds.resize(static_cast<size_t>(out->parameters));
  for (const trace::ExampleValue& value : example.values) {
    const int number = value.element == 0 ? value.number : out->numbers[{value.number, value.element}];
    if (number > 0) sample.binds[static_cast<size_t>(number) - 1] = {.null = value.null, .value = value.value};
  }
  return sample;
}

ingest::StatementToPlan ToPlan(const trace::StatementRow& row, const trace::Trace& trace) {
  ingest::StatementToPlan statement{
      .statement_id = row.statement_id, .calls = row.calls, .database_ns = row.database_ns};
  if (const auto examples = trace.Examples(row.statement_id)) {
    for (const trace::ExampleRow& example : *examples) {
      if (auto sample = Kept(row.sql, example))
        statement.executions.push_back({.sample = std::move(*sample), .values_known = true});
    }
  }
  if (!statement.executions.empty()) return statement;
  if (auto out = WithLists(row.sql, {}, 0)) statement.executions.push_back({.sample = {.sql = std::move(out->text)}});
  return statement;
}

// Those on this database's tables that no plan is there of, the costliest first.
std::vector<ingest::StatementToPlan> ToPlan(const advisor::Workload& workload, const trace::Trace& trace,
                                            const std::set<int64_t>& planned) {
  std::vector<const trace::StatementRow*> rows;
  for (const advisor::Query& query : workload.queries) {
    if (!planned.contains(query.statement->statement_id)) rows.push_back(query.statement);
  }
  std::ranges::stable_sort(rows, std::greater{}, &trace::StatementRow::database_ns);
  if (rows.size() > ingest::kPlannedStatements) rows.resize(ingest::kPlannedStatements);
  std::vector<ingest::StatementToPlan> statements;
  for (const trace::StatementRow* row : rows) {
    ingest::StatementToPlan statement = ToPlan(*row, trace);
    if (!statement.executions.empty()) statements.push_back(std::move(statement));
  }
  return statements;
}

std::vector<catalog::WorkloadStatement> SamplesOf(const std::vector<ingest::StatementToPlan>& statements) {
  std::vector<catalog::WorkloadStatement> samples;
  for (const ingest::StatementToPlan& statement : statements) {
    catalog::WorkloadStatement& added = samples.emplace_back();
    added.statement_id = statement.statement_id;
    added.values_known = statement.executions.front().values_known;
    for (const ingest::Planning& planning : statement.executions) added.samples.push_back(planning.sample);
  }
  return samples;
}

}  // namespace

void AddLivePlans(const std::string& database, const catalog::Snapshot& snapshot, const trace::Trace& trace,
                  detectors::TraceView& view) {
  const auto here = [&](const auto& row) {
    return row.upstream == snapshot.upstream && row.database == snapshot.database && row.problem.empty();
  };
  std::set<int64_t> planned;
  for (const trace::PlanRow& row : view.plans) {
    if (here(row)) planned.insert(row.statement_id);
  }
  const std::vector<trace::StatementRow> rows = detectors::JudgedStatements(view);
  const auto statements = ToPlan(advisor::MakeWorkload(rows, view.slots, snapshot, view.plans), trace, planned);
  if (statements.empty()) return;
  const auto planner = catalog::MakeExplainer({.conninfo = database}, snapshot);
  for (trace::PlanRow& plan : ingest::PlanStatements(*planner, statements, kPlanBudget)) {
    plan.upstream = snapshot.upstream;
    plan.database = snapshot.database;
    if (plan.problem.empty()) view.plans.push_back(std::move(plan));
  }
  const advisor::Workload workload = advisor::MakeWorkload(rows, view.slots, snapshot, view.plans);
  for (trace::TrialRow& trial : advisor::TryAdvice(workload, *planner, SamplesOf(statements), kTrialBudget))
    view.trials.push_back(std::move(trial));
}

}  // namespace pgassay::cli
