// tests/detectors/<rule>/: every flags_*.json must raise findings of that rule, as its .golden file lists them; every
// ignores_*.json none.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/analyzer/detectors/view_case.h"
#include "tests/support/golden.h"

namespace pgassay::detectors {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> CaseFiles() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator("tests/detectors")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".json" && (name.starts_with("flags_") || name.starts_with("ignores_")))
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::string Dump(const std::vector<Finding>& findings) {
  constexpr std::array kConfidence = {"hint", "likely", "proven"};
  constexpr std::array kSeverity = {"info", "warning", "error"};
  std::string text;
  for (const Finding& finding : findings) {
    const Detector* detector = FindDetector(finding.rule);
    text += fmt::format("{}  {} {}  {}\n{}\n", finding.title, kConfidence[static_cast<size_t>(finding.confidence)],
                        kSeverity[static_cast<size_t>(JudgeSeverity(finding, *detector->info))], finding.id,
                        finding.id_text);
    text += fmt::format("  {}\n", finding.summary);
    for (const Evidence& evidence : finding.evidence) {
      text += fmt::format("  - {}\n", evidence.text);
      for (const auto& [name, value] : evidence.figures) text += fmt::format("      {} {:.6g}\n", name, value);
    }
    text += fmt::format(
        "  relation {} · {} executions in {} units · {} of {} ns · {} round trips and {} bytes saved · exemplar {}\n",
        finding.relation, finding.executions, finding.units, finding.database_ns, finding.unit_database_ns,
        finding.round_trips_saved, finding.wasted_bytes, finding.exemplar_unit_id);
    for (const std::string& scope : finding.scopes) text += fmt::format("  in {}\n", scope);
    for (const std::string& site : finding.sites) text += fmt::format("  at {}\n", site);
    if (!finding.fix.sql.empty()) text += fmt::format("  fix {}\n", finding.fix.sql);
    for (const auto& [orm, idiom] : finding.fix.orm) text += fmt::format("  {} {}\n", orm, idiom);
    text += fmt::format("  {}\n\n", finding.fix.advice);
  }
  return text;
}

TEST(DetectorCases, AreFound) { EXPECT_GE(CaseFiles().size(), 20U); }

TEST(DetectorCases, FlagAndIgnoreWhatTheyAreNamedFor) {
  for (const fs::path& file : CaseFiles()) {
    SCOPED_TRACE(file);
    const Detector* detector = FindDetector(file.parent_path().filename().string());
    ASSERT_NE(detector, nullptr);
    const tests::Json json = tests::Json::parse(tests::ReadFile(file));
    const tests::ViewCase view_case(json);
    Options options;
    const tests::Json set = json.value("options", tests::Json::object());
    for (const auto& [name, value] : set.items()) {
      ASSERT_TRUE(HasOption(*detector->info, name)) << name;
      options[name] = value.get<double>();
    }
    const std::vector<Finding> findings = detector->detect(view_case.view(), options);
    if (file.filename().string().starts_with("ignores_")) {
      EXPECT_TRUE(findings.empty()) << Dump(findings);
      continue;
    }
    EXPECT_FALSE(findings.empty());
    fs::path golden = file;
    tests::ExpectGolden(golden.replace_extension(".golden"), Dump(findings));
  }
}

TEST(DetectorCases, OrderOfRowsInTheFileDoesNotMatter) {
  for (const fs::path& file : CaseFiles()) {
    SCOPED_TRACE(file);
    tests::Json json = tests::Json::parse(tests::ReadFile(file));
    const Detector* detector = FindDetector(file.parent_path().filename().string());
    const tests::ViewCase as_written(json);
    for (const char* table : {"units", "unit_statements", "repeats", "edges"}) {
      if (json.contains(table)) std::ranges::reverse(json[table]);
    }
    const tests::ViewCase reversed(json);
    EXPECT_EQ(Dump(detector->detect(as_written.view(), {})), Dump(detector->detect(reversed.view(), {})));
  }
}

}  // namespace
}  // namespace pgassay::detectors
