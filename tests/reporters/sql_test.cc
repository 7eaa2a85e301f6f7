// The script of fixes: what is SQL to be run, and nothing that a finding's names could add to it.
#include <gtest/gtest.h>

#include <sstream>

#include "reporters/reporter.h"

namespace pgassay::reporters {
namespace {

Finding Of(std::string_view rule, Confidence confidence, std::string_view sql) {
  Finding finding;
  finding.rule = rule;
  finding.id = "0123456789ab";
  finding.confidence = confidence;
  finding.summary = "It is so. Do it.";
  finding.fix.sql = sql;
  return finding;
}

// Without the first line, which is always the same.
std::string Script(std::vector<Finding> findings) {
  Report report;
  report.findings = std::move(findings);
  std::ostringstream out;
  FindReporter("sql")->write(report, {}, out);
  return out.str().substr(out.str().find('\n') + 1);
}

TEST(SqlReporter, WritesDdlBelowWhatItIsFor) {
  EXPECT_EQ(Script({Of("missing-index", Confidence::kLikely, "CREATE INDEX a ON t USING btree (b)")}),
            "\n-- missing-index 0123456789ab (likely)\n-- It is so. Do it.\nCREATE INDEX a ON t USING btree (b);\n");
}

TEST(SqlReporter, LeavesOutWhatIsNoDdl) {
  EXPECT_EQ(Script({Of("n-plus-one", Confidence::kProven, "SELECT 1"), Of("audit-lookup", Confidence::kLikely, "")}),
            "");
}

TEST(SqlReporter, KeepsADropThatIsAHintInAComment) {
  EXPECT_TRUE(Script({Of("unused-index", Confidence::kHint, "DROP INDEX a;")}).ends_with("\n-- DROP INDEX a;\n"));
  EXPECT_TRUE(Script({Of("duplicate-index", Confidence::kLikely, "DROP INDEX a;")}).ends_with("\nDROP INDEX a;\n"));
}

TEST(SqlReporter, NoNameEndsAComment) {
  Finding finding = Of("unused-index", Confidence::kHint, "DROP INDEX \"a\nDROP TABLE t\rDROP TABLE u\";");
  finding.summary = "No scan used a\nDROP TABLE t;\rDROP TABLE u; on t.";
  std::istringstream lines(Script({finding}));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.empty() || line.starts_with("-- ")) << line;
    EXPECT_FALSE(line.contains('\r')) << line;
  }
}

}  // namespace
}  // namespace pgassay::reporters
