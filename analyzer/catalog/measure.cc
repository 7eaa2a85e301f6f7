#include "analyzer/catalog/measure.h"

#include <fmt/format.h>

#include <initializer_list>

#include "analyzer/catalog/planner.h"

namespace pgassay::catalog {
namespace {

constexpr int kSampleRows = 10000;  // of containment, midnights and texts
constexpr int kSampleValues = 500;  // of a determining column, and at most so many rows of each
constexpr int kRowsPerValue = 200;
constexpr int64_t kWholePages = 2000;  // up to here (16 MB) a table is read as it is, above it blocks are sampled

struct Asked {
  std::string sql;
  std::vector<std::string> figures;  // one per column of the one row
};

class Tasks {
 public:
  explicit Tasks(const Snapshot& snapshot) : snapshot_(snapshot) {}

  // "" where the snapshot does not have what the task names.
  Asked QuestionOf(const MeasureTask& task) const {
    const Relation* relation = snapshot_.FindRelation(task.relation_oid);
    if (relation == nullptr) return {};
    const std::string table = QualifiedName(*relation);
    const std::vector<std::string> c = Names(*relation, task.columns);
    const Relation* other = snapshot_.FindRelation(task.referenced_oid);
    const std::vector<std::string> o =
        other == nullptr ? std::vector<std::string>{} : Names(*other, task.referenced_columns);
    switch (task.kind) {
      case MeasureKind::kKeyRange:
        return c.size() == 1 ? KeyRange(*relation, table, c[0], task.columns[0]) : Asked{};
      case MeasureKind::kContainment:
        return c.size() == 1 && other != nullptr && o.size() == 1
                   ? Containment(*relation, table, c[0], QualifiedName(*other), o[0])
                   : Asked{};
      case MeasureKind::kAgreement:
        return c.size() == 2 ? Agreement(*relation, table, c[0], c[1]) : Asked{};
      case MeasureKind::kCopy:
        return c.size() == 2 && other != nullptr && o.size() == 2 ? Copy(*relation, table, c, QualifiedName(*other), o)
                                                                  : Asked{};
      case MeasureKind::kMidnight:
        return c.size() == 1 ? Midnight(*relation, table, c[0]) : Asked{};
      case MeasureKind::kTextValues:
        return c.size() == 1 ? TextValues(*relation, table, c[0]) : Asked{};
      case MeasureKind::kUnknown:
        break;
    }
    return {};
  }

 private:
  static std::vector<std::string> Names(const Relation& relation, const std::vector<int16_t>& attnums) {
    std::vector<std::string> names;
    for (const int16_t attnum : attnums) {
      const Column* column = FindColumn(relation, attnum);
      if (column == nullptr) return {};
      names.push_back(QuoteIdentifier(column->name));
    }
    return names;
  }

  // The table, or blocks of it that hold about the rows wanted. The first rows of a table are its oldest: never those
  // alone.
  static std::string Sampled(const Relation& relation, const std::string& table, double rows) {
    if (relation.kind != 'r' || relation.pages <= kWholePages || relation.rows <= rows) return table;
    return fmt::format("{} TABLESAMPLE SYSTEM ({:.6f})", table, std::min(100.0, 150.0 * rows / relation.rows));
  }

  // The sequence knows better than the greatest key: numbers that were rolled back are gone too.
  static Asked KeyRange(const Relation& relation, const std::string& table, const std::string& column, int16_t attnum) {
    constexpr uint32_t kInt2 = 21;
    const double range = FindColumn(relation, attnum)->type_oid == kInt2 ? 32767.0 : 2147483647.0;
    const std::string& name = FindColumn(relation, attnum)->name;
    return {fmt::format(
                "SELECT greatest((SELECT max({}) FROM {}), (SELECT CASE WHEN has_sequence_privilege(q, 'SELECT') THEN "
                "pg_sequence_last_value(q) END FROM (SELECT pg_get_serial_sequence({}, {})::regclass AS q) s), "
                "0)::float8 / {:.0f}",
                column, table, QuoteLiteral(table), QuoteLiteral(name), range),
            {"used_share"}};
  }

  static Asked Containment(const Relation& relation, const std::string& table, const std::string& column,
                           const std::string& other, const std::string& key) {
    return {fmt::format("SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM {} o WHERE o.{} = s.v)) FROM "
                        "(SELECT {} AS v FROM {} WHERE {} IS NOT NULL LIMIT {}) s",
                        other, key, column, Sampled(relation, table, kSampleRows), column, kSampleRows),
            {"sampled", "contained"}};
  }

  // Whole groups: all rows (up to a bound) of values that were drawn from a sample.
  static Asked Agreement(const Relation& relation, const std::string& table, const std::string& a,
                         const std::string& b) {
    const bool whole = relation.kind != 'r' || relation.pages <= kWholePages;
    const std::string rows =
        whole ? fmt::format("SELECT {} AS a, {}::text AS b FROM {} WHERE {} IS NOT NULL", a, b, table, a)
              : fmt::format(
                    "SELECT g.a, t.b FROM (SELECT DISTINCT {} AS a FROM {} WHERE {} IS NOT NULL LIMIT {}) g CROSS JOIN "
                    "LATERAL (SELECT {}::text AS b FROM {} x WHERE x.{} = g.a LIMIT {}) t",
                    a, Sampled(relation, table, 4.0 * kSampleValues), a, kSampleValues, b, table, a, kRowsPerValue);
    return {
        fmt::format(
            "WITH r AS ({}), p AS (SELECT a, count(*)::float8 AS n FROM r GROUP BY a), "
            "q AS (SELECT a, sum(n * (n - 1)) AS same FROM (SELECT a, b, count(*)::float8 AS n FROM r GROUP BY a, b) "
            "x GROUP BY a), "
            "w AS (SELECT count(*) AS groups, sum(q.same) / sum(p.n * (p.n - 1)) AS p FROM p JOIN q ON p.a = q.a "
            "WHERE p.n >= 2), "
            "c AS (SELECT sum(n * n) / nullif(sum(n), 0) ^ 2 AS p0 FROM (SELECT count(*)::float8 AS n FROM r GROUP "
            "BY b) y) "
            "SELECT (SELECT count(*) FROM r), w.groups, coalesce(w.p, 0), coalesce(c.p0, 1), "
            "CASE WHEN c.p0 < 1 THEN coalesce((w.p - c.p0) / (1 - c.p0), 0) ELSE 0 END FROM w, c",
            rows),
        {"rows", "groups", "agreement", "chance", "corrected"}};
  }

  static Asked Copy(const Relation& relation, const std::string& table, const std::vector<std::string>& c,
                    const std::string& other, const std::vector<std::string>& o) {
    return {fmt::format(
                "SELECT count(*), count(*) FILTER (WHERE s.c::text IS NOT DISTINCT FROM o.{}::text) FROM (SELECT {} AS "
                "r, {} AS c FROM {} LIMIT {}) s JOIN {} o ON o.{} = s.r",
                o[1], c[0], c[1], Sampled(relation, table, kSampleRows), kSampleRows, other, o[0]),
            {"rows", "equal"}};
  }

  static Asked Midnight(const Relation& relation, const std::string& table, const std::string& column) {
    return {fmt::format(
                "SELECT count(*), count(*) FILTER (WHERE v = date_trunc('day', v)) FROM (SELECT {} AS v FROM {} WHERE "
                "{} IS NOT NULL LIMIT {}) s",
                column, Sampled(relation, table, kSampleRows), column, kSampleRows),
            {"sampled", "midnight"}};
  }

  // A list of ids: integers or uuids between commas, semicolons or bars.
  static Asked TextValues(const Relation& relation, const std::string& table, const std::string& column) {
    constexpr int kRows = 2000, kCharacters = 500;
    return {fmt::format("SELECT count(*), count(DISTINCT v), count(DISTINCT v) - count(DISTINCT lower(btrim(v))), "
                        "count(*) FILTER (WHERE l AND v ~ '[,;|]'), count(*) FILTER (WHERE l), "
                        "coalesce(min(n) FILTER (WHERE l), 0), coalesce(max(n) FILTER (WHERE l), 0) "
                        "FROM (SELECT v, v ~ '^\\s*([0-9]{{1,19}}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})"
                        "(\\s*[,;|]\\s*([0-9]{{1,19}}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}))*\\s*$' AS l, "
                        "i.n FROM (SELECT left({}::text, {}) AS v FROM {} WHERE {} IS NOT NULL LIMIT {}) s, "
                        "LATERAL (SELECT length(v) - length(translate(v, ',;|', '')) + 1 AS n) i) x",
                        column, kCharacters, Sampled(relation, table, kRows), column, kRows),
            {"sampled", "distinct", "case_variants", "lists", "id_lists", "min_items", "max_items"}};
  }

  const Snapshot& snapshot_;
};

Result<Measurement> Take(Connections& connections, const MeasureTask& task, const Asked& asked) {
  const auto connection = connections.Get();
  if (!connection) return std::unexpected(connection.error());
  const auto rows = (*connection)->Ask(asked.sql);
  if (!rows) return std::unexpected(rows.error());
  if (rows->size() != 1) return Fail("no answer");
  Measurement measurement{.task = task};
  for (size_t i = 0; i < asked.figures.size(); ++i)
    measurement.figures.push_back({asked.figures[i], rows->Real(0, static_cast<int>(i))});
  return measurement;
}

}  // namespace

void Measure(Connections& connections, Snapshot& snapshot, std::span<const MeasureTask> tasks,
             std::chrono::milliseconds budget) {
  const auto until = std::chrono::steady_clock::now() + budget;
  const Tasks questions(snapshot);
  std::vector<Measurement> measurements;
  size_t failed = 0, left = 0;
  for (const MeasureTask& task : tasks) {
    if (connections.given_up() || std::chrono::steady_clock::now() >= until) {
      ++left;
      continue;
    }
    const Asked asked = questions.QuestionOf(task);
    if (asked.sql.empty()) continue;
    if (auto measurement = Take(connections, task, asked)) {
      measurements.push_back(std::move(*measurement));
    } else {
      ++failed;
    }
  }
  snapshot.measurements = std::move(measurements);
  if (failed > 0) {
    snapshot.notes.push_back(fmt::format(
        "{} of {} figures for rules of schema could not be counted: not allowed, locked, or not done in two seconds.",
        failed, tasks.size()));
  }
  if (left > 0) {
    snapshot.notes.push_back(
        fmt::format("{} of {} figures for rules of schema were left out to stay within the time.", left, tasks.size()));
  }
}

}  // namespace pgassay::catalog
