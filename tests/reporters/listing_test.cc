#include "reporters/listing.h"

#include <gtest/gtest.h>

#include <array>

namespace pgassay::reporters {
namespace {

TEST(Listing, ReadsAPlaceFromASiteOrALabel) {
  struct Row {
    std::string_view text, file;
    int line;
    bool known;
  };
  constexpr std::array<Row, 11> kRows = {{
      {"shop/views.py:42", "shop/views.py", 42, true},
      {"tests/test_users.py::test_list[a:1]", "tests/test_users.py", 1, true},
      {"spec/users_spec.rb:7", "spec/users_spec.rb", 7, true},
      {"C:/work/app.js:3", "C:/work/app.js", 3, true},
      {"views.py:0", "pgassay.toml", 1, false},
      {"views.py:99999999999", "pgassay.toml", 1, false},
      {"https://example.org/a.py:3", "pgassay.toml", 1, false},
      {"GET /users", "pgassay.toml", 1, false},
      {"UserController#index", "pgassay.toml", 1, false},
      {".hidden", "pgassay.toml", 1, false},
      {"", "pgassay.toml", 1, false},
  }};
  for (const Row& row : kRows) {
    const Location location = LocationOf(row.text);
    EXPECT_EQ(location.known, row.known) << row.text;
    if (!row.known && location.known) continue;
    EXPECT_EQ(location.file, row.file) << row.text;
    EXPECT_EQ(location.line, row.line) << row.text;
  }
}

TEST(Listing, PrefersTheApplicationsLineToTheTests) {
  Finding finding;
  finding.scopes = {"GET /users", "tests/test_users.py::test_list"};
  EXPECT_EQ(LocationOf(finding.sites, finding.scopes).file, "tests/test_users.py");
  finding.sites = {"somewhere", "shop/views.py:42"};
  EXPECT_EQ(LocationOf(finding.sites, finding.scopes).file, "shop/views.py");
  EXPECT_EQ(LocationOf(finding.sites, finding.scopes).line, 42);
}

TEST(Listing, MarkupIsEscapedToTheLastCharacter) {
  EXPECT_EQ(EscapeMarkup("<a b='c' d=\"e\">&\x1b\u202e\xEF\xBF\xBE"),
            "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;\\x1b\\u202e\xEF\xBF\xBD");
}

}  // namespace
}  // namespace pgassay::reporters
