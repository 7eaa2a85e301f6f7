#include "proxy/relay/cancel_keys.h"

#include <gtest/gtest.h>

namespace pgassay::relay {
namespace {

SocketAddress At(uint16_t port) {
  return Resolve({.host = "127.0.0.1", .port = port, .unix_path = ""}, false).value().front();
}

TEST(CancelKeys, LeadToTheServerOfTheLatestLoginUntilThatOneEnds) {
  CancelKeys keys;
  EXPECT_FALSE(keys.Find("key"));
  keys.Add("key", 1, {At(1001), 1});
  ASSERT_TRUE(keys.Find("key"));
  EXPECT_EQ(ToText(keys.Find("key")->address), "127.0.0.1:1001");
  keys.Add("key", 2, {At(1002), 2});
  keys.Remove("key", 1);  // the earlier session ends later
  ASSERT_TRUE(keys.Find("key"));
  EXPECT_EQ(ToText(keys.Find("key")->address), "127.0.0.1:1002");
  keys.Remove("key", 2);
  EXPECT_FALSE(keys.Find("key"));
}

}  // namespace
}  // namespace pgassay::relay
