// Every folder beside this file is a case: report.json in, one golden file per output.
#include <gtest/gtest.h>

#include <sstream>

#include "reporters/text.h"
#include "tests/reporters/report_case.h"

namespace pgassay::reporters {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kFolder = "tests/reporters";

std::vector<fs::path> Cases() {
  std::vector<fs::path> cases;
  for (const fs::directory_entry& entry : fs::directory_iterator(kFolder)) {
    if (entry.is_directory()) cases.push_back(entry.path());
  }
  std::ranges::sort(cases);
  return cases;
}

std::string Written(std::string_view format, const Report& report, const ReportStyle& style) {
  std::ostringstream out;
  FindReporter(format)->write(report, style, out);
  return out.str();
}

size_t Widest(std::string_view text) {
  size_t widest = 0;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, DisplayWidth(line));
  return widest;
}

TEST(ReporterCases, AreFound) { EXPECT_GE(Cases().size(), 7U); }

TEST(ReporterCases, TerminalReportIsAsReviewed) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    const std::string text = Written("terminal", report, {.unicode = true});
    EXPECT_LE(Widest(text), 80U) << folder;
    tests::ExpectGolden(folder / "terminal.txt", text);
  }
}

TEST(ReporterCases, TerminalReportIsPlainAsciiWhereTheTerminalIs) {
  for (const fs::path& folder : Cases()) {
    const std::string text = Written("terminal", tests::ReadReport(folder), {});
    EXPECT_LE(Widest(text), 80U) << folder;
    EXPECT_TRUE(std::ranges::all_of(text, [](unsigned char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }))
        << folder;
    tests::ExpectGolden(folder / "terminal.ascii.txt", text);
  }
}

TEST(ReporterCases, NoWidthIsExceededAndColourChangesNoWord) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    for (const int width : {40, 60, 100, 160}) {
      EXPECT_LE(Widest(Written("terminal", report, {.unicode = true, .width = width, .all = true})),
                static_cast<size_t>(width))
          << folder;
    }
    std::string colored = Written("terminal", report, {.color = true, .unicode = true});
    for (size_t at = colored.find('\x1b'); at != std::string::npos; at = colored.find('\x1b')) {
      colored.erase(at, colored.find('m', at) - at + 1);
    }
    EXPECT_EQ(colored, Written("terminal", report, {.unicode = true})) << folder;
  }
}

TEST(ReporterCases, JsonIsAsReviewedAndTheSameTwice) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    const std::string text = Written("json", report, {});
    EXPECT_EQ(text, Written("json", report, {}));
    EXPECT_TRUE(nlohmann::json::accept(text)) << folder;
    tests::ExpectGolden(folder / "report.golden.json", text);
  }
}

TEST(ReporterCases, StatementPagesAreAsReviewed) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    if (report.statements.empty()) continue;
    std::ostringstream list, json, page;
    WriteStatements(report, "time", 20, {.unicode = true}, list);
    WriteStatementsJson(report, "calls", 20, json);
    WriteStatement(report, report.statements.front(), {.unicode = true}, page);
    EXPECT_LE(Widest(list.str()), 80U) << folder;
    EXPECT_LE(Widest(page.str()), 80U) << folder;
    tests::ExpectGolden(folder / "queries.txt", list.str());
    tests::ExpectGolden(folder / "queries.json", json.str());
    tests::ExpectGolden(folder / "statement.txt", page.str());
  }
}

TEST(ReporterCases, FindingPagesAreAsReviewed) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    if (report.findings.empty()) continue;
    const auto timeline = tests::ReadTimeline(folder);
    std::ostringstream page, json;
    WriteFinding(report, report.findings.front(), timeline, {.unicode = true}, page);
    WriteFindingJson(report, report.findings.front(), timeline, json);
    EXPECT_LE(Widest(page.str()), 80U) << folder;
    tests::ExpectGolden(folder / "show.txt", page.str());
    EXPECT_TRUE(nlohmann::json::accept(json.str())) << folder;
  }
}

TEST(ReporterCases, NoControlCharacterReachesTheTerminal) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    std::ostringstream out;
    WriteStatements(report, "time", 0, {.unicode = true}, out);
    if (!report.findings.empty()) WriteFinding(report, report.findings.front(), {}, {.unicode = true}, out);
    const std::string text = Written("terminal", report, {.unicode = true}) + out.str();
    EXPECT_TRUE(std::ranges::all_of(text, [](unsigned char c) { return c == '\n' || (c >= 0x20 && c != 0x7F); }))
        << folder;
    for (const std::string_view bidi : {"\u202e", "\u2066", "\u200f", "\u061c", "\u0085"})
      EXPECT_EQ(text.find(bidi), std::string::npos);
  }
}

}  // namespace
}  // namespace pgassay::reporters
