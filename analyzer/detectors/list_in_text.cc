// Rule list-in-text (first normal form): several values in one, held together by commas.
//
//   posts.tag_ids  text    '3,17,42'      WHERE ',' || tag_ids || ',' LIKE '%,17,%'
//                                         no foreign key, no index, no type
//
// Sampled values are lists of ids: counted on the live database, in the server, as shares. Likely where the traffic
// splits the column or its name is a plural, else a hint. Guards: values of a fixed number of parts (points, decimals
// with a comma).
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_sample", 20, "values that must have been looked at"},
    OptionInfo{"min_share", 0.8, "of them that are lists of ids"},
    OptionInfo{"min_lists", 0.5, "of them that have two ids or more"},
};

constexpr RuleInfo kInfo = {
    .id = "list-in-text",
    .name = "List in text",
    .summary = "a list of ids in one text value (first normal form)",
    .picture =
        "  posts.tag_ids  text   '3,17,42'\n"
        "         └ WHERE ',' || tag_ids || ',' LIKE '%,17,%'    no key, no index",
    .problem =
        "The column holds lists of ids as text. Nothing checks that the ids exist, no index finds the rows of one of "
        "them, and each change rewrites the whole list, so two at once lose one.",
    .solution =
        "Give the pairs a table of their own with two foreign keys. Where the ids are only ever read and written as a "
        "whole, an array column with a GIN index is the smaller change.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
    .enabled_by_default = false,
};

Use SplitsOf(const TraceView& view, const std::string& relation, const std::string& column) {
  return UseOf(view, [&](const trace::StatementRow& statement) {
    return std::ranges::any_of(statement.facts.comparisons, [&](const sql::Comparison& comparison) {
      const std::string& function = comparison.function;
      const bool splits = function == "string_to_array" || function == "split_part" || function == "||" ||
                          function == "concat" || function == "regexp_split_to_array" || function == "strpos";
      return splits && comparison.column.column == column && RelationOf(statement.facts, comparison.column) == relation;
    });
  });
}

bool IsPlural(std::string_view name) {
  const std::vector<std::string> words = NameWords(name);
  return !words.empty() && words.back().size() > 2 && words.back().ends_with('s') && !words.back().ends_with("ss");
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column,
                    const catalog::Measurement& measured) {
  Finding finding = SchemaFinding(kInfo, table, {column.name});
  const Use splits = SplitsOf(view, table.relation->name, column.name);
  const bool sure = splits.calls > 0 || IsPlural(column.name);
  FillUse(finding, view, splits.calls > 0 ? splits : UseOfColumn(view, table.relation->name, column.name),
          splits.calls > 0);
  finding.confidence = sure ? Confidence::kLikely : Confidence::kHint;
  finding.severity = sure ? Severity::kWarning : Severity::kInfo;
  const double sampled = measured.Of("sampled"), share = measured.Of("id_lists") / sampled;
  finding.title += " is a list of ids";
  finding.summary = fmt::format("{}.{} holds lists of ids as text. Give the pairs a table of their own.",
                                table.relation->name, column.name);
  finding.evidence.push_back(
      {fmt::format("{} of {} sampled values are ids between separators, up to {} in one", Percent(share),
                   Count(static_cast<uint64_t>(sampled)), Count(static_cast<uint64_t>(measured.Of("max_items")))),
       {{"sampled", sampled}, {"share", share}, {"max_items", measured.Of("max_items")}}});
  if (splits.calls > 0) {
    finding.evidence.push_back({fmt::format("{} took it apart to compare", Counted(splits.calls, "execution")),
                                {{"executions", static_cast<double>(splits.calls)}}});
  }
  finding.fix.sql =
      AlterColumn(table, column.name,
                  fmt::format("TYPE text[] USING string_to_array(regexp_replace({}, '\\s*[,;|]\\s*', ',', 'g'), ',')",
                              catalog::QuoteIdentifier(column.name)));
  finding.fix.advice = "Give the pairs a table of their own; an array is the smaller change.";
  return finding;
}

std::vector<Finding> DetectListInText(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    for (const catalog::Column& column : table.relation->columns) {
      const catalog::Measurement* measured = table.Measured(catalog::MeasureKind::kTextValues, {column.attnum});
      if (measured == nullptr) continue;
      const double sampled = measured->Of("sampled");
      if (sampled < OptionValue(kInfo, options, "min_sample")) continue;
      if (measured->Of("id_lists") < OptionValue(kInfo, options, "min_share") * sampled) continue;
      if (measured->Of("lists") < OptionValue(kInfo, options, "min_lists") * sampled) continue;
      if (measured->Of("max_items") < 3 || measured->Of("max_items") == measured->Of("min_items")) continue;
      findings.push_back(MakeFinding(view, table, column, *measured));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kListInText = {&kInfo, DetectListInText};

}  // namespace pgassay::detectors
