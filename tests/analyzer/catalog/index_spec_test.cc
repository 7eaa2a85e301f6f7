#include <gtest/gtest.h>

#include "analyzer/catalog/planner.h"

namespace pgassay::catalog {
namespace {

Relation Orders() {
  Relation orders{.oid = 100, .schema = "x'; drop table t;--", .name = "order"};
  orders.columns = {{.name = "user_id", .attnum = 1}, {.name = "Created", .attnum = 2}, {.name = "total", .attnum = 3}};
  return orders;
}

TEST(QuoteIdentifier, QuotesWhatPostgresWould) {
  EXPECT_EQ(QuoteIdentifier("user_id"), "user_id");
  EXPECT_EQ(QuoteIdentifier("status"), "status");
  EXPECT_EQ(QuoteIdentifier("order"), "\"order\"");
  EXPECT_EQ(QuoteIdentifier("Created"), "\"Created\"");
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteIdentifier("2nd"), "\"2nd\"");
  EXPECT_EQ(QuoteIdentifier(""), "\"\"");
}

TEST(IndexDefinition, WritesEveryPart) {
  IndexSpec spec{.relation_oid = 100, .name = "orders_open"};
  spec.keys = {{.attnum = 1},
               {.attnum = 2, .descending = true, .nulls_first = true},
               {.expression = "lower(note)", .operator_class = "text_pattern_ops"}};
  spec.included = {3};
  spec.predicate = "deleted_at IS NULL";
  EXPECT_EQ(IndexDefinition(spec, Orders(), {.concurrently = true}),
            "CREATE INDEX CONCURRENTLY orders_open ON \"x'; drop table t;--\".\"order\" USING btree (user_id, "
            "\"Created\" DESC, "
            "(lower(note)) text_pattern_ops) INCLUDE (total) WHERE deleted_at IS NULL");
}

TEST(IndexDefinition, SaysTheOrderOfNullsOnlyWhereItIsNotTheDefault) {
  IndexSpec spec;
  spec.keys = {{.attnum = 1, .descending = true}, {.attnum = 3, .nulls_first = true}};
  EXPECT_EQ(IndexDefinition(spec, Orders(), {.only = true}),
            "CREATE INDEX ON ONLY \"x'; drop table t;--\".\"order\" USING btree (user_id DESC NULLS LAST, total NULLS "
            "FIRST)");
}

}  // namespace
}  // namespace pgassay::catalog
