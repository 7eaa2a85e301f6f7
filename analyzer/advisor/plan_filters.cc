#include "analyzer/advisor/plan_filters.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <vector>

#include "analyzer/catalog/plan_tree.h"

namespace pgassay::advisor {
namespace {

using catalog::PlanNode;
using catalog::Relation;
using catalog::Snapshot;

constexpr std::array<std::string_view, 3> kConditions = {"Filter", "Index Cond", "Recheck Cond"};

// Where `what` stands outside of parentheses and quotes; npos: nowhere.
size_t FindOutside(std::string_view text, std::string_view what) {
  int depth = 0;
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted) continue;
    if (depth == 0 && text.substr(at).starts_with(what)) return at;
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
  }
  return std::string_view::npos;
}

std::string_view WithoutParentheses(std::string_view text) {
  while (text.starts_with('(') && text.ends_with(')')) {
    // "(a) = (b)" begins and ends so too: its first parenthesis closes before the end.
    int depth = 0;
    size_t at = 0;
    for (; at < text.size(); ++at) {
      depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
      if (depth == 0) break;
    }
    if (at + 1 != text.size()) break;
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

// "t.tenant", "(t.state)::text" -> tenant, state; "" for anything else.
std::string ColumnName(std::string_view text) {
  if (const size_t cast = FindOutside(text, "::"); cast != std::string_view::npos) text = text.substr(0, cast);
  text = WithoutParentheses(text);
  if (const size_t dot = text.rfind('.'); dot != std::string_view::npos && !text.ends_with('"'))
    text = text.substr(dot + 1);
  if (text.ends_with('"')) {
    const size_t begin = text.substr(0, text.size() - 1).rfind('"');
    if (begin == std::string_view::npos || (begin > 0 && text[begin - 1] == '"')) return "";  // a quote in the name
    return std::string(text.substr(begin + 1, text.size() - begin - 2));
  }
  const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
  return plain && std::isdigit(static_cast<unsigned char>(text.front())) == 0 ? std::string(text) : "";
}

// A masked literal or parameter, what a session has set, or a subquery's value; no column of another table.
bool IsValue(std::string_view text) {
  if (text.starts_with("(InitPlan ")) return true;  // "$0" before PostgreSQL 17
  if (FindOutside(text, " ") != std::string_view::npos || text.contains('.')) return false;
  while (text.starts_with('(')) text.remove_prefix(1);
  return text.starts_with('$') || text.starts_with("current_setting(") || text.starts_with("CURRENT_USER") ||
         text.starts_with("SESSION_USER");
}

const Relation* Root(const Snapshot& snapshot, const Relation* relation) {
  for (int depth = 0; relation != nullptr && relation->partition && depth < 16; ++depth)
    relation = snapshot.FindRelation(relation->parent_oid);
  return relation;
}

// The mention of the table that the node scans; null: it cannot be told, or it would be a second table of the
// statement.
TableUse* UseOf(Query& query, const PlanNode& node, std::span<const PlanNode* const> nodes, const Relation* relation) {
  const auto is_it = [&](const TableUse& use) { return use.relation == relation; };
  if (std::ranges::none_of(query.tables, is_it)) {
    // How it is joined to others is not known: only what a statement names none of.
    if (!query.tables.empty()) return nullptr;
    TableUse& added = query.tables.emplace_back();
    added.relation = relation;
    added.alias = node.alias;
    return &added;
  }
  const bool twice = std::ranges::any_of(nodes, [&](const PlanNode* other) {
    return other->schema == node.schema && other->relation == node.relation && other->alias != node.alias;
  });
  const bool by_name = twice || std::ranges::count_if(query.tables, is_it) > 1;
  const auto use = std::ranges::find_if(
      query.tables, [&](const TableUse& each) { return is_it(each) && (!by_name || each.alias == node.alias); });
  return use == query.tables.end() ? nullptr : &*use;
}

void AddOfNode(Query& query, const PlanNode& node, std::span<const PlanNode* const> nodes, const Snapshot& snapshot) {
  const Relation* relation = Root(snapshot, snapshot.FindRelation(node.schema, node.relation));
  if (relation == nullptr) return;
  for (const std::string_view name : kConditions) {
    for (const std::string& column_name : EqualColumns(node.Condition(name))) {
      const catalog::Column* column = catalog::FindColumn(*relation, column_name);
      if (column == nullptr) continue;
      TableUse* use = UseOf(query, node, nodes, relation);
      if (use == nullptr) continue;
      const auto known = std::ranges::find(use->conditions, column->attnum, &Condition::attnum);
      if (known != use->conditions.end()) {
        // Compared with what the statement does not say to be one value: a subquery's.
        if (known->use == Use::kFilter && known->operator_name == "=") known->use = Use::kEqual;
        continue;
      }
      Condition& added = use->conditions.emplace_back();
      added.attnum = column->attnum;
      added.use = Use::kEqual;
      added.operator_name = "=";
      added.selectivity = EqualShare(snapshot, *relation, *column);
      use->columns_known = false;  // an index has to have this column too, to cover
    }
  }
}

}  // namespace

std::vector<std::string> EqualColumns(std::string_view condition) {
  std::vector<std::string> columns;
  std::string_view left = WithoutParentheses(condition);
  while (!left.empty()) {
    const size_t end = FindOutside(left, " AND ");
    const std::string_view conjunct = WithoutParentheses(left.substr(0, end));
    left = end == std::string_view::npos ? std::string_view() : left.substr(end + 5);
    const size_t equals = FindOutside(conjunct, " = ");
    if (equals == std::string_view::npos || FindOutside(conjunct, " OR ") != std::string_view::npos) continue;
    std::string column = ColumnName(conjunct.substr(0, equals));
    if (!column.empty() && IsValue(conjunct.substr(equals + 3))) columns.push_back(std::move(column));
  }
  return columns;
}

void AddPlanFilters(Query& query, std::span<const trace::PlanRow> plans, const Snapshot& snapshot) {
  for (const trace::PlanRow& row : plans) {
    const bool as_it_is = row.kind == trace::PlanKind::kValues || row.kind == trace::PlanKind::kGeneric;
    const bool own = row.statement_id == query.statement->statement_id && row.upstream == snapshot.upstream &&
                     row.database == snapshot.database && as_it_is;
    if (!own || !row.problem.empty()) continue;
    const auto plan = catalog::PlanTree(row.plan_json);
    if (!plan) continue;
    std::vector<const PlanNode*> nodes;
    catalog::ForEachNode(*plan, [&](const PlanNode& node) {
      if (!node.relation.empty()) nodes.push_back(&node);
    });
    std::ranges::stable_sort(nodes, std::greater{}, &PlanNode::own_cost);
    for (const PlanNode* node : nodes) AddOfNode(query, *node, nodes, snapshot);
    return;
  }
}

}  // namespace pgassay::advisor
