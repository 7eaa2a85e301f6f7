#include "cli/encryption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace pgassay::cli {
namespace {

using relay::TlsOffer;
using relay::UpstreamTlsMode;
using testing::HasSubstr;

Machine MachineWith(std::vector<std::string> files) {
  return {.exists = [files](const std::string& path) { return std::ranges::find(files, path) != files.end(); },
          .read_file = [](const std::string&) { return std::nullopt; }};
}

Result<Encryption> Settled(const Environment& environment, const std::string& upstream, const Values& flags,
                           const AskForTls& ask, const Machine& machine = MachineWith({})) {
  const auto plan = PlanAddresses(environment, {.upstream = upstream, .names = {}}, machine);
  if (!plan) return std::unexpected(plan.error());
  const auto settings = Settings::Resolve(flags, Environment{}, ConfigFile{});
  if (!settings) return std::unexpected(settings.error());
  return SettleEncryption(*plan, *settings, environment, machine, ask);
}

// "plain", "require", …, with what was said about it.
std::string Judged(const Environment& environment, TlsOffer offer, const std::string& upstream = "",
                   const Values& flags = {}) {
  const auto settled = Settled(environment, upstream, flags, [offer](const relay::Route&) { return offer; });
  if (!settled) return "refused: " + settled.error().message;
  static constexpr std::string_view kNames[] = {"plain", "require", "verify-ca", "verify-full"};
  std::string text(kNames[static_cast<size_t>(settled->upstreams.front().mode)]);
  for (const std::string& note : settled->notes) text += ": " + note;
  return text;
}

TEST(Encryption, MovesWhatAnApplicationAsksForToTheServersLeg) {
  for (const TlsOffer offer : {TlsOffer::kNone, TlsOffer::kOffered}) {  // a demand does not depend on the offer
    EXPECT_EQ(Judged({{"URL", "postgresql://db/app?sslmode=require"}}, offer), "require");
    EXPECT_EQ(Judged({{"URL", "postgresql://db/app?sslmode=verify-ca"}}, offer), "verify-ca");
    EXPECT_EQ(Judged({{"URL", "postgresql://db/app?sslmode=verify-full"}}, offer), "verify-full");
    EXPECT_EQ(Judged({{"URL", "postgresql://db/app"}, {"PGSSLMODE", "verify-full"}}, offer), "verify-full");
    EXPECT_EQ(Judged({{"URL", "jdbc:postgresql://db/app?ssl=true"}}, offer), "require");
    EXPECT_EQ(Judged({{"URL", "postgresql+asyncpg://127.0.0.1/app?ssl=require"}}, offer), "require");
    EXPECT_EQ(Judged({{"URL", "postgresql://127.evil.example/app?sslmode=require"}}, offer), "require");
    EXPECT_EQ(Judged({}, offer, "postgresql://localhost?sslmode=require"), "require");
    EXPECT_EQ(Judged({{"URL", "postgresql://db/app?sslmode=disable"}}, offer), "plain");
    EXPECT_EQ(Judged({{"URL", "postgresql:///app?host=/tmp&sslmode=require"}}, offer), "plain");
  }
}

TEST(Encryption, WhatIsOnlyPreferredDependsOnTheOffer) {
  const Environment remote = {{"URL", "postgresql://db/app"}};
  EXPECT_EQ(Judged(remote, TlsOffer::kOffered), "require");
  EXPECT_THAT(Judged(remote, TlsOffer::kNone), HasSubstr("plain: db:5432 offers no TLS"));
  const Environment local = {{"URL", "postgresql://localhost/app?sslmode=prefer"}};
  EXPECT_EQ(Judged(local, TlsOffer::kOffered), "plain");
  EXPECT_EQ(Judged(local, TlsOffer::kInsistedOn), "require");
  const auto unasked = Settled(remote, "", {}, nullptr);
  ASSERT_TRUE(unasked);
  EXPECT_THAT(unasked->notes.front(), HasSubstr("db:5432 is reached without TLS"));
}

TEST(Encryption, OfAnApplicationMayBeGivenUpForAServerOfThisMachineThatUpstreamNames) {
  const Environment strict = {{"URL", "postgresql://db/app?sslmode=verify-full"}};
  EXPECT_THAT(Judged(strict, TlsOffer::kNone, "127.0.0.1:6000"),
              HasSubstr("plain: sslmode=verify-full of URL is not kept"));
  EXPECT_EQ(Judged(strict, TlsOffer::kOffered, "127.0.0.1:6000"), "require");
  EXPECT_EQ(Judged(strict, TlsOffer::kNone, "elsewhere:6000"), "verify-full");
}

TEST(Encryption, FlagsComeFirst) {
  const Environment strict = {{"URL", "postgresql://db/app?sslmode=verify-full"}};
  EXPECT_EQ(Judged(strict, TlsOffer::kNone, "", {{"upstream-tls", {"require"}}}), "require");
  EXPECT_EQ(Judged(strict, TlsOffer::kNone, "", {{"upstream-tls", {"disable"}}}), "plain");
  EXPECT_EQ(Judged({{"URL", "postgresql://db/app"}}, TlsOffer::kNone, "", {{"upstream-ca", {"ca.crt"}}}),
            "verify-full");
  EXPECT_THAT(Judged(strict, TlsOffer::kNone, "", {{"upstream-tls", {"prefer"}}}),
              HasSubstr("refused: --upstream-tls prefer"));
  EXPECT_THAT(Judged(strict, TlsOffer::kNone, "", {{"upstream-cert", {"c.crt"}}}), HasSubstr("go together"));
  EXPECT_THAT(Judged({}, TlsOffer::kNone, "/tmp", {{"upstream-tls", {"require"}}}), HasSubstr("Unix socket"));
}

TEST(Encryption, TakesTheFilesOfTheAddressAndThoseWhereLibpqLooks) {
  const auto options = [](const Environment& environment, std::vector<std::string> files) {
    return Settled(environment, "", {}, nullptr, MachineWith(std::move(files)))->upstreams.front();
  };
  auto of_url =
      options({{"URL", "postgresql://db/app?sslmode=verify-full&sslrootcert=%2Fa%20b.crt&sslcert=c&sslkey=k"}}, {});
  EXPECT_EQ(of_url.ca_file, "/a b.crt");
  EXPECT_EQ(of_url.certificate_file, "c");
  EXPECT_EQ(of_url.key_file, "k");
  EXPECT_EQ(options({{"URL", "postgresql://db/app?sslmode=require&sslrootcert=ca"}}, {}).mode,
            UpstreamTlsMode::kVerifyCa);
  EXPECT_EQ(options({{"PGHOST", "db"}, {"PGSSLMODE", "verify-ca"}, {"PGSSLROOTCERT", "ca"}}, {}).ca_file, "ca");
  const Environment at_home = {{"URL", "postgresql://db/app?sslmode=verify-full"}, {"HOME", "/home/a"}};
  const auto found = options(at_home, {"/home/a/.postgresql/root.crt", "/home/a/.postgresql/postgresql.crt",
                                       "/home/a/.postgresql/postgresql.key"});
  EXPECT_EQ(found.ca_file, "/home/a/.postgresql/root.crt");
  EXPECT_EQ(found.key_file, "/home/a/.postgresql/postgresql.key");
  EXPECT_EQ(options(at_home, {"/home/a/.postgresql/postgresql.crt"}).certificate_file, "");
  EXPECT_EQ(options({{"URL", "postgresql://db/app?sslmode=verify-full&sslrootcert=system"}, {"HOME", "/home/a"}},
                    {"/home/a/.postgresql/root.crt"})
                .ca_file,
            "");
  EXPECT_EQ(options({{"URL", "postgresql://db/app?hostaddr=10.0.0.7&sslmode=verify-full"}}, {}).host, "db");
  EXPECT_EQ(options({{"PGHOST", "db"}, {"PGHOSTADDR", "10.0.0.7"}, {"PGSSLMODE", "verify-full"}}, {}).host, "db");
}

TEST(LoginTrouble, IsToldOnce) {
  const auto totals = std::make_unique<SharedTotals>();
  LoginTrouble trouble;
  EXPECT_TRUE(trouble.News(*totals).empty());
  totals->loops[3].tls_required = 2;
  EXPECT_THAT(trouble.News(*totals), testing::ElementsAre(HasSubstr("--upstream-tls")));
  totals->loops[0].binding_failures = 1;
  EXPECT_THAT(trouble.News(*totals), testing::ElementsAre(HasSubstr("channel_binding=disable")));
  EXPECT_TRUE(trouble.News(*totals).empty());
}

}  // namespace
}  // namespace pgassay::cli
