// What the advisor works on: the statements of a trace, each with the tables it reads and what it asks of their
// columns, resolved against one catalogue snapshot; and what is written to each table. Pure. Borrows statements, slots
// and snapshot, which must outlive the workload. Rows and pages as the catalogue estimates them, times per recording.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyzer/catalog/planner.h"
#include "analyzer/catalog/snapshot.h"
#include "analyzer/trace/trace.h"

namespace pgassay::advisor {

// What a condition lets an index do.
enum class Use : uint8_t {
  kEqual,       // one value: the scan goes on in order of the next key
  kList,        // several values: order is lost
  kRange,       // an interval: the last key that narrows
  kNull,        // IS NULL: as one value
  kPrefix,      // LIKE 'x%'
  kInfix,       // LIKE '%xyz%', with three letters to look for
  kContains,    // @>, &&
  kKeyExists,   // ?, ?|, ?&
  kTextSearch,  // @@
  kFilter,      // tested per row only
};

struct Condition {
  int16_t attnum = 0;
  std::string expression;  // in the catalogue's words: "lower(email)"; "" of the bare column
  Use use = Use::kFilter;
  std::string operator_name;
  double selectivity = 1;    // share of the table's rows
  int slot = -1;             // of the statement; -1: none
  bool value_known = false;  // something of the values that came into the slot was recorded
  // An SQL constant that the condition is always compared with, as text of the statement, so that a plan made before
  // the values are known may use a partial index on it: "'pending'", "NULL". "": none, or not known.
  std::string constant;
};

struct JoinColumn {
  int16_t attnum = 0;
  size_t other = 0;  // of Query::tables
  int16_t other_attnum = 0;
};

struct SortColumn {
  int16_t attnum = 0;
  bool descending = false, nulls_first = false;
};

// One mention of a table in a statement.
struct TableUse {
  const catalog::Relation* relation = nullptr;  // of partitions: their root; of a simple view: its table
  std::string alias;                            // as the statement calls it
  bool per_row = false;                         // as sql::Relation has it
  std::vector<Condition> conditions;            // that hold for every row that is taken
  std::vector<JoinColumn> joins;
  std::vector<SortColumn> sort;  // the statement's whole ORDER BY, or its extremum, where it is on this table alone
  std::vector<int16_t> group;    // likewise GROUP BY
  std::vector<int16_t> columns;  // all that the statement reads of it, sorted
  bool columns_known = false;    // false: a star, or columns that cannot be told
};

struct Query {
  const trace::StatementRow* statement = nullptr;
  std::vector<TableUse> tables;
  double weight = 0;   // calls
  double rows = -1;    // returned per call
  double limit = -1;   // LIMIT n, or what calls returned under LIMIT $1; -1: none
  bool named = false;  // mostly of named prepared statements: planned without values after five executions
  bool aggregate = false;
  bool extremum = false;  // the least or greatest value of the column in `sort`, for which an index's end will do
};

// Rows written to a table in the recording.
struct Writes {
  double inserted = 0, updated = 0, deleted = 0;
  std::map<int16_t, double> updated_columns;  // rows by column in SET
  double all() const { return inserted + updated + deleted; }
};

struct Workload {
  const catalog::Snapshot* snapshot = nullptr;
  std::vector<Query> queries;                                  // in the order of statements
  std::map<uint32_t, Writes> writes;                           // by relation OID
  std::map<std::pair<uint32_t, int16_t>, double> null_tested;  // share of a table's reads that say IS NULL of a column
  const Writes& WritesOf(uint32_t relation_oid) const;
};

// Statements on tables that the snapshot does not have, and those of drivers, are left out. `plans`: what stands in
// them and not in the statement counts too (plan_filters.h).
Workload MakeWorkload(std::span<const trace::StatementRow> statements, std::span<const trace::SlotRow> slots,
                      const catalog::Snapshot& snapshot, std::span<const trace::PlanRow> plans = {});

// Rows and pages of a table; of a partitioned one, of all its partitions.
struct TableSize {
  double rows = 0, pages = 0, all_visible_share = 0, width = 0;
  bool known = false;  // false: never analysed
};
inline constexpr double kVisibleShare = 0.8;  // of a table's pages that are all-visible, for an index-only scan to pay
TableSize SizeOf(const catalog::Snapshot& snapshot, const catalog::Relation& relation);

// Share of rows that `column = one value` selects, averaged over the values that are not outstanding.
double EqualShare(const catalog::Snapshot& snapshot, const catalog::Relation& relation, const catalog::Column& column);

}  // namespace pgassay::advisor
