// The fix that an N+1 finding prints: the child's statement, asked once for all parents.
//
// Works on text that Scan() redacted and on the facts of its shape, never on a parse of its own: the tokens of the
// redacted text are found again by the lexer, the comparison by its column and placeholder. Forms: `column = ANY($1)`;
// with LIMIT or OFFSET a LATERAL join over unnest($1); for a tuple `(a, b) IN (SELECT * FROM unnest($1, $2))`; for a
// lone aggregate GROUP BY with the key in the select list. An UPDATE only if it sets no values: these may differ from
// one execution to the next. LATERAL takes its keys from unnest($n::type[]) where the statement casts its parameter,
// else from the relation itself; tuples need the casts. What was $n and fed by the parent becomes an array parameter of
// the same number. "" whenever the result could differ or not run: better no fix than a wrong one. Pure.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/sql/statement.h"

namespace pgassay::sql {

// `comparison_index` is the comparison the parent feeds, into facts.comparisons; of a tuple, any member.
std::string BatchedSql(std::string_view redacted_sql, const Facts& facts, int comparison_index);

}  // namespace pgassay::sql
