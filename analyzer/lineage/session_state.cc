#include "analyzer/lineage/session_state.h"

#include <algorithm>

namespace pgassay::lineage {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kMinGap = 5 * kMillisecond;
constexpr int64_t kMaxGap = 250 * kMillisecond;
constexpr int64_t kGapPerMedian = 10;

std::string_view TraceIdOf(std::string_view traceparent) {
  // version "-" trace id "-" parent id "-" flags; a malformed one names nothing.
  constexpr size_t kBegin = 3, kLength = 32;
  if (traceparent.size() < kBegin + kLength + 1 || traceparent[2] != '-' || traceparent[kBegin + kLength] != '-')
    return {};
  return traceparent.substr(kBegin, kLength);
}

}  // namespace

WorkTags ReadWorkTags(std::span<const sql::Tag> tags) {
  WorkTags out;
  std::string route, controller, action, job, test;
  for (const sql::Tag& tag : tags) {
    if (tag.key == "traceparent") out.trace_id = TraceIdOf(tag.value);
    if (out.trace_id.empty() && (tag.key == "request_id" || tag.key == "x_request_id" || tag.key == "trace_id"))
      out.trace_id = tag.value;
    if (tag.key == "route") route = tag.value;
    if (tag.key == "controller") controller = tag.value;
    if (tag.key == "action") action = tag.value;
    if (tag.key == "job") job = tag.value;
    if (tag.key == "test") test = tag.value;
  }
  if (!test.empty())
    out.label = test;
  else if (!route.empty())
    out.label = route;
  else if (!controller.empty())
    out.label = action.empty() ? controller : controller + "#" + action;
  else
    out.label = job;
  return out;
}

bool IsTransactionControl(sql::Operation operation) {
  using enum sql::Operation;
  switch (operation) {
    case kBegin:
    case kCommit:
    case kRollback:
    case kSavepoint:
    case kReleaseSavepoint:
    case kRollbackToSavepoint:
      return true;
    default:
      return false;
  }
}

namespace {

// `SELECT 1` and its like: touches nothing, compares nothing.
bool IsPing(const Execution& execution) {
  const sql::Facts* facts = execution.statement.facts;
  return facts != nullptr && facts->operation == sql::Operation::kSelect && facts->relations.empty() &&
         facts->comparisons.empty() && facts->outputs.size() <= 1 && !facts->has_subquery &&
         !facts->volatile_functions && !facts->unknown_functions &&
         (facts->outputs.empty() || facts->outputs[0].kind == sql::Output::Kind::kExpression);
}

bool SetsTenantOrRole(std::string_view setting) {
  return setting == "role" || setting == "session_authorization" || setting == "search_path" ||
         setting.find("tenant") != std::string_view::npos || setting.find('.') != std::string_view::npos;
}

}  // namespace

Boundary BoundaryOf(const Execution& execution) {
  const sql::Facts* facts = execution.statement.facts;
  switch (execution.statement.operation) {
    case sql::Operation::kDiscard:
      return Boundary::kEndsUnit;
    case sql::Operation::kReset:
      return facts == nullptr || facts->name.empty() || facts->name == "all" || facts->name == "ALL"
                 ? Boundary::kEndsUnit
                 : Boundary::kNone;
    case sql::Operation::kSet:
      return facts != nullptr && SetsTenantOrRole(facts->name) ? Boundary::kBeginsUnit : Boundary::kNone;
    case sql::Operation::kSelect:
      return IsPing(execution) ? Boundary::kBeginsUnit : Boundary::kNone;
    default:
      return Boundary::kNone;
  }
}

bool IsHousekeeping(const Execution& execution) {
  using enum sql::Operation;
  switch (execution.statement.operation) {
    case kSet:
    case kReset:
    case kShow:
    case kDiscard:
    case kDeallocate:
    case kPrepare:
    case kListen:
    case kCloseCursor:
      return true;
    case kSelect:
      return IsPing(execution) || (execution.statement.facts != nullptr && execution.statement.facts->catalog_only);
    default:
      return IsTransactionControl(execution.statement.operation);
  }
}

bool SessionState::EndsUnit(int64_t gap_ns, bool has_finer_split) const {
  return gap_ns > kMinGap && gap_ns > GapThreshold(has_finer_split);  // the first spares the median of most executions
}

int64_t SessionState::GapThreshold(bool has_finer_split) const {
  if (has_finer_split) return kMaxGap;
  const size_t n = std::min(gap_count, gaps.size());
  if (n == 0) return kMinGap;
  std::array<int64_t, 64> sorted = gaps;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(n / 2);
  std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(n));
  return std::clamp(kGapPerMedian * *middle, kMinGap, kMaxGap);
}

void SessionState::AddGap(int64_t gap_ns) { gaps[gap_count++ % gaps.size()] = gap_ns; }

void SessionState::OnApplicationName(std::string_view name) {
  // A name that comes back after another one: several applications take turns on this connection.
  if (name != info.application_name && application_names.contains(name)) shared = true;
  application_names.emplace(info.application_name);
  application_names.emplace(name);
  info.application_name = name;
}

int64_t SessionState::IdleSince(int64_t since_ns, int64_t sent_ns) const {
  int64_t idle_ns = sent_ns - since_ns;
  if (info.time_ns >= since_ns && info.logged_in_ns > info.time_ns) {
    idle_ns -= info.logged_in_ns - info.time_ns + busy_ns;
  }
  return std::max<int64_t>(idle_ns, 0);
}

void SessionState::OnPrepared(std::string_view name) {
  // PgBouncer and PgCat give the statements that pass through them names of their own, which end in a counter.
  for (const std::string_view prefix : {"PGBOUNCER_", "PGCAT_"}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view counter = name.substr(prefix.size());
    shared = shared || (!counter.empty() && std::ranges::all_of(counter, [](char c) { return c >= '0' && c <= '9'; }));
  }
}

}  // namespace pgassay::lineage
