#include "analyzer/trace/execution_block.h"

#include <charconv>
#include <limits>
#include <string_view>

namespace pgassay::trace {
namespace {

constexpr uint64_t kStoredHashBits = (uint64_t{1} << 48) - 1;  // six bytes tell executions apart as well as eight
constexpr size_t kMembers = 14;
constexpr size_t kLongestNumber = std::numeric_limits<int64_t>::digits10 + 2;
constexpr size_t kLongestExecution = kMembers * (kLongestNumber + 1) + sizeof "[\"\"],";

// The server's five characters; another's are not worth a parser's trouble.
bool IsSqlstate(std::string_view text) {
  return text.size() == 5 && text.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
}

}  // namespace

void EncodeBlock(std::span<const TimelineInsert> executions, std::string& json) {
  const TimelineInsert& first = executions.front();
  json.resize(executions.size() * kLongestExecution + 2);
  char* at = json.data();
  char* const end = at + json.size();
  const auto number = [&](int64_t value, char after = ',') {
    at = std::to_chars(at, end, value).ptr;
    *at++ = after;
  };
  *at++ = '[';
  for (const TimelineInsert& execution : executions) {
    const std::string_view sqlstate = execution.sqlstate;
    *at++ = '[';
    number(execution.execution_no - first.execution_no);
    number(execution.session_id);
    number(execution.unit_id);
    number(execution.statement_id);
    number(execution.sent_ns - first.sent_ns);
    number(execution.first_ns);
    number(execution.duration_ns);
    number(execution.waited_ns);
    number(static_cast<int64_t>(execution.rows));
    number(static_cast<int64_t>(execution.bytes));
    number(execution.flags);
    number(static_cast<int64_t>(execution.parameters_hash & kStoredHashBits));
    number(static_cast<int64_t>(execution.result_hash & kStoredHashBits), sqlstate.empty() ? ']' : ',');
    if (!sqlstate.empty()) {
      *at++ = '"';
      at += (IsSqlstate(sqlstate) ? sqlstate : std::string_view("?????")).copy(at, 5);
      *at++ = '"';
      *at++ = ']';
    }
    *at++ = ',';
  }
  at[-1] = ']';
  json.resize(static_cast<size_t>(at - json.data()));
}

}  // namespace pgassay::trace
