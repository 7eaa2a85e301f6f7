#include "analyzer/sql/operation.h"

#include <algorithm>
#include <array>
#include <string>

namespace pgassay::sql {
namespace {

constexpr auto kNames = std::to_array<std::string_view>({"UNKNOWN",
                                                         "SELECT",
                                                         "INSERT",
                                                         "UPDATE",
                                                         "DELETE",
                                                         "MERGE",
                                                         "COPY",
                                                         "BEGIN",
                                                         "COMMIT",
                                                         "ROLLBACK",
                                                         "SAVEPOINT",
                                                         "RELEASE SAVEPOINT",
                                                         "ROLLBACK TO SAVEPOINT",
                                                         "SET",
                                                         "RESET",
                                                         "SHOW",
                                                         "DISCARD",
                                                         "PREPARE",
                                                         "EXECUTE",
                                                         "DEALLOCATE",
                                                         "DECLARE CURSOR",
                                                         "FETCH",
                                                         "CLOSE CURSOR",
                                                         "LISTEN",
                                                         "EXPLAIN",
                                                         "LOCK",
                                                         "CALL",
                                                         "TRUNCATE",
                                                         "REFRESH",
                                                         "DDL",
                                                         "VACUUM",
                                                         "OTHER"});
static_assert(kNames.size() == static_cast<size_t>(Operation::kOther) + 1);

class Words {
 public:
  Words(std::string_view text, const Lexed& lexed) : text_(text), lexed_(lexed) {}
  size_t size() const { return lexed_.tokens.size(); }
  TokenKind kind(size_t i) const { return i < size() ? lexed_.tokens[i].kind : TokenKind::kSemicolon; }
  std::string word(size_t i) const { return kind(i) == TokenKind::kWord ? name(i) : std::string(); }
  std::string name(size_t i) const { return IdentifierName(text_, lexed_.tokens[i]); }
  bool IsName(size_t i) const { return kind(i) == TokenKind::kWord || kind(i) == TokenKind::kQuotedWord; }

 private:
  std::string_view text_;
  const Lexed& lexed_;
};

struct Verb {
  std::string_view word;
  Operation operation;
};
constexpr Verb kVerbs[] = {
    {"select", Operation::kSelect},
    {"values", Operation::kSelect},
    {"table", Operation::kSelect},
    {"insert", Operation::kInsert},
    {"update", Operation::kUpdate},
    {"delete", Operation::kDelete},
    {"merge", Operation::kMerge},
    {"copy", Operation::kCopy},
    {"begin", Operation::kBegin},
    {"start", Operation::kBegin},
    {"commit", Operation::kCommit},
    {"end", Operation::kCommit},
    {"abort", Operation::kRollback},
    {"savepoint", Operation::kSavepoint},
    {"release", Operation::kReleaseSavepoint},
    {"set", Operation::kSet},
    {"reset", Operation::kReset},
    {"show", Operation::kShow},
    {"discard", Operation::kDiscard},
    {"execute", Operation::kExecute},
    {"deallocate", Operation::kDeallocate},
    {"declare", Operation::kDeclareCursor},
    {"fetch", Operation::kFetch},
    {"move", Operation::kFetch},
    {"close", Operation::kCloseCursor},
    {"listen", Operation::kListen},
    {"unlisten", Operation::kListen},
    {"notify", Operation::kListen},
    {"explain", Operation::kExplain},
    {"lock", Operation::kLock},
    {"call", Operation::kCall},
    {"truncate", Operation::kTruncate},
    {"refresh", Operation::kRefresh},
    {"vacuum", Operation::kVacuum},
    {"analyze", Operation::kVacuum},
    {"create", Operation::kDdl},
    {"alter", Operation::kDdl},
    {"drop", Operation::kDdl},
    {"comment", Operation::kDdl},
    {"grant", Operation::kDdl},
    {"revoke", Operation::kDdl},
    {"reindex", Operation::kDdl},
    {"cluster", Operation::kDdl},
};

// The verb behind WITH …: the first INSERT, UPDATE, DELETE, MERGE or SELECT outside parentheses.
Operation AfterWith(const Words& words) {
  int depth = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    if (words.kind(i) == TokenKind::kOpen) ++depth;
    if (words.kind(i) == TokenKind::kClose) --depth;
    if (depth != 0 || words.kind(i) != TokenKind::kWord) continue;
    const std::string word = words.word(i);
    if (word == "select" || word == "values") return Operation::kSelect;
    if (word == "insert") return Operation::kInsert;
    if (word == "update") return Operation::kUpdate;
    if (word == "delete") return Operation::kDelete;
    if (word == "merge") return Operation::kMerge;
  }
  return Operation::kUnknown;
}

int AddRelation(const Words& words, size_t at, Facts& facts) {
  if (!words.IsName(at)) return -1;
  Relation relation{.schema = "", .name = words.name(at), .alias = ""};
  if (words.kind(at + 1) == TokenKind::kDot && words.IsName(at + 2)) {
    relation.schema = relation.name;
    relation.name = words.name(at + 2);
    at += 2;
  }
  if (words.kind(at + 1) == TokenKind::kOpen && facts.operation != Operation::kInsert) return -1;  // a function
  facts.relations.push_back(std::move(relation));
  return static_cast<int>(facts.relations.size()) - 1;
}

}  // namespace

std::string_view OperationName(Operation operation) { return kNames[static_cast<size_t>(operation)]; }

Operation OperationFromName(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  return found == kNames.end() ? Operation::kUnknown : static_cast<Operation>(found - kNames.begin());
}

Operation LexicalOperation(std::string_view text, const Lexed& lexed) {
  const Words words(text, lexed);
  size_t first = 0;
  while (words.kind(first) == TokenKind::kOpen) ++first;
  const std::string word = words.word(first);
  if (word == "with") return AfterWith(words);
  if (word == "rollback") {
    for (size_t i = 1; i < 4; ++i) {
      if (words.word(i) == "to") return Operation::kRollbackToSavepoint;
    }
    return words.word(1) == "prepared" ? Operation::kOther : Operation::kRollback;
  }
  if (word == "commit" && words.word(1) == "prepared") return Operation::kOther;
  if (word == "prepare") return words.word(1) == "transaction" ? Operation::kOther : Operation::kPrepare;
  const auto* const verb = std::ranges::find(kVerbs, word, &Verb::word);
  if (verb != std::end(kVerbs)) return verb->operation;
  return words.size() == 0 ? Operation::kUnknown : Operation::kOther;
}

Facts LexicalFacts(std::string_view text, const Lexed& lexed) {
  const Words words(text, lexed);
  Facts facts;
  facts.operation = LexicalOperation(text, lexed);
  const bool reads = facts.operation == Operation::kSelect;
  const bool writes = facts.operation == Operation::kInsert || facts.operation == Operation::kUpdate ||
                      facts.operation == Operation::kDelete || facts.operation == Operation::kMerge;
  facts.writes = writes;
  facts.unknown_functions = reads || writes;
  if (reads || writes) {
    bool subquery = false;
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      const std::string word = words.word(i);
      subquery = subquery || (i > 0 && word == "select");
      const bool target =
          facts.target < 0 && writes && (word == "into" || word == "update" || (word == "from" && i == 1));
      if (target || word == "from" || word == "join") {
        const int relation = AddRelation(words, i + 1 + (words.word(i + 1) == "only" ? 1 : 0), facts);
        if (target) facts.target = relation;
      }
    }
    facts.has_subquery = subquery;
  } else if (facts.operation == Operation::kSavepoint || facts.operation == Operation::kReleaseSavepoint ||
             facts.operation == Operation::kRollbackToSavepoint || facts.operation == Operation::kCloseCursor) {
    for (size_t i = words.size(); i-- > 1 && facts.name.empty();) {
      if (words.IsName(i)) facts.name = words.name(i);
    }
  }
  return facts;
}

}  // namespace pgassay::sql
