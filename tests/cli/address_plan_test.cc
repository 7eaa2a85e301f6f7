#include "cli/address_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace pgassay::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A machine that has these files, and nothing else.
Machine MachineWith(std::map<std::string, std::string> files) {
  return {.exists = [files](const std::string& path) { return files.contains(path); },
          .read_file = [files](const std::string& path) -> std::optional<std::string> {
            const auto found = files.find(path);
            return found == files.end() ? std::nullopt : std::optional(found->second);
          }};
}

std::vector<std::string> Servers(const AddressPlan& plan) {
  std::vector<std::string> servers;
  for (const Upstream& upstream : plan.upstreams) servers.push_back(relay::ToString(upstream.address));
  return servers;
}

struct Outcome {
  AddressPlan plan;
  Environment environment;
};

// The plan, and the environment at ports 4001, 4002, …
Outcome Through(const Environment& environment, const PlanOptions& options = {},
                const Machine& machine = MachineWith({})) {
  auto plan = PlanAddresses(environment, options, machine);
  EXPECT_TRUE(plan) << plan.error().message;
  std::vector<uint16_t> ports;
  for (size_t i = 0; i < plan->upstreams.size(); ++i) ports.push_back(static_cast<uint16_t>(4001 + i));
  Environment through = ThroughPorts(environment, *plan, ports);
  return {std::move(*plan), std::move(through)};
}

std::string ErrorOf(const Environment& environment, const PlanOptions& options = {}) {
  const auto plan = PlanAddresses(environment, options, MachineWith({}));
  return plan ? "no error" : plan.error().message;
}

TEST(AddressPlan, OneListenerPerDistinctServer) {
  const auto [plan, environment] = Through({{"A_URL", "postgresql://db/app"},
                                            {"B_URL", "jdbc:postgresql://db:5432/other"},
                                            {"C_URL", "postgresql+asyncpg://elsewhere/app"},
                                            {"CACHE", "redis://db:6379"}});
  EXPECT_THAT(Servers(plan), ElementsAre("db:5432", "elsewhere:5432"));
  EXPECT_EQ(environment.Get("A_URL"), "postgresql://127.0.0.1:4001/app");
  EXPECT_EQ(environment.Get("B_URL"), "jdbc:postgresql://127.0.0.1:4001/other?sslmode=disable");
  EXPECT_EQ(environment.Get("C_URL"), "postgresql+asyncpg://127.0.0.1:4002/app?ssl=disable");
  EXPECT_EQ(environment.Get("CACHE"), "redis://db:6379");
  EXPECT_EQ(environment.Get("PGHOST"), std::nullopt);
}

TEST(AddressPlan, PgHostAndPort) {
  const auto [plan, environment] =
      Through({{"PGHOST", "db"}, {"PGPORT", "5433"}, {"PGSSLMODE", "prefer"}, {"PGSSLROOTCERT", "/ca.pem"}});
  EXPECT_THAT(Servers(plan), ElementsAre("db:5433"));
  EXPECT_EQ(environment.Get("PGHOST"), "127.0.0.1");
  EXPECT_EQ(environment.Get("PGPORT"), "4001");
  EXPECT_EQ(environment.Get("PGSSLMODE"), "disable");
  EXPECT_EQ(environment.Get("PGSSLROOTCERT"), std::nullopt);
}

TEST(AddressPlan, PgHostAddrComesBeforePgHost) {
  const auto [plan, environment] = Through({{"PGHOST", "db"}, {"PGHOSTADDR", "10.0.0.7"}});
  EXPECT_THAT(Servers(plan), ElementsAre("10.0.0.7:5432"));
  EXPECT_EQ(environment.Get("PGHOSTADDR"), std::nullopt);
}

TEST(AddressPlan, ListsOfHosts) {
  const auto [plan, environment] = Through({{"PGHOST", "a,b"}, {"PGPORT", "1,2"}, {"URL", "postgresql://b:2,c/app"}});
  EXPECT_THAT(Servers(plan), ElementsAre("b:2", "c:1", "a:1"));
  EXPECT_EQ(environment.Get("PGHOST"), "127.0.0.1,127.0.0.1");
  EXPECT_EQ(environment.Get("PGPORT"), "4003,4001");
  EXPECT_EQ(environment.Get("URL"), "postgresql://127.0.0.1:4001,127.0.0.1:4002/app");
}

TEST(AddressPlan, NothingNamedIsWhatLibpqWouldTake) {
  const Machine with_socket = MachineWith({{"/var/run/postgresql/.s.PGSQL.5432", ""}});
  EXPECT_THAT(Servers(Through({}, {}, with_socket).plan), ElementsAre("/var/run/postgresql/.s.PGSQL.5432"));
  EXPECT_THAT(Servers(Through({}).plan), ElementsAre("localhost:5432"));
  EXPECT_EQ(Through({}).environment.Get("PGHOST"), "127.0.0.1");
}

TEST(AddressPlan, AnUrlWithoutAHostTakesItFromTheEnvironmentIfItsDriverDoes) {
  const Environment environment = {
      {"PGHOST", "/run/pg"}, {"PGPORT", "7"}, {"A", "postgresql:///app"}, {"J", "jdbc:postgresql:app"}};
  EXPECT_THAT(Servers(Through(environment).plan), ElementsAre("/run/pg/.s.PGSQL.7", "localhost:5432"));
}

TEST(AddressPlan, ServicesAreReadAndReplaced) {
  const Machine machine = MachineWith(
      {{"/home/me/.pg_service.conf",
        "# mine\n[other]\nhost=wrong\n[shop]\nhost=db\nport=5433\ndbname=shop\nuser=me\nsslmode=prefer\n"}});
  const auto [plan, environment] =
      Through({{"HOME", "/home/me"}, {"PGSERVICE", "shop"}, {"PGHOST", "ignored"}}, {}, machine);
  EXPECT_THAT(Servers(plan), ElementsAre("db:5433"));
  EXPECT_EQ(environment.Get("PGSERVICE"), std::nullopt);
  EXPECT_EQ(environment.Get("PGDATABASE"), "shop");
  EXPECT_EQ(environment.Get("PGUSER"), "me");
  EXPECT_EQ(environment.Get("PGHOST"), "127.0.0.1");
  const auto by_url = Through({{"HOME", "/home/me"}, {"URL", "postgresql://?service=shop"}}, {}, machine);
  EXPECT_THAT(Servers(by_url.plan), ElementsAre("db:5433"));
  EXPECT_EQ(by_url.environment.Get("URL"), "postgresql://127.0.0.1:4001?service=shop&sslmode=disable");
  EXPECT_THAT(ErrorOf({{"PGSERVICE", "nowhere"}}), HasSubstr("nowhere"));
}

TEST(AddressPlan, NamedVariables) {
  const auto [plan, environment] = Through(
      {{"DB_HOST", "db"}, {"DB_PORT", "5433"}, {"REPLICA", "db:5434"}, {"shopHost", "::1"}, {"PGHOST_OTHER", "x"}},
      {.upstream = "", .names = {"DB_HOST", "REPLICA", "shopHost"}});
  EXPECT_THAT(Servers(plan), ElementsAre("db:5433", "db:5434", "[::1]:5432"));
  EXPECT_EQ(environment.Get("DB_HOST"), "127.0.0.1");
  EXPECT_EQ(environment.Get("DB_PORT"), "4001");
  EXPECT_EQ(environment.Get("REPLICA"), "127.0.0.1:4002");
  EXPECT_EQ(environment.Get("shopPort"), "4003");
  EXPECT_EQ(environment.Get("PGHOST"), std::nullopt);
}

TEST(AddressPlan, NamedVariablesThatLeadNowhereAreErrors) {
  EXPECT_THAT(ErrorOf({}, {.upstream = "", .names = {"DB_HOST"}}), HasSubstr("DB_HOST"));
  EXPECT_THAT(ErrorOf({{"DB", "db"}}, {.upstream = "", .names = {"DB"}}), HasSubstr("port"));
  EXPECT_THAT(ErrorOf({{"DB", "mysql://db"}}, {.upstream = "", .names = {"DB"}}), HasSubstr("no PostgreSQL URL"));
  EXPECT_THAT(ErrorOf({{"URL", "postgresql://u:secret@db:x/app"}}), HasSubstr("URL"));
  EXPECT_THAT(ErrorOf({{"URL", "postgresql://u:secret@db:x/app"}}), testing::Not(HasSubstr("secret")));
}

TEST(AddressPlan, UpstreamGivenIsWhereEverythingLeads) {
  const auto [plan, environment] = Through({{"URL", "postgresql://a/app"}, {"OTHER", "postgresql://b/app"}},
                                           {.upstream = "127.0.0.1:7", .names = {}});
  EXPECT_THAT(Servers(plan), ElementsAre("127.0.0.1:7"));
  EXPECT_EQ(environment.Get("OTHER"), "postgresql://127.0.0.1:4001/app");
  EXPECT_EQ(environment.Get("PGPORT"), "4001");
}

TEST(Upstream, IsAnUrlAnAddressOrASocket) {
  const auto parsed = [](std::string_view text) {
    const auto upstream = ParseUpstream(text, {}, MachineWith({}));
    return upstream ? relay::ToString(upstream->address) : upstream.error().message;
  };
  EXPECT_EQ(parsed("postgresql://u:p@db/app"), "db:5432");
  EXPECT_EQ(parsed("db:5433"), "db:5433");
  EXPECT_EQ(parsed("[::1]:5433"), "[::1]:5433");
  EXPECT_EQ(parsed("/run/postgresql"), "/run/postgresql/.s.PGSQL.5432");
  EXPECT_EQ(parsed("/run/postgresql:5433"), "/run/postgresql/.s.PGSQL.5433");
  EXPECT_EQ(parsed("/run/postgresql/.s.PGSQL.5433"), "/run/postgresql/.s.PGSQL.5433");
  EXPECT_EQ(parsed("postgresql:///app?host=/tmp"), "/tmp/.s.PGSQL.5432");
  EXPECT_THAT(parsed("mysql://db"), HasSubstr("no PostgreSQL URL"));
  EXPECT_THAT(parsed("postgresql://a,b/app"), HasSubstr("several hosts"));
}

}  // namespace
}  // namespace pgassay::cli
