#include "analyzer/lineage/scopes.h"

#include <algorithm>

namespace pgassay::lineage {

std::string_view ScopeKindName(ScopeKind kind) {
  switch (kind) {
    case ScopeKind::kTest:
      return "test";
    case ScopeKind::kRoute:
      return "route";
    case ScopeKind::kJob:
      return "job";
  }
  return "";
}

std::string_view ScopePhaseName(ScopePhase phase) {
  switch (phase) {
    case ScopePhase::kNone:
      return "none";
    case ScopePhase::kSetup:
      return "setup";
    case ScopePhase::kCall:
      return "call";
    case ScopePhase::kTeardown:
      return "teardown";
    case ScopePhase::kBetween:
      return "between";
  }
  return "";
}

std::string_view ScopeOutcomeName(ScopeOutcome outcome) {
  switch (outcome) {
    case ScopeOutcome::kUnknown:
      return "unknown";
    case ScopeOutcome::kPassed:
      return "passed";
    case ScopeOutcome::kFailed:
      return "failed";
    case ScopeOutcome::kSkipped:
      return "skipped";
  }
  return "";
}

const Scope* Scopes::OnMark(const session::ScopeMark& mark) {
  Forget(mark.time_ns);
  Runner& runner = runners_[mark.runner_id];
  runner.client_process = mark.client_pid;
  runner.application_name = mark.application_name;
  const bool inside = mark.phase != ScopePhase::kBetween && mark.phase != ScopePhase::kNone;
  const auto scope_id = static_cast<int64_t>(mark.scope_id);
  runner.moments.push_back({mark.time_ns, inside ? scope_id : 0, mark.phase});
  if (runner.moments.size() > kMaxMarks) runner.moments.pop_front();
  if (mark.phase == ScopePhase::kNone) runner.gone_ns = mark.time_ns;
  if (scope_id == 0) return nullptr;

  const auto [at, fresh] = scopes_.try_emplace(scope_id);
  Scope& scope = at->second;
  if (fresh) {
    scope = {.scope_id = scope_id,
             .kind = mark.kind,
             .name = std::string(mark.name),
             .file = std::string(mark.file),
             .line = mark.line,
             .worker = std::string(mark.worker),
             .begin_ns = mark.opened_ns};
  }
  if (inside) return fresh ? &scope : nullptr;
  if (scope.end_ns != 0) return nullptr;
  scope.end_ns = mark.time_ns;
  scope.outcome = mark.outcome;
  ended_.push_back(scope_id);
  return &scope;
}

// Runners that are gone for long, and scopes that ended long ago.
void Scopes::Forget(int64_t now_ns) {
  std::erase_if(runners_, [now_ns](const auto& entry) {
    return entry.second.gone_ns != 0 && now_ns - entry.second.gone_ns > kForgetAfterNs;
  });
  for (; ended_.size() > kMaxEnded; ended_.pop_front()) scopes_.erase(ended_.front());
}

Scopes::Place Scopes::Runner::At(int64_t time_ns) const {
  for (auto moment = moments.rbegin(); moment != moments.rend(); ++moment) {
    if (moment->from_ns <= time_ns) return {moment->scope_id, moment->phase};
  }
  return {};
}

bool Scopes::Runner::Connected(int64_t time_ns) const {
  return !moments.empty() && moments.front().from_ns <= time_ns && (gone_ns == 0 || time_ns < gone_ns);
}

std::vector<const Scopes::Runner*> Scopes::RunnersOf(const SessionInfo& session, int64_t sent_ns) const {
  std::vector<const Runner*> found;
  const auto collect = [&](auto fits) {
    for (const auto& [id, runner] : runners_) {
      if (runner.Connected(sent_ns) && fits(runner)) found.push_back(&runner);
    }
    return !found.empty();
  };
  const auto named = [&](const Runner& runner) {
    return !runner.application_name.empty() && runner.application_name == session.application_name;
  };
  if (collect(named)) return found;
  const auto in_process = [](int64_t process) {
    return [process](const Runner& runner) { return runner.client_process == process; };
  };
  if (session.client_process != 0) {
    if (collect(in_process(session.client_process))) return found;
    for (const int64_t parent : session.client_parents) {
      if (collect(in_process(parent))) return found;
    }
  }
  collect([](const Runner&) { return true; });
  // A process that is known and no runner's is somebody else's; one that is not known may be any runner's.
  if (found.size() > 1 && session.client_process != 0) found.clear();
  return found;
}

Scopes::Place Scopes::At(const SessionInfo& session, int64_t sent_ns) const {
  if (runners_.empty()) return {};
  Place place;
  const std::vector<const Runner*> runners = RunnersOf(session, sent_ns);
  const bool unknown = runners.size() > 1 && session.client_process == 0;
  for (const Runner* runner : runners) {
    const Place here = runner->At(sent_ns);
    const bool open = here.scope_id != 0;
    if (open && (place.scope_id != 0 || unknown)) return {0, ScopePhase::kBetween, true};
    if (open || place.phase == ScopePhase::kNone) place = here;
  }
  return place;
}

const Scope* Scopes::Find(int64_t scope_id) const {
  const auto found = scopes_.find(scope_id);
  return found == scopes_.end() ? nullptr : &found->second;
}

bool Scopes::IsOpen(int64_t scope_id) const {
  const Scope* scope = Find(scope_id);
  return scope != nullptr && scope->end_ns == 0;
}

}  // namespace pgassay::lineage
