// Every folder beside this file is a case: report.json in, one golden file per output.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
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

TEST(ReporterCases, MachineFormatsAreAsReviewedAndTheSameTwice) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kFiles = {{{"markdown", "report.md"},
                                                                                    {"github", "annotations.txt"},
                                                                                    {"sarif", "report.sarif"},
                                                                                    {"junit", "junit.xml"},
                                                                                    {"gitlab", "codequality.json"},
                                                                                    {"csv", "report.csv"}}};
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    for (const auto& [format, file] : kFiles) {
      const std::string text = Written(format, report, {.unicode = true});
      EXPECT_EQ(text, Written(format, report, {})) << folder << ": the terminal changed a file";
      tests::ExpectGolden(folder / file, text);
    }
  }
}

TEST(ReporterCases, AnAnnotationIsOneLineWhateverTheSqlSays) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    std::istringstream lines(Written("github", report, {}));
    size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      EXPECT_TRUE(line.starts_with("::notice ") || line.starts_with("::warning ") || line.starts_with("::error "))
          << line;
    }
    if (report.verdict) continue;
    EXPECT_EQ(count, 1 + report.warnings.size() + report.findings.size()) << folder;
  }
}

TEST(ReporterCases, ACommentStaysUnderGithubsLimit) {
  Report report = tests::ReadReport(fs::path(kFolder) / "n_plus_one");
  const Finding finding = report.findings.front();
  report.findings.clear();
  for (int i = 0; i < 300; ++i) {
    report.findings.push_back(finding);
    report.findings.back().id = fmt::format("{:012x}", i);
    report.findings.back().statement.sql += std::string(5000, 'x');
    report.findings.back().summary += std::string(static_cast<size_t>(i) * 40, '<');
  }
  const std::string text = Written("markdown", report, {});
  EXPECT_LT(text.size(), 65'536U);
  EXPECT_NE(text.find("more in the full report"), std::string::npos);
  const auto count = [&](std::string_view word) {
    size_t found = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
    return found;
  };
  EXPECT_GT(count("<details>"), 0U);
  EXPECT_EQ(count("<details>"), count("</details>"));
}

TEST(ReporterCases, AnOrdinaryCommentIsShort) {
  const std::string text = Written("markdown", tests::ReadReport(fs::path(kFolder) / "n_plus_one"), {});
  EXPECT_LT(std::ranges::count(text, '\n'), 60);
}

TEST(ReporterCases, StatementPagesAreAsReviewed) {
  for (const fs::path& folder : Cases()) {
    const Report report = tests::ReadReport(folder);
    if (report.statements.empty()) continue;
    std::ostringstream list, json, page;
    WriteStatements(report, "time", 20, {.unicode = true}, list);
    WriteStatementsJson(report, "calls", 20, json);
    WriteStatement(report, report.statements.front(), {}, {.unicode = true}, page);
    EXPECT_LE(Widest(list.str()), 80U) << folder;
    EXPECT_LE(Widest(page.str()), 80U) << folder;
    tests::ExpectGolden(folder / "queries.txt", list.str());
    tests::ExpectGolden(folder / "queries.json", json.str());
    tests::ExpectGolden(folder / "statement.txt", page.str());
  }
}

TEST(ReporterCases, AStatementsValuesAreQuotedAndEscaped) {
  const Report report = tests::ReadReport(fs::path(kFolder) / "n_plus_one");
  const std::vector<trace::ExampleRow> examples = {{.statement_id = 1,
                                                    .execution_no = 9,
                                                    .values = {{.number = 1, .value = "it's' \xc2\xb7 $2 = '7"},
                                                               {.number = 2, .element = 0, .value = "\x1b]0;title\x07"},
                                                               {.number = 2, .element = 1, .null = true},
                                                               {.number = 3, .left_out = "secret"}}}};
  std::ostringstream page, json;
  WriteStatement(report, report.statements.front(), examples, {.unicode = true}, page);
  std::string shown;  // in one line
  for (const char c : page.str()) {
    if (c != '\n' && c != ' ') shown += c;
  }
  EXPECT_NE(shown.find("values$1='it''s''·$2=''7'·$2=('\\x1b]0;title\\x07',NULL)·$3=leftout(secret)"),
            std::string::npos)
      << page.str();
  WriteStatementJson(report, report.statements.front(), examples, json);
  const auto values = nlohmann::json::parse(json.str())["statement"]["examples"][0]["values"];
  EXPECT_EQ(values[0]["value"], "it's' \xc2\xb7 $2 = '7");
  EXPECT_TRUE(values[2]["value"].is_null() && !values[2].contains("left_out"));
  EXPECT_TRUE(values[3]["value"].is_null() && values[3]["left_out"] == "secret");
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
