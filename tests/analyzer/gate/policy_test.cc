#include "analyzer/gate/policy.h"

#include <gtest/gtest.h>

namespace pgassay::gate {
namespace {

TEST(GatePolicy, PatternsKnowStarsAndNothingElse) {
  EXPECT_TRUE(Matches("legacy/*", "legacy/views.py:7"));
  EXPECT_TRUE(Matches("*::test_a[x-1]", "tests/test_b.py::test_a[x-1]"));
  EXPECT_TRUE(Matches("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(Matches("*", ""));
  EXPECT_FALSE(Matches("legacy/*", "new/legacy/views.py"));
  EXPECT_FALSE(Matches("test_a[x-1]", "test_ax"));
  EXPECT_FALSE(Matches("", "a"));
}

TEST(GatePolicy, GrowthNeedsRatioAndStep) {
  const Growth growth{1.5, 10};
  EXPECT_FALSE(Exceeds(growth, 100, 140));  // ratio
  EXPECT_FALSE(Exceeds(growth, 1, 9));      // step
  EXPECT_TRUE(Exceeds(growth, 1, 11));
  EXPECT_FALSE(Exceeds(growth, 30, 2));
  EXPECT_TRUE(Exceeds(growth, 0, 10));
}

TEST(GatePolicy, RulesAndPathsLowerWhatFails) {
  Policy policy;
  EXPECT_EQ(LevelOf(policy, "n-plus-one", Confidence::kProven, {}), Level::kFailure);
  EXPECT_EQ(LevelOf(policy, "n-plus-one", Confidence::kLikely, {}), Level::kWarning);
  policy.rules["wide-select"] = Action::kOff;
  EXPECT_EQ(LevelOf(policy, "wide-select", Confidence::kProven, {}), std::nullopt);
  policy.rules["n-plus-one"] = Action::kFail;
  EXPECT_EQ(LevelOf(policy, "n-plus-one", Confidence::kLikely, {}), Level::kFailure);
  policy.paths = {{"*", Action::kFail}, {"legacy/*", Action::kWarn}};
  EXPECT_EQ(LevelOf(policy, "n-plus-one", Confidence::kProven, {"legacy/a.py:1"}), Level::kWarning);
  EXPECT_EQ(LevelOf(policy, "n-plus-one", Confidence::kProven, {"legacy/a.py:1", "app/b.py:2"}), Level::kFailure);
  EXPECT_EQ(LevelOf(policy, Action::kNote, {"legacy/a.py:1"}), Level::kNote);  // a path never raises
}

TEST(GatePolicy, ASuppressionHoldsUntilItsLastDay) {
  const Suppression suppression{.id = "1", .scope = "", .reason = "", .owner = "", .expires = "2026-12-31"};
  EXPECT_FALSE(HasExpired(suppression, "2026-12-31"));
  EXPECT_TRUE(HasExpired(suppression, "2027-01-01"));
  EXPECT_FALSE(HasExpired({}, "2027-01-01"));
}

}  // namespace
}  // namespace pgassay::gate
