// GitLab's code quality report: an array of issues. GitLab itself compares it with the target branch's by fingerprint,
// so all findings are in it.
#include "reporters/json_parts.h"
#include "reporters/listing.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

std::string_view SeverityOf(Weight weight) {
  switch (weight) {
    case Weight::kError:
      return "critical";
    case Weight::kWarning:
      return "major";
    case Weight::kNote:
      break;
  }
  return "info";
}

}  // namespace

void WriteGitlab(const Report& report, const ReportStyle&, std::ostream& out) {
  Json issues = Json::array();
  for (const Item& item : ListItems(report)) {
    if (!IsPresent(item)) continue;
    issues.push_back({{"description", EscapeForTerminal(item.rule + ": " + item.title + ". " + item.message)},
                      {"check_name", item.rule},
                      {"fingerprint", item.id},
                      {"severity", SeverityOf(item.weight)},
                      {"location", {{"path", item.location.file}, {"lines", {{"begin", item.location.line}}}}}});
  }
  DumpJson(issues, out);
}

}  // namespace pgassay::reporters
