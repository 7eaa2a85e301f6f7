#include "analyzer/gate/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/analyzer/gate/observations.h"

namespace pgassay::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::Clean;
using tests::kList;
using tests::kOrdersOfUser;
using tests::Lazy;

Observation LazyAt(uint64_t round_trips) {
  Observation observation = Lazy();
  observation.findings.begin()->second.round_trips_saved = round_trips;
  observation.scopes.at(kList).queries = 50;
  return observation;
}

Observation WithBytes(uint64_t bytes) {
  Observation observation = Clean();
  observation.scopes.at(kList).all_bytes = bytes;
  return observation;
}

TEST(Diff, PricesWhatWasFixed) {
  const Diff diff = Compare({LazyAt(47)}, {Clean()});
  ASSERT_THAT(diff.findings, SizeIs(1));
  EXPECT_EQ(diff.findings[0].kind, DiffKind::kFixed);
  EXPECT_EQ(diff.findings[0].change, (Change{"round_trips", 47, 0}));
  EXPECT_THAT(diff.vanished_statements, ElementsAre(kOrdersOfUser));
  EXPECT_EQ(ManagersLine(diff, 1), "fixed 1: -47 round trips per run, -47 ms at 1 ms");
  EXPECT_EQ(ManagersLine(diff, 0.5), "fixed 1: -47 round trips per run, -24 ms at 0.5 ms");
}

TEST(Diff, PricesByCountsWhereASideIsABaselineOfTestsOrRoutes) {
  Observation lazy = Lazy();
  EXPECT_EQ(Compare({Clean(), true}, {lazy}).added_round_trips, 47U);
  FindingFacts& finding = lazy.findings.begin()->second;
  finding.routes = std::exchange(finding.tests, {});
  EXPECT_EQ(Compare({Clean(), true}, {lazy}).added_round_trips, 47U);
}

TEST(Diff, SaysNewGrownAndShrunkApart) {
  EXPECT_EQ(Compare({Clean()}, {LazyAt(47)}).findings.at(0).kind, DiffKind::kNew);
  EXPECT_EQ(Compare({LazyAt(10)}, {LazyAt(47)}).findings.at(0).kind, DiffKind::kGrown);
  EXPECT_EQ(Compare({LazyAt(47)}, {LazyAt(10)}).findings.at(0).kind, DiffKind::kShrunk);
}

TEST(Diff, WhatDidNotRunIsNotFixed) {
  const Diff diff = Compare({LazyAt(47)}, {Observation()});
  ASSERT_THAT(diff.findings, SizeIs(1));
  EXPECT_EQ(diff.findings[0].kind, DiffKind::kNotExercised);
  EXPECT_EQ(diff.fixed, 0U);
  EXPECT_EQ(ManagersLine(diff, 1), "nothing fixed, nothing new");
  EXPECT_THAT(diff.only_a, ElementsAre(kList));
}

TEST(Diff, BytesThatVaryFromRunToRunAreNoChange) {
  EXPECT_THAT(Compare({WithBytes(1000)}, {WithBytes(1099)}).scopes, IsEmpty());
  EXPECT_THAT(Compare({WithBytes(1000)}, {WithBytes(2000)}).scopes, SizeIs(1));
}

}  // namespace
}  // namespace pgassay::gate
