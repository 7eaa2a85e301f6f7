// Rule timestamp-without-time-zone: a moment kept without saying where.
//
//   orders.created_at  timestamp          '2024-07-01 12:00:00'   in Berlin? in UTC?
//   orders.created_at  timestamptz        one moment, shown in whatever zone asks
//
// By type and name: timestamps named *_at, *_on, *time, created, updated, …. Guard: a column in which every sampled
// value is midnight holds dates, and is noted for that alone.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr RuleInfo kInfo = {
    .id = "timestamp-without-time-zone",
    .name = "Time zone",
    .summary = "a moment in a timestamp without time zone",
    .picture =
        "  orders.created_at  timestamp      2024-07-01 12:00:00   where?\n"
        "  orders.created_at  timestamptz    one moment, in every zone",
    .problem =
        "The column's name says that it holds moments, but its type, timestamp without time zone, keeps a wall clock's "
        "reading and forgets whose. Rows that were written in different zones, or on both sides of a change to summer "
        "time, cannot be put in order or compared with now().",
    .solution =
        "Make it timestamp with time zone (timestamptz): it takes as much room, is kept as UTC and shown in the "
        "session's zone. The conversion has to be told which zone the old readings were made in, and rewrites the "
        "table "
        "under an exclusive lock.",
    .options = {},
    .max_severity = Severity::kWarning,
    .schema = true,
};

constexpr uint32_t kTimestamp = 1114;

bool IsNamedAsMoment(std::string_view name) {
  const std::vector<std::string> words = NameWords(name);
  if (words.empty()) return false;
  static constexpr std::array<std::string_view, 15> kLast = {"at",      "on",      "time",     "timestamp", "datetime",
                                                             "since",   "until",   "created",  "updated",   "modified",
                                                             "deleted", "expires", "inserted", "changed",   "ts"};
  return std::ranges::find(kLast, words.back()) != kLast.end();
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column) {
  Finding finding = SchemaFinding(kInfo, table, {column.name});
  const Use use = UseOfColumn(view, table.relation->name, column.name);
  FillUse(finding, view, use, false);
  const catalog::Measurement* measured = table.Measured(catalog::MeasureKind::kMidnight, {column.attnum});
  const double sampled = measured == nullptr ? 0 : measured->Of("sampled");
  finding.evidence.push_back({fmt::format("{} is {}", finding.title, column.type), {}});
  if (use.calls > 0) {
    finding.evidence.push_back({fmt::format("{} of the trace used it", Counted(use.calls, "execution")),
                                {{"executions", static_cast<double>(use.calls)}}});
  }
  if (sampled > 0 && measured->Of("midnight") == sampled) {
    finding.confidence = Confidence::kHint;
    finding.summary = fmt::format("{} is a timestamp, and every value is midnight. Make it a date.", finding.title);
    finding.evidence.push_back(
        {fmt::format("all of {} sampled values are midnight", Count(static_cast<uint64_t>(sampled))),
         {{"sampled", sampled}}});
    finding.fix.sql = AlterColumn(table, column.name, "TYPE date");
    finding.fix.advice = "Make it a date.";
    return finding;
  }
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  finding.summary = fmt::format(
      "{} holds moments in a timestamp without time zone, so nobody can tell when they were. Make it timestamptz.",
      finding.title);
  finding.fix.sql = AlterColumn(
      table, column.name,
      fmt::format("TYPE timestamp with time zone USING {} AT TIME ZONE 'UTC'", catalog::QuoteIdentifier(column.name)));
  finding.fix.advice = "Make it timestamptz; name the zone that the values were written in, if it was not UTC.";
  if (const sql::Orm sender = SenderOf(view, use); sender == sql::Orm::kSqlAlchemy)
    finding.fix.orm.emplace_back(sql::OrmName(sender), "mapped_column(DateTime(timezone=True))");
  return finding;
}

std::vector<Finding> DetectTimestampWithoutTimeZone(const TraceView& view, const Options& /*options*/) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    for (const catalog::Column& column : table.relation->columns) {
      if (column.type_oid == kTimestamp && IsNamedAsMoment(column.name))
        findings.push_back(MakeFinding(view, table, column));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kTimestampWithoutTimeZone = {&kInfo, DetectTimestampWithoutTimeZone};

}  // namespace pgassay::detectors
