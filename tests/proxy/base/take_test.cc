#include "proxy/base/take.h"

#include <gtest/gtest.h>

namespace pgassay {
namespace {

TEST(Take, KeepsTheFirstErrorAndMovesNothingAfterIt) {
  int a = 0, b = 0, c = 0;
  Result<> all;
  Take(Result<int>(1), a, all);
  EXPECT_TRUE(all);
  Take(Result<int>(Fail("b is unreadable")), b, all);
  Take(Result<int>(3), c, all);
  Take(Result<int>(Fail("later")), c, all);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().message, "b is unreadable");
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b + c, 0);
}

}  // namespace
}  // namespace pgassay
