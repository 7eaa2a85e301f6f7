// Rule free-text-enum: a handful of values in a text column that would take any.
//
//   tickets.state  varchar(20)      open · closed · Closed · waiting      4 values in 12 000 rows, nothing checks them
//          │
//          └ WHERE state = $1
//
// A text column with few distinct values, compared by equality, without a CHECK, a domain or a foreign key. Guards:
// names of free text and of people, places and tenants; half of a polymorphic pair (x_type, x_id); columns that are
// part of a key.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/schema.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 1000, "rows from which a table is judged"},
    OptionInfo{"max_values", 20, "distinct values up to which a column counts as a list of them"},
    OptionInfo{"max_bytes", 40, "average width up to which a column is judged"},
};

constexpr RuleInfo kInfo = {
    .id = "free-text-enum",
    .name = "Enum",
    .summary = "a few fixed values in a text column that nothing checks",
    .picture =
        "  tickets.state  varchar(20)    open · closed · Closed · waiting\n"
        "         └ WHERE state = $1     4 values in 12 000 rows, no CHECK",
    .problem =
        "The column holds a handful of distinct values in many rows and is compared by equality: it is a list of "
        "states. "
        "Nothing in the database says which values there are, so a typing mistake or another case makes rows that no "
        "query finds.",
    .solution =
        "Say it in the schema: a CHECK (state IN (…)), which a migration can widen, an enum type, or a table of states "
        "with a foreign key. Bring values together first that differ by case or spaces only.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

bool IsNamedAsFreeText(std::string_view name) {
  return HasWord(
      name, {"name",    "title",    "description", "note",     "notes",    "comment",  "comments", "body",   "text",
             "content", "email",    "address",     "city",     "street",   "country",  "region",   "url",    "path",
             "file",    "filename", "locale",      "lang",     "language", "currency", "timezone", "tz",     "tenant",
             "token",   "hash",     "key",         "username", "user",     "author",   "brand",    "vendor", "supplier",
             "host",    "hostname", "domain",      "ip",       "code",     "unit",     "version"});
}

bool IsPolymorphicType(const Table& table, std::string_view name) {
  return name.ends_with("_type") && table.Column(fmt::format("{}_id", name.substr(0, name.size() - 5))) != nullptr;
}

bool IsConstrained(const Table& table, const catalog::Column& column) {
  if (!column.domain.empty() || !column.enum_labels.empty() || column.generated) return true;
  if (IsInForeignKey(table, column.attnum)) return true;
  const bool checked = std::ranges::any_of(table.snapshot->checks, [&](const catalog::Check& check) {
    return check.relation_oid == table.relation->oid &&
           std::ranges::find(check.columns, column.attnum) != check.columns.end();
  });
  if (checked) return true;
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    return index->unique &&
           std::ranges::find(index->keys, column.attnum, &catalog::IndexKey::attnum) != index->keys.end();
  });
}

// The CHECK with the values that the table has now: this program never sees them.
std::string CheckOfPresentValues(const Table& table, const catalog::Column& column) {
  const std::string name = catalog::QuoteIdentifier(column.name);
  if (TableName(table).contains('$') || name.contains('$')) return "";  // could end the block's own quotes
  return fmt::format(
      "DO $check$ BEGIN EXECUTE (SELECT format('ALTER TABLE %s ADD CHECK (%I = ANY (%L))', {}::regclass, {}, "
      "array_agg(DISTINCT {})::text) FROM {} WHERE {} IS NOT NULL); END $check$",
      catalog::QuoteLiteral(TableName(table)), catalog::QuoteLiteral(column.name), name, TableName(table), name);
}

Finding MakeFinding(const TraceView& view, const Table& table, const catalog::Column& column, const Use& use,
                    double distinct) {
  Finding finding = SchemaFinding(kInfo, table, {column.name});
  FillUse(finding, view, use, false);
  finding.confidence = use.calls > 0 ? Confidence::kLikely : Confidence::kHint;
  const catalog::Measurement* measured = table.Measured(catalog::MeasureKind::kTextValues, {column.attnum});
  const double variants = measured == nullptr ? 0 : measured->Of("case_variants");
  finding.evidence.push_back(
      {fmt::format("{} in {}, {}, and no CHECK, enum or foreign key", Counted(static_cast<uint64_t>(distinct), "value"),
                   Counted(static_cast<uint64_t>(table.relation->rows), "row"), column.type),
       {{"values", distinct}, {"rows", table.relation->rows}}});
  if (use.calls > 0) {
    finding.evidence.push_back({fmt::format("compared by equality in {}", Counted(use.calls, "execution")),
                                {{"executions", static_cast<double>(use.calls)}}});
  }
  if (variants > 0) {
    finding.evidence.push_back({fmt::format("{} too many: others differ by case or spaces only",
                                            Counted(static_cast<uint64_t>(variants), "spelling")),
                                {{"case_variants", variants}}});
  }
  if (use.calls > 0 || variants > 0) finding.severity = Severity::kWarning;
  finding.summary = fmt::format("{} is text with {} values, and nothing checks them. Add a CHECK or make it an enum.",
                                finding.title, Count(static_cast<uint64_t>(distinct)));
  finding.fix.sql = CheckOfPresentValues(table, column);
  finding.fix.advice = variants > 0 ? "Bring the values to one spelling, then add a CHECK or make it an enum."
                                    : "Add a CHECK with the values that are meant, or make it an enum.";
  if (const sql::Orm sender = SenderOf(view, use); sender == sql::Orm::kSqlAlchemy)
    finding.fix.orm.emplace_back(sql::OrmName(sender),
                                 "mapped_column(Enum(…, native_enum=False, create_constraint=True))");
  return finding;
}

std::vector<Finding> DetectFreeTextEnum(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const Table& table : JudgedTables(view)) {
    if (table.relation->rows <= OptionValue(kInfo, options, "min_rows")) continue;
    for (const catalog::Column& column : table.relation->columns) {
      if (!IsText(column) || IsNamedAsFreeText(column.name) || IsPolymorphicType(table, column.name)) continue;
      if (column.average_width > OptionValue(kInfo, options, "max_bytes") || IsConstrained(table, column)) continue;
      const double distinct = catalog::DistinctValues(*table.relation, column);
      if (distinct < 2 || distinct > OptionValue(kInfo, options, "max_values")) continue;
      const Use use = UseOf(view, [&](const trace::StatementRow& statement) {
        return Names(statement, table.relation->name) &&
               EqualityColumns(statement, table.relation->name).contains(column.name);
      });
      findings.push_back(MakeFinding(view, table, column, use, distinct));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kFreeTextEnum = {&kInfo, DetectFreeTextEnum};

}  // namespace pgassay::detectors
