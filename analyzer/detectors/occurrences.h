// What the rules share: which statements and units are judged at all, and what a finding adds up over the units it was
// seen in. Pure. Borrows the TraceView.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analyzer/detectors/detector.h"
#include "analyzer/detectors/orm_idioms.h"
#include "analyzer/sql/orm.h"

namespace pgassay::detectors {

// A read that the application meant: a SELECT on its own relations. Not the driver's (system catalogues), not a health
// check (SELECT 1: no relation), not one that locks rows or writes.
bool IsApplicationRead(const trace::StatementRow& statement);
// Gives one row for many: grouped, or aggregates alone.
bool IsAggregate(const sql::Facts& facts);
// Migrations raise nothing, nor do a test's setup and teardown, or what its runner does between tests.
bool IsJudged(const lineage::Unit& unit);
// Inside a scope, a trace, a transaction or between boundaries no time counts; in units that idle gaps cut out it does.
bool IsCutByTime(const lineage::Unit& unit);

// Statements with what ran outside of set-up and migrations alone; those that did not run there are left out.
std::vector<trace::StatementRow> JudgedStatements(const TraceView& view);

// "orders", "orders, users"; "no relation" if none.
std::string RelationsText(const sql::Facts& facts);
// Name of a column's relation, "" if it cannot be told.
std::string RelationOf(const sql::Facts& facts, const sql::ColumnRef& column);
StatementText TextOf(const trace::StatementRow& statement);
// The mapper that wrote the statement, by its tags and shape.
sql::Orm SenderOf(const TraceView& view, const trace::StatementRow& statement);
// Adds the sender's idiom to a fix; nothing where the sender is unknown.
void AddIdiom(Fix& fix, sql::Orm orm, FixFamily family, const IdiomNames& names);

class Occurrences {
 public:
  explicit Occurrences(const TraceView& view) : view_(view) {}
  // One unit in which it was seen; `weight` ranks scopes and picks the exemplar (the first of the heaviest).
  void Add(int64_t unit_id, uint64_t weight);
  uint64_t units() const { return seen_.size(); }
  // Sets units, unit_database_ns, scopes, routes, scope_sites, exemplar_unit_id, and sites from the tags of
  // `statement_id`.
  void Fill(Finding& finding, int64_t statement_id) const;

 private:
  const TraceView& view_;
  std::set<int64_t> seen_;
  std::map<std::string, uint64_t> scopes_, routes_;
  std::map<std::string, std::string> scope_sites_;
  int64_t unit_database_ns_ = 0;
  int64_t exemplar_ = 0;
  uint64_t exemplar_weight_ = 0;
};

}  // namespace pgassay::detectors
