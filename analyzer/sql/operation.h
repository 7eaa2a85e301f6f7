// What kind of statement it is, told from its first words alone: for what the grammar refuses.
#pragma once

#include <string_view>

#include "analyzer/sql/lexer.h"
#include "analyzer/sql/statement.h"

namespace pgassay::sql {

Operation LexicalOperation(std::string_view text, const Lexed& lexed);

// Operation, written relation, relations behind FROM, JOIN, INTO and UPDATE where these are plain names, names of
// cursors and savepoints.
Facts LexicalFacts(std::string_view text, const Lexed& lexed);

}  // namespace pgassay::sql
