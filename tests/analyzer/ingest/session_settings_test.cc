#include "analyzer/ingest/session_settings.h"

#include <gtest/gtest.h>

namespace pgassay::ingest {
namespace {

struct Case {
  std::string sql;
  std::optional<SettingChange> change;
};

TEST(ReadSettingChange, ReadsEveryForm) {
  const std::vector<Case> cases = {
      {"SET app.tenant = '7'", SettingChange{.name = "app.tenant", .value = "7"}},
      {"set session App.Tenant to 'O''Brien';", SettingChange{.name = "app.tenant", .value = "O'Brien"}},
      {"SET LOCAL enable_seqscan = off", SettingChange{.name = "enable_seqscan", .value = "off", .local = true}},
      {"SET random_page_cost TO -1.5", SettingChange{.name = "random_page_cost", .value = "-1.5"}},
      {"SET search_path TO Tenant_2, \"Tenant 3\", 'x''y', public",
       SettingChange{.name = "search_path", .value = "tenant_2, \"Tenant 3\", \"x'y\", public"}},
      {"SET search_path = DEFAULT", SettingChange{.name = "search_path", .value = {}}},
      {"/* who */ SET ROLE Reader", SettingChange{.name = "role", .value = "reader"}},
      {"SET ROLE 'Reader'", SettingChange{.name = "role", .value = "Reader"}},
      {"SET LOCAL ROLE NONE", SettingChange{.name = "role", .value = {}, .local = true}},
      {"SET SESSION AUTHORIZATION \"Who\"", SettingChange{.name = "role", .value = "Who"}},
      {"SET TIME ZONE 'UTC'", SettingChange{.name = "timezone", .value = "UTC"}},
      {"RESET search_path", SettingChange{.name = "search_path", .value = {}}},
      {"RESET ALL", SettingChange{}},
      {"DISCARD ALL", SettingChange{}},
      {"SELECT set_config('app.tenant', '7', true)", SettingChange{.name = "app.tenant", .value = "7", .local = true}},
      {"select pg_catalog.set_config('app.tenant', '', false)", SettingChange{.name = "app.tenant", .value = ""}},
      {"SELECT set_config('app.tenant', $1, true)", std::nullopt},
      {"SELECT set_config('app.tenant', x, true) FROM t", std::nullopt},
      {"SELECT 1", std::nullopt},
      {"SET TRANSACTION READ ONLY", std::nullopt},
      {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", std::nullopt},
      {"SET x = 'unterminated", std::nullopt},
      {"DISCARD PLANS", std::nullopt},
      {"", std::nullopt}};
  for (const Case& one : cases) EXPECT_EQ(ReadSettingChange(one.sql), one.change) << one.sql;
}

TEST(ReadOptions, ReadsBothForms) {
  using Settings = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(ReadOptions("-c search_path=tenant_2 --work-mem=1MB -cgeqo=off"),
            (Settings{{"search_path", "tenant_2"}, {"work_mem", "1MB"}, {"geqo", "off"}}));
  EXPECT_EQ(ReadOptions("-c search_path=a,\\ b -E -c x"), (Settings{{"search_path", "a, b"}}));
  EXPECT_EQ(ReadOptions(""), Settings{});
}

// Statements one after the other, with the transaction's state before each as a server would have it.
class Following : public testing::Test {
 protected:
  void Run(sql::Operation operation, const std::string& text) {
    settings_.OnStatement(operation, text, state_);
    if (operation == sql::Operation::kBegin) state_ = 'T';
    if (operation == sql::Operation::kCommit || operation == sql::Operation::kRollback) state_ = 'I';
  }
  void Set(const std::string& text) { Run(sql::Operation::kSet, text); }
  std::string Of(const std::string& name) {
    for (const auto& [key, value] : settings_.Context()->settings) {
      if (key == name) return value;
    }
    return "-";
  }

  SessionSettings settings_{"shop"};
  char state_ = 'I';
};

TEST_F(Following, SettingsLastAsTransactionsHaveThem) {
  using enum sql::Operation;
  Set("SET a.x = '1'");
  Set("SET LOCAL a.x = '2'");  // outside of a transaction: nothing
  EXPECT_EQ(Of("a.x"), "1");
  Run(kBegin, "BEGIN");
  Set("SET LOCAL a.x = '3'");
  Set("SET a.y = '4'");
  EXPECT_EQ(Of("a.x"), "3");
  Run(kCommit, "COMMIT");
  EXPECT_EQ(Of("a.x"), "1");
  EXPECT_EQ(Of("a.y"), "4");
  Run(kBegin, "BEGIN");
  Set("SET a.y = '5'");
  Run(kSelect, "SELECT set_config('a.z', '6', true)");
  EXPECT_EQ(Of("a.z"), "6");
  Run(kRollback, "ROLLBACK");
  EXPECT_EQ(Of("a.y"), "4");
  EXPECT_EQ(Of("a.z"), "-");
  Run(kBegin, "BEGIN");
  Set("SET a.y = '7'");
  state_ = 'E';
  Run(kCommit, "COMMIT");  // which the server answers with ROLLBACK
  EXPECT_EQ(Of("a.y"), "4");
  Run(kDiscard, "DISCARD ALL");
  EXPECT_EQ(Of("a.y"), "-");
}

TEST_F(Following, ResetGoesBackToTheStartupMessage) {
  settings_.OnReport("options", "-c search_path=tenant_2");
  EXPECT_EQ(Of("search_path"), "tenant_2");
  Set("SET search_path = x");
  EXPECT_EQ(Of("search_path"), "x");
  Run(sql::Operation::kReset, "RESET search_path");
  EXPECT_EQ(Of("search_path"), "tenant_2");
  Set("SET a.x = '1'");
  Run(sql::Operation::kDiscard, "DISCARD ALL");
  EXPECT_EQ(Of("search_path"), "tenant_2");
  EXPECT_EQ(Of("a.x"), "-");
}

TEST_F(Following, KnowsTheUserTheRoleAndWhatTheServerReports) {
  EXPECT_EQ(settings_.Context()->user, "shop");
  Set("SET ROLE reader");
  EXPECT_EQ(settings_.Context()->role, "reader");
  Run(sql::Operation::kReset, "RESET ROLE");
  EXPECT_EQ(settings_.Context()->role, "");
  settings_.OnReport("TimeZone", "Asia/Tokyo");
  settings_.OnReport("is_superuser", "on");
  EXPECT_EQ(Of("timezone"), "Asia/Tokyo");
  EXPECT_EQ(Of("is_superuser"), "-");
}

TEST_F(Following, TheContextIsTheSameUntilSomethingChanges) {
  const auto before = settings_.Context();
  Run(sql::Operation::kSelect, "SELECT 1");
  EXPECT_EQ(settings_.Context(), before);
  Set("SET a.x = '1'");
  EXPECT_NE(settings_.Context(), before);
  EXPECT_TRUE(before->settings.empty());
}

}  // namespace
}  // namespace pgassay::ingest
