// The grammar of the control socket: a line is a command and its fields, written as a URL's query is:
//   open name=tests%2Ftest_orders.py%3A%3Atest_list&file=tests%2Ftest_orders.py&line=42
// Pure. Source: docs/control-protocol.md.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace pgassay::relay {

inline constexpr size_t kMaxControlLine = size_t{8} * 1024;  // bytes, its newline not counted

struct ControlLine {
  std::string command;
  std::map<std::string, std::string, std::less<>> fields;

  std::string_view Field(std::string_view name) const;  // "" if it is not there
};

// `line` without its newline. Errors: a bad escape, a control character, a field without a name.
Result<ControlLine> ParseControlLine(std::string_view line);

}  // namespace pgassay::relay
