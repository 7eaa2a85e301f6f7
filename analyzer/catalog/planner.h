// What the planner would do with a statement, with and without indexes that do not exist: plain values, and the
// interface through which advisor and recorder ask. A Planner belongs to one database and opens its own short,
// read-only connections (reader.h). Samples hold values as the application sent them: in memory only, never written,
// never logged. Costs are the planner's units; sizes are bytes. Errors are sentences without values. Threads: one
// owner. Source: PostgreSQL manual, EXPLAIN, PREPARE, plan_cache_mode; HypoPG's functions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/catalog/snapshot.h"
#include "proxy/base/result.h"

namespace pgassay::catalog {

// One parameter as Bind carried it.
struct BindValue {
  uint32_t type_oid = 0;  // 0: left to the server
  bool null = false, binary = false;
  std::string value = {};
};

// What a session had set when the statement ran, beyond what its role and database set by themselves.
struct SessionContext {
  std::string user = {};                                           // that logged in
  std::string role = {};                                           // SET ROLE; "": none
  std::vector<std::pair<std::string, std::string>> settings = {};  // search_path, planner and custom settings, by name
};

// One execution that can be planned again.
struct Sample {
  std::string sql = {};                                // one statement as sent, with $n or with literals
  std::vector<BindValue> binds = {};                   // by number, from $1
  std::shared_ptr<const SessionContext> context = {};  // null: unknown
  int64_t database_ns = 0;
  uint64_t rows = 0;
  bool named = false;  // of a named prepared statement, for which the server may choose a generic plan
};

// An index that may not exist. Expressions and predicate are SQL text in the words of the catalogue; whoever makes them
// quotes identifiers (QuoteIdentifier).
struct IndexSpec {
  uint32_t relation_oid = 0;
  std::string access_method = "btree";
  std::vector<IndexKey> keys = {};
  std::vector<int16_t> included = {};
  std::string predicate = {};  // "" if not partial
  bool unique = false;
  std::string name = {};
  std::string extension = {};  // that has the operator class: "pg_trgm"
  friend bool operator==(const IndexSpec&, const IndexSpec&) = default;
};

std::string QuoteIdentifier(std::string_view name);  // as format('%I') does
std::string QuoteLiteral(std::string_view text);     // as format('%L') does
std::string QualifiedName(const Relation& relation);
// "CREATE INDEX name ON schema.relation USING btree (a, lower(b) DESC) INCLUDE (c) WHERE …", without semicolon.
struct IndexForm {
  bool concurrently = false, only = false, if_not_exists = false;
};
std::string IndexDefinition(const IndexSpec& spec, const Relation& relation, IndexForm form = {});

struct UsedIndex {
  std::string name = {};  // of the catalogue, or IndexSpec::name
  int hypothetical = -1;  // position in the set that was asked about; -1: it exists
  friend bool operator==(const UsedIndex&, const UsedIndex&) = default;
};

struct PlannedCost {
  double total_cost = 0, rows = 0;
  std::vector<UsedIndex> indexes_used = {};        // in the order of the plan, each once
  std::vector<std::string> sequential_scans = {};  // "schema.relation", each once
  std::vector<int64_t> hypothetical_bytes = {};    // of the set that was asked about, as HypoPG has it or as built
  std::string plan_json = {};                      // EXPLAIN (FORMAT JSON), redacted
  std::string how = {};  // "with the values of one execution", "generic plan", … and what was missing: a sentence
};

enum class Values : uint8_t { kSampled, kGeneric };
struct PlanOptions {
  Values values = Values::kSampled;
  bool sequential_scans = true;  // false: enable_seqscan = off, the structural test
  // EXPLAIN ANALYZE: the statement runs, with the sample's values, if it reads and calls nothing volatile
  // (executable.h); else an error. Not together with indexes that do not exist.
  bool execute = false;
};

// How indexes that do not exist can be tried.
enum class Hypothetical : uint8_t {
  kNone,     // not at all: costs have to be modelled
  kHypoPg,   // the extension; no GIN, GiST, SP-GiST
  kSandbox,  // really built in a transaction that is rolled back; everything, slowly
};

class Planner {
 public:
  virtual ~Planner() = default;
  virtual const Snapshot& snapshot() const = 0;
  // What can be done for this index; kNone: Plan() with it is an error.
  virtual Hypothetical CanTry(const IndexSpec& index) const = 0;
  // The statement's plan as it would be if these indexes existed.
  virtual Result<PlannedCost> Plan(const Sample& sample, std::span<const IndexSpec> hypothetical,
                                   PlanOptions options) = 0;
  Result<PlannedCost> Plan(const Sample& sample, std::span<const IndexSpec> hypothetical = {}) {
    return Plan(sample, hypothetical, PlanOptions{});
  }
  virtual uint64_t calls() const = 0;  // EXPLAINs run so far
};

// A statement of the recording with what was kept of its executions.
struct WorkloadStatement {
  int64_t statement_id = 0;
  std::vector<Sample> samples = {};  // drawn ones, then the slowest and the one with the largest result
  bool values_known = true;          // false: its Binds say types alone
};

}  // namespace pgassay::catalog
