#include "cli/password_file.h"

#include <gtest/gtest.h>

namespace pgassay::cli {
namespace {

Upstream At(const relay::Address& address) {
  Upstream upstream;
  upstream.address = address;
  return upstream;
}

TEST(PasswordFile, GivesEachPortTheLinesOfItsServer) {
  const std::vector<Upstream> upstreams = {At({.host = "db", .port = 5432, .unix_path = ""}),
                                           At({.host = "::1", .port = 5433, .unix_path = ""}),
                                           At({.host = "", .port = 0, .unix_path = "/run/pg/.s.PGSQL.5432"})};
  EXPECT_EQ(LinesForPorts("# db:5432:*:*:comment\n"
                          "db:5432:app:me:se\\:cret\n"
                          "db:9:app:me:other port\n"
                          "elsewhere:5432:*:*:other host\n"
                          "\\:\\:1:*:*:me:six\n"
                          "localhost:5432:*:me:socket\n"
                          "*:*:*:*:anything\n"
                          "\n",
                          upstreams, {4001, 4002, 4003}),
            "127.0.0.1:4001:app:me:se\\:cret\n"
            "127.0.0.1:4002:*:me:six\n"
            "127.0.0.1:4003:*:me:socket\n");
}

TEST(PasswordFile, IsLeftAloneWhenItSaysNothingOfTheServers) {
  Environment environment = {{"PGPASSFILE", "/pass"}};
  AddressPlan plan;
  plan.upstreams = {At({.host = "db", .port = 5432, .unix_path = ""})};
  const Machine machine = {.exists = [](const std::string&) { return true; },
                           .read_file = [](const std::string&) { return std::optional<std::string>("*:*:*:*:any\n"); }};
  EXPECT_FALSE(LendPasswords(environment, plan, {4001}, machine));
  EXPECT_EQ(environment.Get("PGPASSFILE"), "/pass");
}

}  // namespace
}  // namespace pgassay::cli
