#include "analyzer/catalog/snapshot.h"

#include <gtest/gtest.h>

namespace pgassay::catalog {
namespace {

Snapshot Shop() {
  Snapshot shop;
  shop.upstream = "127.0.0.1:5432";
  shop.database = "shop";
  shop.role = "reader";
  shop.server_version = 150018;
  shop.taken_unix_ns = 1'700'000'000'000'000'000;
  shop.settings = {{"random_page_cost", "4"}};
  shop.extensions = {"hypopg"};
  shop.notes = {"public.locked was locked"};
  Relation orders{.oid = 100, .schema = "public", .name = "orders"};
  orders.rows = 1000;
  orders.columns = {{.name = "id", .attnum = 1, .type_oid = 20, .type = "bigint", .not_null = true, .distinct = -1},
                    {.name = "status",
                     .attnum = 3,
                     .type_oid = 25,
                     .type = "text",
                     .type_category = 'S',
                     .storage = 'x',
                     .enum_labels = {"a", "b"},
                     .distinct = 4,
                     .common_frequencies = {0.5, 0.25}}};
  shop.relations.push_back(orders);
  shop.indexes.push_back({.oid = 110, .relation_oid = 100, .schema = "public", .name = "orders_pkey"});
  shop.indexes[0].keys.push_back({.attnum = 1, .operator_class = "int8_ops"});
  shop.foreign_keys.push_back({.oid = 120,
                               .relation_oid = 100,
                               .referenced_oid = 90,
                               .columns = {2},
                               .referenced_columns = {1},
                               .on_delete = 'c'});
  shop.checks.push_back({.relation_oid = 100, .name = "positive", .definition = "CHECK ((id > 0))", .columns = {1}});
  return shop;
}

TEST(Snapshot, IsTheSameAfterJson) {
  const Snapshot shop = Shop();
  const auto read = SnapshotFromJson(SnapshotToJson(shop));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(*read, shop);
}

TEST(Snapshot, OfANewerVersionIsRefusedWithASentence) {
  const auto newer = SnapshotFromJson(R"({"version": 99})");
  ASSERT_FALSE(newer.has_value());
  EXPECT_NE(newer.error().message.find("use a newer pgassay"), std::string::npos) << newer.error().message;
  EXPECT_FALSE(SnapshotFromJson("").has_value());
  EXPECT_FALSE(SnapshotFromJson("[]").has_value());
  EXPECT_FALSE(SnapshotFromJson("{}").has_value());
}

TEST(Snapshot, TakesDefaultsForWhatIsMissingOrOfAnotherType) {
  const auto read =
      SnapshotFromJson(R"({"version": 1, "relations": [{"oid": "x", "name": 7, "kind": "v", "columns": {}}, 5]})");
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->relations.size(), 2U);
  EXPECT_EQ(read->relations[0], Relation{.kind = 'v'});
  EXPECT_EQ(read->relations[1], Relation{});
}

TEST(Snapshot, FindsByOidAndByName) {
  const Snapshot shop = Shop();
  ASSERT_NE(shop.FindRelation(100), nullptr);
  EXPECT_EQ(shop.FindRelation(101), nullptr);
  EXPECT_EQ(shop.FindRelation("", "orders"), shop.FindRelation(100));
  EXPECT_EQ(shop.FindRelation("other", "orders"), nullptr);
  EXPECT_EQ(shop.FindIndex(110), shop.IndexesOf(100).at(0));
  EXPECT_EQ(FindColumn(shop.relations[0], "status")->attnum, 3);
  EXPECT_EQ(FindColumn(shop.relations[0], int16_t{2}), nullptr);  // dropped
}

TEST(Snapshot, ATableInTwoSchemasIsOneOnlyWhenItsShapeIs) {
  Snapshot shop = Shop();
  Relation tenant = shop.relations[0];
  tenant.oid = 200;
  tenant.schema = "tenant_2";
  shop.relations.push_back(tenant);
  EXPECT_EQ(shop.FindRelation("", "orders"), &shop.relations[0]);
  shop.relations[1].columns.pop_back();
  EXPECT_EQ(shop.FindRelation("", "orders"), nullptr);
  EXPECT_EQ(shop.FindRelation("tenant_2", "orders"), &shop.relations[1]);
}

TEST(Snapshot, KnowsDistinctValuesInAbsoluteTerms) {
  const Snapshot shop = Shop();
  const Relation& orders = shop.relations[0];
  EXPECT_EQ(DistinctValues(orders, orders.columns[0]), 1000);
  EXPECT_EQ(DistinctValues(orders, orders.columns[1]), 4);
  EXPECT_EQ(DistinctValues(orders, Column{}), -1);
  EXPECT_EQ(DistinctValues(Relation{}, Column{.distinct = -0.5}), -1);
}

}  // namespace
}  // namespace pgassay::catalog
