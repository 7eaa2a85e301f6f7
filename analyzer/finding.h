// Findings: plain values, the same in every report. Nothing here knows a trace or a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgassay {

enum class Confidence : uint8_t { kHint, kLikely, kProven };
enum class Severity : uint8_t { kInfo, kWarning, kError };

struct StatementText {
  int64_t statement_id = 0;
  std::string sql;          // redacted
  std::string fingerprint;  // libpg_query's, "" if unparsed
};

struct FindingParent {
  StatementText statement;
  std::string column;  // "users.id"; "" if an expression
  uint64_t rows = 0;   // of the results that fed children
};

// One checkable fact: "every $1 is users.id of that result: 50 of 50, in row order".
struct Evidence {
  std::string text;
  std::vector<std::pair<std::string, double>> figures;  // machine-readable, fixed order
};

struct Fix {
  std::string sql;                                       // the batched or narrowed statement; "" if none can be written
  std::vector<std::pair<std::string, std::string>> orm;  // "sqlalchemy" -> idiom; the sender's own first
  std::string advice;                                    // one imperative sentence
};

// A deeper level of a chain or tree: one finding shows them all.
struct FindingStep {
  StatementText statement;
  std::string edge;  // "order_items.order_id <- orders.id"
  uint64_t executions = 0;
  int64_t database_ns = 0;
};

// What the planner would do with a statement once the fix is there.
struct PlanChange {
  StatementText statement;
  std::string how;                         // "hypothetical: planned with the values of one execution"
  std::string plan_before, plan_after;     // EXPLAIN (FORMAT JSON), redacted
  double cost_before = 0, cost_after = 0;  // the planner's units
};

struct Finding {
  std::string rule;     // "n-plus-one"
  std::string id;       // 12 hex digits, stable: see detectors/finding_id.h
  std::string id_text;  // what the id was made of, for people
  Confidence confidence = Confidence::kHint;
  Severity severity = Severity::kInfo;
  std::string title;        // "orders.user_id <- users.id"
  std::string relation;     // reports group by it: the relation of the repeated statement
  std::string summary;      // one sentence: what happened, to which table, how often, what it cost
  StatementText statement;  // sql "": of a schema, not of one statement
  std::optional<FindingParent> parent;
  std::vector<FindingStep> steps;
  uint64_t executions = 0;  // of the statement, or all that touched what a schema finding is about; a step has its own
  uint64_t units = 0;
  int64_t database_ns = 0;       // of the executions in question, those of the steps included
  int64_t unit_database_ns = 0;  // of the units they ran in, all statements
  int64_t wasted_ns =
      -1;  // of database_ns: what the fix would save, estimated; -1: the share of round_trips_saved in executions
  uint64_t round_trips_saved = 0;  // of those, too
  uint64_t wasted_bytes = 0;
  std::vector<Evidence> evidence;        // most telling first
  std::vector<PlanChange> plan_changes;  // most saved first
  Fix fix;
  std::vector<std::string> scopes;  // tests; where no test was open: labels of units. Most affected first
  std::vector<std::string>
      routes;  // labels of units, from tags: a request's, whichever test sent it. Most affected first
  std::vector<std::string> sites;        // file:line from tags
  std::vector<std::string> scope_sites;  // file:line of scopes, in their order, those that are known
  int64_t exemplar_unit_id = 0;
};

}  // namespace pgassay
