// When two fixes make the same index, and when one makes the other needless.
#include "analyzer/detectors/index_fix.h"

#include <gtest/gtest.h>

#include "analyzer/detectors/explained.h"

namespace pgassay::detectors {
namespace {

Fix Sql(std::string_view definition) {
  return {.sql = "CREATE INDEX CONCURRENTLY " + std::string(definition) + ";", .orm = {}, .advice = ""};
}

TEST(IndexFix, IsTheSameIndexUnderAnyNameAndWithAnyInclude) {
  const Fix fix = Sql("a ON public.orders USING btree (user_id)");
  EXPECT_TRUE(MakesSameIndex(fix, Sql("b ON public.orders USING btree (user_id)")));
  EXPECT_TRUE(MakesSameIndex(fix, Sql("b ON public.orders USING btree (user_id) INCLUDE (total, state)")));
  EXPECT_FALSE(MakesSameIndex(fix, Sql("b ON public.orders USING btree (user_id) WHERE deleted_at IS NULL")));
  EXPECT_FALSE(MakesSameIndex(fix, Sql("b ON public.orders USING btree (user_id) INCLUDE (total) WHERE a IS NULL")));
  EXPECT_FALSE(MakesSameIndex(fix, Sql("b ON public.orders USING btree (user_id, total)")));
  EXPECT_FALSE(MakesSameIndex(fix, Sql("b ON audit.orders USING btree (user_id)")));
  EXPECT_FALSE(MakesSameIndex({}, {})) << "two fixes without an index";
}

TEST(IndexFix, IsLongerWhereItBeginsWithTheOthersKeysOnAllRows) {
  const Fix fix = Sql("a ON public.orders USING btree (user_id)");
  EXPECT_TRUE(MakesLongerIndex(Sql("b ON public.orders USING btree (user_id, created_at)"), fix));
  EXPECT_FALSE(MakesLongerIndex(Sql("b ON public.orders USING btree (user_id, created_at) WHERE a IS NULL"), fix));
  EXPECT_FALSE(MakesLongerIndex(Sql("b ON public.orders USING btree (user_ids, created_at)"), fix));
  EXPECT_FALSE(MakesLongerIndex(Sql("b ON public.orders USING btree (user_id)"), fix));
  EXPECT_FALSE(MakesLongerIndex(fix, {}));
}

TEST(IndexFix, AdvisesOneIndexOnce) {
  const auto finding = [](std::string_view rule, std::string_view definition) {
    Finding made;
    made.rule = rule;
    made.fix = Sql(definition);
    return made;
  };
  const auto rules = [](std::vector<Finding> findings) {
    std::vector<std::string> left;
    for (const Finding& each : LeaveOutExplained(std::move(findings))) left.push_back(each.rule);
    return left;
  };
  using Rules = std::vector<std::string>;
  const Finding pair = finding("composite-for-pair", "a ON public.orders USING btree (shop_id, state)");
  const Finding key = finding("unindexed-foreign-key", "a ON public.orders USING btree (user_id)");
  EXPECT_EQ(rules({finding("missing-index", "b ON public.orders USING btree (shop_id, state)"), pair}),
            (Rules{"composite-for-pair"}));
  EXPECT_EQ(rules({finding("missing-index", "b ON public.orders USING btree (user_id, total)"), key}),
            (Rules{"missing-index"}));
  EXPECT_EQ(rules({finding("missing-index", "b ON public.orders USING btree (total)"), key, pair}),
            (Rules{"missing-index", "unindexed-foreign-key", "composite-for-pair"}));
}

}  // namespace
}  // namespace pgassay::detectors
