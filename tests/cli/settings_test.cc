#include "cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/config_file.h"
#include "cli/suggest.h"
#include "reporters/reporter.h"

namespace pgassay::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const Values& flags, const Environment& environment, const ConfigFile& file = {}) {
  const auto settings = Settings::Resolve(flags, environment, file);
  return settings ? "no error" : settings.error().message;
}

TEST(Settings, HelpNamesEveryFormat) {
  for (const reporters::Reporter& reporter : reporters::AllReporters())
    EXPECT_NE(FindSetting("format")->help.find(reporter.format), std::string_view::npos) << reporter.format;
}

TEST(Settings, AFlagComesBeforeAVariableBeforeTheFileBeforeTheDefault) {
  const ConfigFile file{
      .path = "pgassay.toml", .values = {{"threads", {"2"}}, {"limit", {"5"}}, {"rtt", {"3"}}}, .rules = {}};
  const auto settings =
      Settings::Resolve({{"threads", {"4"}}}, {{"PGASSAY_THREADS", "3"}, {"PGASSAY_LIMIT", "6"}}, file);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->Count("threads"), 4);
  EXPECT_EQ(settings->Count("limit"), 6);
  EXPECT_EQ(settings->Number("rtt"), 3);
  EXPECT_EQ(settings->Count("max-connections"), 1000);
  EXPECT_EQ(settings->Value("threads").origin, "flag");
  EXPECT_EQ(settings->Value("limit").origin, "PGASSAY_LIMIT");
  EXPECT_EQ(settings->Value("rtt").origin, "pgassay.toml");
  EXPECT_FALSE(settings->IsSet("max-connections"));
}

TEST(Settings, AVariableHoldsAListBetweenCommas) {
  const auto settings = Settings::Resolve({}, {{"PGASSAY_FAIL_ON", "proven,n-plus-one"}, {"PGASSAY_ALL", "1"}}, {});
  EXPECT_THAT(settings->List("fail-on"), ElementsAre("proven", "n-plus-one"));
  EXPECT_TRUE(settings->Switch("all"));
}

TEST(Settings, RefuseWhatDoesNotConvert) {
  EXPECT_THAT(ErrorOf({{"threads", {"two"}}}, {}), HasSubstr("--threads = \"two\" is no whole number"));
  EXPECT_THAT(ErrorOf({{"threads", {"0"}}}, {}), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf({{"threads", {"-1"}}}, {}), HasSubstr("no whole number"));
  EXPECT_THAT(ErrorOf({{"rtt", {"nan"}}}, {}), HasSubstr("no number"));
  EXPECT_THAT(ErrorOf({{"trace", {""}}}, {}), HasSubstr("--trace is empty"));
  EXPECT_THAT(ErrorOf({}, {{"PGASSAY_APPEND", "maybe"}}), HasSubstr("PGASSAY_APPEND"));
}

TEST(Settings, AVariableThatIsNearlyOneOfOursIsAMistake) {
  EXPECT_THAT(ErrorOf({}, {{"PGASSAY_FAILON", "proven"}}), HasSubstr("did you mean PGASSAY_FAIL_ON?"));
  EXPECT_EQ(ErrorOf({}, {{"PGASSAY_SOMETHING_ELSE", "1"}}), "no error");
}

TEST(Settings, SizesHaveUnits) {
  EXPECT_EQ(ParseBytes("500"), 500);
  EXPECT_EQ(ParseBytes("1.5kB"), 1500);
  EXPECT_EQ(ParseBytes("2 GiB"), uint64_t{2} << 30);
  EXPECT_FALSE(ParseBytes("many"));
  EXPECT_FALSE(ParseBytes("1XB"));
  EXPECT_FALSE(ParseBytes(""));
}

TEST(ConfigFile, HoldsSettingsAndRules) {
  const auto file = ParseConfig(
      "threads = 2\nfail_on = [\"proven\", \"wide-select\"]\nappend = true\n[rules.n-plus-one]\nenabled = false\n",
      "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(file->values.at("threads"), ElementsAre("2"));
  EXPECT_THAT(file->values.at("fail-on"), ElementsAre("proven", "wide-select"));
  EXPECT_THAT(file->values.at("append"), ElementsAre("true"));
  EXPECT_EQ(file->rules.at("n-plus-one").at("enabled"), 0);
}

TEST(ConfigFile, SaysWhereItIsWrongAndWhatWasMeant) {
  const auto error = [](std::string_view text) {
    const auto file = ParseConfig(text, "c.toml");
    return file ? "no error" : file.error().message;
  };
  EXPECT_EQ(error("\nthread = 2"), "c.toml:2: unknown key thread (did you mean threads?)");
  EXPECT_EQ(error("fail-on = []"), "c.toml:1: unknown key fail-on (did you mean fail_on?)");
  EXPECT_THAT(error("[rules.n-plus-on]\nenabled = 1"), HasSubstr("did you mean n-plus-one?"));
  EXPECT_THAT(error("[rules.n-plus-one]\nenable = 1"),
              HasSubstr("c.toml:2: unknown key enable in [rules.n-plus-one] (did you mean enabled?)"));
  EXPECT_THAT(error("[rules.n-plus-one]\nenabled = \"x\""), HasSubstr("no number"));
  EXPECT_THAT(error("threads = [1, 2]"), HasSubstr("not a list"));
  EXPECT_THAT(error("rules = 1"), HasSubstr("[rules.ID]"));
  EXPECT_THAT(error("threads = \n"), HasSubstr("c.toml:1"));
}

TEST(Suggestion, IsTheNearestNameOrNone) {
  EXPECT_EQ(EditDistance("report", "reprot"), 1);
  EXPECT_EQ(EditDistance("", "run"), 3);
  EXPECT_EQ(Nearest("reprot", {"run", "report", "rules"}), "report");
  EXPECT_EQ(Nearest("xyzzy", {"run", "report", "rules"}), "");
}

}  // namespace
}  // namespace pgassay::cli
