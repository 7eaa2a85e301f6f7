#include "proxy/relay/address.h"

#include <gtest/gtest.h>

#include <string>

namespace pgassay::relay {
namespace {

struct Case {
  std::string_view text;
  Address address;
  std::string_view written = {};  // when not as given
};

TEST(Address, ReadsHostsNumbersAndPaths) {
  const Case cases[] = {
      {"127.0.0.1:6432", {"127.0.0.1", 6432, ""}},
      {"localhost", {"localhost", 5432, ""}, "localhost:5432"},
      {"[::1]:0", {"::1", 0, ""}},
      {"[fe80::1]", {"fe80::1", 5432, ""}, "[fe80::1]:5432"},
      {"db.example.com:65535", {"db.example.com", 65535, ""}},
      {"/run/postgresql/.s.PGSQL.5433", {"", 0, "/run/postgresql/.s.PGSQL.5433"}},
      {"/run/postgresql", {"", 0, "/run/postgresql/.s.PGSQL.5432"}, "/run/postgresql/.s.PGSQL.5432"},
      {"/run/postgresql/:6000", {"", 0, "/run/postgresql/.s.PGSQL.6000"}, "/run/postgresql/.s.PGSQL.6000"},
      {"/:6000", {"", 0, "/.s.PGSQL.6000"}, "/.s.PGSQL.6000"},
  };
  for (const Case& one : cases) {
    const Result<Address> address = ParseAddress(one.text, 5432);
    ASSERT_TRUE(address) << one.text << ": " << address.error().message;
    EXPECT_EQ(*address, one.address) << one.text;
    EXPECT_EQ(ToString(*address), one.written.empty() ? one.text : one.written);
    EXPECT_EQ(ParseAddress(ToString(*address), 1).value(), *address);
  }
}

TEST(Address, SaysWhatIsWrong) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view(":5432"), std::string_view("host:"), std::string_view("host:65536"),
        std::string_view("host:-1"), std::string_view("host:54x"), std::string_view("::1"), std::string_view("[::1"),
        std::string_view("[::1]5432"), std::string_view("[]:1"), std::string_view("/dir:99999"),
        std::string_view("h\0st", 4)}) {
    const Result<Address> address = ParseAddress(text, 5432);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().message.find(text), std::string::npos) << address.error().message;
  }
  EXPECT_FALSE(ParseAddress("/" + std::string(107, 'd') + "/.s.PGSQL.1", 5432));
}

}  // namespace
}  // namespace pgassay::relay
