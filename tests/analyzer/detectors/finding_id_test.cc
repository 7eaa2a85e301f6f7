#include "analyzer/detectors/finding_id.h"

#include <gtest/gtest.h>

#include <set>

namespace pgassay::detectors {
namespace {

sql::Comparison Equals(int relation, std::string column) {
  sql::Comparison comparison;
  comparison.column = {relation, std::move(column)};
  comparison.comparator = sql::Comparator::kEqual;
  comparison.slot = 0;
  return comparison;
}

trace::StatementRow OrdersByUser() {
  trace::StatementRow row;
  row.shape_hash = 1;
  row.facts.operation = sql::Operation::kSelect;
  row.facts.relations = {{"", "orders", ""}, {"", "users", ""}};
  row.facts.comparisons = {Equals(0, "user_id"), Equals(1, "active")};
  return row;
}

// Ids are in baselines and pull requests of users: a change of this value breaks them and needs a new
// kFindingIdVersion.
TEST(FindingId, IsFrozen) {
  const FindingId id = EdgeId("n-plus-one", "users", "id", "orders", "user_id", sql::Operation::kSelect);
  EXPECT_EQ(id.text, "n-plus-one/1 SELECT orders.user_id <- users.id");
  EXPECT_EQ(id.id, "402d82f3195c");
  EXPECT_EQ(SkeletonId("repeated-query", OrdersByUser()).text,
            "repeated-query/1 SELECT orders, users where orders.user_id, users.active");
  EXPECT_EQ(SkeletonId("repeated-query", OrdersByUser()).id, "ceca874ceb43");
}

TEST(FindingId, DoesNotChangeWithTheSelectListAliasesSchemasOrOrder) {
  const FindingId before = SkeletonId("repeated-query", OrdersByUser());
  trace::StatementRow row = OrdersByUser();
  row.shape_hash = 2;
  row.sql = "SELECT one, more FROM …";
  row.fingerprint = "abc";
  row.facts.outputs.push_back({sql::Output::Kind::kColumn, {0, "added"}, "added"});
  row.facts.relations = {{"tenant_7", "users", "u"}, {"tenant_7", "orders", "o"}};
  row.facts.comparisons = {Equals(0, "active"), Equals(1, "user_id"), Equals(1, "user_id")};
  EXPECT_EQ(SkeletonId("repeated-query", row).id, before.id);
}

TEST(FindingId, ChangesWithRuleOperationRelationAndPredicate) {
  std::set<std::string> ids;
  ids.insert(SkeletonId("repeated-query", OrdersByUser()).id);
  ids.insert(SkeletonId("query-in-loop", OrdersByUser()).id);
  trace::StatementRow row = OrdersByUser();
  row.facts.operation = sql::Operation::kUpdate;
  ids.insert(SkeletonId("repeated-query", row).id);
  row = OrdersByUser();
  row.facts.relations.pop_back();
  ids.insert(SkeletonId("repeated-query", row).id);
  row = OrdersByUser();
  row.facts.comparisons.pop_back();
  ids.insert(SkeletonId("repeated-query", row).id);
  ids.insert(EdgeId("n-plus-one", "users", "id", "orders", "user_id", sql::Operation::kSelect).id);
  ids.insert(EdgeId("n-plus-one", "users", "id", "orders", "user_id", sql::Operation::kUpdate).id);
  ids.insert(EdgeId("n-plus-one", "orders", "user_id", "users", "id", sql::Operation::kSelect).id);
  EXPECT_EQ(ids.size(), 8U);
}

TEST(FindingId, TellsStatementsWithoutRelationApartByTheirShape) {
  trace::StatementRow one, other;
  one.shape_hash = 1;
  other.shape_hash = 2;
  EXPECT_NE(SkeletonId("repeated-query", one).id, SkeletonId("repeated-query", other).id);
  EXPECT_EQ(SkeletonId("repeated-query", one).id.size(), 12U);
}

}  // namespace
}  // namespace pgassay::detectors
