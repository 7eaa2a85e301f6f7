// Another server's statistics over a snapshot.
#include "analyzer/catalog/statistics_csv.h"

#include <gtest/gtest.h>

namespace pgassay::catalog {
namespace {

Snapshot Small() {
  Snapshot snapshot;
  Relation orders{.oid = 100, .schema = "public", .name = "orders"};
  orders.rows = 50;
  orders.pages = 1;
  orders.columns = {{.name = "id", .attnum = 1}, {.name = "state", .attnum = 2, .common_frequencies = {0.9}}};
  snapshot.relations = {orders};
  Index key{.oid = 200, .relation_oid = 100};
  key.pages = 2;
  key.bytes = 16384;
  snapshot.indexes = {key};
  return snapshot;
}

constexpr std::string_view kHeader =
    "schemaname,tablename,attname,null_frac,avg_width,n_distinct,most_common_vals,most_common_freqs,correlation,"
    "reltuples,relpages,relallvisible\n";

TEST(StatisticsCsv, ReplacesFiguresAndLetsIndexesGrowOnce) {
  Snapshot snapshot = Small();
  const auto applied =
      ApplyStatistics(std::string(kHeader) +
                          "public,orders,id,0,8,-1,,,0.98,50000,700,690\n"
                          "public,orders,state,0.25,9,5,\"{\"\"a,\nb\"\",c}\",\"{0.5,0.25}\",,50000,700,690\r\n"
                          "other,orders,id,0,8,-1,,,1,9,9,9\n",
                      snapshot);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(*applied, 2U);
  const Relation& orders = snapshot.relations[0];
  EXPECT_EQ(orders.rows, 50000);
  EXPECT_EQ(orders.pages, 700);
  EXPECT_EQ(orders.all_visible_pages, 690);
  EXPECT_EQ(orders.columns[0].distinct, -1);
  EXPECT_EQ(orders.columns[0].correlation, 0.98);
  EXPECT_EQ(orders.columns[1].null_fraction, 0.25);
  EXPECT_EQ(orders.columns[1].average_width, 9);
  EXPECT_EQ(orders.columns[1].common_frequencies, (std::vector<double>{0.5, 0.25}));
  EXPECT_EQ(snapshot.indexes[0].pages, 2000);
  EXPECT_EQ(snapshot.indexes[0].bytes, 16'384'000);
}

TEST(StatisticsCsv, NeedsNamesAlone) {
  Snapshot snapshot = Small();
  const auto applied = ApplyStatistics("attname,tablename,schemaname,n_distinct\nid,orders,public,7", snapshot);
  ASSERT_TRUE(applied);
  EXPECT_EQ(*applied, 1U);
  EXPECT_EQ(snapshot.relations[0].columns[0].distinct, 7);
  EXPECT_EQ(snapshot.relations[0].rows, 50);
}

TEST(StatisticsCsv, SaysWhatIsWrongAndWhere) {
  const auto error = [](std::string_view csv) {
    Snapshot snapshot = Small();
    const auto applied = ApplyStatistics(csv, snapshot);
    return applied ? std::string("nothing") : applied.error().message;
  };
  EXPECT_EQ(error(""), "has no column schemaname in its first line");
  EXPECT_EQ(error("schemaname,tablename,n_distinct\n"), "has no column attname in its first line");
  const std::string header = "schemaname,tablename,attname,n_distinct\n";
  EXPECT_EQ(error(header + "public,orders,id,1\npublic,orders,id,many\n"), "has something that is no number in line 3");
  EXPECT_EQ(error(header + "public,orders,id\n"), "has 3 fields in line 2, and 4 in its first");
  EXPECT_EQ(error(header + "public,orders,\"id"), "has 3 fields in line 2, and 4 in its first");
}

}  // namespace
}  // namespace pgassay::catalog
