#include "analyzer/detectors/summary_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "analyzer/catalog/planner.h"
#include "analyzer/sql/select_list.h"
#include "analyzer/sql/sql_tokens.h"

namespace pgassay::detectors {
namespace {

using catalog::QuoteIdentifier;
using sql::IsWord;
using sql::NextToken;
using sql::SqlToken;
using sql::Trimmed;

std::string List(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + QuoteIdentifier(name);
  return text;
}

bool Same(std::string_view a, std::string_view b) {
  const auto folded = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::ranges::equal(a, b, {}, folded, folded);
}

// "$1": a value that the text does not have.
bool IsMasked(std::string_view sql, const SqlToken& token) {
  return token.kind == 'w' && sql[token.begin] == '$' && token.end > token.begin + 1 &&
         std::isdigit(static_cast<unsigned char>(sql[token.begin + 1])) != 0;
}

bool HoldsMasked(std::string_view sql) {
  for (size_t at = sql.find('$'); at != std::string_view::npos; at = sql.find('$', at + 1)) {
    if (at + 1 < sql.size() && std::isdigit(static_cast<unsigned char>(sql[at + 1])) != 0) return true;
  }
  return sql.contains("…");
}

std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> items;
  size_t item = 0;
  for (SqlToken token = NextToken(text, 0); token.kind != 0; token = NextToken(text, token.end)) {
    if (token.kind != ',') continue;
    items.push_back(Trimmed(text.substr(item, token.begin - item)));
    item = token.end;
  }
  items.push_back(Trimmed(text.substr(item)));
  return items;
}

struct Item {
  std::string_view expression, alias;
};
Item SplitAlias(std::string_view text) {
  for (SqlToken token = NextToken(text, 0); token.kind != 0; token = NextToken(text, token.end)) {
    if (IsWord(text, token, "AS")) return {Trimmed(text.substr(0, token.begin)), Trimmed(text.substr(token.end))};
  }
  return {text, {}};
}

// The last name of "orders.status", unquoted; "" of what is no column.
std::string ColumnName(std::string_view expression) {
  std::string name;
  char before = '.';
  for (SqlToken token = NextToken(expression, 0); token.begin < expression.size();
       token = NextToken(expression, token.end)) {
    const std::string_view text = expression.substr(token.begin, token.end - token.begin);
    const bool is_name = token.kind == 'w' || text.front() == '"';
    if (token.kind == 0 || is_name != (before == '.') || (!is_name && text != ".")) return "";
    before = is_name ? 'w' : '.';
    if (is_name) name = text.front() == '"' ? text.substr(1, text.size() - 2) : text;
  }
  return before == 'w' ? name : "";
}

// The statement's clauses, without the words that begin them; empty where it has none.
struct Clauses {
  std::string_view from, where, group_by, having, order_by, rest;  // rest: LIMIT, OFFSET, FETCH, with their words
  bool known = true;
};

Clauses ClausesOf(std::string_view sql, size_t from) {
  Clauses clauses;
  std::string_view* clause = nullptr;
  size_t begin = from;
  const auto close = [&](size_t end) {
    if (clause != nullptr) *clause = Trimmed(sql.substr(begin, end - begin));
  };
  const auto open = [&](std::string_view& next, const SqlToken& word, size_t first) {
    close(word.begin);
    clause = &next;
    begin = first;
  };
  bool after_dot = false;
  SqlToken token = NextToken(sql, from);
  for (; token.kind != 0; token = NextToken(sql, token.end)) {
    const bool name = std::exchange(after_dot, sql[token.begin] == '.');
    if (name || token.kind != 'w') continue;
    const auto is = [&](std::string_view upper) { return IsWord(sql, token, upper); };
    const auto after_by = [&] { return NextToken(sql, token.end).end; };
    if (clause == nullptr && is("FROM")) open(clauses.from, token, token.end);
    if (is("WHERE")) open(clauses.where, token, token.end);
    if (is("GROUP")) open(clauses.group_by, token, after_by());
    if (is("HAVING")) open(clauses.having, token, token.end);
    if (is("ORDER")) open(clauses.order_by, token, after_by());
    if (clause != &clauses.rest && (is("LIMIT") || is("OFFSET") || is("FETCH"))) open(clauses.rest, token, token.begin);
    if (is("WINDOW") || is("FOR") || is("UNION") || is("INTERSECT") || is("EXCEPT")) clauses.known = false;
  }
  close(sql.size());
  clauses.known = clauses.known && token.begin == sql.size() && !clauses.from.empty();
  return clauses;
}

struct Equality {
  std::string_view column, value;  // "orders.status", "$1::VARCHAR"
};

// `column = $n`, either side cast or not, and nothing else.
std::optional<Equality> EqualityWithMasked(std::string_view conjunct) {
  size_t equals = std::string_view::npos;
  for (SqlToken token = NextToken(conjunct, 0); token.kind != 0; token = NextToken(conjunct, token.end)) {
    if (conjunct[token.begin] != '=') continue;
    if (equals != std::string_view::npos) return std::nullopt;
    equals = token.begin;
  }
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  const Equality equality{Trimmed(conjunct.substr(0, equals)), Trimmed(conjunct.substr(equals + 1))};
  if (ColumnName(equality.column).empty()) return std::nullopt;
  SqlToken token = NextToken(equality.value, 0);
  if (!IsMasked(equality.value, token)) return std::nullopt;
  if (token.end == equality.value.size()) return equality;
  if (!equality.value.substr(token.end).starts_with("::")) return std::nullopt;
  for (token = NextToken(equality.value, token.end + 2); token.begin < equality.value.size();
       token = NextToken(equality.value, token.end)) {
    const bool of_type = token.kind == 'w' || token.kind == '(' || equality.value[token.begin] == '.';
    if (!of_type) return std::nullopt;
  }
  return equality;
}

struct Condition {
  std::string kept;  // of the view
  std::vector<Equality> asked;
};

// None where a value is compared in any other way.
std::optional<Condition> ConditionOf(std::string_view where) {
  for (;;) {
    const SqlToken token = NextToken(where, 0);
    if (token.kind != '(' || token.end != where.size() || where[0] != '(') break;
    where = Trimmed(where.substr(1, where.size() - 2));
  }
  if (!HoldsMasked(where)) return Condition{std::string(where), {}};
  std::vector<std::string_view> conjuncts;
  size_t begin = 0;
  bool between = false;
  for (SqlToken token = NextToken(where, 0); token.kind != 0; token = NextToken(where, token.end)) {
    if (IsWord(where, token, "OR")) return std::nullopt;
    if (IsWord(where, token, "BETWEEN")) between = true;
    if (!IsWord(where, token, "AND") || std::exchange(between, false)) continue;
    conjuncts.push_back(Trimmed(where.substr(begin, token.begin - begin)));
    begin = token.end;
  }
  conjuncts.push_back(Trimmed(where.substr(begin)));
  Condition condition;
  for (const std::string_view conjunct : conjuncts) {
    if (!HoldsMasked(conjunct)) {
      condition.kept += (condition.kept.empty() ? "" : " AND ") + std::string(conjunct);
    } else if (const auto equality = EqualityWithMasked(conjunct)) {
      condition.asked.push_back(*equality);
    } else {
      return std::nullopt;
    }
  }
  return condition;
}

bool MakesSubtotals(std::string_view group_by) {
  const SqlToken first = NextToken(group_by, 0);
  return std::ranges::any_of(std::array<std::string_view, 5>{"ROLLUP", "CUBE", "GROUPING", "ALL", "DISTINCT"},
                             [&](std::string_view word) { return IsWord(group_by, first, word); });
}

// json and xml have no order, so no unique index.
bool CanBeUnique(uint32_t type_oid) { return type_oid != 114 && type_oid != 142; }

class Builder {
 public:
  Builder(const trace::StatementRow& statement, std::span<const trace::ColumnRow> columns)
      : facts_(statement.facts), sql_(statement.sql), columns_(columns) {}

  std::optional<SummaryView> Build(std::set<std::string>& taken) {
    if (facts_.has_set_operation || facts_.distinct || facts_.has_star) return std::nullopt;
    const auto list = sql::FindSelectList(sql_);
    if (!list || list->items.size() != facts_.outputs.size()) return std::nullopt;
    const Clauses clauses = ClausesOf(sql_, list->end);
    if (!clauses.known || HoldsMasked(clauses.having)) return std::nullopt;
    const auto condition = ConditionOf(clauses.where);
    if (!condition) return std::nullopt;
    for (const std::string_view item : list->items) items_.push_back(SplitAlias(item));

    std::vector<std::string> group_by;
    for (const Equality& equality : condition->asked) {
      const std::string name = KeyColumn(equality.column);
      asked_.push_back(fmt::format("{} = {}", name, equality.value));
      group_by.emplace_back(equality.column);
    }
    if (!AddGroups(clauses.group_by, group_by)) return std::nullopt;
    if (key_.empty() && !AddOneRowKey()) return std::nullopt;

    SummaryView view;
    view.name = Name(taken);
    std::string outputs;
    for (const std::string_view extra : extra_) outputs += std::string(extra) + ", ";
    outputs += std::string(sql_.substr(list->begin, list->end - list->begin));
    view.body = fmt::format("{}{} FROM {}", sql_.substr(0, list->begin), outputs, clauses.from);
    if (!condition->kept.empty()) view.body += " WHERE " + condition->kept;
    if (!group_by.empty()) view.body += fmt::format(" GROUP BY {}", fmt::join(group_by, ", "));
    if (!clauses.having.empty()) view.body += fmt::format(" HAVING {}", clauses.having);
    if (HoldsMasked(view.body)) return std::nullopt;

    view.columns = names_;
    view.shown.assign(names_.begin() + static_cast<std::ptrdiff_t>(extra_.size()), names_.end());
    view.asked = asked_;
    std::ranges::sort(key_);
    for (const size_t position : key_) view.key.push_back(names_[position]);
    return view;
  }

 private:
  // The view's columns: first those that only the key needs, then the statement's own.
  void NameColumns() {
    names_.clear();
    std::set<std::string> used;
    const auto add = [&](std::string name) {
      if (name.empty() || name == "?column?") name = "value";
      std::string unlike = name;
      for (int n = 2; !used.insert(unlike).second; ++n) unlike = fmt::format("{}_{}", name, n);
      names_.push_back(unlike);
    };
    for (const std::string_view extra : extra_) add(ColumnName(extra));
    for (size_t i = 0; i < items_.size(); ++i) add(NameOfOutput(i));
  }

  std::optional<size_t> OutputOf(std::string_view expression) const {
    for (size_t i = 0; i < items_.size(); ++i) {
      if (Same(items_[i].expression, expression)) return i;
    }
    const std::string column = ColumnName(expression);
    for (size_t i = 0; i < items_.size() && !column.empty(); ++i) {
      const sql::Output& output = facts_.outputs[i];
      if (output.kind == sql::Output::Kind::kColumn && output.column.column == column && facts_.relations.size() == 1)
        return i;
    }
    for (size_t i = 0; i < items_.size() && !expression.empty(); ++i) {
      if (Same(items_[i].alias, expression)) return i;
    }
    return std::nullopt;
  }

  // Adds to the key, and to the view where the statement does not return it. Gives the column's name in the view.
  std::string KeyColumn(std::string_view expression) {
    const auto output = OutputOf(expression);
    if (output) {
      key_outputs_.insert(*output);
      return QuoteIdentifier(NameOfOutput(*output));
    }
    if (std::ranges::find(extra_, expression) == extra_.end()) extra_.push_back(expression);
    return QuoteIdentifier(ColumnName(expression));
  }
  const std::string& NameOfOutput(size_t i) const {
    return columns_.size() == items_.size() ? columns_[i].name : facts_.outputs[i].name;
  }

  bool AddGroups(std::string_view clause, std::vector<std::string>& group_by) {
    if (!clause.empty()) {
      const std::vector<std::string_view> groups = SplitAtCommas(clause);
      if (groups.size() != facts_.group_by.size()) return false;
      for (size_t i = 0; i < groups.size(); ++i) {
        std::string_view group = groups[i];
        if (MakesSubtotals(group)) return false;
        if (HoldsMasked(group)) {  // by position: GROUP BY 1
          const auto output = std::ranges::find_if(facts_.outputs, [&](const sql::Output& one) {
            return one.kind == sql::Output::Kind::kColumn && one.column == facts_.group_by[i];
          });
          if (facts_.group_by[i].column.empty() || output == facts_.outputs.end()) return false;
          group = items_[static_cast<size_t>(output - facts_.outputs.begin())].expression;
        } else if (!OutputOf(group) && ColumnName(group).empty()) {
          return false;
        }
        KeyColumn(group);
        if (std::ranges::none_of(group_by, [&](const std::string& known) { return Same(known, group); }))
          group_by.emplace_back(group);
      }
    }
    NameColumns();
    for (size_t i = 0; i < extra_.size(); ++i) key_.push_back(i);
    for (const size_t i : key_outputs_) key_.push_back(extra_.size() + i);
    return true;
  }

  // The only row of a view is unique by any of its columns.
  bool AddOneRowKey() {
    if (!facts_.aggregate_only || columns_.size() != items_.size()) return false;
    one_row_ = true;
    const auto column =
        std::ranges::find_if(columns_, [](const trace::ColumnRow& row) { return CanBeUnique(row.column.type_oid); });
    if (column == columns_.end()) return false;
    key_.push_back(static_cast<size_t>(column - columns_.begin()));
    return true;
  }

  std::string Name(std::set<std::string>& taken) const {
    constexpr size_t kMaxBytes = 58;  // of PostgreSQL's 63, with room for a number
    std::string name = facts_.relations.front().name;
    if (one_row_) {
      name += "_totals";
    } else {
      for (size_t i = 0; i < key_.size(); ++i) name += (i == 0 ? "_by_" : "_and_") + names_[key_[i]];
    }
    size_t bytes = std::min(name.size(), kMaxBytes);
    while (bytes < name.size() && (static_cast<unsigned char>(name[bytes]) & 0xC0) == 0x80) --bytes;
    name.resize(bytes);
    std::string unlike = name;
    for (int n = 2; !taken.insert(unlike).second; ++n) unlike = fmt::format("{}_{}", name, n);
    return unlike;
  }

  const sql::Facts& facts_;
  std::string_view sql_;
  std::span<const trace::ColumnRow> columns_;
  std::vector<Item> items_;
  std::vector<std::string_view> extra_;
  std::set<size_t> key_outputs_;
  std::vector<size_t> key_;  // into names_
  std::vector<std::string> names_, asked_;
  bool one_row_ = false;
};

}  // namespace

std::string SummaryView::Script(std::string_view interval) const {
  return fmt::format(
      "CREATE MATERIALIZED VIEW {0} ({1}) AS {2};\n"
      "CREATE UNIQUE INDEX ON {0} ({3});\n"
      "-- {4}:\n"
      "REFRESH MATERIALIZED VIEW CONCURRENTLY {0};",
      QuoteIdentifier(name), List(columns), body, List(key), interval);
}

std::string SummaryView::Reading() const {
  std::string text = fmt::format("SELECT {} FROM {}", List(shown), QuoteIdentifier(name));
  if (!asked.empty()) text += fmt::format(" WHERE {}", fmt::join(asked, " AND "));
  return text;
}

std::vector<std::pair<std::string, std::string>> SummaryView::Declarations(sql::Orm sender) const {
  std::string sqlalchemy, django = fmt::format("class Meta: managed = False; db_table = \"{}\"", name);
  for (const std::string& column : columns) sqlalchemy += fmt::format(", column(\"{}\")", column);
  std::vector<std::pair<std::string, std::string>> texts = {
      {"sqlalchemy",
       fmt::format("select(table(\"{}\"{}))  # the view by op.execute() in an Alembic migration", name, sqlalchemy)},
      {"django", fmt::format("{}  # of a model whose primary key is {}; the view by migrations.RunSQL()", django,
                             fmt::join(key, ", "))},
      {"rails", fmt::format("create_view :{0}, materialized: true; Scenic.database.refresh_materialized_view(:{0}, "
                            "concurrently: true)  # scenic",
                            name)},
      {"prisma", fmt::format("view {} {{ … @@unique([{}]) }}; the SQL in a migration of its own (prisma migrate dev "
                             "--create-only)",
                             name, fmt::join(key, ", "))}};
  std::ranges::stable_partition(texts, [&](const auto& each) { return each.first == sql::OrmName(sender); });
  return texts;
}

std::optional<SummaryView> SummaryViewOf(const trace::StatementRow& statement,
                                         std::span<const trace::ColumnRow> columns, std::set<std::string>& taken) {
  return statement.facts.relations.empty() ? std::nullopt : Builder(statement, columns).Build(taken);
}

}  // namespace pgassay::detectors
