// What runs showed, as far as a gate compares it: findings and counts by scope, without a time, a value or an id that
// differs between machines. A trace gives one (Observe), several add up to one (Add), and a baseline is one on disk
// (baseline.h); so a gate compares like with like, and so does diff.
//
// Judged are the units that have a boundary of their own: scopes (their call alone), traces, transactions and tagged
// requests; never what idle gaps cut out, migrations, or what ended in 40001 or 40P01. Counted are statements that name
// a relation which is not the catalogue's. A scope that failed or was skipped has no counts: it may have sent less.
//
// Warm-up: a statement that ran once in a scope, and in few scopes, may be one that each process runs once (schema
// caches, feature flags), charged to whichever test came first. LeaveOutWarmUp takes it out of the scopes' counts, not
// out of `statements` and `largest`, so that counts depend neither on the order of tests nor on the number of workers.
//
// Pure; the same traces give the same observation.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analyzer/detectors/detector.h"

namespace pgassay::gate {

// Minimum and maximum over the runs.
struct Range {
  uint64_t min = 0, max = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

struct StatementCounts {
  Range queries;                 // executions in one run of the scope
  uint64_t rows = 0, bytes = 0;  // maxima over the runs; not in a baseline
};

struct ScopeCounts {
  std::map<std::string, StatementCounts> statements;  // by skeleton
  uint64_t rows = 0, bytes = 0;                       // maxima, of the statements
  bool route = false;                                 // a request's, by its tag; else a test's or a job's own scope
  // Not in a baseline: lines move, and these count every statement.
  std::string site;  // "tests/test_orders.py:12"
  uint64_t queries = 0, round_trips = 0, all_rows = 0, all_bytes = 0;
};

struct FindingFacts {
  std::string rule, id;
  std::string pattern;    // what the id was made of: "SELECT orders.user_id <- users.id"
  std::string statement;  // skeleton of the repeated statement: a key of ScopeCounts::statements
  std::string parent;     // "users.id", "" if none
  Confidence confidence = Confidence::kLikely;
  std::set<std::string> tests, routes, sites;
  // Not in a baseline.
  std::string title;                // as the finding says it; of a baseline: the pattern
  std::set<std::string> skeletons;  // of the statement and of the steps below it: what the finding explains
  uint64_t round_trips_saved = 0;   // in all runs; of a baseline: what its tests' counts say
  std::string sql, advice, test_site;
};

struct Observation {
  std::map<std::string, FindingFacts> findings;  // by id; likely and proven
  std::map<std::string, ScopeCounts> scopes;     // by label; those that ran to their end
  std::set<std::string> unfinished;              // scopes that ran, but only failed or were skipped
  std::set<std::string> statements;              // skeletons seen anywhere in judged units
  // Skeleton -> scope -> the most rows that one execution had; of a baseline one entry, of no scope, if it is not
  // small.
  std::map<std::string, std::map<std::string, uint64_t>> largest;
  bool tells_largest = true;                       // false: of a baseline that was made before it did
  uint64_t executions = 0, judged_executions = 0;  // not in a baseline
};

struct ObserveOptions {
  detectors::RuleOptions rules;
  std::set<std::string> warm_up;  // relations whose statements are never counted
};

Observation Observe(const detectors::TraceView& view, const ObserveOptions& options);
// One trace, without the sessions that `is_in` does not want; warm-up still in. `view` is the trace's, as loaded.
using SessionFilter = std::function<bool(const trace::SessionSummary&)>;
Result<Observation> ObserveTrace(const trace::Trace& trace, const detectors::TraceView& view,
                                 const ObserveOptions& options, const SessionFilter& is_in);
// All of these traces, added up.
Result<Observation> ObserveTraces(const std::vector<std::string>& paths, const ObserveOptions& options,
                                  const SessionFilter& is_in);
// Another run, or another shard: counts become minimum and maximum, everything else is united.
void Add(Observation& to, Observation&& other);
// A result of fewer rows is written to no baseline, and counts as none.
constexpr uint64_t kSmallResult = 100;

// Once, when all runs are in; sets the scopes' rows and bytes, those of all statements and those of what is counted.
void LeaveOutWarmUp(Observation& observation);

// The most that the scope's counted statements add up to in one run.
uint64_t CountedQueries(const ScopeCounts& scope);
// Of the tests that show the finding, else of the routes: executions of its statement but one for each.
uint64_t ExtraQueries(const Observation& observation, const FindingFacts& finding);

}  // namespace pgassay::gate
