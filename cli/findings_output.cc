#include "cli/findings_output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "cli/commands.h"
#include "cli/suggest.h"

namespace pgassay::cli {

namespace {

constexpr std::string_view kProven = "proven", kLikely = "likely", kHint = "hint";

Result<> CheckFailOn(const std::vector<std::string>& fail_on) {
  std::vector<std::string_view> known = {kProven, kLikely, kHint};
  for (const detectors::Detector& detector : detectors::AllDetectors()) known.push_back(detector.info->id);
  for (const std::string& what : fail_on) {
    if (std::ranges::find(known, what) != known.end()) continue;
    std::string hint = DidYouMean(what, known);
    if (hint.empty()) hint = fmt::format(" (one of {})", fmt::join(known, ", "));
    return Fail(fmt::format("--fail-on does not know {}{}", what, hint));
  }
  return {};
}

}  // namespace

Result<FindingsOutput> FindingsOutput::From(const Settings& settings) {
  FindingsOutput output{.reporter = reporters::FindReporter(settings.Text("format")),
                        .fail_on = settings.List("fail-on")};
  if (output.reporter == nullptr) {
    std::vector<std::string_view> known;
    for (const reporters::Reporter& reporter : reporters::AllReporters()) known.push_back(reporter.format);
    return Fail(fmt::format("--format does not know {} (one of {})", settings.Text("format"), fmt::join(known, ", ")));
  }
  if (const auto checked = CheckFailOn(output.fail_on); !checked) return std::unexpected(checked.error());
  return output;
}

bool FailsOn(const std::vector<Finding>& findings, const std::vector<std::string>& fail_on) {
  return std::ranges::any_of(findings, [&](const Finding& finding) {
    return std::ranges::any_of(fail_on, [&](const std::string& what) {
      if (what == kProven) return finding.confidence >= Confidence::kProven;
      if (what == kLikely) return finding.confidence >= Confidence::kLikely;
      return what == kHint || what == finding.rule;
    });
  });
}

ReportOptions OptionsFor(const FindingsOutput& output, const Settings& settings) {
  return {.rules = settings.rules(), .timelines = output.reporter->format == "html"};
}

Result<> WriteReport(const Report& report, const FindingsOutput& output, const Settings& settings,
                     const Terminal& terminal) {
  reporters::ReportStyle style = StyleFor(terminal, settings.IsSet("output"));
  style.all = settings.Switch("all");
  style.round_trip_ms = settings.Number("rtt");
  std::ostringstream text;
  output.reporter->write(report, style, text);
  return WriteOutput(settings.Text("output"), text.str());
}

int WriteFindings(const std::vector<std::string>& traces, const FindingsOutput& output, const Settings& settings,
                  const Terminal& terminal) {
  const auto report = BuildReport(traces, OptionsFor(output, settings));
  if (!report) return Trouble(report.error().message);
  if (const auto written = WriteReport(*report, output, settings, terminal); !written)
    return Trouble(written.error().message);
  return FailsOn(report->findings, output.fail_on) ? kExitFindings : kExitOk;
}

}  // namespace pgassay::cli
