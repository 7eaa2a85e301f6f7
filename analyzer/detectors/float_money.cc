// Rule float-money: amounts of money in binary floating point.
//
//   orders.total  double precision     0.1 + 0.2 = 0.30000000000000004
//   orders.total  numeric(12, 2)       0.1 + 0.2 = 0.3
//
// By type and name: real and double precision named price, amount, total, cost, balance, fee, …. Guard: rates, ratios,
// weights, places and durations, by the words of their names.
#include <fmt/format.h>

#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr RuleInfo kInfo = {
    .id = "float-money",
    .name = "Float money",
    .summary = "an amount of money in floating point",
    .picture =
        "  orders.total  double precision   0.1 + 0.2 = 0.30000000000000004\n"
        "  orders.total  numeric(12, 2)     0.1 + 0.2 = 0.3",
    .problem =
        "The column's name says that it holds an amount of money, and its type is binary floating point, which cannot "
        "hold most decimal fractions. Sums drift by their order, equality fails, and cents are lost in the books.",
    .solution =
        "Make it numeric with the digits of the currency, numeric(12, 2), or count the smallest unit in a bigint. The "
        "conversion rewrites the table under an exclusive lock.",
    .options = {},
    .max_severity = Severity::kWarning,
    .schema = true,
};

constexpr uint32_t kFloat4 = 700, kFloat8 = 701;

bool IsNamedAsMoney(std::string_view name) {
  if (HasWord(name, {"rate",     "rates",    "ratio",   "lat",    "lon",    "lng",      "latitude", "longitude",
                     "percent",  "pct",      "factor",  "weight", "score",  "share",    "index",    "count",
                     "quantity", "qty",      "seconds", "sec",    "ms",     "minutes",  "hours",    "days",
                     "time",     "duration", "bytes",   "kb",     "mb",     "gb",       "km",       "meters",
                     "metres",   "kg",       "grams",   "kwh",    "energy", "distance", "area",     "volume",
                     "units",    "points",   "tokens",  "mean",   "stddev", "variance"}))
    return false;
  return HasWord(name, {"price", "prices", "amount", "total", "subtotal", "cost", "costs", "balance", "fee", "fees",
                        "salary", "revenue", "payment", "refund"});
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column) {
  Finding finding = SchemaFinding(kInfo, table, {column.name});
  const Use use = UseOfColumn(view, table.relation->name, column.name);
  FillUse(finding, view, use, false);
  finding.confidence = Confidence::kLikely;
  finding.severity = Severity::kWarning;
  finding.evidence.push_back({fmt::format("{} is {}", finding.title, column.type), {}});
  if (use.calls > 0) {
    finding.evidence.push_back({fmt::format("{} of the trace used it", Counted(use.calls, "execution")),
                                {{"executions", static_cast<double>(use.calls)}}});
  }
  finding.summary = fmt::format("{} keeps money as {}, which cannot hold cents exactly. Make it numeric.",
                                finding.title, column.type);
  finding.fix.sql = AlterColumn(table, column.name, "TYPE numeric(19, 4)");
  finding.fix.advice = "Make it numeric, with the digits that the currency has.";
  if (const sql::Orm sender = SenderOf(view, use); sender == sql::Orm::kSqlAlchemy)
    finding.fix.orm.emplace_back(sql::OrmName(sender), "mapped_column(Numeric(19, 4))");
  return finding;
}

std::vector<Finding> DetectFloatMoney(const TraceView& view, const Options& /*options*/) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    for (const catalog::Column& column : table.relation->columns) {
      const bool is_float = column.type_oid == kFloat4 || column.type_oid == kFloat8;
      if (is_float && IsNamedAsMoney(column.name)) findings.push_back(MakeFinding(view, table, column));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kFloatMoney = {&kInfo, DetectFloatMoney};

}  // namespace pgassay::detectors
