// The items of a statement's outermost select list, as places in its (redacted) text. Knows quotes and parentheses, not
// the grammar: what it cannot follow has no list. Views borrow from `sql`. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgassay::sql {

struct SelectList {
  size_t begin = 0, end = 0;            // in the text: after SELECT (and DISTINCT), before FROM or the end
  std::vector<std::string_view> items;  // trimmed
};

std::optional<SelectList> FindSelectList(std::string_view sql);

// The text with its list replaced.
std::string WithSelectList(std::string_view sql, const SelectList& list, std::string_view replacement);

}  // namespace pgassay::sql
