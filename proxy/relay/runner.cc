#include "proxy/relay/runner.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace pgassay::relay {
namespace {

using session::ScopeKind;
using session::ScopeOutcome;
using session::ScopePhase;

constexpr std::string_view kVersion = "1";
constexpr size_t kMaxName = 1024;  // bytes
constexpr std::string_view kOk = "ok\n";

template <class Value, size_t kCount>
std::optional<Value> Named(const std::array<std::pair<std::string_view, Value>, kCount>& values,
                           std::string_view name) {
  for (const auto& [known, value] : values) {
    if (known == name) return value;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, ScopeKind>, 4> kKinds = {
    {{"", ScopeKind::kTest}, {"test", ScopeKind::kTest}, {"route", ScopeKind::kRoute}, {"job", ScopeKind::kJob}}};
constexpr std::array<std::pair<std::string_view, ScopePhase>, 4> kPhases = {{{"", ScopePhase::kCall},
                                                                             {"setup", ScopePhase::kSetup},
                                                                             {"call", ScopePhase::kCall},
                                                                             {"teardown", ScopePhase::kTeardown}}};
constexpr std::array<std::pair<std::string_view, ScopeOutcome>, 5> kOutcomes = {{{"", ScopeOutcome::kUnknown},
                                                                                 {"unknown", ScopeOutcome::kUnknown},
                                                                                 {"passed", ScopeOutcome::kPassed},
                                                                                 {"failed", ScopeOutcome::kFailed},
                                                                                 {"skipped", ScopeOutcome::kSkipped}}};

std::string Wrong(std::string_view code, std::string_view sentence) {
  return fmt::format("error {} {}\n", code, sentence);
}

std::string WrongValue(std::string_view field, std::string_view allowed) {
  return Wrong("bad-value", fmt::format("{} is one of {}", field, allowed));
}

// A whole number that is not negative; "" is 0.
std::optional<int32_t> Number(std::string_view text) {
  int32_t value = 0;
  if (text.empty()) return value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// Takes as long whatever is wrong with it.
bool SameToken(std::string_view said, std::string_view token) {
  unsigned difference = said.size() == token.size() ? 0 : 1;
  for (size_t i = 0; i < token.size(); ++i) {
    difference |= static_cast<unsigned char>(token[i] ^ (i < said.size() ? said[i] : '\0'));
  }
  return difference == 0;
}

}  // namespace

std::string Runner::OnLine(std::string_view line, int64_t now_ns, uint64_t& next_scope_id, session::RecordSink& sink) {
  const auto parsed = ParseControlLine(line);
  if (!parsed) return Wrong("bad-line", parsed.error().message);
  for (const auto& [name, value] : parsed->fields) {
    if (value.size() > kMaxName) return Wrong("too-long", fmt::format("a value has at most {} bytes", kMaxName));
  }
  if (parsed->command == "hello") return Hello(*parsed, now_ns, sink);
  if (!greeted_) return Refuse(Wrong("hello-first", "a conversation begins with hello version=1"));
  if (parsed->command == "open") return Open(*parsed, now_ns, next_scope_id, sink);
  if (parsed->command == "phase") return SetPhase(*parsed, now_ns, sink);
  if (parsed->command == "close") return Close(*parsed, now_ns, sink);
  return Wrong("unknown-command", "the commands are hello, open, phase and close");
}

std::string Runner::Hello(const ControlLine& line, int64_t now_ns, session::RecordSink& sink) {
  if (line.Field("version") != kVersion) {
    return Refuse(Wrong("version", fmt::format("this is version {} of the protocol", kVersion)));
  }
  if (!SameToken(line.Field("token"), token_))
    return Refuse(Wrong("token", "the token is not that of PGASSAY_CONTROL_TOKEN"));
  const auto pid = Number(line.Field("pid"));
  if (!pid) return Wrong("bad-value", "pid is the number of a process");
  if (*pid != 0) client_pid_ = *pid;
  worker_ = line.Field("worker");
  runner_application_name_ = line.Field("application_name");
  application_name_ = runner_application_name_;
  greeted_ = true;
  Mark(now_ns, sink);
  return fmt::format("ok version={}\n", kVersion);
}

std::string Runner::Open(const ControlLine& line, int64_t now_ns, uint64_t& next_scope_id, session::RecordSink& sink) {
  const auto kind = Named(kKinds, line.Field("kind"));
  const auto phase = Named(kPhases, line.Field("phase"));
  const auto number = Number(line.Field("line"));
  if (line.Field("name").empty())
    return Wrong("missing-name", "open needs name=, by which the scope is known in every run");
  if (!kind) return WrongValue("kind", "test, route, job");
  if (!phase) return WrongValue("phase", "setup, call, teardown");
  if (!number) return Wrong("bad-value", "line is a number");
  if (phase_ != ScopePhase::kBetween) End(ScopeOutcome::kUnknown, now_ns, sink);
  scope_id_ = next_scope_id++;
  opened_ns_ = now_ns;
  kind_ = *kind;
  phase_ = *phase;
  outcome_ = ScopeOutcome::kUnknown;
  line_ = *number;
  name_ = line.Field("name");
  file_ = line.Field("file");
  application_name_ = line.Field("application_name");
  if (application_name_.empty()) application_name_ = runner_application_name_;
  Mark(now_ns, sink);
  return fmt::format("ok scope={}\n", scope_id_);
}

std::string Runner::SetPhase(const ControlLine& line, int64_t now_ns, session::RecordSink& sink) {
  const auto phase = Named(kPhases, line.Field("phase"));
  if (!phase || line.Field("phase").empty()) return WrongValue("phase", "setup, call, teardown");
  if (phase_ == ScopePhase::kBetween) return Wrong("no-scope", "no scope is open");
  phase_ = *phase;
  Mark(now_ns, sink);
  return std::string(kOk);
}

std::string Runner::Close(const ControlLine& line, int64_t now_ns, session::RecordSink& sink) {
  const auto outcome = Named(kOutcomes, line.Field("outcome"));
  if (!outcome) return WrongValue("outcome", "passed, failed, skipped, unknown");
  if (phase_ == ScopePhase::kBetween) return Wrong("no-scope", "no scope is open");
  End(*outcome, now_ns, sink);
  return std::string(kOk);
}

std::string Runner::Refuse(std::string_view reply) {
  refused_ = true;
  return std::string(reply);
}

void Runner::OnEnd(int64_t now_ns, session::RecordSink& sink) {
  if (!std::exchange(greeted_, false)) return;
  phase_ = ScopePhase::kNone;
  Mark(now_ns, sink);
}

void Runner::End(ScopeOutcome outcome, int64_t now_ns, session::RecordSink& sink) {
  phase_ = ScopePhase::kBetween;
  outcome_ = outcome;
  Mark(now_ns, sink);
}

void Runner::Mark(int64_t now_ns, session::RecordSink& sink) const {
  sink.Emit(session::ScopeMark{.runner_id = runner_id_,
                               .scope_id = scope_id_,
                               .time_ns = now_ns,
                               .opened_ns = opened_ns_,
                               .kind = kind_,
                               .phase = phase_,
                               .outcome = outcome_,
                               .client_pid = client_pid_,
                               .line = line_,
                               .name = name_,
                               .file = file_,
                               .worker = worker_,
                               .application_name = application_name_});
}

}  // namespace pgassay::relay
