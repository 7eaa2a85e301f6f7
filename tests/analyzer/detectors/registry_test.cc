#include "analyzer/detectors/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "analyzer/detectors/explained.h"
#include "tests/analyzer/detectors/view_case.h"

namespace pgassay::detectors {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

Finding Of(std::string rule, std::string id, int64_t statement_id = 1) {
  Finding finding;
  finding.rule = std::move(rule);
  finding.id = std::move(id);
  finding.statement.statement_id = statement_id;
  return finding;
}

std::vector<std::string> Ids(const std::vector<Finding>& findings) {
  std::vector<std::string> ids;
  for (const Finding& finding : findings) ids.push_back(finding.id);
  return ids;
}

TEST(Detectors, EachIsExplainedAndHasAnIdOfItsOwn) {
  std::set<std::string_view> ids;
  for (const Detector& detector : AllDetectors()) {
    const RuleInfo& info = *detector.info;
    EXPECT_TRUE(ids.insert(info.id).second) << info.id;
    EXPECT_EQ(FindDetector(info.id), &detector);
    for (const std::string_view text : {info.name, info.summary, info.picture, info.problem, info.solution})
      EXPECT_FALSE(text.empty()) << info.id;
    std::set<std::string_view> options;
    for (const OptionInfo& option : info.options) {
      EXPECT_TRUE(options.insert(option.name).second) << option.name;
      EXPECT_FALSE(option.help.empty()) << option.name;
      EXPECT_TRUE(HasOption(info, option.name));
      EXPECT_EQ(OptionValue(info, {}, option.name), option.default_value);
      EXPECT_EQ(OptionValue(info, {{std::string(option.name), 17}}, option.name), 17);
    }
    EXPECT_TRUE(HasOption(info, "enabled"));
    EXPECT_FALSE(HasOption(info, "enabld"));
  }
  EXPECT_EQ(FindDetector("n-plus-two"), nullptr);
}

TEST(Detectors, FindNothingInAnEmptyTrace) { EXPECT_THAT(Detect({}, {}), SizeIs(0)); }

tests::ViewCase RepeatedSettings() {
  return tests::ViewCase(tests::Json::parse(R"({
    "statements": [{"id": 7, "sql": "SELECT value FROM settings WHERE key = $1", "relations": ["settings"], "equals": ["settings.key"]}],
    "units": [{"id": 1}], "unit_statements": [{"statement": 7, "calls": 9}],
    "repeats": [{"statement": 7, "executions": 9, "repeat_ms": 4}]})"));
}

TEST(Detectors, RunUnlessSwitchedOff) {
  const tests::ViewCase repeated = RepeatedSettings();
  EXPECT_THAT(Detect(repeated.view(), {}), SizeIs(1));
  EXPECT_THAT(Detect(repeated.view(), {{"repeated-query", {{"enabled", 0}}}}), SizeIs(0));
  EXPECT_THAT(Detect(repeated.view(), {{"repeated-query", {{"min_executions", 10}}}}), SizeIs(0));
  EXPECT_THAT(Detect(repeated.view(), {{"repeated-query", {{"enabled", 1}}}}), SizeIs(1));
}

TEST(Detectors, JudgeSeverityByWasteAndConfidence) {
  const std::vector<Finding> findings = Detect(RepeatedSettings().view(), {});
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::kWarning);  // 8 round trips of 1 ms and 4 ms, in one unit

  const RuleInfo error{};
  RuleInfo warning;
  warning.max_severity = Severity::kWarning;
  Finding finding = Of("x", "a");
  finding.units = 1;
  finding.executions = 21;
  finding.round_trips_saved = 20;
  finding.confidence = Confidence::kProven;
  EXPECT_EQ(JudgeSeverity(finding, error), Severity::kError);
  EXPECT_EQ(JudgeSeverity(finding, warning), Severity::kWarning);
  finding.confidence = Confidence::kLikely;
  EXPECT_EQ(JudgeSeverity(finding, error), Severity::kWarning);
  finding.confidence = Confidence::kHint;
  EXPECT_EQ(JudgeSeverity(finding, error), Severity::kInfo);
  finding.confidence = Confidence::kProven;
  finding.units = 20;
  EXPECT_EQ(JudgeSeverity(finding, error), Severity::kInfo);
}

TEST(Detectors, WasteIsTimeByTheShareOfRoundTripsUnlessARuleKnowsBetter) {
  Finding finding = Of("x", "a");
  finding.executions = 50;
  finding.round_trips_saved = 49;
  finding.database_ns = 100'000'000;
  EXPECT_EQ(WastedNs(finding, 0), 98'000'000);
  EXPECT_EQ(WastedNs(finding, 2), 196'000'000);
  finding.wasted_ns = 5;
  EXPECT_EQ(WastedNs(finding, 0), 5);
}

TEST(Detectors, PutTheMostCostlyFirstThenById) {
  std::vector<Finding> findings = {Of("x", "c"), Of("x", "b"), Of("x", "a")};
  for (Finding& finding : findings) finding.wasted_ns = 1;
  findings[0].wasted_ns = 2;
  SortFindings(findings, 1);
  EXPECT_THAT(Ids(findings), ElementsAre("c", "a", "b"));
}

TEST(Detectors, MergeFindingsOfEqualId) {
  std::vector<Finding> findings = {Of("x", "a"), Of("x", "b"), Of("x", "a")};
  findings[0].executions = 3;
  findings[0].wasted_ns = 1;
  findings[0].scopes = {"GET /"};
  findings[2].executions = 5;
  findings[2].wasted_ns = 9;
  findings[2].title = "the costly one";
  findings[2].scopes = {"POST /", "GET /"};
  findings[2].confidence = Confidence::kLikely;
  MergeFindings(findings);
  EXPECT_THAT(Ids(findings), ElementsAre("a", "b"));
  EXPECT_EQ(findings[0].executions, 8U);
  EXPECT_EQ(findings[0].wasted_ns, 10);
  EXPECT_EQ(findings[0].title, "the costly one");
  EXPECT_EQ(findings[0].confidence, Confidence::kLikely);
  EXPECT_THAT(findings[0].scopes, ElementsAre("POST /", "GET /"));
}

TEST(Detectors, LeaveOutWhatAnNPlusOneExplains) {
  Finding parent = Of("n-plus-one", "n", 1);
  parent.confidence = Confidence::kProven;
  parent.steps.push_back({.statement = {2, "", ""}, .edge = "", .executions = 9, .database_ns = 0});
  const std::vector<Finding> findings = {
      parent, Of("query-in-loop", "loop of the child", 1), Of("repeated-query", "repeats of a deeper level", 2),
      Of("repeated-query", "another statement", 3), Of("wide-select", "width is another matter", 1)};
  EXPECT_THAT(Ids(LeaveOutExplained(findings)), ElementsAre("n", "another statement", "width is another matter"));
}

TEST(Detectors, AHintExplainsLoopsOnly) {
  const std::vector<Finding> findings = {Of("n-plus-one", "hint", 1), Of("query-in-loop", "loop", 1),
                                         Of("repeated-query", "repeat", 1)};
  EXPECT_THAT(Ids(LeaveOutExplained(findings)), ElementsAre("hint", "repeat"));
}

}  // namespace
}  // namespace pgassay::detectors
