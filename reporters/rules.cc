// `pgassay rules` and `pgassay rules ID`: the table of rules, and one rule explained.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "reporters/text.h"

namespace pgassay::reporters {

void WriteRules(const ReportStyle& style, std::ostream& out) {
  Page page(style, out);
  size_t width = 0;
  for (const detectors::Detector& detector : detectors::AllDetectors())
    width = std::max(width, detector.info->id.size());
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    page.WriteLabelled(0, detector.info->id, width + 2, detector.info->summary);
  }
}

void WriteRule(const detectors::RuleInfo& rule, const ReportStyle& style, std::ostream& out) {
  Page page(style, out);
  page.WriteHeading(fmt::format("{}  {}", rule.id, rule.summary), rule.id.size() + 2, "", Ink::kPlain);
  page.Blank();
  for (std::string_view rest = rule.picture; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    page.WriteLine(page.Shown(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto section = [&](std::string_view title, std::string_view text) {
    page.Blank();
    page.WriteLine(title, Ink::kBold);
    page.Write(2, text);
  };
  section("Problem", rule.problem);
  section("Solution", rule.solution);
  page.Blank();
  page.WriteLine(fmt::format("Options in pgassay.toml, [rules.{}]", rule.id), Ink::kBold);
  size_t width = std::string_view("enabled = 1").size();
  for (const detectors::OptionInfo& option : rule.options) {
    width = std::max(width, fmt::format("{} = {:g}", option.name, option.default_value).size());
  }
  page.WriteLabelled(2, "enabled = 1", width + 2, "0 switches the rule off");
  for (const detectors::OptionInfo& option : rule.options) {
    page.WriteLabelled(2, fmt::format("{} = {:g}", option.name, option.default_value), width + 2, option.help);
  }
}

}  // namespace pgassay::reporters
