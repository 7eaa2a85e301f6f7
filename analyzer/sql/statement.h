// What pgassay knows of a statement without executing it: its shape (one per "same query, other values"), its slots
// (where values go in), its tags (who sent it) and its facts (which columns it compares, joins, sorts and returns).
//
// Two steps, because the first must cost nanoseconds and the second cannot:
//   Scan()   own lexer, every text once: masks literals, splits statements, collapses lists, hashes literals as slots.
//   Analyze() libpg_query, once per shape: facts. Anything it cannot parse keeps lexical facts only (parsed = false).
//
// Shape: the token stream with literals and parameters masked, keywords and unquoted identifiers folded, comments
// dropped, `? = col` turned to `col = ?`, and lists collapsed into their cardinality class: `IN (?)` one, `IN (?, ?+)`
// many, `= ANY (?)` array, VALUES groups one or many. Table identity is in the tokens: log_20240101 and log_20240102
// differ. Equal shape implies equal libpg_query fingerprint for what it parses (property-tested), not the reverse: an
// N+1 and its fix share a fingerprint but never a shape.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/canonical_value.h"

namespace pgassay::sql {

// ---- Scan ----------------------------------------------------------------------------------------------------------

struct SlotValue {
  int parameter = 0;  // n of $n; 0: a literal
  ValueHash hash;     // of a literal; {0, 0} for NULL, parameters and what is not comparable
  bool null = false;
};

// A place in the shape where values go: one masked literal or parameter, or one collapsed list of them.
struct Slot {
  uint32_t first_value = 0;  // into Statement::values
  uint32_t value_count = 0;
};

struct Tag {
  std::string key, value;  // decoded; keys as written: route, controller, action, traceparent, db_driver, …
};

struct Statement {  // one statement of a text
  uint64_t shape_hash = 0;
  std::string sql;  // redacted, for people: comments dropped, white space folded, literals as $k after the last
                    // parameter, lists as ($1, …)
  std::vector<Slot> slots;
  std::vector<SlotValue> values;
  std::vector<Tag> tags;            // from leading and trailing comments
  uint32_t offset = 0, length = 0;  // of this statement in the text, comments included
  bool truncated = false;           // the text was cut at session::kMaxTextBytes
};

// Splits `text` at top-level semicolons; empty statements are left out, so the k-th is the k-th that the server
// executes.
std::vector<Statement> Scan(const HashKey& key, std::string_view text);
// The same without `sql`, into statements whose memory is used again: what a text costs whose shape is known already.
void ScanShapes(const HashKey& key, std::string_view text, std::vector<Statement>& statements);

// A literal of a statement as it was written, quotes and escapes resolved.
struct Literal {
  int number = 0;  // n of the $n that stands for it in Statement::sql, or for the list that it is in
  bool null = false;
  std::string value;
};
// Of the first statement of `text`, in the order of the text; none where quotes look broken or that is no SQL.
std::vector<Literal> Literals(std::string_view text);

// Every name that stands before an opening parenthesis, folded as the server does: of functions that the text calls,
// with keywords and types among them. Nullopt where the text does not lex.
std::optional<std::vector<std::string>> CalledNames(std::string_view text);

// Any text as it may be shown or stored: literals masked, comments dropped, secrets never kept. Never fails: what does
// not lex is cut at the point of failure and marked with "…". For SQL, error messages, command tags, plan text.
std::string Redact(std::string_view text);
// What is known to be an expression or a part of one, as a plan shows it: "((status)::text = $1)".
std::string RedactExpression(std::string_view text);
// What is known to be an error's or a notice's text: only PostgreSQL's own vocabulary and names of relations are kept
// of it.
std::string RedactMessage(std::string_view text);

// ---- Analyze -------------------------------------------------------------------------------------------------------

enum class Operation : uint8_t {
  kUnknown,
  kSelect,
  kInsert,
  kUpdate,
  kDelete,
  kMerge,
  kCopy,
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,
  kReleaseSavepoint,
  kRollbackToSavepoint,
  kSet,
  kReset,
  kShow,
  kDiscard,
  kPrepare,
  kExecute,
  kDeallocate,
  kDeclareCursor,
  kFetch,
  kCloseCursor,
  kListen,
  kExplain,
  kLock,
  kCall,
  kTruncate,
  kRefresh,
  kDdl,
  kVacuum,
  kOther
};
std::string_view OperationName(Operation operation);  // "SELECT", "ROLLBACK TO SAVEPOINT", …
Operation OperationFromName(std::string_view name);

struct Relation {
  std::string schema;  // "" if not written
  std::string name;
  std::string alias;  // "" if none
  // In a subquery that is run for each row of the query around it, if it is bound to that: a scalar or array one, or
  // LATERAL with a limit, a grouping or aggregates of its own.
  bool per_row = false;
  friend bool operator==(const Relation&, const Relation&) = default;
};

struct ColumnRef {
  // Index into Facts::relations; -1: cannot be told (unqualified among several, a subquery's or CTE's column).
  int relation = -1;
  std::string column;
  friend bool operator==(const ColumnRef&, const ColumnRef&) = default;
};

enum class Comparator : uint8_t {
  kEqual,
  kInList,
  kAnyArray,
  kNotEqual,
  kRange,
  kLike,
  kILike,
  kIsNull,
  kIsNotNull,
  kContains,
  kKeyExists,
  kTextSearch,
  kNotInList,
  kOther
};

struct Comparison {  // column <op> slot, anywhere in WHERE, ON, HAVING
  ColumnRef column;
  Comparator comparator = Comparator::kOther;
  int slot = -1;          // index into Statement::slots; -1: no value slot (IS NULL, or compared with an expression)
  bool conjunct = false;  // a top-level AND member of its SELECT: must hold for every row of that
  std::string function;   // applied to the column: "lower", "->>", "cast"; "" if the bare column is compared
  std::string operator_name;  // "=", "@>", "~~*", …
  int tuple = -1;             // members of one row comparison (a, b) = ($1, $2) share a number
  int subquery_depth = 0;     // 0: the statement's own level; branches of UNION and its kin are one below
};

struct Join {
  ColumnRef left, right;
};  // equi-joins, in ON or WHERE, subqueries too
struct SortKey {
  ColumnRef column;
  bool descending = false;
  bool nulls_first = false;
  bool expression = false;
};
struct Assignment {
  ColumnRef column;
  int slot = -1;
  bool expression = false;
};  // SET and INSERT columns; slot -1 when not one bare value

struct Output {
  enum class Kind : uint8_t { kColumn, kStar, kAggregate, kExpression };
  Kind kind = Kind::kExpression;
  ColumnRef column;       // kColumn, and what an extremum is of; kStar: relation or -1 for all
  std::string name;       // alias, function or column name
  bool extremum = false;  // kAggregate: min or max of a bare column
};

enum class Bound : uint8_t { kNone, kLiteral, kParameter, kExpression };
struct RowBound {
  Bound kind = Bound::kNone;
  int slot = -1;
  int64_t value = -1;
};  // LIMIT, OFFSET; value: of an integer literal (a number, kept)

struct Facts {
  bool parsed = false;  // by libpg_query
  Operation operation = Operation::kUnknown;
  uint64_t fingerprint = 0;         // libpg_query's, 0 if unparsed
  std::vector<Relation> relations;  // base relations, in order of appearance; CTE and subquery names left out
  int target = -1;                  // written relation, into relations
  std::vector<Comparison> comparisons;
  std::vector<Join> joins;        // of columns whose relations can be told
  std::vector<Join> loose_joins;  // where a catalogue is needed for that: a.id = b_id
  std::vector<ColumnRef> group_by;
  std::vector<SortKey> order_by;
  std::vector<Output> outputs;  // of the outermost SELECT, or RETURNING
  std::vector<Assignment> assignments;
  RowBound limit, offset;
  bool distinct = false, has_star = false, has_subquery = false, has_set_operation = false, has_returning = false;
  bool aggregate_only = false;      // every output is an aggregate or EXISTS, no GROUP BY: exactly one row
  bool locking = false;             // FOR UPDATE / SHARE …
  bool volatile_functions = false;  // now(), random(), nextval(), … (a list of built-ins; user functions unknown)
  bool unknown_functions = false;   // a function not in the built-in lists
  bool writes = false;              // INSERT/UPDATE/DELETE/MERGE, also inside a CTE
  bool catalog_only = false;  // every relation is in pg_catalog or information_schema, or pg_* / catalogue functions
                              // alone: class *driver*
  bool on_conflict = false;
  bool single_row_insert = false;  // VALUES with one group
  std::string name;                // savepoint, prepared statement, cursor, or setting (SET search_path)
  std::string
      setting_value;  // only for SET of search_path, role, transaction_isolation, application_name, statement_timeout
  int64_t fetch_count = -1;  // FETCH n; -1: ALL or unknown
};

// Facts of one statement. `sql_text` is the statement as sent (a view into the text Scan() was given), `statement` what
// Scan() said of it: slots in the facts are indices into statement.slots. Never throws, never overflows the stack: runs
// in a thread of its own with 64 MiB, behind guards of size and nesting. Blocking: microseconds to milliseconds; call
// once per shape.
class Analyzer {
 public:
  Analyzer();
  ~Analyzer();
  Facts Analyze(std::string_view sql_text, const Statement& statement);

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

// The grammar that fingerprints and facts come from: "libpg_query 15.1".
std::string_view ParserName();

// Facts as JSON for the trace, and back. No literal is in them. FactsFromJson of anything FactsToJson wrote gives equal
// facts.
std::string FactsToJson(const Facts& facts);
Facts FactsFromJson(std::string_view json);

}  // namespace pgassay::sql
