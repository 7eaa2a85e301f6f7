// The page: what the script gets, what the browser is told, and that the data cannot become anything else.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "reporters/page_text.h"
#include "reporters/registry.h"
#include "tests/reporters/report_case.h"

namespace pgassay::reporters {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kOpening = "<script type=\"application/json\" id=\"report\">";

std::vector<fs::path> Cases() {
  std::vector<fs::path> cases;
  for (const fs::directory_entry& entry : fs::directory_iterator("tests/reporters")) {
    if (entry.is_directory()) cases.push_back(entry.path());
  }
  return cases;
}

std::string Page(const Report& report) {
  std::ostringstream out;
  WriteHtml(report, {.round_trip_ms = 1}, out);
  return out.str();
}

std::string DataOf(const std::string& page) {
  const size_t from = page.find(kOpening) + kOpening.size();
  return page.substr(from, page.find("</script>", from) - from);
}

TEST(HtmlPage, IsSmallAndFetchesNothing) {
  const std::string_view page = PageText();
  EXPECT_LT(page.size(), 150'000U);
  EXPECT_NE(page.find("default-src 'none'"), std::string_view::npos);
  EXPECT_EQ(page.find("unsafe-"), std::string_view::npos);
  for (const std::string_view outside : {"<link", "<img", "<iframe", "@import", "url(", " src="})
    EXPECT_EQ(page.find(outside), std::string_view::npos) << outside;
}

TEST(HtmlPage, HoldsTheWholeReportAndIsTheSameTwice) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    const std::string page = Page(report);
    EXPECT_EQ(page, Page(report));
    const tests::Json data = tests::Json::parse(DataOf(page), nullptr, false);
    ASSERT_FALSE(data.is_discarded()) << folder;
    EXPECT_EQ(data["findings"].size(), report.findings.size());
    EXPECT_EQ(data["statements"].size(), report.statements.size());
    EXPECT_EQ(data["verdict"].is_null(), !report.verdict);
  }
}

TEST(HtmlPage, NoReportBecomesMarkup) {
  for (const fs::path& folder : Cases()) {
    const std::string data = DataOf(Page(tests::ReadReport(folder)));
    EXPECT_EQ(data.find_first_of("<>&"), std::string::npos) << folder;
    for (const std::string_view hidden : {"\u202e", "\u2066", "\u200f", "\u2028", "\u2029"})
      EXPECT_EQ(data.find(hidden), std::string::npos) << folder;
  }
}

TEST(HtmlPage, FoldsTheUnitOfAFinding) {
  const fs::path folder = "tests/reporters/n_plus_one";
  Report report = tests::ReadReport(folder);
  const auto rows = tests::ReadTimeline(folder);
  report.timelines[report.findings.front().id] = rows;
  const tests::Json timeline = tests::Json::parse(DataOf(Page(report)))["findings"][0]["timeline"];
  size_t executions = 0, lines = 0;
  for (const tests::Json& block : timeline) {
    for (const tests::Json& step : block["steps"]) {
      ++lines;
      executions += step["executions"].get<size_t>();
      EXPECT_GE(step["until_ms"], step["from_ms"]);
    }
  }
  EXPECT_EQ(executions, rows.size());
  EXPECT_LT(lines, rows.size());
}

TEST(HtmlPage, DrawsAStatementsPlansAsTreesAndSaysWhyThereIsNone) {
  Report report = tests::ReadReport("tests/reporters/n_plus_one");
  const int64_t id = report.findings.front().statement.statement_id;
  const std::string plan =
      R"json([{"Plan": {"Node Type": "Nested Loop", "Total Cost": 100, "Plan Rows": 5, "Plans": [
           {"Node Type": "Seq Scan", "Relation Name": "</script>", "Total Cost": 80, "Plan Rows": 1, "Filter": "(a = $1)"},
           {"Node Type": "Index Scan", "Parent Relationship": "Inner", "Index Name": "pk", "Relation Name": "u", "Alias": "v", "Total Cost": 4, "Plan Rows": 1}]}}])json";
  report.plans = {{.statement_id = id, .how = "with values", .total_cost = 100, .plan_json = plan},
                  {.statement_id = id, .how = "generic", .plan_json = "[]"},
                  {.statement_id = id, .kind = trace::PlanKind::kGeneric, .how = "generic", .problem = "it is locked"},
                  {.statement_id = id + 1, .how = "of another", .plan_json = plan}};
  const std::string data = DataOf(Page(report));
  EXPECT_EQ(data.find("</script>"), std::string::npos);
  const tests::Json statements = tests::Json::parse(data)["statements"];
  const auto found = std::ranges::find_if(
      statements, [&](const tests::Json& statement) { return statement["id"] == fmt::format("s{}", id); });
  ASSERT_NE(found, statements.end());
  const tests::Json& plans = (*found)["plans"];
  ASSERT_EQ(plans.size(), 3U);
  const tests::Json& root = plans[0]["root"];
  EXPECT_EQ(plans[0]["head"], "with values");
  EXPECT_EQ(root["text"], "Nested Loop");
  EXPECT_FALSE(root["most"]);
  EXPECT_EQ(root["children"][0]["text"], "Seq Scan on </script>");
  EXPECT_EQ(root["children"][0]["conditions"], tests::Json::parse(R"json([["Filter", "(a = $1)"]])json"));
  EXPECT_TRUE(root["children"][0]["most"]);
  EXPECT_DOUBLE_EQ(root["children"][0]["share"], 0.8);
  EXPECT_EQ(root["children"][1]["text"], "Index Scan pk on u v");
  EXPECT_TRUE(plans[1]["root"].is_null());
  EXPECT_EQ(plans[1]["problem"], "the plan in the trace cannot be read");
  EXPECT_EQ(plans[2]["problem"], "it is locked");
}

TEST(HtmlPage, LeavesOutTheCheapestOfVeryManyStatementsAndSaysHowMany) {
  Report report;
  for (int64_t id = 1; id <= 1500; ++id) {
    trace::StatementRow row;
    row.statement_id = id;
    row.database_ns = id;
    report.statements.push_back(std::move(row));
  }
  const tests::Json data = tests::Json::parse(DataOf(Page(report)));
  EXPECT_EQ(data["statements"].size(), 1000U);
  EXPECT_EQ(data["statements"][0]["id"], "s1500");
  EXPECT_EQ(data["statements_in_all"], 1500);
}

}  // namespace
}  // namespace pgassay::reporters
