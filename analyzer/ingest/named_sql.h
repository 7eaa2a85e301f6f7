// Statements that give SQL a name within a session, or use one: PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, MOVE,
// CLOSE. Names differ per connection and per call (object addresses, counters), so they must not make a new shape:
// `anonymous` is the same text with the name replaced by a fixed word. Source: PostgreSQL manual, SQL Commands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgassay::ingest {

enum class NamedVerb : uint8_t { kNone, kPrepare, kExecute, kDeallocate, kDeclare, kFetch, kMove, kClose };

struct NamedSql {
  NamedVerb verb = NamedVerb::kNone;
  std::string name;        // folded as PostgreSQL folds it; "" for ALL
  std::string_view inner;  // PREPARE, DECLARE: the statement behind AS or FOR
  std::string anonymous;   // the text with the name masked; "" when verb is kNone
};

// `text` is one statement as sent, comments allowed anywhere. Never fails: what does not read as one of the seven is
// kNone.
NamedSql ReadNamedSql(std::string_view text);

}  // namespace pgassay::ingest
