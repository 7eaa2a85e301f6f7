#include "cli/gate_output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>

#include "analyzer/gate/baseline.h"
#include "analyzer/gate/judge.h"
#include "cli/commands.h"
#include "cli/suggest.h"

namespace pgassay::cli {

namespace {

std::string Today() { return fmt::format("{:%Y-%m-%d}", std::chrono::system_clock::now()); }

bool Owns(const Service& service, const trace::SessionSummary& session) {
  const auto fits = [](const std::vector<std::string>& patterns, const std::string& name) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) { return gate::Matches(pattern, name); });
  };
  return fits(service.application_names, session.application_name) || fits(service.databases, session.database);
}

// The service that a session belongs to, "" if none.
std::string OwnerOf(const GateConfig& config, const trace::SessionSummary& session) {
  for (const auto& [name, service] : config.services) {
    if (Owns(service, session)) return name;
  }
  return "";
}

Result<> CheckServiceName(const std::string& name, const GateConfig& config) {
  if (name.empty() || config.services.contains(name)) return {};
  std::vector<std::string_view> known;
  known.reserve(config.services.size());
  for (const auto& [each, service] : config.services) known.push_back(each);
  return Fail(fmt::format("--service {} is not in pgassay.toml: it has no [service.{}]{}", name, name,
                          DidYouMean(name, known)));
}

// A service that selects nothing and is asked for by name owns everything.
gate::SessionFilter FilterFor(const std::string& name, const GateConfig& config) {
  if (!name.empty()) {
    const Service& service = config.services.at(name);
    if (service.application_names.empty() && service.databases.empty())
      return [](const trace::SessionSummary&) { return true; };
  }
  return [name, &config](const trace::SessionSummary& session) { return OwnerOf(config, session) == name; };
}

gate::ObserveOptions ObserveOptionsFor(const Settings& settings, const gate::Policy& policy) {
  return {.rules = settings.rules(), .warm_up = policy.warm_up};
}

}  // namespace

Result<gate::Observation> ReadBaseline(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || in.bad()) {
    const std::string why = errno != 0 ? std::strerror(errno) : "not a file of text";
    return Fail(
        fmt::format("cannot read the baseline {}: {} (pgassay baseline TRACE --output {} makes one)", path, why, path));
  }
  auto baseline = gate::ParseBaseline(text.str());
  if (!baseline) return Fail(fmt::format("cannot use the baseline {}: {}", path, baseline.error().message));
  return baseline;
}

Result<gate::Observation> ObserveForBaseline(const std::vector<std::string>& traces, const Settings& settings) {
  const std::string service = settings.Text("service");
  const GateConfig& config = settings.gate();
  if (const auto known = CheckServiceName(service, config); !known) return std::unexpected(known.error());
  const gate::Policy& policy = service.empty() ? config.policy : config.services.at(service).policy;
  auto observation = gate::ObserveTraces(traces, ObserveOptionsFor(settings, policy), FilterFor(service, config));
  if (observation) gate::LeaveOutWarmUp(*observation);
  return observation;
}

Result<GateOutput> GateOutput::From(const Settings& settings) {
  const GateConfig& config = settings.gate();
  const std::string wanted = settings.Text("service");
  if (const auto known = CheckServiceName(wanted, config); !known) return std::unexpected(known.error());
  GateOutput output;
  if (wanted.empty())
    output.services_.push_back(
        {"", {.application_names = {}, .databases = {}, .baseline = "", .policy = config.policy}, "", {}});
  for (const auto& [name, service] : config.services) {
    if (wanted.empty() || wanted == name) output.services_.push_back({name, service, "", {}});
  }
  for (GateService& service : output.services_) {
    service.baseline_path = service.service.baseline.empty() ? settings.Text("baseline") : service.service.baseline;
    auto baseline = ReadBaseline(service.baseline_path);
    if (!baseline) return std::unexpected(baseline.error());
    service.baseline = std::move(*baseline);
  }
  return output;
}

gate::Verdict GateOutput::Judge(std::vector<gate::Observation> now, const trace::Totals& totals) const {
  std::vector<gate::Verdict> verdicts;
  for (size_t i = 0; i < services_.size(); ++i) {
    const GateService& service = services_[i];
    // What belongs to no service need not exist where there are some.
    if (service.name.empty() && services_.size() > 1 && now[i].executions == 0) continue;
    gate::LeaveOutWarmUp(now[i]);
    gate::Verdict verdict = gate::Judge(now[i], service.baseline, totals, service.service.policy, Today());
    verdict.baselines = {service.baseline_path};
    for (gate::Entry& entry : verdict.entries) entry.service = service.name;
    if (!service.name.empty() && totals.complete) {
      for (std::string& reason : verdict.reasons) reason = fmt::format("{}: {}", service.name, reason);
    }
    verdicts.push_back(std::move(verdict));
  }
  return gate::Combine(std::move(verdicts));
}

int GateOutput::Write(const std::vector<std::string>& traces, const FindingsOutput& output, const Settings& settings,
                      const Terminal& terminal) const {
  std::vector<gate::Observation> now(services_.size());
  ReportOptions options = OptionsFor(output, settings);
  options.also = [&](const trace::Trace& trace, const detectors::TraceView& view) -> Result<> {
    for (size_t i = 0; i < services_.size(); ++i) {
      auto one = gate::ObserveTrace(trace, view, ObserveOptionsFor(settings, services_[i].service.policy),
                                    FilterFor(services_[i].name, settings.gate()));
      if (!one) return std::unexpected(one.error());
      gate::Add(now[i], std::move(*one));
    }
    return {};
  };
  auto report = BuildReport(traces, options);
  if (!report) return Trouble(report.error().message);
  report->verdict = Judge(std::move(now), report->totals);
  if (const auto written = WriteReport(*report, output, settings, terminal); !written)
    return Trouble(written.error().message);
  switch (report->verdict->outcome) {
    case gate::Outcome::kPass:
      return kExitOk;
    case gate::Outcome::kFail:
      return kExitFindings;
    case gate::Outcome::kInconclusive:
      return kExitInconclusive;
  }
  return kExitTrouble;
}

}  // namespace pgassay::cli
