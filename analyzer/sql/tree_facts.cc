#include "analyzer/sql/tree_facts.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "analyzer/sql/functions.h"

namespace pgassay::sql {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// ---- reading nodes: what is absent is null ----

struct Node {
  std::string_view type;
  object fields;
  explicit operator bool() const { return !type.empty(); }
};

Node AsNode(element value) {
  object outer;
  if (value.get(outer) != simdjson::SUCCESS || outer.size() == 0) return {};
  const auto first = *outer.begin();
  object inner;
  if (first.value.get(inner) != simdjson::SUCCESS) return {};
  return {first.key, inner};
}

Node Child(const object& fields, std::string_view name) {
  element value;
  return fields[name].get(value) == simdjson::SUCCESS ? AsNode(value) : Node{};
}

// A field whose type the grammar fixes carries no type name: {"relation": {"relname": …}}.
std::optional<object> Plain(const object& fields, std::string_view name) {
  object value;
  if (fields[name].get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::vector<Node> Children(const object& fields, std::string_view name) {
  std::vector<Node> nodes;
  array values;
  if (fields[name].get(values) != simdjson::SUCCESS) return nodes;
  for (const element value : values) nodes.push_back(AsNode(value));
  return nodes;
}

std::string_view Text(const object& fields, std::string_view name) {
  std::string_view value;
  return fields[name].get(value) == simdjson::SUCCESS ? value : std::string_view();
}

int64_t Integer(const object& fields, std::string_view name, int64_t otherwise = 0) {
  int64_t value = 0;
  return fields[name].get(value) == simdjson::SUCCESS ? value : otherwise;
}

bool Flag(const object& fields, std::string_view name) {
  bool value = false;
  return fields[name].get(value) == simdjson::SUCCESS && value;
}

bool Has(const object& fields, std::string_view name) {
  element value;
  return fields[name].get(value) == simdjson::SUCCESS;
}

std::vector<std::string> Strings(const object& fields, std::string_view name) {
  std::vector<std::string> texts;
  for (const Node& node : Children(fields, name)) {
    if (node.type == "String") texts.emplace_back(Text(node.fields, "sval"));
  }
  return texts;
}

std::string LastString(const object& fields, std::string_view name) {
  auto texts = Strings(fields, name);
  return texts.empty() ? std::string() : std::move(texts.back());
}

// ---- scopes ----

// Something FROM names: a base relation, or a subquery with the columns it gives.
struct Source {
  std::string name;  // as columns are qualified: alias, else the relation's name
  std::string schema;
  int relation = -1;
  std::vector<std::pair<std::string, ColumnRef>> columns;  // of a subquery: name -> base column, relation -1 if none
};

struct NamedQuery {
  std::string name;
  std::vector<std::pair<std::string, ColumnRef>> columns;
};

struct Scope {
  std::vector<Source> sources;
  std::vector<NamedQuery> named;  // WITH
  const Scope* parent = nullptr;
  int depth = 0;
};

struct Condition {
  bool conjunct = true;  // must hold for every row
  bool certain = true;   // not below OR or NOT
  bool negated = false;
};

struct Compared {
  ColumnRef column;
  std::string function;
};

class TreeReader {
 public:
  TreeReader(std::span<const ValuePosition> values, Facts& facts) : values_(values), facts_(facts) {}

  void Statement(const Node& node) {
    Scope scope;
    const std::string_view type = node.type;
    if (type == "SelectStmt") {
      facts_.operation = Operation::kSelect;
      Select(node.fields, scope, true);
      facts_.catalog_only = OnCatalogAlone();
    } else if (type == "InsertStmt") {
      Insert(node.fields, scope, true);
    } else if (type == "UpdateStmt") {
      Update(node.fields, scope, true);
    } else if (type == "DeleteStmt") {
      Delete(node.fields, scope, true);
    } else if (type == "MergeStmt") {
      Merge(node.fields, scope, true);
    } else {
      Utility(node);
    }
  }

 private:
  // ---- utility statements ----

  void Utility(const Node& node) {
    const object& fields = node.fields;
    const std::string_view type = node.type;
    if (type == "TransactionStmt") return Transaction(fields);
    if (type == "VariableSetStmt") return Setting(fields);
    if (type == "VariableShowStmt") {
      facts_.operation = Operation::kShow;
      facts_.name = Text(fields, "name");
    } else if (type == "PrepareStmt") {
      facts_.operation = Operation::kPrepare;
      facts_.name = Text(fields, "name");
    } else if (type == "ExecuteStmt") {
      facts_.operation = Operation::kExecute;
      facts_.name = Text(fields, "name");
    } else if (type == "DeallocateStmt") {
      facts_.operation = Operation::kDeallocate;
      facts_.name = Text(fields, "name");
    } else if (type == "DeclareCursorStmt") {
      facts_.operation = Operation::kDeclareCursor;
      facts_.name = Text(fields, "portalname");
    } else if (type == "FetchStmt") {
      facts_.operation = Operation::kFetch;
      facts_.name = Text(fields, "portalname");
      const int64_t count = Integer(fields, "howMany", -1);
      facts_.fetch_count = count >= 0 && count < INT32_MAX ? count : -1;
    } else if (type == "ClosePortalStmt") {
      facts_.operation = Operation::kCloseCursor;
      facts_.name = Text(fields, "portalname");
    } else if (type == "LockStmt") {
      facts_.operation = Operation::kLock;
      for (const Node& relation : Children(fields, "relations")) AddRelation(relation.fields);
    } else if (type == "TruncateStmt") {
      facts_.operation = Operation::kTruncate;
      facts_.writes = true;
      for (const Node& relation : Children(fields, "relations")) AddRelation(relation.fields);
      facts_.target = facts_.relations.empty() ? -1 : 0;
    } else if (type == "CopyStmt") {
      facts_.operation = Operation::kCopy;
      if (const auto relation = Plain(fields, "relation")) {
        const int added = AddRelation(*relation);
        if (Flag(fields, "is_from")) {
          facts_.writes = true;
          facts_.target = added;
        }
      }
    } else {
      facts_.operation = OtherUtility(type);
    }
  }

  static Operation OtherUtility(std::string_view type) {
    if (type == "DiscardStmt") return Operation::kDiscard;
    if (type == "ListenStmt" || type == "UnlistenStmt" || type == "NotifyStmt") return Operation::kListen;
    if (type == "ExplainStmt") return Operation::kExplain;
    if (type == "CallStmt") return Operation::kCall;
    if (type == "RefreshMatViewStmt") return Operation::kRefresh;
    if (type == "VacuumStmt") return Operation::kVacuum;
    for (const std::string_view prefix :
         {"Create", "Alter", "Drop", "Define", "Grant", "Comment", "Rename", "Cluster", "Reindex"}) {
      if (type.starts_with(prefix)) return Operation::kDdl;
    }
    return type == "IndexStmt" || type == "ViewStmt" || type == "RuleStmt" || type == "SecLabelStmt"
               ? Operation::kDdl
               : Operation::kOther;
  }

  void Transaction(const object& fields) {
    const std::string_view kind = Text(fields, "kind");
    facts_.name = Text(fields, "savepoint_name");
    if (kind == "TRANS_STMT_BEGIN" || kind == "TRANS_STMT_START")
      facts_.operation = Operation::kBegin;
    else if (kind == "TRANS_STMT_COMMIT")
      facts_.operation = Operation::kCommit;
    else if (kind == "TRANS_STMT_ROLLBACK")
      facts_.operation = Operation::kRollback;
    else if (kind == "TRANS_STMT_SAVEPOINT")
      facts_.operation = Operation::kSavepoint;
    else if (kind == "TRANS_STMT_RELEASE")
      facts_.operation = Operation::kReleaseSavepoint;
    else if (kind == "TRANS_STMT_ROLLBACK_TO")
      facts_.operation = Operation::kRollbackToSavepoint;
    else
      facts_.operation = Operation::kOther;
  }

  void Setting(const object& fields) {
    const std::string_view kind = Text(fields, "kind");
    facts_.operation = kind.starts_with("VAR_RESET") ? Operation::kReset : Operation::kSet;
    facts_.name = Text(fields, "name");
    if (facts_.operation == Operation::kReset || facts_.name == "session_authorization" ||
        !IsPublicSetting(facts_.name))
      return;
    for (const Node& argument : Children(fields, "args")) {
      if (argument.type != "A_Const") continue;
      if (!facts_.setting_value.empty()) facts_.setting_value += ", ";
      if (const auto text = Plain(argument.fields, "sval")) facts_.setting_value += Text(*text, "sval");
      if (const auto number = Plain(argument.fields, "ival"))
        facts_.setting_value += std::to_string(Integer(*number, "ival"));
    }
  }

  // ---- relations and columns ----

  int AddRelation(const object& range_var) {
    Relation relation;
    relation.schema = Text(range_var, "schemaname");
    relation.name = Text(range_var, "relname");
    if (const auto alias = Plain(range_var, "alias")) relation.alias = Text(*alias, "aliasname");
    facts_.relations.push_back(std::move(relation));
    return static_cast<int>(facts_.relations.size()) - 1;
  }

  Source BaseSource(int relation) const {
    const Relation& known = facts_.relations[static_cast<size_t>(relation)];
    return {.name = known.alias.empty() ? known.name : known.alias,
            .schema = known.alias.empty() ? known.schema : std::string(),
            .relation = relation,
            .columns = {}};
  }

  static const NamedQuery* FindNamed(const Scope& scope, std::string_view name) {
    for (const Scope* at = &scope; at != nullptr; at = at->parent) {
      for (const NamedQuery& query : at->named) {
        if (query.name == name) return &query;
      }
    }
    return nullptr;
  }

  void RangeVar(const object& fields, Scope& scope) {
    const NamedQuery* named = Has(fields, "schemaname") ? nullptr : FindNamed(scope, Text(fields, "relname"));
    if (named == nullptr) {
      scope.sources.push_back(BaseSource(AddRelation(fields)));
      return;
    }
    Source source{.name = named->name, .schema = "", .relation = -1, .columns = named->columns};
    if (const auto alias = Plain(fields, "alias")) ApplyAlias(*alias, source);
    scope.sources.push_back(std::move(source));
  }

  static void ApplyAlias(const object& alias, Source& source) {
    source.name = Text(alias, "aliasname");
    const auto names = Strings(alias, "colnames");
    for (size_t i = 0; i < names.size(); ++i) {
      if (i < source.columns.size())
        source.columns[i].first = names[i];
      else
        source.columns.emplace_back(names[i], ColumnRef{});
    }
  }

  static ColumnRef ColumnOfSource(const Source& source, const std::string& column) {
    if (source.relation >= 0) return {source.relation, column};
    for (const auto& [name, base] : source.columns) {
      if (name == column && base.relation >= 0) return base;
    }
    return {-1, column};
  }

  ColumnRef Resolve(const object& column_ref, const Scope& scope) const {
    const auto names = Strings(column_ref, "fields");
    if (names.empty()) return {};
    const std::string& column = names.back();
    if (names.size() == 1) {
      if (scope.sources.size() == 1) return ColumnOfSource(scope.sources.front(), column);
      return {-1, column};
    }
    const std::string& qualifier = names[names.size() - 2];
    for (const Scope* at = &scope; at != nullptr; at = at->parent) {
      for (const Source& source : at->sources) {
        if (source.name != qualifier) continue;
        if (names.size() > 2 && !source.schema.empty() && source.schema != names[names.size() - 3]) continue;
        return ColumnOfSource(source, column);
      }
    }
    return {-1, column};
  }

  static bool IsStar(const object& column_ref) {
    const auto fields = Children(column_ref, "fields");
    return !fields.empty() && fields.back().type == "A_Star";
  }

  // The column an operand is made of, and the outermost function around it.
  std::optional<Compared> ColumnIn(const Node& node, const Scope& scope) const {
    const auto inside = [&](const Node& child, std::string_view function) -> std::optional<Compared> {
      auto found = child ? ColumnIn(child, scope) : std::nullopt;
      if (found) found->function = function;
      return found;
    };
    if (node.type == "ColumnRef") {
      if (IsStar(node.fields)) return std::nullopt;
      return Compared{Resolve(node.fields, scope), ""};
    }
    if (node.type == "TypeCast") return inside(Child(node.fields, "arg"), "cast");
    if (node.type == "CollateClause") return inside(Child(node.fields, "arg"), "collate");
    if (node.type == "A_Indirection") return inside(Child(node.fields, "arg"), "[]");
    if (node.type == "A_Expr") {
      const std::string name = LastString(node.fields, "name");
      if (auto left = inside(Child(node.fields, "lexpr"), name)) return left;
      return inside(Child(node.fields, "rexpr"), name);
    }
    std::string name;
    if (node.type == "FuncCall")
      name = LastString(node.fields, "funcname");
    else if (node.type == "CoalesceExpr")
      name = "coalesce";
    else
      return std::nullopt;
    for (const Node& argument : Children(node.fields, "args")) {
      if (auto found = inside(argument, name)) return found;
    }
    return std::nullopt;
  }

  // ---- slots ----

  int SlotAt(int64_t location) const {
    const auto after = std::ranges::upper_bound(values_, location, {},
                                                [](const ValuePosition& value) { return int64_t{value.begin}; });
    if (after == values_.begin()) return -1;
    const ValuePosition& value = *std::prev(after);
    return location < value.end ? static_cast<int>(value.slot) : -1;
  }

  // The slot of an operand that is nothing but a value, a cast of one, or a list of them that collapsed.
  int SlotOf(const Node& node) const {
    if (node.type == "ParamRef" || node.type == "A_Const") return SlotAt(Integer(node.fields, "location"));
    if (node.type == "TypeCast") {
      const Node inner = Child(node.fields, "arg");
      return inner ? SlotOf(inner) : -1;
    }
    if (node.type == "A_ArrayExpr") return CommonSlot(Children(node.fields, "elements"));
    if (node.type == "List") return CommonSlot(Children(node.fields, "items"));
    return -1;
  }

  int CommonSlot(const std::vector<Node>& nodes) const {
    int common = -1;
    for (const Node& node : nodes) {
      const int slot = SlotOf(node);
      if (slot < 0 || (common >= 0 && slot != common)) return -1;
      common = slot;
    }
    return common;
  }

  // ---- conditions ----

  void Where(const object& fields, std::string_view name, const Scope& scope, Condition condition = {}) {
    if (const Node node = Child(fields, name)) Test(node, scope, condition);
  }

  void Test(const Node& node, const Scope& scope, Condition condition) {
    if (node.type == "BoolExpr") {
      const std::string_view kind = Text(node.fields, "boolop");
      if (kind != "AND_EXPR" || condition.negated) condition.conjunct = false;
      if (kind != "AND_EXPR") condition.certain = false;
      if (kind == "NOT_EXPR") condition.negated = !condition.negated;
      for (const Node& argument : Children(node.fields, "args")) Test(argument, scope, condition);
    } else if (node.type == "A_Expr") {
      Comparison_(node.fields, scope, condition);
    } else if (node.type == "NullTest") {
      NullTest(node.fields, scope, condition);
    } else {
      Expression(node, scope);
    }
  }

  void NullTest(const object& fields, const Scope& scope, Condition condition) {
    const Node argument = Child(fields, "arg");
    const bool null = (Text(fields, "nulltesttype") == "IS_NULL") != condition.negated;
    Add(argument, scope, condition, null ? Comparator::kIsNull : Comparator::kIsNotNull,
        null ? "IS NULL" : "IS NOT NULL", -1, -1);
    Expression(argument, scope);
  }

  void Add(const Node& column_node, const Scope& scope, Condition condition, Comparator comparator,
           std::string_view operator_name, int slot, int tuple) {
    const auto column = ColumnIn(column_node, scope);
    if (!column) return;
    facts_.comparisons.push_back({.column = column->column,
                                  .comparator = comparator,
                                  .slot = slot,
                                  .conjunct = condition.conjunct,
                                  .function = column->function,
                                  .operator_name = std::string(operator_name),
                                  .tuple = tuple,
                                  .subquery_depth = scope.depth});
  }

  static Comparator ComparatorOf(std::string_view kind, std::string_view name) {
    if (kind == "AEXPR_LIKE") return name == "~~" ? Comparator::kLike : Comparator::kOther;
    if (kind == "AEXPR_ILIKE") return name == "~~*" ? Comparator::kILike : Comparator::kOther;
    if (kind == "AEXPR_IN") return name == "=" ? Comparator::kInList : Comparator::kNotInList;
    if (kind == "AEXPR_OP_ANY") return name == "=" ? Comparator::kAnyArray : Comparator::kOther;
    if (kind == "AEXPR_OP_ALL") return name == "<>" ? Comparator::kNotInList : Comparator::kOther;
    if (kind != "AEXPR_OP") return Comparator::kOther;
    if (name == "=") return Comparator::kEqual;
    if (name == "<>") return Comparator::kNotEqual;
    if (name == "<" || name == ">" || name == "<=" || name == ">=") return Comparator::kRange;
    if (name == "~~") return Comparator::kLike;
    if (name == "~~*") return Comparator::kILike;
    if (name == "@>" || name == "<@" || name == "&&") return Comparator::kContains;
    if (name == "?" || name == "?|" || name == "?&") return Comparator::kKeyExists;
    if (name == "@@") return Comparator::kTextSearch;
    return Comparator::kOther;
  }

  static Comparator Negated(Comparator comparator) {
    switch (comparator) {
      case Comparator::kEqual:
        return Comparator::kNotEqual;
      case Comparator::kNotEqual:
        return Comparator::kEqual;
      case Comparator::kInList:
        return Comparator::kNotInList;
      case Comparator::kNotInList:
        return Comparator::kInList;
      case Comparator::kRange:
        return Comparator::kRange;
      default:
        return Comparator::kOther;
    }
  }

  static std::string_view Mirrored(std::string_view name) {
    if (name == "<") return ">";
    if (name == ">") return "<";
    if (name == "<=") return ">=";
    if (name == ">=") return "<=";
    return name;
  }

  void Comparison_(const object& fields, const Scope& scope, Condition condition) {
    const std::string_view kind = Text(fields, "kind");
    const std::string name = LastString(fields, "name");
    const Node left = Child(fields, "lexpr");
    const Node right = Child(fields, "rexpr");
    Comparator comparator = ComparatorOf(kind, name);
    if (condition.negated) comparator = Negated(comparator);
    if (left.type == "RowExpr" && (comparator == Comparator::kEqual || comparator == Comparator::kInList)) {
      Tuple(left, right, scope, condition, comparator);
    } else if (kind.starts_with("AEXPR_BETWEEN") || kind.starts_with("AEXPR_NOT_BETWEEN")) {
      const bool range = (kind == "AEXPR_BETWEEN" || kind == "AEXPR_BETWEEN_SYM") && !condition.negated;
      for (const Node& bound : Children(right.fields, "items")) {
        Add(left, scope, condition, range ? Comparator::kRange : Comparator::kOther, name, SlotOf(bound), -1);
      }
    } else if (kind == "AEXPR_NOT_DISTINCT" || kind == "AEXPR_DISTINCT") {
      const std::string_view words = kind == "AEXPR_DISTINCT" ? "IS DISTINCT FROM" : "IS NOT DISTINCT FROM";
      if (right) Add(left, scope, condition, Comparator::kOther, words, SlotOf(right), -1);
    } else if (left && right) {
      Pair(left, right, scope, condition, comparator, name);
    }
    if (left) Expression(left, scope);
    if (right) Expression(right, scope);
  }

  void Pair(const Node& left, const Node& right, const Scope& scope, Condition condition, Comparator comparator,
            const std::string& name) {
    const auto left_column = ColumnIn(left, scope);
    const auto right_column = ColumnIn(right, scope);
    if (left_column && right_column) {
      const bool bare = left.type == "ColumnRef" && right.type == "ColumnRef";
      if (bare && comparator == Comparator::kEqual && condition.certain)
        AddJoin(left_column->column, right_column->column);
      else
        Add(left, scope, condition, comparator, name, -1, -1);
      return;
    }
    if (left_column) {
      Add(left, scope, condition, comparator, name, SlotOf(right), -1);
    } else if (right_column) {
      // $1 = ANY (column): the column is the array.
      if (comparator == Comparator::kAnyArray) comparator = Comparator::kContains;
      Add(right, scope, condition, comparator, Mirrored(name), SlotOf(left), -1);
    }
  }

  void AddJoin(const ColumnRef& left, const ColumnRef& right) {
    if (left == right) return;
    const bool loose = left.relation < 0 || right.relation < 0;
    (loose ? facts_.loose_joins : facts_.joins).push_back({left, right});
  }

  // (a, b) = ($1, $2), (a, b) IN (($1, $2), …)
  void Tuple(const Node& left, const Node& right, const Scope& scope, Condition condition, Comparator comparator) {
    const auto columns = Children(left.fields, "args");
    std::vector<Node> rows;
    if (right.type == "RowExpr")
      rows.push_back(right);
    else if (right.type == "List")
      rows = Children(right.fields, "items");
    const bool rows_only = std::ranges::all_of(rows, [&](const Node& row) {
      return row.type == "RowExpr" && Children(row.fields, "args").size() == columns.size();
    });
    if (rows.empty() || !rows_only) return;
    const int tuple = next_tuple_++;
    for (size_t i = 0; i < columns.size(); ++i) {
      std::vector<Node> members;
      members.reserve(rows.size());
      for (const Node& row : rows) members.push_back(Children(row.fields, "args")[i]);
      const int slot = CommonSlot(members);
      if (slot < 0 && rows.size() == 1 && columns[i].type == "ColumnRef" && members[0].type == "ColumnRef" &&
          condition.certain) {
        AddJoin(Resolve(columns[i].fields, scope), Resolve(members[0].fields, scope));
      } else {
        Add(columns[i], scope, condition, comparator, "=", slot, tuple);
      }
    }
  }

  // ---- expressions: functions and subqueries in them ----

  void Expression(const Node& node, const Scope& scope) {
    if (!node) return;
    if (node.type == "SubLink") return SubLink(node.fields, scope);
    if (node.type == "FuncCall") Function(node.fields);
    if (node.type == "SQLValueFunction") ClockOrSession(Text(node.fields, "op"));
    if (node.type == "ColumnRef" || node.type == "A_Const" || node.type == "ParamRef") return;
    Descend(node.fields, scope);
  }

  void Descend(const object& fields, const Scope& scope) {
    for (const auto field : fields) Within(field.value, scope);
  }

  void Within(element value, const Scope& scope) {
    array list;
    if (value.get(list) == simdjson::SUCCESS) {
      for (const element member : list) Within(member, scope);
      return;
    }
    object outer;
    if (value.get(outer) != simdjson::SUCCESS) return;
    const Node node = AsNode(value);
    const bool named = node && outer.size() == 1 && node.type.front() >= 'A' && node.type.front() <= 'Z';
    if (named)
      Expression(node, scope);
    else
      Descend(outer, scope);
  }

  void Function(const object& fields) {
    const std::string name = LastString(fields, "funcname");
    if (IsVolatileBuiltin(name))
      facts_.volatile_functions = true;
    else if (!IsKnownBuiltin(name))
      facts_.unknown_functions = true;
    if (IsCatalogFunction(name))
      ++catalog_functions_;
    else
      ++other_functions_;
  }

  void ClockOrSession(std::string_view op) {
    if (op.contains("USER") || op.contains("ROLE") || op.contains("CATALOG") || op.contains("SCHEMA"))
      ++catalog_functions_;
    else
      facts_.volatile_functions = true;
  }

  void SubLink(const object& fields, const Scope& scope) {
    facts_.has_subquery = true;
    const Node test = Child(fields, "testexpr");
    const Node query = Child(fields, "subselect");
    std::vector<std::pair<std::string, ColumnRef>> columns;
    const size_t before = facts_.relations.size();
    if (query) columns = Subquery(query, scope);
    const std::string_view type = Text(fields, "subLinkType");
    if (type == "EXPR_SUBLINK" || type == "ARRAY_SUBLINK") RunsPerRow(before);
    const bool in = type == "ANY_SUBLINK" && !Has(fields, "operName");
    if (in && test.type == "ColumnRef" && columns.size() == 1) AddJoin(Resolve(test.fields, scope), columns[0].second);
    if (test) Expression(test, scope);
  }

  void RunsPerRow(size_t from_relation) {
    for (size_t i = from_relation; i < facts_.relations.size(); ++i) facts_.relations[i].per_row = true;
  }

  // Not to be had as a join.
  bool StandsAlone(const object& select) const {
    return Has(select, "limitCount") || Has(select, "groupClause") || Has(select, "distinctClause") ||
           std::ranges::any_of(Children(select, "targetList"), [&](const Node& target) { return GivesOneRow(target); });
  }

  // A query inside a query; what it gives.
  std::vector<std::pair<std::string, ColumnRef>> Subquery(const Node& query, const Scope& outer) {
    Scope scope;
    scope.parent = &outer;
    scope.depth = outer.depth + 1;
    if (query.type == "SelectStmt") return Select(query.fields, scope, false);
    if (query.type == "InsertStmt") return Insert(query.fields, scope, false);
    if (query.type == "UpdateStmt") return Update(query.fields, scope, false);
    if (query.type == "DeleteStmt") return Delete(query.fields, scope, false);
    return {};
  }

  // ---- FROM ----

  void From(const object& fields, std::string_view name, Scope& scope) {
    for (const Node& node : Children(fields, name)) FromItem(node, scope);
  }

  void FromItem(const Node& node, Scope& scope, bool outer_side = false) {
    if (node.type == "RangeVar") {
      RangeVar(node.fields, scope);
    } else if (node.type == "RangeSubselect") {
      facts_.has_subquery = true;
      Source source;
      const size_t before = facts_.relations.size();
      if (const Node query = Child(node.fields, "subquery")) {
        source.columns = Subquery(query, scope);
        if (Flag(node.fields, "lateral") && StandsAlone(query.fields)) RunsPerRow(before);
      }
      if (const auto alias = Plain(node.fields, "alias")) ApplyAlias(*alias, source);
      scope.sources.push_back(std::move(source));
    } else if (node.type == "JoinExpr") {
      Join_(node.fields, scope, outer_side);
    } else {
      Expression(node, scope);
      Source source;
      if (const auto alias = Plain(node.fields, "alias")) ApplyAlias(*alias, source);
      scope.sources.push_back(std::move(source));
    }
  }

  void Join_(const object& fields, Scope& scope, bool outer_side) {
    const size_t before = scope.sources.size();
    const bool inner = Text(fields, "jointype") == "JOIN_INNER" && !outer_side;
    if (const Node left = Child(fields, "larg")) FromItem(left, scope, !inner);
    const size_t middle = scope.sources.size();
    if (const Node right = Child(fields, "rarg")) FromItem(right, scope, !inner);
    for (const std::string& column : Strings(fields, "usingClause")) {
      // Of several relations on the left the nearest is taken: it is the usual one to share a name with.
      if (middle > before && scope.sources.size() > middle) {
        AddJoin(ColumnOfSource(scope.sources[middle - 1], column), ColumnOfSource(scope.sources.back(), column));
      }
    }
    Where(fields, "quals", scope, {.conjunct = inner, .certain = true, .negated = false});
  }

  void With(const object& fields, Scope& scope) {
    const auto with = Plain(fields, "withClause");
    if (!with) return;
    const bool recursive = Flag(*with, "recursive");
    for (const Node& node : Children(*with, "ctes")) {
      const std::string name(Text(node.fields, "ctename"));
      facts_.has_subquery = true;
      if (recursive) scope.named.push_back({.name = name, .columns = {}});
      std::vector<std::pair<std::string, ColumnRef>> columns;
      if (const Node query = Child(node.fields, "ctequery")) columns = Subquery(query, scope);
      const auto names = Strings(node.fields, "aliascolnames");
      for (size_t i = 0; i < names.size() && i < columns.size(); ++i) columns[i].first = names[i];
      if (recursive)
        scope.named.back().columns = std::move(columns);
      else
        scope.named.push_back({.name = name, .columns = std::move(columns)});
    }
  }

  // ---- SELECT ----

  std::vector<std::pair<std::string, ColumnRef>> Select(const object& fields, Scope& scope, bool outermost) {
    With(fields, scope);
    if (Text(fields, "op") != "SETOP_NONE" && Has(fields, "larg")) return SetOperation(fields, scope, outermost);
    From(fields, "fromClause", scope);
    const auto targets = Children(fields, "targetList");
    std::vector<Output> outputs = Outputs(targets, scope);
    Where(fields, "whereClause", scope);
    Where(fields, "havingClause", scope, {.conjunct = false, .certain = false, .negated = false});
    for (const Node& target : targets) Expression(target, scope);
    Values(fields, scope);
    if (Has(fields, "lockingClause")) facts_.locking = true;
    if (outermost) {
      facts_.outputs = outputs;
      facts_.distinct = Has(fields, "distinctClause");
      GroupBy(fields, scope, outputs);
      OrderAndLimit(fields, scope, outputs);
      facts_.aggregate_only = !targets.empty() && !Has(fields, "groupClause") && !Has(fields, "havingClause") &&
                              std::ranges::all_of(targets, [&](const Node& target) { return GivesOneRow(target); });
      NoteStar();
    }
    return Columns(outputs);
  }

  void Values(const object& fields, const Scope& scope) {
    for (const Node& list : Children(fields, "valuesLists")) Expression(list, scope);
  }

  void NoteStar() {
    for (const Output& output : facts_.outputs) {
      if (output.kind == Output::Kind::kStar) facts_.has_star = true;
    }
  }

  static std::vector<std::pair<std::string, ColumnRef>> Columns(const std::vector<Output>& outputs) {
    std::vector<std::pair<std::string, ColumnRef>> columns;
    columns.reserve(outputs.size());
    for (const Output& output : outputs) {
      columns.emplace_back(output.name, output.kind == Output::Kind::kColumn ? output.column : ColumnRef{});
    }
    return columns;
  }

  std::vector<std::pair<std::string, ColumnRef>> SetOperation(const object& fields, Scope& scope, bool outermost) {
    if (outermost) facts_.has_set_operation = true;
    std::vector<std::pair<std::string, ColumnRef>> columns;
    for (const std::string_view side : {"larg", "rarg"}) {
      const auto query = Plain(fields, side);
      if (!query) continue;
      Scope branch;
      branch.parent = &scope;
      branch.depth = scope.depth + 1;
      const bool first = side == "larg";
      auto given = Select(*query, branch, outermost && first);
      if (first) columns = std::move(given);
    }
    if (outermost) {
      facts_.aggregate_only = false;
      for (Output& output : facts_.outputs) {
        if (output.kind == Output::Kind::kColumn)
          output = {.kind = Output::Kind::kExpression, .column = {}, .name = output.name};
      }
      OrderAndLimit(fields, scope, facts_.outputs);
    }
    for (auto& [name, column] : columns) column = {};  // of either branch: no one base column
    return columns;
  }

  bool IsAggregateCall(const Node& node) const {
    return node.type == "FuncCall" && !Has(node.fields, "over") &&
           (Flag(node.fields, "agg_star") || Flag(node.fields, "agg_distinct") || Has(node.fields, "agg_filter") ||
            IsAggregate(LastString(node.fields, "funcname")));
  }

  bool GivesOneRow(const Node& target) const {
    Node value = Child(target.fields, "val");
    while (value.type == "TypeCast" || value.type == "CoalesceExpr") {
      if (value.type == "TypeCast") {
        value = Child(value.fields, "arg");
      } else {
        const auto arguments = Children(value.fields, "args");
        value = arguments.empty() ? Node{} : arguments.front();
      }
    }
    if (value.type == "SubLink")
      return Text(value.fields, "subLinkType") == "EXISTS_SUBLINK" && facts_.outputs.size() == 1;
    return IsAggregateCall(value);
  }

  std::vector<Output> Outputs(const std::vector<Node>& targets, const Scope& scope) const {
    std::vector<Output> outputs;
    for (const Node& target : targets) {
      const Node value = Child(target.fields, "val");
      Output output;
      output.name = Text(target.fields, "name");
      if (value.type == "ColumnRef") {
        ColumnOutput(value.fields, scope, output);
      } else if (value.type == "FuncCall") {
        if (output.name.empty()) output.name = LastString(value.fields, "funcname");
        if (IsAggregateCall(value)) output.kind = Output::Kind::kAggregate;
        Extremum(value.fields, scope, output);
      }
      outputs.push_back(std::move(output));
    }
    return outputs;
  }

  void Extremum(const object& call, const Scope& scope, Output& output) const {
    const std::string function = LastString(call, "funcname");
    const auto arguments = Children(call, "args");
    if (output.kind != Output::Kind::kAggregate || (function != "min" && function != "max")) return;
    if (arguments.size() != 1 || arguments[0].type != "ColumnRef" || Has(call, "agg_filter")) return;
    output.extremum = true;
    output.column = Resolve(arguments[0].fields, scope);
  }

  void ColumnOutput(const object& fields, const Scope& scope, Output& output) const {
    if (!IsStar(fields)) {
      output.kind = Output::Kind::kColumn;
      output.column = Resolve(fields, scope);
      if (output.name.empty()) output.name = output.column.column;
      const auto names = Strings(fields, "fields");
      if (!names.empty() && Text(fields, "name").empty() && output.name == output.column.column)
        output.name = names.back();
      return;
    }
    output.kind = Output::Kind::kStar;
    output.name = "*";
    const auto names = Strings(fields, "fields");
    if (names.empty()) {
      if (scope.sources.size() == 1) output.column.relation = scope.sources.front().relation;
      return;
    }
    for (const Source& source : scope.sources) {
      if (source.name == names.back()) output.column.relation = source.relation;
    }
  }

  // GROUP BY and ORDER BY may name an output by its position or alias.
  std::optional<ColumnRef> SortColumn(const Node& node, const Scope& scope, const std::vector<Output>& outputs,
                                      bool alias_first) const {
    if (node.type == "A_Const") {
      const auto number = Plain(node.fields, "ival");
      const int64_t position = number ? Integer(*number, "ival") : 0;
      if (position < 1 || static_cast<size_t>(position) > outputs.size()) return std::nullopt;
      const Output& output = outputs[static_cast<size_t>(position - 1)];
      return output.kind == Output::Kind::kColumn ? std::optional(output.column) : std::nullopt;
    }
    if (node.type != "ColumnRef") return std::nullopt;
    const auto names = Strings(node.fields, "fields");
    if (alias_first && names.size() == 1) {
      const auto found = std::ranges::find(outputs, names[0], &Output::name);
      if (found != outputs.end())
        return found->kind == Output::Kind::kColumn ? std::optional(found->column) : std::nullopt;
    }
    return Resolve(node.fields, scope);
  }

  void GroupBy(const object& fields, const Scope& scope, const std::vector<Output>& outputs) {
    for (const Node& node : Children(fields, "groupClause")) {
      if (const auto column = SortColumn(node, scope, outputs, false))
        facts_.group_by.push_back(*column);
      else
        facts_.group_by.push_back({});
    }
  }

  void OrderAndLimit(const object& fields, const Scope& scope, const std::vector<Output>& outputs) {
    for (const Node& node : Children(fields, "sortClause")) {
      const Node key_node = Child(node.fields, "node");
      SortKey key;
      key.descending = Text(node.fields, "sortby_dir") == "SORTBY_DESC";
      const std::string_view nulls = Text(node.fields, "sortby_nulls");
      key.nulls_first = nulls == "SORTBY_NULLS_FIRST" || (key.descending && nulls != "SORTBY_NULLS_LAST");
      if (const auto column = SortColumn(key_node, scope, outputs, true))
        key.column = *column;
      else
        key.expression = true;
      facts_.order_by.push_back(std::move(key));
      Expression(key_node, scope);
    }
    facts_.limit = BoundOf(fields, "limitCount");
    facts_.offset = BoundOf(fields, "limitOffset");
  }

  RowBound BoundOf(const object& fields, std::string_view name) const {
    Node node = Child(fields, name);
    if (!node) return {};
    RowBound bound{.kind = Bound::kExpression, .slot = SlotOf(node), .value = -1};
    while (node.type == "TypeCast") node = Child(node.fields, "arg");
    if (node.type == "ParamRef") bound.kind = Bound::kParameter;
    if (node.type == "A_Const") {
      if (Flag(node.fields, "isnull")) return {};
      bound.kind = Bound::kLiteral;
      if (const auto number = Plain(node.fields, "ival")) bound.value = Integer(*number, "ival");
    }
    return bound;
  }

  // ---- writes ----

  std::optional<int> Target(const object& fields, Scope& scope) {
    facts_.writes = true;
    const auto relation = Plain(fields, "relation");
    if (!relation) return std::nullopt;
    const int added = AddRelation(*relation);
    scope.sources.push_back(BaseSource(added));
    return added;
  }

  void Begin(bool outermost, Operation operation, std::optional<int> target) {
    if (!outermost) return;
    facts_.operation = operation;
    facts_.target = target.value_or(-1);
  }

  std::vector<std::pair<std::string, ColumnRef>> Returning(const object& fields, const Scope& scope, bool outermost) {
    const auto targets = Children(fields, "returningList");
    std::vector<Output> outputs = Outputs(targets, scope);
    for (const Node& target : targets) Expression(target, scope);
    auto columns = Columns(outputs);
    if (outermost) {
      facts_.has_returning = !targets.empty();
      facts_.outputs = std::move(outputs);
      NoteStar();
    }
    return columns;
  }

  Assignment AssignmentOf(int relation, std::string_view column, Node value) const {
    if (value.type == "MultiAssignRef") {
      const Node source = Child(value.fields, "source");
      const auto members = Children(source.fields, "args");
      const auto position = static_cast<size_t>(Integer(value.fields, "colno", 1));
      value = source.type == "RowExpr" && position >= 1 && position <= members.size() ? members[position - 1] : Node{};
    }
    Assignment assignment{
        .column = {relation, std::string(column)}, .slot = value ? SlotOf(value) : -1, .expression = false};
    assignment.expression = assignment.slot < 0 && value.type != "SetToDefault";
    return assignment;
  }

  std::vector<std::pair<std::string, ColumnRef>> Insert(const object& fields, Scope& scope, bool outermost) {
    With(fields, scope);
    const auto target = Target(fields, scope);
    Begin(outermost, Operation::kInsert, target);
    const auto columns = Children(fields, "cols");
    const Node select = Child(fields, "selectStmt");
    std::vector<std::vector<Node>> rows;
    if (select) {
      for (const Node& list : Children(select.fields, "valuesLists")) rows.push_back(Children(list.fields, "items"));
    }
    if (outermost) {
      facts_.single_row_insert = rows.size() == 1 || !select;
      facts_.on_conflict = Has(fields, "onConflictClause");
      InsertedColumns(target.value_or(-1), columns, rows);
    }
    if (!rows.empty())
      Values(select.fields, scope);
    else if (select)
      InsertSelect(select.fields, scope);
    if (const auto conflict = Plain(fields, "onConflictClause")) {
      for (const Node& assigned : Children(*conflict, "targetList")) Expression(assigned, scope);
      Scope with_excluded = scope;
      with_excluded.sources.push_back({.name = "excluded", .schema = "", .relation = -1, .columns = {}});
      Where(*conflict, "whereClause", with_excluded);
    }
    return Returning(fields, scope, outermost);
  }

  void InsertSelect(const object& select, const Scope& outer) {
    Scope scope;
    scope.parent = nullptr;
    scope.named = outer.named;
    scope.depth = outer.depth;
    Select(select, scope, false);
  }

  void InsertedColumns(int relation, const std::vector<Node>& columns, const std::vector<std::vector<Node>>& rows) {
    for (size_t i = 0; i < columns.size(); ++i) {
      std::vector<Node> members;
      for (const auto& row : rows) {
        if (i < row.size()) members.push_back(row[i]);
      }
      Assignment assignment =
          AssignmentOf(relation, Text(columns[i].fields, "name"), members.empty() ? Node{} : members.front());
      if (members.size() > 1 && CommonSlot(members) < 0) {
        assignment.slot = -1;
        assignment.expression = true;
      }
      facts_.assignments.push_back(std::move(assignment));
    }
  }

  void SetList(const object& fields, int relation, const Scope& scope, bool outermost) {
    for (const Node& target : Children(fields, "targetList")) {
      const Node value = Child(target.fields, "val");
      if (outermost) facts_.assignments.push_back(AssignmentOf(relation, Text(target.fields, "name"), value));
      if (value) Expression(value, scope);
    }
  }

  std::vector<std::pair<std::string, ColumnRef>> Update(const object& fields, Scope& scope, bool outermost) {
    With(fields, scope);
    const auto target = Target(fields, scope);
    Begin(outermost, Operation::kUpdate, target);
    From(fields, "fromClause", scope);
    SetList(fields, target.value_or(-1), scope, outermost);
    Where(fields, "whereClause", scope);
    return Returning(fields, scope, outermost);
  }

  std::vector<std::pair<std::string, ColumnRef>> Delete(const object& fields, Scope& scope, bool outermost) {
    With(fields, scope);
    const auto target = Target(fields, scope);
    Begin(outermost, Operation::kDelete, target);
    From(fields, "usingClause", scope);
    Where(fields, "whereClause", scope);
    return Returning(fields, scope, outermost);
  }

  void Merge(const object& fields, Scope& scope, bool outermost) {
    With(fields, scope);
    const auto target = Target(fields, scope);
    Begin(outermost, Operation::kMerge, target);
    if (const Node source = Child(fields, "sourceRelation")) FromItem(source, scope);
    Where(fields, "joinCondition", scope, {.conjunct = false, .certain = true, .negated = false});
    for (const Node& clause : Children(fields, "mergeWhenClauses")) {
      Where(clause.fields, "condition", scope, {.conjunct = false, .certain = false, .negated = false});
      if (Text(clause.fields, "commandType") == "CMD_UPDATE")
        SetList(clause.fields, target.value_or(-1), scope, outermost);
      for (const Node& value : Children(clause.fields, "values")) Expression(value, scope);
    }
  }

  bool OnCatalogAlone() const {
    if (facts_.writes) return false;
    const bool relations = std::ranges::all_of(facts_.relations, [](const Relation& relation) {
      if (relation.schema.empty()) return relation.name.starts_with("pg_");
      return relation.schema == "pg_catalog" || relation.schema == "information_schema";
    });
    if (!facts_.relations.empty()) return relations;
    return catalog_functions_ > 0 && other_functions_ == 0;
  }

  std::span<const ValuePosition> values_;
  Facts& facts_;
  int next_tuple_ = 0;
  int catalog_functions_ = 0, other_functions_ = 0;
};

}  // namespace

void FactsFromTree(element statement, std::span<const ValuePosition> values, Facts& facts) {
  const Node node = AsNode(statement);
  if (node) TreeReader(values, facts).Statement(node);
}

}  // namespace pgassay::sql
