#include "reporters/text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <sstream>

#include "tests/support/golden.h"

namespace pgassay::reporters {
namespace {

using testing::ElementsAre;

TEST(EscapeForTerminal, LeavesPlainAndForeignTextAlone) {
  for (const std::string_view text : {"", "SELECT 1", "naïve\tcafé\n", "日本語", "a\U0001F600b", "\u00a0"})
    EXPECT_EQ(EscapeForTerminal(text), text);
}

TEST(EscapeForTerminal, ShowsEveryControlCharacter) {
  EXPECT_EQ(EscapeForTerminal("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(EscapeForTerminal("\x1b]52;c;aGk=\x07"), "\\x1b]52;c;aGk=\\x07");
  EXPECT_EQ(EscapeForTerminal(std::string_view("\0\r\x7f", 3)), "\\x00\\x0d\\x7f");
  EXPECT_EQ(EscapeForTerminal("\u0085\u009b31m"), "\\u0085\\u009b31m");
  EXPECT_EQ(EscapeForTerminal("\u202eabc\u2066\u200f\u061c\u2028"), "\\u202eabc\\u2066\\u200f\\u061c\\u2028");
}

TEST(EscapeForTerminal, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(EscapeForTerminal("\xff"), "\\xff");
  EXPECT_EQ(EscapeForTerminal("a\xc3"), "a\\xc3");                           // cut
  EXPECT_EQ(EscapeForTerminal("\xc0\x9b"), "\\xc0\\x9b");                    // overlong ESC
  EXPECT_EQ(EscapeForTerminal("\xe0\x80\x9b"), "\\xe0\\x80\\x9b");           // overlong
  EXPECT_EQ(EscapeForTerminal("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(EscapeForTerminal("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
}

// Whatever comes in, only printable text, tabs and new lines come out; and what was escaped once is not touched again.
TEST(EscapeForTerminal, IsSafeAndIdempotentOnAnyBytes) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (size_t i = random() % 24; i > 0; --i) bytes += static_cast<char>(random());
    const std::string shown = EscapeForTerminal(bytes);
    for (const unsigned char c : shown) EXPECT_TRUE(c >= 0x20 || c == '\n' || c == '\t');
    EXPECT_EQ(shown.find('\x7f'), std::string::npos);
    EXPECT_EQ(EscapeForTerminal(shown), shown);
  }
}

TEST(ShortenSql, LeavesWhatFitsAlone) { EXPECT_EQ(ShortenSql("SELECT a, b FROM t", 18), "SELECT a, b FROM t"); }

TEST(ShortenSql, CutsTheSelectListAndNothingElse) {
  const std::string_view sql =
      "SELECT orders.id, orders.total, orders.status, orders.note FROM orders WHERE orders.user_id = $1";
  EXPECT_EQ(ShortenSql(sql, 70), "SELECT orders.id, … FROM orders WHERE orders.user_id = $1");
  EXPECT_EQ(ShortenSql(sql, 80), "SELECT orders.id, orders.total, … FROM orders WHERE orders.user_id = $1");
  EXPECT_EQ(ShortenSql(sql, 10), "SELECT … FROM orders WHERE orders.user_id = $1");
}

TEST(ShortenSql, NeverTouchesThePredicate) {
  const std::string tail = " FROM a JOIN b ON a.id = b.a_id WHERE a.x = $1 AND b.y IN ($2, …) ORDER BY a.z";
  const std::string sql =
      "SELECT DISTINCT a.one, a.two, coalesce(b.three, $3), (SELECT x, y FROM q WHERE z = $4)" + tail;
  for (size_t width = 0; width < 200; ++width) EXPECT_TRUE(ShortenSql(sql, width).ends_with(tail)) << width;
  for (const std::string_view other :
       {"UPDATE t SET a = $1, b = $2 WHERE c = $3", "SELECT \"open FROM t", "", "COMMIT"})
    EXPECT_EQ(ShortenSql(other, 3), other);
}

TEST(Wrap, BreaksAtSpacesAndHangs) {
  EXPECT_THAT(Wrap("one two three four", 9, 2), ElementsAre("one two", "  three", "  four"));
  EXPECT_THAT(Wrap("", 10, 2), ElementsAre(""));
}

TEST(Wrap, KeepsANumberWithWhatItCounts) {
  EXPECT_THAT(Wrap("it took 1 284 ms there", 14, 0), ElementsAre("it took", "1 284 ms there"));
  EXPECT_THAT(Wrap("aaa bbb · cc", 9, 0), ElementsAre("aaa bbb ·", "cc"));
}

TEST(Wrap, CutsWordsLongerThanALineWhereTheyReadBest) {
  EXPECT_THAT(Wrap("select(Order).options(x).more", 24, 0), ElementsAre("select(Order).options(x)", ".more"));
  EXPECT_THAT(Wrap("aaaaaaaaaaaaaaaaaaaa", 8, 0), ElementsAre("aaaaaaaa", "aaaaaaaa", "aaaa"));
}

TEST(Wrap, NeverExceedsTheWidthAndLosesNothing) {
  std::mt19937 random(3);
  const std::vector<std::string> pieces = {"a",  " ", "  ",    "12", "·", "é", "漢字", "word", "longer.than(most)",
                                           "\n", "→", "1 284 "};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t i = random() % 20; i > 0; --i) text += pieces[random() % pieces.size()];
    const size_t width = 10 + random() % 40, hanging = random() % 3;
    std::string joined, expected;
    for (const std::string& line : Wrap(text, width, hanging)) {
      EXPECT_LE(DisplayWidth(line), width) << text;
      joined += line;
    }
    const auto without_spaces = [](const std::string& from) {
      std::string to;
      for (const char c : from) to += c == ' ' || c == '\n' ? "" : std::string(1, c);
      return to;
    };
    EXPECT_EQ(without_spaces(joined), without_spaces(text));
  }
}

TEST(DisplayWidth, CountsColumnsAsATerminalDoes) {
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("→ × …"), 5U);
  EXPECT_EQ(DisplayWidth("漢字"), 4U);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1U);
}

TEST(DiffersBeyondSelectList, SeesThePredicateOnly) {
  EXPECT_TRUE(DiffersBeyondSelectList("SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = ANY($1)"));
  EXPECT_FALSE(DiffersBeyondSelectList("SELECT a, b FROM t WHERE b = $1", "SELECT a FROM t WHERE b = $1"));
  EXPECT_TRUE(DiffersBeyondSelectList("UPDATE t SET a = 1", "UPDATE t SET a = 2"));
}

TEST(Reporters, AreFoundByTheirFormat) {
  for (const Reporter& reporter : AllReporters()) {
    EXPECT_EQ(FindReporter(reporter.format), &reporter);
    EXPECT_FALSE(reporter.summary.empty());
  }
  EXPECT_NE(FindReporter("terminal"), nullptr);
  EXPECT_NE(FindReporter("json"), nullptr);
  EXPECT_EQ(FindReporter("xml"), nullptr);
}

TEST(RulePages, ExplainEveryRule) {
  std::ostringstream list;
  WriteRules({.unicode = true}, list);
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    EXPECT_NE(list.str().find(detector.info->id), std::string::npos);
    std::ostringstream page;
    WriteRule(*detector.info, {.unicode = true}, page);
    for (const std::string_view part : {"Problem", "Solution", "enabled = "})
      EXPECT_NE(page.str().find(part), std::string::npos) << detector.info->id;
    for (const detectors::OptionInfo& option : detector.info->options)
      EXPECT_NE(page.str().find(option.name), std::string::npos);
    std::istringstream lines(page.str());
    for (std::string line; std::getline(lines, line);) EXPECT_LE(DisplayWidth(line), 80U) << line;
  }
}

// docs/rules is generated: UPDATE_GOLDEN=1 writes a new rule's page.
TEST(RulePages, InTheDocumentationAreCurrentAndOfNoOtherRule) {
  const std::filesystem::path folder = "docs/rules";
  std::ostringstream index;
  WriteRulesIndex(index);
  tests::ExpectGolden(folder / "README.md", index.str());
  for (const detectors::Detector& detector : detectors::AllDetectors()) {
    std::ostringstream page;
    WriteRulePage(*detector.info, page);
    tests::ExpectGolden(folder / fmt::format("{}.md", detector.info->id), page.str());
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    EXPECT_TRUE(name == "README" || detectors::FindDetector(name) != nullptr) << "no rule has " << entry.path();
  }
}

}  // namespace
}  // namespace pgassay::reporters
