#include "analyzer/advisor/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace pgassay::advisor {
namespace {

using catalog::Column;
using catalog::QuoteIdentifier;

// Immutable functions of one argument. date(), to_char() and the like depend on the time zone: no index can have them.
constexpr std::array<std::string_view, 8> kImmutable = {"lower",       "upper",        "md5",     "length",
                                                        "char_length", "octet_length", "reverse", "abs"};

constexpr double kRangeShare = 1.0 / 3;       // the planner's DEFAULT_INEQ_SEL
constexpr double kIntervalShare = 0.07;       // of each of two bounds: together the planner's DEFAULT_RANGE_INEQ_SEL
constexpr double kMatchShare = 0.005;         // DEFAULT_MATCH_SEL, for patterns
constexpr double kContainShare = 0.001;       // DEFAULT_CONTAIN_SEL, for arrays, documents and text search
constexpr double kConstantShare = 0.95;       // of the executions from which one value is a constant
constexpr uint64_t kConstantExecutions = 10;  // fewer say little
constexpr uint64_t kTrigram = 3;              // characters that a trigram index needs to look for

// Whether the text says `function(column)` and nothing else inside: facts know the outermost function only. The column
// may be qualified, quoted, in parentheses of its own and cast.
bool IsAppliedToColumnAlone(std::string_view sql, std::string_view function, std::string_view column) {
  const auto skip = [&](size_t at, std::string_view what) {
    while (at < sql.size() && what.contains(sql[at])) ++at;
    return at;
  };
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; };
  for (size_t at = 0; at + function.size() < sql.size(); ++at) {
    const bool same = std::ranges::equal(sql.substr(at, function.size()), function, [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == b;
    });
    if (!same || (at > 0 && is_word(sql[at - 1]))) continue;
    size_t next = skip(at + function.size(), " ");
    if (next >= sql.size() || sql[next] != '(') continue;
    next = skip(next, "( ");
    // a qualified name: words, quotes and dots, of which the last part is the column's
    const size_t begin = next;
    bool quoted = false;
    while (next < sql.size() && (quoted || is_word(sql[next]) || sql[next] == '"' || sql[next] == '.')) {
      if (sql[next] == '"') quoted = !quoted;
      ++next;
    }
    std::string_view name = sql.substr(begin, next - begin);
    if (name.ends_with('"')) name.remove_suffix(1);
    if (!name.ends_with(column) || (name.size() > column.size() && is_word(name[name.size() - column.size() - 1])))
      continue;
    while (true) {  // casts of the column, as mappers write them: (email)::text
      next = skip(next, ") ");
      if (!sql.substr(next).starts_with("::")) break;
      next += 2;
      while (next < sql.size() && (is_word(sql[next]) || sql[next] == '.')) ++next;
    }
    return sql[next - 1] == ')' || sql.substr(begin, next - begin).contains(')');
  }
  return false;
}

double NullShare(const Column& column) { return column.null_fraction < 0 ? 0.1 : column.null_fraction; }

Use PatternUse(const trace::SlotRow* slot, bool folds_case) {
  if (slot == nullptr || slot->executions == 0 || slot->patterns * 2 < slot->executions) return Use::kFilter;
  const bool leading = slot->leading_wildcards * 2 > slot->patterns;
  if (slot->literal_part < kTrigram && (leading || folds_case)) return Use::kFilter;
  return leading || folds_case ? Use::kInfix : Use::kPrefix;
}

Use UseOfComparator(const sql::Comparison& comparison, const trace::SlotRow* slot, const Column& column) {
  using sql::Comparator;
  const std::string& type = column.type;
  switch (comparison.comparator) {
    case Comparator::kEqual:
      return comparison.slot >= 0 ? Use::kEqual : Use::kFilter;
    case Comparator::kInList:
    case Comparator::kAnyArray:
      if (comparison.slot < 0) return Use::kFilter;
      return slot != nullptr && slot->max_elements <= 1 && slot->executions > 0 ? Use::kEqual : Use::kList;
    case Comparator::kRange:
      return Use::kRange;
    case Comparator::kLike:
      return IsText(column) ? PatternUse(slot, false) : Use::kFilter;
    case Comparator::kILike:
      return IsText(column) ? PatternUse(slot, true) : Use::kFilter;
    case Comparator::kIsNull:
      return Use::kNull;
    case Comparator::kContains:
      // $1 = ANY (tags) is here too, and no index serves it.
      if (comparison.operator_name == "@>" && (type == "jsonb" || type.ends_with("[]"))) return Use::kContains;
      return (comparison.operator_name == "&&" || comparison.operator_name == "<@") && type.ends_with("[]")
                 ? Use::kContains
                 : Use::kFilter;
    case Comparator::kKeyExists:
      return type == "jsonb" ? Use::kKeyExists : Use::kFilter;
    case Comparator::kTextSearch:
      return type == "tsvector" ? Use::kTextSearch : type == "jsonb" ? Use::kContains : Use::kFilter;
    default:
      return Use::kFilter;
  }
}

}  // namespace

bool IsText(const Column& column) { return column.type_category == 'S' && column.type != "\"char\""; }

std::string ExpressionText(std::string_view function, const Column& column) {
  const std::string name = QuoteIdentifier(column.name);
  const bool cast = IsText(column) && column.type != "text";
  return fmt::format("{}({})", function, cast ? "(" + name + ")::text" : name);
}

std::optional<Condition> ReadCondition(const sql::Comparison& comparison, const trace::StatementRow& statement,
                                       const trace::SlotRow* slot, const catalog::Snapshot& snapshot,
                                       const catalog::Relation& relation, int16_t attnum) {
  if (!comparison.conjunct) return std::nullopt;
  const Column* column = catalog::FindColumn(relation, attnum);
  if (column == nullptr) return std::nullopt;
  Condition condition;
  condition.attnum = attnum;
  condition.slot = comparison.slot;
  condition.value_known = slot != nullptr;
  condition.operator_name = comparison.operator_name;
  condition.use = UseOfComparator(comparison, slot, *column);
  if (!comparison.function.empty() && comparison.function != "collate") {
    const bool immutable = std::ranges::find(kImmutable, comparison.function) != kImmutable.end();
    const bool narrows = condition.use == Use::kEqual || condition.use == Use::kList || condition.use == Use::kRange;
    if (immutable && narrows && IsAppliedToColumnAlone(statement.sql, comparison.function, column->name)) {
      condition.expression = ExpressionText(comparison.function, *column);
    } else {
      condition.use = Use::kFilter;
    }
  }
  switch (condition.use) {
    case Use::kEqual:
      condition.selectivity = EqualShare(snapshot, relation, *column);
      break;
    case Use::kList: {
      const double elements = slot != nullptr ? static_cast<double>(std::max<uint64_t>(slot->max_elements, 2)) : 10;
      condition.selectivity = std::min(1.0, elements * EqualShare(snapshot, relation, *column));
      break;
    }
    case Use::kNull:
      condition.selectivity = NullShare(*column);
      condition.constant = "NULL";
      break;
    case Use::kRange:
      condition.selectivity = comparison.operator_name.contains("BETWEEN") ||
                                      std::ranges::count_if(statement.facts.comparisons,
                                                            [&](const sql::Comparison& other) {
                                                              return other.column == comparison.column &&
                                                                     other.comparator == sql::Comparator::kRange;
                                                            }) > 1
                                  ? kIntervalShare
                                  : kRangeShare;
      break;
    case Use::kPrefix:
    case Use::kInfix:
      condition.selectivity = kMatchShare;
      break;
    case Use::kContains:
    case Use::kKeyExists:
    case Use::kTextSearch:
      condition.selectivity = kContainShare;
      break;
    case Use::kFilter:
      if (comparison.comparator == sql::Comparator::kIsNotNull)
        condition.selectivity = 1 - NullShare(*column);
      else if (comparison.comparator == sql::Comparator::kEqual && comparison.function.empty())
        condition.selectivity = EqualShare(snapshot, relation, *column);
      else
        condition.selectivity = kRangeShare;
      break;
  }
  const bool one_value =
      slot != nullptr && slot->executions >= kConstantExecutions &&
      static_cast<double>(slot->top_executions) >= kConstantShare * static_cast<double>(slot->executions);
  if (condition.use == Use::kEqual && condition.expression.empty() && one_value) {
    if (slot->literals == slot->executions) condition.constant = slot->constant;
    // A value that is always the same is outstanding or rare; which, the observed rows tell where they can.
    const double rows = std::max(SizeOf(snapshot, relation).rows, 1.0);
    if (statement.facts.relations.size() == 1 && statement.facts.comparisons.size() == 1 &&
        statement.facts.limit.kind == sql::Bound::kNone && !statement.facts.aggregate_only && statement.calls > 0 &&
        statement.facts.group_by.empty() && !statement.facts.distinct)
      condition.selectivity = std::clamp(
          static_cast<double>(statement.rows) / static_cast<double>(statement.calls) / rows, 0.5 / rows, 1.0);
    else if (slot->share >= 0)
      condition.selectivity = std::clamp(slot->share, 0.5 / rows, 1.0);
  }
  return condition;
}

}  // namespace pgassay::advisor
