// What `gate` and `run --gate` share: the baselines, read before any work is done, and the verdict on traces, by
// service where pgassay.toml has some.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analyzer/gate/observation.h"
#include "analyzer/report.h"
#include "cli/findings_output.h"
#include "cli/settings.h"
#include "cli/terminal.h"

namespace pgassay::cli {

// One service and what it is judged by. The nameless one is what belongs to none.
struct GateService {
  std::string name;
  Service service;
  std::string baseline_path;
  gate::Observation baseline;
};

class GateOutput {
 public:
  // --service, or all services of pgassay.toml and what belongs to none; every baseline read.
  static Result<GateOutput> From(const Settings& settings);
  // Builds the report of these traces with its verdict, writes it, and answers with the exit code: 0 pass, 1 fail, 2 if
  // it cannot be done, 3 inconclusive.
  int Write(const std::vector<std::string>& traces, const FindingsOutput& output, const Settings& settings,
            const Terminal& terminal) const;

 private:
  // `now`: what each of services_ showed.
  gate::Verdict Judge(std::vector<gate::Observation> now, const trace::Totals& totals) const;
  std::vector<GateService> services_;
};

// The sessions of the service that --service names, else those of no service, as a gate would judge them.
Result<gate::Observation> ObserveForBaseline(const std::vector<std::string>& traces, const Settings& settings);
// A baseline, or a sentence that names the file.
Result<gate::Observation> ReadBaseline(const std::string& path);

}  // namespace pgassay::cli
