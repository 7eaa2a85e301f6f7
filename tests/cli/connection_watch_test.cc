#include "cli/connection_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgassay::cli {
namespace {

TEST(Connections, AreReadFromTheKernelsTables) {
  const auto found = ParseConnections(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0 100 0 0 10 "
      "0\n"
      "   1: 0100007F:C000 0100007F:1538 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 0 20 4 30 10 "
      "-1\n"
      "   2: 0100007F:C001 0700000A:1539 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0\n"
      "rubbish\n");
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].remote, "127.0.0.1:5432");
  EXPECT_EQ(found[0].inode, 222);
  EXPECT_EQ(found[0].local_port, 0xC000);
  EXPECT_EQ(found[1].remote, "10.0.0.7:5433");
}

TEST(Connections, OverIpv6) {
  const auto found = ParseConnections(
      "headings\n"
      "   0: 00000000000000000000000001000000:C000 00000000000000000000000001000000:1538 01 0:0 0:0 0 0 0 5 1\n"
      "   1: 0000000000000000FFFF00000100007F:C000 0000000000000000FFFF00000100007F:1538 01 0:0 0:0 0 0 0 6 1\n");
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].remote, "[::1]:5432");
  EXPECT_EQ(found[1].remote, "127.0.0.1:5432");
}

}  // namespace
}  // namespace pgassay::cli
