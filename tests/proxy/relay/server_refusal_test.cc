#include "proxy/relay/server_refusal.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/relay/refusal.h"

namespace pgassay::relay {
namespace {

TEST(ServerRefusal, TellsADemandForEncryptionFromOtherRefusals) {
  EXPECT_TRUE(InsistsOnTls(
      FatalError("28000", R"(no pg_hba.conf entry for host "127.0.0.1", user "app", database "shop", no encryption)")));
  EXPECT_TRUE(InsistsOnTls(
      FatalError("28000", R"(no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", SSL off)")));
  EXPECT_TRUE(InsistsOnTls(FatalError("08P01", "connection is insecure (try using `sslmode=require`)")));
  EXPECT_FALSE(InsistsOnTls(FatalError("28000", R"(role "app" does not exist)")));
  EXPECT_FALSE(InsistsOnTls(FatalError("28000", R"(no pg_hba.conf entry for host "127.0.0.1", SSL encryption)")));
  EXPECT_FALSE(InsistsOnTls(FatalError("53300", "sorry, too many clients already")));
}

TEST(ServerRefusal, SurvivesWhateverAServerSends) {
  const std::string whole = FatalError("28000", "no encryption");
  for (size_t size = 0; size < whole.size(); ++size) InsistsOnTls(whole.substr(0, size));
  EXPECT_FALSE(InsistsOnTls(""));
  EXPECT_FALSE(InsistsOnTls("E"));
  EXPECT_FALSE(InsistsOnTls("EEEEEEEEEEEE"));
  EXPECT_FALSE(InsistsOnTls(std::string(64, '\0')));
  EXPECT_FALSE(InsistsOnTls("R\0\0\0\x08\0\0\0\0"));
}

}  // namespace
}  // namespace pgassay::relay
