// A grouped or aggregate-only SELECT as the materialized view that holds its answer, with the unique index that REFRESH
// … CONCURRENTLY needs, and as what is asked of the view instead. From the redacted text: a value that it masks cannot
// be in a view, but for equalities, whose columns become columns of the view. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analyzer/sql/orm.h"
#include "analyzer/trace/trace.h"

namespace pgassay::detectors {

struct SummaryView {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> key;    // of these: one row for each
  std::vector<std::string> shown;  // of these: what the statement returns
  std::vector<std::string> asked;  // "status = $1", what the statement's equalities ask of the view
  std::string body;                // SELECT …, without ORDER BY and LIMIT

  // CREATE MATERIALIZED VIEW, CREATE UNIQUE INDEX and REFRESH, as they run; `interval` stands in a comment.
  std::string Script(std::string_view interval) const;
  std::string Reading() const;  // "SELECT status, count FROM orders_by_status WHERE status = $1"
  // How mappers have it; the sender's comes first.
  std::vector<std::pair<std::string, std::string>> Declarations(sql::Orm sender) const;
};

// None where the text keeps a value that a view would need, or where no column tells the rows apart. `columns` are the
// statement's results. The name is unlike all that are taken; it is added to them.
std::optional<SummaryView> SummaryViewOf(const trace::StatementRow& statement,
                                         std::span<const trace::ColumnRow> columns, std::set<std::string>& taken);

}  // namespace pgassay::detectors
