// The page: what the script gets, what the browser is told, and that the data cannot become anything else.
#include <gtest/gtest.h>

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
