#include "analyzer/sql/facts_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <string>
#include <utility>

#include "analyzer/sql/functions.h"

namespace pgassay::sql {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kMaxJsonDepth = 65'536;  // of the tree's nesting; the text's own guards are tighter

// A field that may be missing: a null element for arrays, "" for strings.
element Field(element node, std::string_view key) {
  element value;
  if (node.is_object() && node[key].get(value) == simdjson::SUCCESS) return value;
  return {};
}
bool Has(element node, std::string_view key) {
  element value;
  return node.is_object() && node[key].get(value) == simdjson::SUCCESS;
}
std::string_view Text(element node, std::string_view key) {
  std::string_view text;
  return Has(node, key) && node[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}
int64_t Number(element node, std::string_view key, int64_t otherwise) {
  int64_t number = otherwise;
  if (Has(node, key) && node[key].get(number) != simdjson::SUCCESS) number = otherwise;
  return number;
}
bool True(element node, std::string_view key) {
  bool value = false;
  return Has(node, key) && node[key].get(value) == simdjson::SUCCESS && value;
}
std::vector<element> List(element node, std::string_view key) {
  std::vector<element> items;
  array values;
  if (Has(node, key) && node[key].get(values) == simdjson::SUCCESS) {
    for (const element item : values) items.push_back(item);
  }
  return items;
}

// A node is an object with one key, its type.
struct Node {
  std::string_view type;
  element body;
};
Node Unwrap(element wrapped) {
  object fields;
  if (wrapped.get(fields) != simdjson::SUCCESS || fields.begin() == fields.end()) return {};
  const auto first = *fields.begin();
  return {first.key, first.value};
}
Node Child(element node, std::string_view key) { return Has(node, key) ? Unwrap(Field(node, key)) : Node{}; }

std::string_view StringValue(element wrapped) {
  const Node node = Unwrap(wrapped);
  return node.type == "String" ? Text(node.body, "sval") : std::string_view();
}

std::vector<std::string_view> Names(element node, std::string_view key) {
  std::vector<std::string_view> names;
  for (const element item : List(node, key)) names.push_back(StringValue(item));
  return names;
}

// What a FROM item answers to, and the relation behind it: -1 for subqueries, CTEs and functions.
struct ScopeItem {
  std::string name;
  std::string schema;
  int relation;
};
using Scope = std::vector<ScopeItem>;

// A column, perhaps under functions and casts.
struct ColumnSide {
  bool found = false;
  ColumnRef column;
  std::string function;
};

class Reader {
 public:
  Reader(const std::vector<ValuePosition>& positions, Facts& facts) : positions_(positions), facts_(facts) {}

  void Read(Node statement) {
    depth_ = -1;
    Statement(statement);
    FinishCatalog();
  }

 private:
  // ---- statements --------------------------------------------------------------------------------------------------

  void Statement(Node statement) {
    const std::string_view type = statement.type;
    const element body = statement.body;
    if (type == "SelectStmt") {
      facts_.operation = Operation::kSelect;
      Select(body);
    } else if (type == "InsertStmt") {
      facts_.operation = Operation::kInsert;
      Insert(body);
    } else if (type == "UpdateStmt") {
      facts_.operation = Operation::kUpdate;
      Update(body);
    } else if (type == "DeleteStmt") {
      facts_.operation = Operation::kDelete;
      Delete(body);
    } else if (type == "MergeStmt") {
      facts_.operation = Operation::kMerge;
      Merge(body);
    } else if (type == "TransactionStmt") {
      Transaction(body);
    } else if (type == "VariableSetStmt") {
      Setting(body);
    } else if (type == "CopyStmt") {
      facts_.operation = Operation::kCopy;
      if (Has(body, "relation")) AddTarget(Field(body, "relation"));
      facts_.writes = True(body, "is_from");
    } else if (type == "FetchStmt") {
      facts_.operation = Operation::kFetch;
      facts_.name = Text(body, "portalname");
      const int64_t count = Number(body, "howMany", 1);
      facts_.fetch_count = count >= (int64_t{1} << 31) - 1 ? -1 : count;
    } else {
      Other(type, body);
    }
  }

  void Other(std::string_view type, element body) {
    struct Known {
      std::string_view type;
      Operation operation;
      std::string_view name_field;
    };
    static constexpr Known kKnown[] = {
        {"VariableShowStmt", Operation::kShow, "name"},   {"DiscardStmt", Operation::kDiscard, ""},
        {"PrepareStmt", Operation::kPrepare, "name"},     {"ExecuteStmt", Operation::kExecute, "name"},
        {"DeallocateStmt", Operation::kDeallocate, ""},   {"DeclareCursorStmt", Operation::kDeclareCursor, ""},
        {"ClosePortalStmt", Operation::kCloseCursor, ""}, {"ListenStmt", Operation::kListen, "conditionname"},
        {"UnlistenStmt", Operation::kListen, ""},         {"NotifyStmt", Operation::kListen, "conditionname"},
        {"ExplainStmt", Operation::kExplain, ""},         {"LockStmt", Operation::kLock, ""},
        {"CallStmt", Operation::kCall, ""},               {"TruncateStmt", Operation::kTruncate, ""},
        {"RefreshMatViewStmt", Operation::kRefresh, ""},  {"VacuumStmt", Operation::kVacuum, ""},
        {"DoStmt", Operation::kCall, ""},                 {"ConstraintsSetStmt", Operation::kSet, ""},
        {"CheckPointStmt", Operation::kOther, ""},        {"LoadStmt", Operation::kOther, ""},
    };
    const auto* known = std::ranges::find(kKnown, type, &Known::type);
    // What is left defines or changes something: CREATE, ALTER, DROP, GRANT, COMMENT, REINDEX, …
    facts_.operation = known == std::end(kKnown) ? Operation::kDdl : known->operation;
    if (known == std::end(kKnown)) return;
    if (!known->name_field.empty()) facts_.name = Text(body, known->name_field);
    if (facts_.operation == Operation::kTruncate || facts_.operation == Operation::kCall) facts_.writes = true;
    if (facts_.operation == Operation::kTruncate || facts_.operation == Operation::kLock) {
      for (const element item : List(body, "relations")) AddRelation(Unwrap(item).body);
      if (!facts_.relations.empty()) facts_.target = 0;
    }
    if (facts_.operation == Operation::kShow) facts_.catalog_only = true;
  }

  void Transaction(element body) {
    const std::string_view kind = Text(body, "kind");
    facts_.name = Text(body, "savepoint_name");
    if (kind == "TRANS_STMT_BEGIN" || kind == "TRANS_STMT_START") facts_.operation = Operation::kBegin;
    else if (kind == "TRANS_STMT_COMMIT") facts_.operation = Operation::kCommit;
    else if (kind == "TRANS_STMT_ROLLBACK") facts_.operation = Operation::kRollback;
    else if (kind == "TRANS_STMT_SAVEPOINT") facts_.operation = Operation::kSavepoint;
    else if (kind == "TRANS_STMT_RELEASE") facts_.operation = Operation::kReleaseSavepoint;
    else if (kind == "TRANS_STMT_ROLLBACK_TO") facts_.operation = Operation::kRollbackToSavepoint;
    else facts_.operation = Operation::kCommit;  // PREPARE TRANSACTION and its two ends: the unit is over
  }

  void Setting(element body) {
    const std::string_view kind = Text(body, "kind");
    const bool reset = kind == "VAR_RESET" || kind == "VAR_RESET_ALL" || kind == "VAR_SET_DEFAULT";
    facts_.operation = reset ? Operation::kReset : Operation::kSet;
    facts_.name = kind == "VAR_RESET_ALL" ? "ALL" : Text(body, "name");
    static constexpr std::string_view kKept[] = {"search_path", "role", "transaction_isolation", "application_name",
                                                 "statement_timeout"};
    if (std::ranges::find(kKept, std::string_view(facts_.name)) == std::end(kKept)) return;
    for (const element argument : List(body, "args")) {
      const Node node = Unwrap(argument);
      std::string value(Text(Field(node.body, "sval"), "sval"));
      if (value.empty()) value = std::to_string(Number(Field(node.body, "ival"), "ival", 0));
      facts_.setting_value += (facts_.setting_value.empty() ? "" : ", ") + value;
    }
  }

  void Insert(element body) {
    With(body);
    Level level(*this);
    facts_.writes = true;
    const int target = AddTarget(Field(body, "relation"));
    std::vector<std::string> columns;
    for (const element item : List(body, "cols")) columns.emplace_back(Text(Unwrap(item).body, "name"));
    const Node source = Child(body, "selectStmt");
    const std::vector<element> rows = List(source.body, "valuesLists");
    if (source.type == "SelectStmt" && !rows.empty()) {
      if (depth_ == 0) facts_.single_row_insert = rows.size() == 1;
      const std::vector<element> values = List(Unwrap(rows.front()).body, "items");
      for (size_t i = 0; i < values.size(); ++i) {
        Assign({target, i < columns.size() ? columns[i] : ""}, values[i]);
      }
    } else if (source.type == "SelectStmt") {
      facts_.has_subquery = true;
      for (const std::string& column : columns) facts_.assignments.push_back({{target, column}, -1, true});
      Select(source.body);
    }
    facts_.on_conflict = Has(body, "onConflictClause");
    if (const element conflict = Field(body, "onConflictClause"); facts_.on_conflict) {
      for (const element item : List(conflict, "targetList")) {
        const element target_column = Unwrap(item).body;
        Assign({target, std::string(Text(target_column, "name"))}, Field(target_column, "val"));
      }
      if (Has(conflict, "whereClause")) Predicate(Unwrap(Field(conflict, "whereClause")), true);
    }
    Returning(body);
  }

  void Update(element body) {
    With(body);
    Level level(*this);
    facts_.writes = true;
    const int target = AddTarget(Field(body, "relation"));
    for (const element item : List(body, "fromClause")) From(Unwrap(item), true);
    for (const element item : List(body, "targetList")) {
      const element column = Unwrap(item).body;
      Assign({target, std::string(Text(column, "name"))}, Field(column, "val"));
    }
    if (Has(body, "whereClause")) Predicate(Child(body, "whereClause"), true);
    Returning(body);
  }

  void Delete(element body) {
    With(body);
    Level level(*this);
    facts_.writes = true;
    AddTarget(Field(body, "relation"));
    for (const element item : List(body, "usingClause")) From(Unwrap(item), true);
    if (Has(body, "whereClause")) Predicate(Child(body, "whereClause"), true);
    Returning(body);
  }

  void Merge(element body) {
    With(body);
    Level level(*this);
    facts_.writes = true;
    const int target = AddTarget(Field(body, "relation"));
    if (Has(body, "sourceRelation")) From(Child(body, "sourceRelation"), true);
    if (Has(body, "joinCondition")) Predicate(Child(body, "joinCondition"), false);
    for (const element item : List(body, "mergeWhenClauses")) {
      for (const element column : List(Unwrap(item).body, "targetList")) {
        const element named = Unwrap(column).body;
        Assign({target, std::string(Text(named, "name"))}, Field(named, "val"));
      }
    }
  }

  void Returning(element body) {
    const std::vector<element> list = List(body, "returningList");
    if (list.empty()) return;
    if (depth_ == 0) facts_.has_returning = true;
    Outputs(list);
  }

  void Assign(ColumnRef column, element value) {
    Assignment assignment{std::move(column), -1, true};
    if (value.is_object()) {
      const Node node = Unwrap(value);
      assignment.slot = ValueSlot(node);
      if (assignment.slot < 0) Expression(node);
    }
    assignment.expression = assignment.slot < 0;
    facts_.assignments.push_back(std::move(assignment));
  }

  // ---- SELECT ------------------------------------------------------------------------------------------------------

  // One query level: a scope of its own, CTE names that end with it.
  struct Level {
    explicit Level(Reader& owner) : reader(owner), ctes(owner.ctes_.size()) {
      reader.scopes_.emplace_back();
      ++reader.depth_;
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() {
      reader.scopes_.pop_back();
      --reader.depth_;
    }
    Reader& reader;
    size_t ctes;
  };

  void With(element body) {
    const element with = Field(body, "withClause");
    if (!Has(body, "withClause")) return;
    facts_.has_subquery = true;
    for (const element item : List(with, "ctes")) ctes_.emplace_back(Text(Unwrap(item).body, "ctename"));
    // All names first: a recursive CTE names itself, and a later one may be named by an earlier one.
    for (const element item : List(with, "ctes")) {
      const Node query = Child(Unwrap(item).body, "ctequery");
      const Operation outer = facts_.operation;
      const Deeper deeper(*this);
      Statement(query);
      facts_.operation = outer;
    }
  }

  // Inside a CTE the statement stands one level deeper than the one that follows it.
  struct Deeper {
    explicit Deeper(Reader& owner) : reader(owner) { ++reader.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    ~Deeper() { --reader.depth_; }
    Reader& reader;
  };

  void Subselect(Node query) {
    facts_.has_subquery = true;
    if (query.type == "SelectStmt") Select(query.body);
  }

  void Select(element body) {
    With(body);
    Level level(*this);
    if (Text(body, "op") != "SETOP_NONE" && Has(body, "op") && Has(body, "larg")) {
      facts_.has_set_operation = true;
      for (const std::string_view side : {"larg", "rarg"}) {
        // Each side is a query of its own; its columns are not the result's.
        const Deeper deeper(*this);
        Select(Field(body, side));
      }
      SortAndBounds(body);
      return;
    }
    for (const element item : List(body, "fromClause")) From(Unwrap(item), true);
    for (const element row : List(body, "valuesLists")) Expression(Unwrap(row));
    if (Has(body, "whereClause")) Predicate(Child(body, "whereClause"), true);
    if (Has(body, "havingClause")) Predicate(Child(body, "havingClause"), false);
    const std::vector<element> groups = List(body, "groupClause");
    for (const element item : groups) {
      const Node node = Unwrap(item);
      if (node.type != "ColumnRef") Expression(node);
      else if (depth_ == 0) facts_.group_by.push_back(Resolve(node.body));
    }
    Outputs(List(body, "targetList"));
    if (depth_ == 0) {
      facts_.distinct = Has(body, "distinctClause");
      facts_.aggregate_only = groups.empty() && !facts_.outputs.empty() &&
                              std::ranges::all_of(facts_.outputs, [](const Output& output) {
                                return output.kind == Output::Kind::kAggregate;
                              });
    }
    if (Has(body, "lockingClause")) facts_.locking = true;
    SortAndBounds(body);
  }

  void SortAndBounds(element body) {
    for (const element item : List(body, "sortClause")) {
      const element sort = Unwrap(item).body;
      const Node node = Child(sort, "node");
      const ColumnSide side = Column(node);
      if (!side.found) Expression(node);
      if (depth_ != 0) continue;
      SortKey key;
      key.column = side.column;
      key.expression = !side.found || !side.function.empty();
      key.descending = Text(sort, "sortby_dir") == "SORTBY_DESC";
      key.nulls_first = Text(sort, "sortby_nulls") == "SORTBY_NULLS_FIRST" ||
                        (key.descending && Text(sort, "sortby_nulls") != "SORTBY_NULLS_LAST");
      facts_.order_by.push_back(std::move(key));
    }
    if (depth_ != 0) return;
    facts_.limit = ReadBound(body, "limitCount");
    facts_.offset = ReadBound(body, "limitOffset");
  }

  RowBound ReadBound(element body, std::string_view key) {
    if (!Has(body, key)) return {};
    Node node = Child(body, key);
    while (node.type == "TypeCast") node = Child(node.body, "arg");
    if (node.type == "ParamRef") return {Bound::kParameter, SlotAt(node.body), -1};
    if (node.type == "A_Const") {
      if (True(node.body, "isnull")) return {};
      // Zero is left out of the tree's integer.
      return {Bound::kLiteral, SlotAt(node.body), Number(Field(node.body, "ival"), "ival", 0)};
    }
    Expression(node);
    return {Bound::kExpression, -1, -1};
  }

  void Outputs(const std::vector<element>& targets) {
    for (const element item : targets) {
      const element target = Unwrap(item).body;
      const Node value = Child(target, "val");
      Output output = ReadOutput(value);
      if (Has(target, "name")) output.name = Text(target, "name");
      if (depth_ != 0) continue;
      facts_.has_star = facts_.has_star || output.kind == Output::Kind::kStar;
      facts_.outputs.push_back(std::move(output));
    }
  }

  Output ReadOutput(Node value) {
    Output output;
    if (value.type == "ColumnRef") {
      const std::vector<element> fields = List(value.body, "fields");
      const bool star = !fields.empty() && Unwrap(fields.back()).type == "A_Star";
      output.kind = star ? Output::Kind::kStar : Output::Kind::kColumn;
      output.column = Resolve(value.body);
      output.name = output.column.column;
      return output;
    }
    if (value.type == "FuncCall" && !Has(value.body, "over")) {
      const std::vector<std::string_view> name = Names(value.body, "funcname");
      if (IsBuiltin(name) && IsAggregate(name.back())) {
        output.kind = Output::Kind::kAggregate;
        output.name = name.back();
      }
    }
    if (value.type == "SubLink" && Text(value.body, "subLinkType") == "EXISTS_SUBLINK") {
      output.kind = Output::Kind::kAggregate;
      output.name = "exists";
    }
    Expression(value);
    return output;
  }

  // ---- FROM --------------------------------------------------------------------------------------------------------

  // `inner`: a condition on it holds for every row of the result.
  void From(Node item, bool inner) {
    if (item.type == "RangeVar") {
      AddRelation(item.body);
    } else if (item.type == "JoinExpr") {
      JoinItems(item.body, inner);
    } else if (item.type == "RangeSubselect") {
      Subselect(Child(item.body, "subquery"));
      AddDerived(item.body);
    } else {
      Expression(item);  // functions, TABLESAMPLE, XMLTABLE
      AddDerived(item.body);
    }
  }

  void JoinItems(element join, bool inner) {
    const bool inner_join = Text(join, "jointype") == "JOIN_INNER";
    const size_t first = scopes_.back().size();
    From(Child(join, "larg"), inner && inner_join);
    const size_t second = scopes_.back().size();
    From(Child(join, "rarg"), inner && inner_join);
    if (Has(join, "quals")) Predicate(Child(join, "quals"), inner && inner_join);
    for (const std::string_view column : Names(join, "usingClause")) {
      const Scope& scope = scopes_.back();
      if (second - first != 1 || scope.size() - second != 1) continue;  // which of several has it, only the catalogue knows
      if (scope[first].relation < 0 || scope[second].relation < 0) continue;
      facts_.joins.push_back({{scope[first].relation, std::string(column)}, {scope[second].relation, std::string(column)}});
    }
  }

  int AddRelation(element range) {
    Relation relation{std::string(Text(range, "schemaname")), std::string(Text(range, "relname")),
                      std::string(Text(Field(range, "alias"), "aliasname"))};
    const std::string visible = relation.alias.empty() ? relation.name : relation.alias;
    if (relation.schema.empty() && std::ranges::find(ctes_, relation.name) != ctes_.end()) {
      scopes_.back().push_back({visible, "", -1});
      return -1;
    }
    const int index = static_cast<int>(facts_.relations.size());
    if (!scopes_.empty()) scopes_.back().push_back({visible, relation.alias.empty() ? relation.schema : "", index});
    facts_.relations.push_back(std::move(relation));
    return index;
  }

  int AddTarget(element range) {
    if (scopes_.empty()) scopes_.emplace_back();  // COPY
    const int index = AddRelation(range);
    if (depth_ <= 0) facts_.target = index;
    return index;
  }

  void AddDerived(element item) {
    const std::string_view alias = Text(Field(item, "alias"), "aliasname");
    scopes_.back().push_back({std::string(alias), "", -1});
  }

  // ---- columns -----------------------------------------------------------------------------------------------------

  ColumnRef Resolve(element column_ref) {
    const std::vector<element> fields = List(column_ref, "fields");
    std::vector<std::string_view> names;
    for (const element field : fields) names.push_back(StringValue(field));  // "" for a star
    if (names.empty()) return {};
    const std::string column(names.back());
    if (names.size() == 1) {
      const Scope& scope = scopes_.back();
      return {scope.size() == 1 ? scope.front().relation : -1, column};
    }
    const std::string_view qualifier = names[names.size() - 2];
    const std::string_view schema = names.size() > 2 ? names[names.size() - 3] : std::string_view();
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      for (const ScopeItem& item : *scope) {
        if (item.name == qualifier && (schema.empty() || item.schema == schema)) return {item.relation, column};
      }
    }
    return {-1, column};
  }

  // The one column that an expression is about: itself, or under casts, functions and JSON operators.
  ColumnSide Column(Node node) {
    if (node.type == "ColumnRef") {
      ColumnSide side{true, Resolve(node.body), ""};
      if (side.column.column.empty()) side.found = false;
      return side;
    }
    if (node.type == "CollateClause") return Column(Child(node.body, "arg"));
    if (node.type == "TypeCast") return Under(Child(node.body, "arg"), "cast");
    if (node.type == "FuncCall") {
      const std::vector<std::string_view> name = Names(node.body, "funcname");
      ColumnSide found;
      for (const element argument : List(node.body, "args")) {
        ColumnSide side = Under(Unwrap(argument), name.empty() ? "" : name.back());
        if (side.found && found.found) return {};
        if (side.found) found = std::move(side);
      }
      return found;
    }
    if (node.type == "CoalesceExpr") {
      const std::vector<element> arguments = List(node.body, "args");
      return arguments.empty() ? ColumnSide{} : Under(Unwrap(arguments.front()), "coalesce");
    }
    if (node.type == "A_Expr" && Text(node.body, "kind") == "AEXPR_OP" && ValueSlot(Child(node.body, "rexpr")) >= 0) {
      const std::vector<std::string_view> name = Names(node.body, "name");
      return Under(Child(node.body, "lexpr"), name.empty() ? "" : name.back());
    }
    return {};
  }

  ColumnSide Under(Node argument, std::string_view function) {
    ColumnSide side = Column(argument);
    if (side.found) side.function = function;
    return side;
  }

  int SlotAt(element node) const {
    const auto location = Number(node, "location", 0);  // zero is left out
    // A negative number's location is its sign; the value's token is the next one.
    for (const ValuePosition& position : positions_) {
      if (static_cast<int64_t>(position.end) <= location) continue;
      return static_cast<int64_t>(position.begin) <= location + 2 ? static_cast<int>(position.slot) : -1;
    }
    return -1;
  }

  // The slot of a bare value, casts and negation aside; -1 for anything else.
  int ValueSlot(Node node) const {
    while (node.type == "TypeCast" || node.type == "CollateClause") node = Child(node.body, "arg");
    if (node.type == "ParamRef" || node.type == "A_Const") return SlotAt(node.body);
    return -1;
  }

  // ---- predicates --------------------------------------------------------------------------------------------------

  void Predicate(Node node, bool conjunct) {
    if (node.type == "BoolExpr") {
      const bool all = Text(node.body, "boolop") == "AND_EXPR";
      for (const element argument : List(node.body, "args")) Predicate(Unwrap(argument), conjunct && all);
    } else if (node.type == "A_Expr") {
      Compare(node.body, conjunct);
    } else if (node.type == "NullTest") {
      const ColumnSide side = Column(Child(node.body, "arg"));
      if (!side.found) return Expression(Child(node.body, "arg"));
      const bool is_null = Text(node.body, "nulltesttype") != "IS_NOT_NULL";
      Add(side, is_null ? Comparator::kIsNull : Comparator::kIsNotNull, is_null ? "IS NULL" : "IS NOT NULL", -1, conjunct);
    } else {
      Expression(node);
    }
  }

  void Compare(element expression, bool conjunct) {
    const std::string_view kind = Text(expression, "kind");
    const std::vector<std::string_view> name = Names(expression, "name");
    const std::string_view operator_name = name.empty() ? std::string_view() : name.back();
    const Node left = Child(expression, "lexpr");
    const Node right = Child(expression, "rexpr");
    if (kind == "AEXPR_OP" && left.type == "RowExpr" && right.type == "RowExpr") {
      return CompareRows(left.body, List(right.body, "args"), operator_name, conjunct, ComparatorOf(operator_name));
    }
    if (kind == "AEXPR_IN" && left.type == "RowExpr") {
      const std::vector<element> rows = List(right.body, "items");
      const Node first = rows.empty() ? Node{} : Unwrap(rows.front());
      return CompareRows(left.body, List(first.body, "args"), operator_name, conjunct,
                         operator_name == "=" ? Comparator::kInList : Comparator::kNotInList);
    }
    if (kind == "AEXPR_OP") return CompareOperator(left, right, operator_name, conjunct);

    const ColumnSide side = Column(left);
    if (!side.found) {
      Expression(left);
      Expression(right);
      return;
    }
    if (kind == "AEXPR_IN") {
      const std::vector<element> items = List(right.body, "items");
      const int slot = items.empty() ? -1 : ValueSlot(Unwrap(items.front()));
      if (slot < 0) Expression(right);
      Add(side, operator_name == "=" ? Comparator::kInList : Comparator::kNotInList, "IN", slot, conjunct);
    } else if (kind == "AEXPR_OP_ANY") {
      Any(side, right, operator_name, conjunct);
    } else if (kind == "AEXPR_LIKE" || kind == "AEXPR_ILIKE") {
      const bool negated = operator_name.starts_with('!');
      const Comparator like = kind == "AEXPR_LIKE" ? Comparator::kLike : Comparator::kILike;
      Add(side, negated ? Comparator::kOther : like, operator_name, ValueSlot(right), conjunct);
    } else if (kind == "AEXPR_BETWEEN" || kind == "AEXPR_BETWEEN_SYM") {
      for (const element bound : List(right.body, "items")) {
        Add(side, Comparator::kRange, "BETWEEN", ValueSlot(Unwrap(bound)), conjunct);
      }
    } else if (kind == "AEXPR_NOT_DISTINCT") {
      Add(side, Comparator::kEqual, "IS NOT DISTINCT FROM", ValueSlot(right), conjunct);
    } else {
      Add(side, Comparator::kOther, operator_name, ValueSlot(right), conjunct);
      Expression(right);
    }
  }

  void Any(const ColumnSide& side, Node right, std::string_view operator_name, bool conjunct) {
    Node array_node = right;
    while (array_node.type == "TypeCast") array_node = Child(array_node.body, "arg");
    if (array_node.type == "A_ArrayExpr") {
      const std::vector<element> items = List(array_node.body, "elements");
      const int slot = items.empty() ? -1 : ValueSlot(Unwrap(items.front()));
      return Add(side, operator_name == "=" ? Comparator::kInList : Comparator::kOther, "= ANY", slot, conjunct);
    }
    const int slot = ValueSlot(right);
    if (slot < 0) Expression(right);
    Add(side, operator_name == "=" ? Comparator::kAnyArray : Comparator::kOther, "= ANY", slot, conjunct);
  }

  static Comparator ComparatorOf(std::string_view operator_name) {
    if (operator_name == "=") return Comparator::kEqual;
    if (operator_name == "<>" || operator_name == "!=") return Comparator::kNotEqual;
    if (operator_name == "<" || operator_name == ">" || operator_name == "<=" || operator_name == ">=") {
      return Comparator::kRange;
    }
    if (operator_name == "@>" || operator_name == "<@" || operator_name == "&&") return Comparator::kContains;
    if (operator_name == "?" || operator_name == "?|" || operator_name == "?&") return Comparator::kKeyExists;
    if (operator_name == "@@") return Comparator::kTextSearch;
    if (operator_name == "~~") return Comparator::kLike;
    if (operator_name == "~~*") return Comparator::kILike;
    return Comparator::kOther;
  }

  void CompareOperator(Node left, Node right, std::string_view operator_name, bool conjunct) {
    ColumnSide left_column = Column(left);
    ColumnSide right_column = Column(right);
    if (left_column.found && right_column.found) {
      const bool plain = left_column.function.empty() && right_column.function.empty();
      if (operator_name == "=" && plain) {
        facts_.joins.push_back({std::move(left_column.column), std::move(right_column.column)});
      }
      return;
    }
    const int left_slot = ValueSlot(left);
    const int right_slot = ValueSlot(right);
    if (left_column.found) {
      if (right_slot < 0) Expression(right);
      return Add(left_column, ComparatorOf(operator_name), operator_name, right_slot, conjunct);
    }
    if (right_column.found) {
      if (left_slot < 0) Expression(left);
      return Add(right_column, ComparatorOf(operator_name), operator_name, left_slot, conjunct);
    }
    Expression(left);
    Expression(right);
  }

  void CompareRows(element columns_row, const std::vector<element>& values, std::string_view operator_name, bool conjunct,
                   Comparator comparator) {
    const int tuple = tuples_++;
    const std::vector<element> columns = List(columns_row, "args");
    for (size_t i = 0; i < columns.size(); ++i) {
      const ColumnSide side = Column(Unwrap(columns[i]));
      if (!side.found) continue;
      Add(side, comparator, operator_name, i < values.size() ? ValueSlot(Unwrap(values[i])) : -1, conjunct, tuple);
    }
  }

  void Add(const ColumnSide& side, Comparator comparator, std::string_view operator_name, int slot, bool conjunct,
           int tuple = -1) {
    Comparison comparison;
    comparison.column = side.column;
    comparison.comparator = comparator;
    comparison.slot = slot;
    comparison.conjunct = conjunct && depth_ == 0;
    comparison.function = side.function;
    comparison.operator_name = operator_name;
    comparison.tuple = tuple;
    comparison.subquery_depth = std::max(depth_, 0);
    facts_.comparisons.push_back(std::move(comparison));
  }

  // ---- expressions -------------------------------------------------------------------------------------------------

  // Anything else: looked through for subqueries, functions and comparisons below OR, CASE, NOT.
  void Expression(Node node) {
    if (node.type.empty()) return;
    if (node.type == "SubLink") {
      SubLink(node.body);
    } else if (node.type == "SelectStmt") {
      Subselect(node);
    } else if (node.type == "A_Expr" || node.type == "BoolExpr" || node.type == "NullTest") {
      if (node.type == "BoolExpr") Predicate(node, false);
      else Children(node.body);
    } else {
      if (node.type == "FuncCall") Function(node.body);
      if (node.type == "SQLValueFunction" && !Text(node.body, "op").starts_with("SVFOP_CURRENT_SCHEMA")) {
        (Text(node.body, "op").find("TIME") != std::string_view::npos ||
                 Text(node.body, "op") == "SVFOP_CURRENT_DATE"
             ? facts_.volatile_functions
             : catalog_functions_) = true;
      }
      Children(node.body);
    }
  }

  void Children(element value) {
    array items;
    object fields;
    if (value.get(items) == simdjson::SUCCESS) {
      for (const element item : items) Children(item);
    } else if (value.get(fields) == simdjson::SUCCESS) {
      for (const auto field : fields) {
        if (!field.value.is_object() && !field.value.is_array()) continue;
        const bool is_node = !field.key.empty() && field.key.front() >= 'A' && field.key.front() <= 'Z';
        if (is_node) Expression({field.key, field.value});
        else Children(field.value);
      }
    }
  }

  void SubLink(element link) {
    if (Has(link, "testexpr")) Expression(Child(link, "testexpr"));
    const Node query = Child(link, "subselect");
    const ColumnSide side = Column(Child(link, "testexpr"));
    // column IN (SELECT other FROM …) joins the two.
    if (side.found && side.function.empty() && Text(link, "subLinkType") == "ANY_SUBLINK") JoinWithOnlyOutput(side, query);
    Subselect(query);
  }

  void JoinWithOnlyOutput(const ColumnSide& side, Node query) {
    const std::vector<element> targets = List(query.body, "targetList");
    const std::vector<element> from = List(query.body, "fromClause");
    if (targets.size() != 1 || from.size() != 1) return;
    const Node range = Unwrap(from.front());
    const Node value = Child(Unwrap(targets.front()).body, "val");
    const std::vector<element> fields = List(value.body, "fields");
    if (range.type != "RangeVar" || value.type != "ColumnRef" || fields.empty()) return;
    const std::string_view column = StringValue(fields.back());
    if (column.empty() || std::ranges::find(ctes_, Text(range.body, "relname")) != ctes_.end()) return;
    // The subquery's relation is the next to be added.
    facts_.joins.push_back({side.column, {static_cast<int>(facts_.relations.size()), std::string(column)}});
  }

  void Function(element call) {
    const std::vector<std::string_view> name = Names(call, "funcname");
    if (name.empty()) return;
    if (!IsBuiltin(name)) facts_.unknown_functions = true;
    else if (IsVolatileBuiltin(name.back())) facts_.volatile_functions = true;
    else if (IsCatalogFunction(name.back())) catalog_functions_ = true;
    else if (!IsKnownBuiltin(name.back()) && !IsAggregate(name.back())) facts_.unknown_functions = true;
  }

  static bool IsBuiltin(const std::vector<std::string_view>& name) {
    return name.size() == 1 || (name.size() == 2 && name.front() == "pg_catalog");
  }

  void FinishCatalog() {
    if (facts_.operation != Operation::kSelect) return;
    if (!facts_.relations.empty()) {
      facts_.catalog_only = std::ranges::all_of(facts_.relations, IsCatalogRelation);
    } else {
      facts_.catalog_only = catalog_functions_ && !facts_.unknown_functions && !facts_.volatile_functions;
    }
  }

  const std::vector<ValuePosition>& positions_;
  Facts& facts_;
  std::vector<Scope> scopes_;
  std::vector<std::string> ctes_;
  int depth_ = -1;  // of query levels; 0: the statement's own
  int tuples_ = 0;
  bool catalog_functions_ = false;
};

}  // namespace

bool IsCatalogRelation(const Relation& relation) {
  if (!relation.schema.empty()) return relation.schema == "pg_catalog" || relation.schema == "information_schema";
  return relation.name.starts_with("pg_");
}

bool ReadFacts(std::string_view tree_json, const std::vector<ValuePosition>& positions, Facts& facts) {
  simdjson::dom::parser parser;
  if (parser.allocate(tree_json.size(), kMaxJsonDepth) != simdjson::SUCCESS) return false;
  element root;
  if (parser.parse(tree_json.data(), tree_json.size()).get(root) != simdjson::SUCCESS) return false;
  const std::vector<element> statements = List(root, "stmts");
  if (statements.empty()) return false;
  Reader(positions, facts).Read(Child(statements.front(), "stmt"));
  return true;
}

}  // namespace pgassay::sql
