#include "analyzer/gate/baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/analyzer/gate/observations.h"

namespace pgassay::gate {
namespace {

using ::testing::HasSubstr;
using tests::Clean;
using tests::Lazy;

TEST(Baseline, IsReadAsItWasWritten) {
  const std::string text = BaselineText(Lazy());
  const auto read = ParseBaseline(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(BaselineText(*read), text);
  EXPECT_EQ(read->findings.at("85bb98d5ceb7").tests, std::set<std::string>{tests::kList});
  EXPECT_EQ(read->findings.at("85bb98d5ceb7").round_trips_saved, 47U);
}

TEST(Baseline, HoldsMinimumAndMaximumOfSeveralRuns) {
  Observation both = Clean();
  Add(both, Lazy());
  EXPECT_THAT(BaselineText(both), HasSubstr("\"SELECT orders where orders.user_id\": [0, 48]"));
  EXPECT_THAT(BaselineText(both), HasSubstr("\"SELECT users\": 2"));
}

TEST(Baseline, IsTheSameWhateverTheOrderOfItsRuns) {
  Observation forth = Clean(), back = Lazy();
  Add(forth, Lazy());
  Add(back, Clean());
  EXPECT_EQ(BaselineText(forth), BaselineText(back));
}

TEST(Baseline, IsOneEntryALineSoThatBranchesMerge) {
  EXPECT_THAT(BaselineText(Lazy()), HasSubstr("\n    \"85bb98d5ceb7\": {\n"));
  EXPECT_THAT(BaselineText(Lazy()),
              HasSubstr("\n      \"tests\": [\n        \"tests/test_users.py::test_list\"\n      ]"));
}

TEST(Baseline, KeepsOnlyTheSizeOfManyBytes) {
  EXPECT_EQ(CoarseBytes(65'535), 0U);
  EXPECT_EQ(CoarseBytes(65'537), 131'072U);
}

TEST(Baseline, KeepsTheLargestResultOfAStatementThatIsNotSmall) {
  Observation observation = Clean();
  observation.largest = {{"SELECT users", {{"a", 5000}, {"b", 60}}}, {"SELECT flags", {{"a", 99}}}};
  const std::string text = BaselineText(observation);
  EXPECT_THAT(text, HasSubstr("\"results\": {\n    \"SELECT users\": 5000\n  }"));
  EXPECT_EQ(BaselineText(*ParseBaseline(text)), text);
  EXPECT_TRUE(ParseBaseline(text)->tells_largest);
  std::string before = BaselineText(Clean());
  before.replace(before.find(",\n  \"results\": {}"), 17, "");
  EXPECT_FALSE(ParseBaseline(before)->tells_largest);
}

TEST(Baseline, SaysWhatIsWrongWithIt) {
  const auto error = [](const std::string& text) {
    const auto read = ParseBaseline(text);
    return read ? std::string("it was read") : read.error().message;
  };
  EXPECT_THAT(error("{"), HasSubstr("no JSON"));
  EXPECT_THAT(error("<<<<<<< ours"), HasSubstr("no JSON"));
  EXPECT_THAT(error("{}"), HasSubstr("no baseline"));
  EXPECT_THAT(error(R"({"pgassay_baseline": 99})"), HasSubstr("its format is 99"));
  std::string text = BaselineText(Lazy());
  text.replace(text.find("\"rule\""), 6, "\"rool\"");
  EXPECT_THAT(error(text), HasSubstr("unknown key \"rool\" in finding 85bb98d5ceb7"));
}

TEST(WarmUp, IsNoScopesCharge) {
  Observation observation = Lazy();
  tests::Count(observation, tests::kList, "SELECT feature_flags", 1);
  observation.scopes.at(tests::kList).statements.at("SELECT feature_flags").rows = 7;
  LeaveOutWarmUp(observation);
  EXPECT_FALSE(observation.scopes.at(tests::kList).statements.contains("SELECT feature_flags"));
  EXPECT_TRUE(observation.scopes.at(tests::kList).statements.contains(tests::kOrdersOfUser));
  EXPECT_TRUE(observation.statements.contains("SELECT feature_flags"));
  EXPECT_EQ(observation.scopes.at(tests::kList).all_rows, observation.scopes.at(tests::kList).rows + 7);
}

TEST(WarmUp, IsNotWhatManyScopesAsk) {
  Observation observation;
  for (int i = 0; i < 20; ++i) tests::Count(observation, "test " + std::to_string(i), "SELECT users", 1);
  LeaveOutWarmUp(observation);
  EXPECT_EQ(CountedQueries(observation.scopes.at("test 7")), 1U);
}

}  // namespace
}  // namespace pgassay::gate
