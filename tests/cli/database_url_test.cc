#include "cli/database_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgassay::cli {
namespace {

struct Rewriting {
  std::string url;
  std::string host, port;  // of the first host
  std::string through;     // at port 4001, and 4002 for a second host
};

class RewrittenUrl : public testing::TestWithParam<Rewriting> {};

TEST_P(RewrittenUrl, KeepsEverythingButHostsAndTls) {
  const auto url = ParseDatabaseUrl(GetParam().url);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->hosts.front().host, GetParam().host);
  EXPECT_EQ(url->hosts.front().port, GetParam().port);
  std::vector<uint16_t> ports = {4001};
  if (url->hosts.size() > 1) ports.push_back(4002);
  EXPECT_EQ(UrlThroughPorts(*url, ports), GetParam().through);
}

INSTANTIATE_TEST_SUITE_P(
    PlainForms, RewrittenUrl,
    testing::Values(
        Rewriting{"postgres://db.example/app", "db.example", "", "postgres://127.0.0.1:4001/app"},
        Rewriting{"postgresql://u:p%40ss@db:5433/app", "db", "5433", "postgresql://u:p%40ss@127.0.0.1:4001/app"},
        Rewriting{"PostgreSQL://db", "db", "", "PostgreSQL://127.0.0.1:4001"},
        Rewriting{"postgresql://", "", "", "postgresql://127.0.0.1:4001"},
        Rewriting{"postgresql:///app", "", "", "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql://u@/app", "", "", "postgresql://u@127.0.0.1:4001/app"},
        Rewriting{"postgresql://u:@db:/app", "db", "", "postgresql://u:@127.0.0.1:4001/app"},
        Rewriting{"postgresql://[2001:db8::7]:5432/app", "2001:db8::7", "5432", "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql://[::1]/app", "::1", "", "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql://u:a#b?c@db:1/app", "db", "1", "postgresql://u:a#b?c@127.0.0.1:4001/app"},
        Rewriting{"postgresql://u:a@b@db:1/app", "db", "1", "postgresql://u:a@b@127.0.0.1:4001/app"},
        Rewriting{"postgresql://db/app?application_name=x%20y&connect_timeout=5", "db", "",
                  "postgresql://127.0.0.1:4001/app?application_name=x%20y&connect_timeout=5"},
        Rewriting{"postgres://db/app?pool=5#part", "db", "", "postgres://127.0.0.1:4001/app?pool=5#part"},
        Rewriting{"postgis://db/app", "db", "", "postgis://127.0.0.1:4001/app"}));

INSTANTIATE_TEST_SUITE_P(
    HostsAsParametersAndSockets, RewrittenUrl,
    testing::Values(
        Rewriting{"postgresql:///app?host=/run/postgresql", "/run/postgresql", "", "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql:///app?host=/run/postgresql&port=5433", "/run/postgresql", "5433",
                  "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql://u@:5433/app?host=/tmp&x=1", "/tmp", "5433", "postgresql://u@127.0.0.1:4001/app?x=1"},
        Rewriting{"postgresql://%2Frun%2Fpostgresql:5433/app", "/run/postgresql", "5433",
                  "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql://db/app?hostaddr=10.0.0.7", "10.0.0.7", "", "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql://a:1,b:2/app", "a", "1", "postgresql://127.0.0.1:4001,127.0.0.1:4002/app"},
        Rewriting{"postgresql://a,[::1]:2/app?target_session_attrs=any", "a", "",
                  "postgresql://127.0.0.1:4001,127.0.0.1:4002/app?target_session_attrs=any"},
        Rewriting{"postgresql:///app?host=a,b&port=1,2", "a", "1",
                  "postgresql:///app?host=127.0.0.1,127.0.0.1&port=4001,4002"},
        Rewriting{"postgresql+psycopg2:///app?host=/tmp:1&host=b:2", "/tmp", "1",
                  "postgresql+psycopg2:///app?host=127.0.0.1:4001&host=127.0.0.1:4002&sslmode=disable"},
        Rewriting{"postgresql:///app?host=::1", "::1", "", "postgresql://127.0.0.1:4001/app"},
        Rewriting{"postgresql+psycopg:///app?host=a:1&host=b:2", "a", "1",
                  "postgresql+psycopg:///app?host=127.0.0.1:4001&host=127.0.0.1:4002&sslmode=disable"}));

INSTANTIATE_TEST_SUITE_P(
    EachReaderIsToldInItsOwnWords, RewrittenUrl,
    testing::Values(
        Rewriting{"postgresql://db/app?sslmode=require&x=1", "db", "",
                  "postgresql://127.0.0.1:4001/app?sslmode=disable&x=1"},
        Rewriting{
            "postgresql://db/app?x=1&sslrootcert=/ca.pem&sslcert=c&sslkey=k&channel_binding=require&gssencmode=prefer",
            "db", "", "postgresql://127.0.0.1:4001/app?x=1&sslmode=disable"},
        Rewriting{"postgres://db/app?ssl=true", "db", "", "postgres://127.0.0.1:4001/app"},
        Rewriting{"postgresql+psycopg2://db/app", "db", "", "postgresql+psycopg2://127.0.0.1:4001/app?sslmode=disable"},
        Rewriting{"postgresql+asyncpg://u:p@db/app?ssl=require", "db", "",
                  "postgresql+asyncpg://u:p@127.0.0.1:4001/app?ssl=disable"},
        Rewriting{"postgresql+asyncpg://db/app?prepared_statement_cache_size=0", "db", "",
                  "postgresql+asyncpg://127.0.0.1:4001/app?prepared_statement_cache_size=0&ssl=disable"},
        Rewriting{"postgresql+pg8000://db/app", "db", "", "postgresql+pg8000://127.0.0.1:4001/app"},
        Rewriting{"jdbc:postgresql://db:5432/app?ssl=true&user=u", "db", "5432",
                  "jdbc:postgresql://127.0.0.1:4001/app?sslmode=disable&user=u"},
        Rewriting{"jdbc:postgresql://db/app?sslMode=verify-full&sslrootcert=x", "db", "",
                  "jdbc:postgresql://127.0.0.1:4001/app?sslmode=disable"},
        Rewriting{"jdbc:postgresql:app", "", "", "jdbc:postgresql://127.0.0.1:4001/app?sslmode=disable"},
        Rewriting{"jdbc:postgresql:/", "", "", "jdbc:postgresql://127.0.0.1:4001/?sslmode=disable"},
        Rewriting{"jdbc:postgresql://a:1,b:2/app?targetServerType=primary", "a", "1",
                  "jdbc:postgresql://127.0.0.1:4001,127.0.0.1:4002/app?targetServerType=primary&sslmode=disable"},
        Rewriting{"jdbc:otel:postgresql://db/app", "db", "",
                  "jdbc:otel:postgresql://127.0.0.1:4001/app?sslmode=disable"},
        Rewriting{"r2dbc:pool:postgresql://db/app?sslMode=require", "db", "",
                  "r2dbc:pool:postgresql://127.0.0.1:4001/app?sslMode=disable"}));

TEST(DatabaseUrl, IsToldFromOtherTexts) {
  for (const std::string text : {"", "postgres", "mysql://db/app", "postgresql", "http://postgresql://x",
                                 "jdbc:mysql://db/postgresql:", "jdbc:tc:postgresql:15:///app", "see postgresql://db",
                                 "postgresqlx://db", "5432"}) {
    EXPECT_FALSE(LooksLikeDatabaseUrl(text)) << text;
  }
}

TEST(DatabaseUrl, WithoutReadableHostsIsAnError) {
  for (const std::string text :
       {"postgresql://u:p@db:port/app", "postgresql://[::1/app", "postgresql://db:5432:1/app"}) {
    EXPECT_FALSE(ParseDatabaseUrl(text)) << text;
  }
}

TEST(DatabaseUrl, SaysTheStrictestDemandForTls) {
  const auto demand = [](const std::string& parameters) {
    return ParseDatabaseUrl("postgresql://db/app?" + parameters)->tls;
  };
  EXPECT_EQ(demand("x=1"), TlsDemand::kUnsaid);
  EXPECT_EQ(demand("sslmode=disable"), TlsDemand::kOff);
  EXPECT_EQ(demand("sslmode=prefer"), TlsDemand::kPrefer);
  EXPECT_EQ(demand("ssl=true"), TlsDemand::kRequire);
  EXPECT_EQ(demand("sslmode=VERIFY-FULL"), TlsDemand::kVerifyFull);
  EXPECT_EQ(demand("sslmode=verify-ca&ssl=false"), TlsDemand::kVerifyCa);
  EXPECT_EQ(demand("channel_binding=require"), TlsDemand::kRequire);
  EXPECT_EQ(demand("gssencmode=prefer"), TlsDemand::kUnsaid);
}

TEST(DatabaseUrl, IsShownWithoutUserPasswordAndParameters) {
  const auto url = ParseDatabaseUrl("postgresql://user:secret@db:1/app?password=secret");
  EXPECT_EQ(WithoutSecrets(*url), "postgresql://db:1/app");
}

}  // namespace
}  // namespace pgassay::cli
