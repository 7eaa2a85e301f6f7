#include "proxy/relay/control_line.h"

#include <gtest/gtest.h>

namespace pgassay::relay {
namespace {

TEST(ControlLine, DecodesItsFields) {
  const auto line = ParseControlLine("open name=a%20b%26c%3D%C3%A9+d&file=&line=42\r");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->command, "open");
  EXPECT_EQ(line->Field("name"), "a b&c=\xc3\xa9 d");
  EXPECT_EQ(line->Field("file"), "");
  EXPECT_EQ(line->Field("line"), "42");
  EXPECT_EQ(line->Field("other"), "");
}

TEST(ControlLine, MayHaveNoFields) {
  EXPECT_EQ(ParseControlLine("close")->command, "close");
  EXPECT_EQ(ParseControlLine("")->command, "");
}

TEST(ControlLine, RefusesWhatItCannotRead) {
  for (const char* line : {"open name", "open =a", "open name=%", "open name=%4", "open name=%zz", "open name=a%0Ab",
                           "open name=a\x01", "open name=a&&b=c"}) {
    EXPECT_FALSE(ParseControlLine(line)) << line;
  }
}

}  // namespace
}  // namespace pgassay::relay
