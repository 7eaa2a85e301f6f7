// `pgassay rules` and `pgassay rules ID`: the table of rules, and one rule explained; the same as pages of docs/rules.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "reporters/markdown_text.h"
#include "reporters/text.h"

namespace pgassay::reporters {

void WriteRules(const ReportStyle& style, std::ostream& out) {
  Page page(style, out);
  size_t width = 0;
  for (const detectors::Detector& detector : detectors::AllDetectors())
    width = std::max(width, detector.info->id.size());
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    const std::string_view off = detector.info->enabled_by_default ? "" : " (off unless enabled)";
    page.WriteLabelled(0, detector.info->id, width + 2, fmt::format("{}{}", detector.info->summary, off));
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
  const std::string enabled = fmt::format("enabled = {:d}", rule.enabled_by_default);
  size_t width = enabled.size();
  for (const detectors::OptionInfo& option : rule.options) {
    width = std::max(width, fmt::format("{} = {:g}", option.name, option.default_value).size());
  }
  page.WriteLabelled(2, enabled, width + 2,
                     rule.enabled_by_default ? "0 switches the rule off" : "1 switches the rule on");
  for (const detectors::OptionInfo& option : rule.options) {
    page.WriteLabelled(2, fmt::format("{} = {:g}", option.name, option.default_value), width + 2, option.help);
  }
}

void WriteRulesIndex(std::ostream& out) {
  out << "# Rules\n\nEach page is what `pgassay rules ID` says. Options stand in `pgassay.toml`, in the table "
         "`[rules.ID]`.\n\n"
         "| rule | what it finds |\n|---|---|\n";
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    const detectors::RuleInfo& rule = *detector.info;
    out << fmt::format("| [{}]({}.md) | {}{} |\n", rule.id, rule.id, Prose(rule.summary),
                       rule.enabled_by_default ? "" : " (off unless enabled)");
  }
}

void WriteRulePage(const detectors::RuleInfo& rule, std::ostream& out) {
  out << fmt::format("# {}\n\n{}\n\n```\n{}\n```\n", rule.id, Prose(rule.summary),
                     rule.picture.substr(0, rule.picture.find_last_not_of('\n') + 1));
  out << fmt::format("\n## Problem\n\n{}\n", Prose(rule.problem));
  out << fmt::format("\n## Solution\n\n{}\n", Prose(rule.solution));
  out << fmt::format("\n## Options\n\n`[rules.{}]` in `pgassay.toml`:\n\n| option | default | |\n|---|---|---|\n",
                     rule.id);
  out << fmt::format("| `enabled` | {:d} | {} |\n", rule.enabled_by_default,
                     rule.enabled_by_default ? "0 switches the rule off" : "1 switches the rule on");
  for (const detectors::OptionInfo& option : rule.options) {
    out << fmt::format("| `{}` | {:g} | {} |\n", option.name, option.default_value, Prose(option.help));
  }
}

}  // namespace pgassay::reporters
