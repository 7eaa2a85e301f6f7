#include "analyzer/sql/batch_sql.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "analyzer/sql/lexer.h"

namespace pgassay::sql {
namespace {

// A piece of the text to be replaced.
struct Edit {
  size_t begin = 0, end = 0;
  std::string text;
};

// `column = $n` as it stands in the text, either way round.
struct Place {
  size_t first = 0, last = 0;  // tokens of the whole comparison
  std::string column;          // as written, with its qualifier
  std::string parameter;       // "$n"
  std::string cast;            // "::uuid"; "" if none
};

class Batch {
 public:
  Batch(std::string_view sql, const Facts& facts) : sql_(sql), facts_(facts) { Lex(sql, lexed_); }

  std::string Make(size_t index) {
    const Comparison& fed = facts_.comparisons[index];
    if (!Possible(fed)) return {};
    if (fed.tuple >= 0) return Tuple(fed);
    const auto place = Find(fed);
    if (!place || Uses(place->parameter) != 1) return {};
    if (facts_.operation != Operation::kSelect) return Any(*place);
    const bool bounded = facts_.limit.kind != Bound::kNone || facts_.offset.kind != Bound::kNone;
    if (bounded) return facts_.distinct ? std::string() : Lateral(*place, fed);
    if (facts_.aggregate_only) return Grouped(*place);
    if (!facts_.group_by.empty() || facts_.distinct || HasAggregate()) return {};
    return WithKey(*place, fed);
  }

 private:
  bool Possible(const Comparison& fed) const {
    if (!facts_.parsed || lexed_.stopped_at != std::string_view::npos || lexed_.doubtful) return false;
    if (sql_.contains("…") || !fed.conjunct || fed.subquery_depth != 0 || !fed.function.empty()) return false;
    if (fed.comparator != Comparator::kEqual && fed.comparator != Comparator::kInList) return false;
    // What a value was cannot be seen any more: SET paid = $1 may differ from one execution to the next.
    if (std::ranges::any_of(facts_.assignments, [](const Assignment& a) { return a.slot >= 0; })) return false;
    if (facts_.locking || facts_.has_set_operation || facts_.volatile_functions) return false;
    return facts_.operation == Operation::kSelect || facts_.operation == Operation::kUpdate ||
           facts_.operation == Operation::kDelete;
  }

  TokenKind Kind(size_t i) const { return i < lexed_.tokens.size() ? lexed_.tokens[i].kind : TokenKind::kSemicolon; }
  std::string_view Own(size_t i) const {
    const Token& token = lexed_.tokens[i];
    return sql_.substr(token.begin, token.end - token.begin);
  }
  std::string_view Between(size_t first, size_t last) const {
    return sql_.substr(lexed_.tokens[first].begin, lexed_.tokens[last].end - lexed_.tokens[first].begin);
  }
  bool IsName(size_t i) const { return Kind(i) == TokenKind::kWord || Kind(i) == TokenKind::kQuotedWord; }
  std::string Word(size_t i) const {
    return Kind(i) == TokenKind::kWord ? IdentifierName(sql_, lexed_.tokens[i]) : std::string();
  }

  size_t Uses(std::string_view parameter) const {
    size_t uses = 0;
    for (size_t i = 0; i < lexed_.tokens.size(); ++i)
      uses += Kind(i) == TokenKind::kParameter && Own(i) == parameter ? 1 : 0;
    return uses;
  }

  // The column's own name ends at token `i`; its first token if the qualifier agrees with the comparison's relation.
  std::optional<size_t> ColumnEndingAt(size_t i, const ColumnRef& column) const {
    if (!IsName(i) || IdentifierName(sql_, lexed_.tokens[i]) != column.column) return std::nullopt;
    if (i < 2 || Kind(i - 1) != TokenKind::kDot) return i;
    if (column.relation < 0 || !IsName(i - 2)) return std::nullopt;
    const Relation& relation = facts_.relations[static_cast<size_t>(column.relation)];
    const std::string qualifier = IdentifierName(sql_, lexed_.tokens[i - 2]);
    if (qualifier != (relation.alias.empty() ? relation.name : relation.alias)) return std::nullopt;
    return i >= 4 && Kind(i - 3) == TokenKind::kDot ? i - 4 : i - 2;
  }

  // Behind a value: its casts.
  size_t EndOfCasts(size_t i) const {
    while (Kind(i + 1) == TokenKind::kCast && IsName(i + 2)) {
      i += 2;
      while (Kind(i + 1) == TokenKind::kDot && IsName(i + 2)) i += 2;
    }
    return i;
  }

  static bool OpensCondition(std::string_view word) { return word == "where" || word == "and" || word == "on"; }

  std::optional<Place> Find(const Comparison& fed) const {
    std::optional<Place> found;
    for (size_t i = 0; i < lexed_.tokens.size(); ++i) {
      const auto place = PlaceAt(i, fed);
      if (!place) continue;
      if (found) return std::nullopt;  // which one is meant cannot be told
      found = place;
    }
    return found;
  }

  // With its operator at token `i`.
  std::optional<Place> PlaceAt(size_t i, const Comparison& fed) const {
    if (i == 0) return std::nullopt;
    Place place;
    if (fed.comparator == Comparator::kInList) {
      if (Word(i) != "in" || Kind(i + 1) != TokenKind::kOpen || Kind(i + 2) != TokenKind::kParameter)
        return std::nullopt;
      const auto column = ColumnEndingAt(i - 1, fed.column);
      const size_t value = EndOfCasts(i + 2);
      if (!column || Kind(value + 1) != TokenKind::kClose) return std::nullopt;
      return Filled(*column, value + 1, *column, i - 1, i + 2, value);
    }
    if (Kind(i) != TokenKind::kOperator || Own(i) != "=") return std::nullopt;
    if (Kind(i + 1) == TokenKind::kParameter) {
      const auto column = ColumnEndingAt(i - 1, fed.column);
      if (!column) return std::nullopt;
      const size_t value = EndOfCasts(i + 1);
      return Filled(*column, value, *column, i - 1, i + 1, value);
    }
    size_t name = i + 1;
    while (Kind(name + 1) == TokenKind::kDot && IsName(name + 2)) name += 2;
    const auto column = ColumnEndingAt(name, fed.column);
    if (!column || *column != i + 1) return std::nullopt;
    size_t value = i - 1;
    while (value > 0 && Kind(value) != TokenKind::kParameter && (IsName(value) || Kind(value) == TokenKind::kCast))
      --value;
    if (Kind(value) != TokenKind::kParameter || EndOfCasts(value) != i - 1) return std::nullopt;
    return Filled(value, name, *column, name, value, i - 1);
  }

  std::optional<Place> Filled(size_t first, size_t last, size_t column_first, size_t column_last, size_t parameter,
                              size_t cast_last) const {
    if (first == 0) return std::nullopt;
    size_t before = first - 1;
    while (before > 0 && Kind(before) == TokenKind::kOpen) --before;
    if (!OpensCondition(Word(before))) return std::nullopt;
    Place place;
    place.first = first;
    place.last = last;
    place.column = Between(column_first, column_last);
    place.parameter = Own(parameter);
    if (cast_last > parameter)
      place.cast =
          sql_.substr(lexed_.tokens[parameter].end, lexed_.tokens[cast_last].end - lexed_.tokens[parameter].end);
    return place;
  }

  std::string Array(const Place& place) const {
    return place.cast.empty() ? place.parameter : place.parameter + place.cast + "[]";
  }

  Edit AnyEdit(const Place& place) const {
    return {lexed_.tokens[place.first].begin, lexed_.tokens[place.last].end,
            place.column + " = ANY(" + Array(place) + ")"};
  }

  std::string Applied(std::vector<Edit> edits) const {
    std::ranges::sort(edits, {}, &Edit::begin);
    std::string out;
    size_t at = 0;
    for (const Edit& edit : edits) {
      out += sql_.substr(at, edit.begin - at);
      out += edit.text;
      at = edit.end;
    }
    out += sql_.substr(at);
    return out;
  }

  std::string Any(const Place& place) const { return Applied({AnyEdit(place)}); }

  bool HasAggregate() const {
    return std::ranges::any_of(facts_.outputs,
                               [](const Output& output) { return output.kind == Output::Kind::kAggregate; });
  }

  // Does the result say which parent a row belongs to?
  bool GivesKey(const Comparison& fed) const {
    return std::ranges::any_of(facts_.outputs, [&](const Output& output) {
      if (output.kind == Output::Kind::kColumn) return output.column == fed.column;
      return output.kind == Output::Kind::kStar &&
             (output.column.relation < 0 || output.column.relation == fed.column.relation);
    });
  }

  // The token behind the outermost SELECT (and its DISTINCT, which is excluded here).
  std::optional<size_t> SelectList() const {
    if (Word(0) != "select" || Word(1) == "distinct" || Word(1) == "all") return std::nullopt;
    return 1;
  }

  std::string WithKey(const Place& place, const Comparison& fed) const {
    if (GivesKey(fed)) return Any(place);
    const auto list = SelectList();
    if (!list) return {};
    const size_t begin = lexed_.tokens[*list].begin;
    return Applied({{begin, begin, place.column + ", "}, AnyEdit(place)});
  }

  std::string Grouped(const Place& place) const {
    const auto list = SelectList();
    const bool aggregates =
        std::ranges::all_of(facts_.outputs, [](const Output& o) { return o.kind == Output::Kind::kAggregate; });
    if (!list || !aggregates || !facts_.order_by.empty() || facts_.has_subquery) return {};
    const size_t begin = lexed_.tokens[*list].begin;
    std::string sql = Applied({{begin, begin, place.column + ", "}, AnyEdit(place)});
    while (sql.ends_with(';') || sql.ends_with(' ')) sql.pop_back();
    return sql + " GROUP BY " + place.column;
  }

  // LIMIT counts per parent: the statement runs once for each key, inside one query. The keys' type is the cast's, or
  // else the column's own: unnest() of a parameter without a type does not run.
  std::string Lateral(const Place& place, const Comparison& fed) const {
    if (Word(0) != "select" || facts_.aggregate_only || fed.column.relation < 0) return {};
    const bool taken = std::ranges::any_of(facts_.relations, [](const Relation& relation) {
      return relation.name == "parent" || relation.alias == "parent" || relation.alias == "child";
    });
    if (taken) return {};
    const Edit edit{lexed_.tokens[place.first].begin, lexed_.tokens[place.last].end, place.column + " = parent.key"};
    std::string inner = Applied({edit});
    while (inner.ends_with(';') || inner.ends_with(' ')) inner.pop_back();
    const std::string keys = place.cast.empty() ? Keys(place, fed) : "unnest(" + Array(place) + ")";
    return "SELECT parent.key, child.* FROM " + keys + " AS parent(key) CROSS JOIN LATERAL (" + inner + ") AS child";
  }

  static std::string Quoted(std::string_view name) {
    const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9');
    }) && !(name[0] >= '0' && name[0] <= '9');
    // Short plain words may be reserved ("user", "order"): quoting is never wrong, and read easily when left out for
    // names with "_".
    if (plain && name.contains('_')) return std::string(name);
    std::string quoted = "\"";
    for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
    return quoted + '"';
  }

  std::string Keys(const Place& place, const Comparison& fed) const {
    const Relation& relation = facts_.relations[static_cast<size_t>(fed.column.relation)];
    const std::string column = Quoted(fed.column.column);
    const std::string table = (relation.schema.empty() ? "" : Quoted(relation.schema) + ".") + Quoted(relation.name);
    return "(SELECT DISTINCT " + column + " FROM " + table + " WHERE " + column + " = ANY(" + place.parameter + "))";
  }

  // (a, b) = ($1::t, $2::u): needs the casts, because unnest() of parameters without a type does not run.
  std::string Tuple(const Comparison& fed) const {
    std::vector<const Comparison*> members;
    for (const Comparison& comparison : facts_.comparisons) {
      if (comparison.tuple == fed.tuple) members.push_back(&comparison);
    }
    if (facts_.limit.kind != Bound::kNone || facts_.offset.kind != Bound::kNone) return {};
    if (facts_.aggregate_only || !facts_.group_by.empty() || facts_.distinct || HasAggregate()) return {};
    std::string made;
    for (size_t i = 0; i < lexed_.tokens.size(); ++i) {
      const auto edit = TupleAt(i, members);
      if (!edit) continue;
      if (!made.empty()) return {};
      made = Applied({*edit});
    }
    const bool keyed = facts_.operation != Operation::kSelect ||
                       std::ranges::all_of(members, [&](const Comparison* member) { return GivesKey(*member); });
    return keyed ? made : std::string();
  }

  // "(" a "," b ")" "=" "(" $1 :: t "," $2 :: u ")", or IN with one more parenthesis; the first one at token `i`.
  std::optional<Edit> TupleAt(size_t i, const std::vector<const Comparison*>& members) const {
    if (i == 0 || Kind(i) != TokenKind::kOpen || !OpensCondition(Word(i - 1))) return std::nullopt;
    size_t at = i + 1;
    std::string columns;
    for (const Comparison* member : members) {
      const size_t first = at;
      while (Kind(at + 1) == TokenKind::kDot && IsName(at + 2)) at += 2;
      if (!ColumnEndingAt(at, member->column)) return std::nullopt;
      columns += (columns.empty() ? "" : ", ") + std::string(Between(first, at));
      const bool last = member == members.back();
      if (Kind(++at) != (last ? TokenKind::kClose : TokenKind::kComma)) return std::nullopt;
      ++at;
    }
    const bool in = Word(at) == "in";
    if (!in && (Kind(at) != TokenKind::kOperator || Own(at) != "=")) return std::nullopt;
    ++at;
    if (in && Kind(at++) != TokenKind::kOpen) return std::nullopt;
    if (Kind(at++) != TokenKind::kOpen) return std::nullopt;
    std::string arrays;
    for (const Comparison* member : members) {
      if (Kind(at) != TokenKind::kParameter || Uses(Own(at)) != 1) return std::nullopt;
      const size_t end = EndOfCasts(at);
      if (end == at) return std::nullopt;
      arrays += (arrays.empty() ? "" : ", ") + std::string(Between(at, end)) + "[]";
      at = end + 1;
      if (Kind(at++) != (member == members.back() ? TokenKind::kClose : TokenKind::kComma)) return std::nullopt;
    }
    if (in && Kind(at++) != TokenKind::kClose) return std::nullopt;
    return Edit{lexed_.tokens[i].begin, lexed_.tokens[at - 1].end,
                "(" + columns + ") IN (SELECT * FROM unnest(" + arrays + "))"};
  }

  std::string_view sql_;
  const Facts& facts_;
  Lexed lexed_;
};

}  // namespace

std::string BatchedSql(std::string_view redacted_sql, const Facts& facts, int comparison_index) {
  if (comparison_index < 0 || static_cast<size_t>(comparison_index) >= facts.comparisons.size()) return {};
  return Batch(redacted_sql, facts).Make(static_cast<size_t>(comparison_index));
}

}  // namespace pgassay::sql
