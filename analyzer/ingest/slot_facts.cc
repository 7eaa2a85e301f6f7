#include "analyzer/ingest/slot_facts.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "analyzer/sql/slot_literals.h"

namespace pgassay::ingest {
namespace {

using sql::SlotLiteral;

// As the advisor takes a value for a constant.
constexpr uint64_t kLeastExecutions = 10;
constexpr double kOneValue = 0.95;  // of the executions

// One slot of one execution.
struct Held {
  const SlotLiteral* literal = nullptr;
  std::optional<std::string_view> value = {};  // empty: NULL, or not known
};

// Of one kept execution; empty where the slot has several values.
class Execution {
 public:
  explicit Execution(const Planning& planning)
      : planning_(planning), literals_(sql::ReadSlotLiterals(planning.sample.sql)) {}

  std::optional<Held> At(int slot) const {
    const auto range = std::ranges::equal_range(literals_, slot, {}, &SlotLiteral::slot);
    if (range.size() != 1) return std::nullopt;
    const SlotLiteral& literal = range.front();
    Held held{.literal = &literal};
    if (literal.parameter == 0) {
      if (!literal.is_null) held.value = literal.value;
      return held;
    }
    const auto& binds = planning_.sample.binds;
    const auto number = static_cast<size_t>(literal.parameter);
    const bool known = planning_.values_known && number <= binds.size() && !binds[number - 1].null;
    if (known && !binds[number - 1].binary) held.value = binds[number - 1].value;
    return held;
  }
  bool named() const { return planning_.sample.named; }

 private:
  const Planning& planning_;
  std::vector<SlotLiteral> literals_;
};

bool IsPlain(std::string_view literal) {
  return !literal.empty() &&
         (literal.front() == '\'' || std::isdigit(static_cast<unsigned char>(literal.front())) != 0);
}

// The value that most of the executions have; its text only if they have it as a literal.
void FindConstant(const std::vector<Execution>& executions, bool literals, SlotFact& fact) {
  std::map<std::string_view, std::pair<size_t, std::string_view>> values;
  for (const Execution& execution : executions) {
    const auto held = execution.At(fact.row.slot);
    if (!held || !held->value || (literals && !IsPlain(held->literal->text))) continue;
    auto& [count, text] = values[*held->value];
    ++count;
    text = held->literal->text;
  }
  for (const auto& [value, found] : values) {
    if (2 * found.first <= executions.size()) continue;
    fact.constant_value = value;
    if (literals) fact.row.constant = found.second;
  }
}

SlotFact OfEquality(const SlotUse& use, const std::vector<Execution>& executions) {
  SlotFact fact;
  fact.row.slot = use.slot;
  fact.row.executions = use.executions;
  fact.row.top_executions = use.top();
  fact.row.max_elements = use.max_elements;
  bool literals = true, named = false;
  for (const Execution& execution : executions) {
    const auto held = execution.At(use.slot);
    const bool literal = held && held->literal->parameter == 0;
    literals = literals && literal;
    named = named || (!literal && execution.named());
  }
  if (literals) fact.row.literals = use.executions;
  if (named) fact.row.named = use.executions;
  const bool one_value = use.executions >= kLeastExecutions &&
                         static_cast<double>(use.top()) >= kOneValue * static_cast<double>(use.executions);
  if (one_value) FindConstant(executions, literals, fact);
  return fact;
}

SlotFact OfPattern(int slot, const std::vector<Execution>& executions) {
  SlotFact fact;
  trace::SlotRow& row = fact.row;
  row.slot = slot;
  for (const Execution& execution : executions) {
    const auto held = execution.At(slot);
    if (!held || !held->value) continue;
    ++row.executions;
    row.literals += held->literal->parameter == 0 ? 1U : 0U;
    const PatternParts parts = ReadPattern(*held->value);
    if (!parts.wildcard) continue;
    row.literal_part = row.patterns == 0 ? parts.literal_part : std::min(row.literal_part, parts.literal_part);
    ++row.patterns;
    row.leading_wildcards += parts.leading ? 1U : 0U;
  }
  return fact;
}

}  // namespace

PatternParts ReadPattern(std::string_view pattern) {
  PatternParts parts;
  uint64_t length = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '%' || c == '_') {
      parts.wildcard = true;
      parts.leading = parts.leading || i == 0;
      length = 0;
      continue;
    }
    if (c == '\\' && i + 1 < pattern.size()) ++i;
    const bool begins_character = (static_cast<unsigned char>(pattern[i]) & 0xC0U) != 0x80U;
    length += begins_character ? 1U : 0U;
    parts.literal_part = std::max(parts.literal_part, length);
  }
  return parts;
}

std::vector<SlotFact> ReadSlotFacts(std::span<const StatementToPlan> statements, std::span<const StatementUse> uses) {
  std::vector<SlotFact> facts;
  for (const StatementToPlan& statement : statements) {
    const auto use = std::ranges::lower_bound(uses, statement.statement_id, {}, &StatementUse::statement_id);
    if (use == uses.end() || use->statement_id != statement.statement_id) continue;
    std::vector<Execution> executions(statement.executions.begin(), statement.executions.end());
    std::vector<SlotFact> own;
    for (const SlotUse& slot : use->slots) own.push_back(OfEquality(slot, executions));
    for (const sql::Comparison& comparison : use->facts->comparisons) {
      const bool like =
          comparison.comparator == sql::Comparator::kLike || comparison.comparator == sql::Comparator::kILike;
      if (like && comparison.slot >= 0) own.push_back(OfPattern(comparison.slot, executions));
    }
    for (SlotFact& fact : own) {
      fact.row.statement_id = statement.statement_id;
      facts.push_back(std::move(fact));
    }
  }
  std::ranges::sort(facts, {}, [](const SlotFact& fact) { return std::pair(fact.row.statement_id, fact.row.slot); });
  return facts;
}

}  // namespace pgassay::ingest
