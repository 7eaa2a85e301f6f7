// A reporter turns a Report into text. Pure: no environment, no terminal questions; what depends on them comes in by
// ReportStyle. One file per format, one line in reporters.def.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include "analyzer/gate/diff.h"
#include "analyzer/report.h"

namespace pgassay::reporters {

struct ReportStyle {
  bool color = false;    // ANSI colours and box drawing: only on a terminal, and NO_COLOR unset
  bool unicode = false;  // arrows, dots and dashes beyond ASCII: only where the locale's charset is UTF-8
  int width = 80;
  bool all = false;            // every finding, not the ten most costly
  double round_trip_ms = 1.0;  // the distance at which round trips are priced
};

using ReportFunction = void (*)(const Report& report, const ReportStyle& style, std::ostream& out);
struct Reporter {
  std::string_view format;
  std::string_view summary;
  ReportFunction write;
};
std::span<const Reporter> AllReporters();
const Reporter* FindReporter(std::string_view format);

// Shared by reporters and subcommands.
// Text as a terminal may show it: control characters, bidi controls and bad UTF-8 escaped.
std::string EscapeForTerminal(std::string_view text);
// SQL shortened to `width` columns: in the middle of long select lists, never in the predicate.
std::string ShortenSql(std::string_view sql, size_t width);
std::string FormatCount(uint64_t count);  // "1 284"
std::string FormatDuration(int64_t ns);   // "61 ms"
std::string FormatBytes(uint64_t bytes);  // "48.2 MB"

// Subcommands' own pages. `sort` is one of StatementSorts(); an unknown one sorts by time.
std::span<const std::string_view> StatementSorts();
void WriteStatements(const Report& report, std::string_view sort, size_t limit, const ReportStyle& style,
                     std::ostream& out);
void WriteStatementsJson(const Report& report, std::string_view sort, size_t limit, std::ostream& out);
// One finding in full: evidence, the timeline of its exemplar unit with repeats folded, the fix. The report gives the
// timeline its SQL.
void WriteFinding(const Report& report, const Finding& finding, std::span<const trace::TimelineRow> timeline,
                  const ReportStyle& style, std::ostream& out);
void WriteFindingJson(const Report& report, const Finding& finding, std::span<const trace::TimelineRow> timeline,
                      std::ostream& out);
// One statement in full: figures, quantiles, what is known of it, its columns with their bytes, the findings on it, and
// the values that --keep-values kept, which nothing else shows.
void WriteStatement(const Report& report, const trace::StatementRow& statement,
                    std::span<const trace::ExampleRow> examples, const ReportStyle& style, std::ostream& out);
void WriteStatementJson(const Report& report, const trace::StatementRow& statement,
                        std::span<const trace::ExampleRow> examples, std::ostream& out);
// `pgassay diff`.
void WriteDiff(const gate::Diff& diff, const ReportStyle& style, std::ostream& out);
void WriteDiffJson(const gate::Diff& diff, double round_trip_ms, std::ostream& out);
// `pgassay rules` and `pgassay rules ID`.
void WriteRules(const ReportStyle& style, std::ostream& out);
void WriteRule(const detectors::RuleInfo& rule, const ReportStyle& style, std::ostream& out);
// The same as Markdown: docs/rules/README.md and a page per rule.
void WriteRulesIndex(std::ostream& out);
void WriteRulePage(const detectors::RuleInfo& rule, std::ostream& out);

}  // namespace pgassay::reporters
