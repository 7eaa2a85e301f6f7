#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/detectors/detector.h"

namespace pgassay::detectors {
namespace {

using testing::SizeIs;

lineage::Unit UnitOf(int64_t id, int64_t joined_to, uint64_t statements) {
  lineage::Unit unit;
  unit.unit_id = id;
  unit.joined_to = joined_to;
  unit.statements = statements;
  unit.begin_ns = id * 100;
  unit.end_ns = id * 100 + 50;
  return unit;
}

lineage::UnitStatement Row(int64_t unit_id, int64_t statement_id, uint64_t calls) {
  lineage::UnitStatement row;
  row.unit_id = unit_id;
  row.statement_id = statement_id;
  row.calls = calls;
  row.first_no = unit_id * 10;
  row.last_no = unit_id * 10 + 9;
  return row;
}

lineage::Edge EdgeOf(int64_t unit_id, uint64_t children, int64_t parent_no) {
  lineage::Edge edge;
  edge.unit_id = unit_id;
  edge.parent_statement_id = 1;
  edge.child_statement_id = 2;
  edge.children = edge.distinct_values = edge.max_children_per_parent = edge.max_distinct_per_parent = children;
  edge.parent_executions = 1;
  edge.parent_rows = 50;
  edge.parent_no = parent_no;
  return edge;
}

TEST(TraceView, FollowsJoinedUnitsToTheirRoot) {
  TraceView view;
  view.units = {UnitOf(3, 2, 5), UnitOf(1, 0, 10), UnitOf(2, 1, 7)};
  view.unit_statements = {Row(3, 9, 5), Row(1, 9, 10), Row(2, 8, 7)};
  ResolveJoinedUnits(view);
  ASSERT_THAT(view.units, SizeIs(3));
  EXPECT_EQ(view.Unit(1)->statements, 22U);
  EXPECT_EQ(view.Unit(1)->begin_ns, 100);
  EXPECT_EQ(view.Unit(1)->end_ns, 350);
  EXPECT_EQ(view.Unit(2)->joined_to, 1);
  EXPECT_EQ(view.Unit(3)->joined_to, 1);
  ASSERT_THAT(view.unit_statements, SizeIs(2));
  EXPECT_EQ(view.unit_statements[0].statement_id, 8);
  EXPECT_EQ(view.unit_statements[1].calls, 15U);
  EXPECT_EQ(view.unit_statements[1].first_no, 10);
  EXPECT_EQ(view.unit_statements[1].last_no, 39);
}

TEST(TraceView, AddsUpTheChildrenOfOneParentExecution) {
  TraceView
      view;  // autocommit with idle gaps: the children of one parent, each in a unit of its own until it was joined
  view.units = {UnitOf(1, 0, 1), UnitOf(2, 1, 1), UnitOf(3, 1, 1), UnitOf(4, 1, 1)};
  view.edges = {EdgeOf(2, 1, 77), EdgeOf(3, 1, 77), EdgeOf(4, 1, 88)};
  view.unit_statements = {Row(1, 1, 2), Row(2, 2, 1), Row(3, 2, 1), Row(4, 2, 6)};
  ResolveJoinedUnits(view);
  ASSERT_THAT(view.edges, SizeIs(1));
  const lineage::Edge& edge = view.edges[0];
  EXPECT_EQ(edge.unit_id, 1);
  EXPECT_EQ(edge.children, 3U);
  EXPECT_EQ(edge.max_children_per_parent, 2U);
  EXPECT_EQ(edge.parent_executions, 2U);
  EXPECT_EQ(edge.parent_rows, 100U);
  EXPECT_EQ(edge.child_executions, 8U);
}

TEST(TraceView, KeepsApartWhatWasNotJoined) {
  TraceView view;
  view.units = {UnitOf(1, 0, 1), UnitOf(2, 0, 1)};
  view.edges = {EdgeOf(2, 4, 7), EdgeOf(1, 3, 6)};
  view.unit_statements = {Row(2, 2, 9), Row(1, 2, 9)};
  ResolveJoinedUnits(view);
  ASSERT_THAT(view.edges, SizeIs(2));
  EXPECT_EQ(view.edges[0].children, 3U);
  EXPECT_EQ(view.edges[1].children, 4U);
  EXPECT_EQ(view.edges[1].child_executions, 0U);  // as the lineage gave it
  EXPECT_THAT(view.unit_statements, SizeIs(2));
}

TEST(TraceView, PassesOverRowsThatMovedAway) {
  TraceView view;
  view.units = {UnitOf(1, 0, 1)};
  view.edges = {EdgeOf(1, 0, 0)};
  view.unit_statements = {Row(1, 2, 0)};
  view.repeats.push_back({.unit_id = 1, .statement_id = 2});
  ResolveJoinedUnits(view);
  EXPECT_THAT(view.edges, SizeIs(0));
  EXPECT_THAT(view.unit_statements, SizeIs(0));
  EXPECT_THAT(view.repeats, SizeIs(0));
}

TEST(TraceView, EndsOnACycleOfABrokenTrace) {
  TraceView view;
  view.units = {UnitOf(1, 2, 1), UnitOf(2, 1, 1)};
  view.unit_statements = {Row(1, 2, 1)};
  ResolveJoinedUnits(view);
  EXPECT_THAT(view.unit_statements, SizeIs(1));
}

TEST(TraceView, FindsByIdAndOnlyWhatIsThere) {
  TraceView view;
  view.units = {UnitOf(2, 0, 1)};
  trace::StatementRow statement;
  statement.statement_id = 5;
  view.statements = {statement};
  view.columns = {{4, 0, "a", {}, 0, 0, 0}, {5, 0, "b", {}, 0, 0, 0}, {5, 1, "c", {}, 0, 0, 0}};
  EXPECT_NE(view.Statement(5), nullptr);
  EXPECT_EQ(view.Statement(4), nullptr);
  EXPECT_NE(view.Unit(2), nullptr);
  EXPECT_EQ(view.Unit(3), nullptr);
  EXPECT_THAT(view.Columns(5), SizeIs(2));
  EXPECT_THAT(view.Columns(6), SizeIs(0));
}

}  // namespace
}  // namespace pgassay::detectors
