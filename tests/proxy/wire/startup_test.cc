#include "proxy/wire/startup.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/wire_builder.h"

namespace pgassay::wire {
namespace {

using namespace tests;

StartupKind KindOf(const std::string& bytes) { return ClassifyStartup(bytes).kind; }

TEST(ClassifyStartup, TellsTheFiveFormsApart) {
  EXPECT_EQ(KindOf(StartupMessage({{"user", "u"}})), StartupKind::kStartup);
  EXPECT_EQ(KindOf(SslRequest()), StartupKind::kSslRequest);
  EXPECT_EQ(KindOf(GssEncRequest()), StartupKind::kGssEncRequest);
  EXPECT_EQ(KindOf(CancelRequest(1, "key!")), StartupKind::kCancelRequest);
  EXPECT_EQ(KindOf(CancelRequest(1, std::string(256, 'k'))), StartupKind::kCancelRequest);
  EXPECT_EQ(KindOf("\x16\x03\x01"), StartupKind::kDirectTls);
}

TEST(ClassifyStartup, NeedsNoMoreThanEightBytes) {
  const std::string message = StartupMessage({{"user", "u"}});
  const Startup startup = ClassifyStartup(std::string_view(message).substr(0, kStartupHeaderBytes));
  EXPECT_EQ(startup.kind, StartupKind::kStartup);
  EXPECT_EQ(startup.length, message.size());
  EXPECT_EQ(startup.code, 196608U);
  for (size_t length = 0; length < kStartupHeaderBytes; ++length) {
    EXPECT_EQ(KindOf(message.substr(0, length)), StartupKind::kIncomplete) << length;
  }
}

TEST(ClassifyStartup, TakesUnknownMinorVersionsButNoOtherMajor) {
  EXPECT_EQ(KindOf(Int32(100) + Int32(3 << 16 | 9999)), StartupKind::kStartup);
  EXPECT_EQ(KindOf(Int32(100) + Int32(2 << 16)), StartupKind::kInvalid);
  EXPECT_EQ(KindOf(Int32(100) + Int32(4 << 16)), StartupKind::kInvalid);
}

TEST(ClassifyStartup, RefusesLengthsThatCannotBe) {
  EXPECT_EQ(KindOf(Int32(7) + Int32(196608)), StartupKind::kInvalid);
  EXPECT_EQ(KindOf(Int32(10'005) + Int32(196608)), StartupKind::kInvalid);
  EXPECT_EQ(KindOf(Int32(-1) + Int32(196608)), StartupKind::kInvalid);
  EXPECT_EQ(KindOf(Int32(9) + Int32(80877103)), StartupKind::kInvalid);
  EXPECT_EQ(KindOf(CancelRequest(1, "abc")), StartupKind::kInvalid);
  EXPECT_EQ(KindOf(CancelRequest(1, std::string(257, 'k'))), StartupKind::kInvalid);
  EXPECT_EQ(KindOf("GET "), StartupKind::kInvalid);
  EXPECT_EQ(KindOf("G"), StartupKind::kInvalid);
}

TEST(StartupParametersTest, ReadsTheOnesThatMatter) {
  StartupParameters parameters;
  const std::string body =
      Cstring("user") + Cstring("ann") + Cstring("application_name") + Cstring("psql") + Cstring("");
  ASSERT_TRUE(ParseStartupParameters(body, parameters));
  EXPECT_EQ(parameters.user, "ann");
  EXPECT_EQ(parameters.database, "ann");
  EXPECT_EQ(parameters.application_name, "psql");
  EXPECT_FALSE(parameters.replication);
}

TEST(StartupParametersTest, RefusesWhatIsNoListOfPairs) {
  StartupParameters parameters;
  EXPECT_FALSE(ParseStartupParameters("", parameters));
  EXPECT_FALSE(ParseStartupParameters("user", parameters));
  EXPECT_FALSE(ParseStartupParameters(Cstring("user") + "ann", parameters));
  EXPECT_FALSE(ParseStartupParameters(Cstring("user") + Cstring("ann"), parameters));
  EXPECT_FALSE(ParseStartupParameters(Cstring("") + "more", parameters));
}

TEST(CancelKeyTest, IsWhatBackendKeyDataGave) {
  EXPECT_EQ(CancelKey(CancelRequest(7, "key!")), Int32(7) + "key!");
  EXPECT_EQ(CancelKey("short"), "");
}

}  // namespace
}  // namespace pgassay::wire
