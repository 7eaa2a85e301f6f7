// The inside of Scan(), shared with the analyzer: which byte of the text became which slot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/sql/lexer.h"
#include "analyzer/sql/statement.h"

namespace pgassay::sql {

// Where a value of the statement stands in the text, and the slot it went to.
struct ValuePosition {
  uint32_t begin = 0, end = 0;
  uint32_t slot = 0;
};

// The first statement of `text`, and the positions of all its values in the order of the text; nothing if there is
// none.
std::vector<ValuePosition> ValuePositions(std::string_view text);

// Secrets that are words, not literals: SET name = word, PASSWORD word. True for tokens that must be shown as a value.
// One per statement; fed its tokens in order.
class SecretWords {
 public:
  bool Hides(std::string_view text, const Token& token);
  // Behind SET search_path = …: the value belongs to the shape.
  bool names_public_setting() const { return public_; }

 private:
  uint64_t verb_ = 0;       // of the statement: set, alter, create; 0 none seen, 1 another
  bool value_ = false;      // behind SET name = / TO
  bool password_ = false;   // the token before was PASSWORD
  bool alter_set_ = false;  // ALTER ROLE … SET name
  bool public_ = false, dotted_ = false;
  std::string name_;  // of the setting
};

// Does a statement of SQL begin at token `from`? What does not is no SQL, and is shown as a message is: some begin with
// a verb, "update or delete on table …", "COPY t, line 1".
bool BeginsStatement(std::string_view text, const Lexed& lexed, size_t from);

// SET of these is kept as sent; others may carry anything.
bool IsPublicSetting(std::string_view name);

}  // namespace pgassay::sql
