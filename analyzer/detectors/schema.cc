#include "analyzer/detectors/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "analyzer/catalog/planner.h"
#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/lineage/relation_rules.h"

namespace pgassay::detectors {
namespace {

// Tables that a migration tool makes and nobody designs.
bool IsBookkeeping(std::string_view name) {
  static constexpr std::array<std::string_view, 13> kTables = {
      "alembic_version",    "schema_migrations",     "ar_internal_metadata", "django_migrations",
      "_prisma_migrations", "flyway_schema_history", "databasechangelog",    "databasechangeloglock",
      "knex_migrations",    "knex_migrations_lock",  "goose_db_version",     "migrations",
      "SequelizeMeta"};
  return std::ranges::find(kTables, name) != kTables.end();
}

bool IsJudgedTable(const catalog::Relation& relation) {
  return (relation.kind == 'r' || relation.kind == 'p') && relation.parent_oid == 0 && !relation.partition &&
         relation.persistence != 't' && !IsBookkeeping(relation.name);
}

void AddTables(const catalog::Snapshot& snapshot, std::vector<Table>& tables) {
  const size_t before = tables.size();
  for (const catalog::Relation& relation : snapshot.relations) {
    if (!IsJudgedTable(relation)) continue;
    const auto same = [&](const Table& table) { return table.relation->name == relation.name; };
    const auto known = std::ranges::find_if(tables, same);
    if (known == tables.end()) {
      tables.push_back({&snapshot, &relation, 1});
    } else if (static_cast<size_t>(known - tables.begin()) >= before) {
      ++known->schemas;
    }
  }
}

bool IsSlotEquality(const sql::Comparison& comparison) {
  using enum sql::Comparator;
  return comparison.conjunct && comparison.subquery_depth == 0 && comparison.function.empty() &&
         (comparison.comparator == kEqual || comparison.comparator == kInList || comparison.comparator == kAnyArray) &&
         comparison.slot >= 0;
}

bool Is(const sql::Facts& facts, const sql::ColumnRef& ref, std::string_view relation, std::string_view column) {
  return ref.column == column && RelationOf(facts, ref) == relation;
}

}  // namespace

const catalog::Measurement* Table::Measured(catalog::MeasureKind kind, std::initializer_list<int16_t> columns) const {
  for (const catalog::Measurement& measurement : snapshot->measurements) {
    const catalog::MeasureTask& task = measurement.task;
    if (task.kind == kind && task.relation_oid == relation->oid && std::ranges::equal(task.columns, columns))
      return &measurement;
  }
  return nullptr;
}

std::vector<Table> JudgedTables(const TraceView& view) {
  std::vector<Table> tables;
  for (const catalog::Snapshot& snapshot : view.catalogs) AddTables(snapshot, tables);
  std::ranges::stable_sort(tables, {}, [](const Table& table) -> const std::string& { return table.relation->name; });
  return tables;
}

std::vector<Table> JudgedTables(const catalog::Snapshot& snapshot) {
  std::vector<Table> tables;
  AddTables(snapshot, tables);
  return tables;
}

std::vector<std::string> NameWords(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  const std::string folded = lineage::FoldWords(name);
  for (const char c : folded + "_") {
    if (c != '_') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

bool HasWord(std::string_view name, std::initializer_list<std::string_view> words) {
  const std::vector<std::string> of_name = NameWords(name);
  return std::ranges::any_of(words,
                             [&](std::string_view word) { return std::ranges::find(of_name, word) != of_name.end(); });
}

bool IsText(const catalog::Column& column) {
  return column.type_oid == 25 || column.type_oid == 1042 || column.type_oid == 1043;
}
bool IsInteger(const catalog::Column& column) {
  return column.type_oid == 20 || column.type_oid == 21 || column.type_oid == 23;
}
bool IsMoment(const catalog::Column& column) { return column.type_oid == 1114 || column.type_oid == 1184; }

bool LeadsWith(const catalog::Index& index, std::span<const int16_t> columns) {
  if (!index.valid || !index.predicate.empty() || index.keys.size() < columns.size()) return false;
  return std::ranges::all_of(columns, [&](int16_t attnum) {
    return std::any_of(index.keys.begin(), index.keys.begin() + static_cast<std::ptrdiff_t>(columns.size()),
                       [&](const catalog::IndexKey& key) { return key.attnum == attnum; });
  });
}

bool HasIndexLeadingWith(const Table& table, std::span<const int16_t> columns) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid),
                             [&](const catalog::Index* index) { return LeadsWith(*index, columns); });
}

bool IsUniqueAlone(const Table& table, int16_t attnum) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    return index->unique && index->keys.size() == 1 && LeadsWith(*index, std::array{attnum});
  });
}

bool IsInForeignKey(const Table& table, int16_t attnum) {
  return std::ranges::any_of(table.snapshot->foreign_keys, [&](const catalog::ForeignKey& key) {
    return key.relation_oid == table.relation->oid && std::ranges::find(key.columns, attnum) != key.columns.end();
  });
}

double RowsPerValue(const Table& table, int16_t attnum) {
  const catalog::Column* column = table.Column(attnum);
  if (column == nullptr || table.relation->rows <= 0) return 0;
  if (IsUniqueAlone(table, attnum)) return 1;
  const double distinct = catalog::DistinctValues(*table.relation, *column);
  return distinct <= 0 ? 0 : table.relation->rows / distinct;
}

bool IsPolymorphicPair(std::string_view type, std::string_view id) {
  const std::vector<std::string> of_type = NameWords(type), of_id = NameWords(id);
  if (of_type.empty() || of_id.empty() || of_id.back() != "id") return false;
  static constexpr std::array<std::string_view, 5> kTypes = {"type", "kind", "table", "class", "model"};
  const bool is_type = std::ranges::find(kTypes, of_type.back()) != kTypes.end();
  if (is_type && of_type.size() == of_id.size() && std::equal(of_type.begin(), of_type.end() - 1, of_id.begin()))
    return true;
  static constexpr std::array<std::string_view, 7> kNames = {"table_name",  "entity_type", "entity",    "object_type",
                                                             "record_type", "model",       "model_name"};
  static constexpr std::array<std::string_view, 5> kIds = {"record_id", "row_id", "entity_id", "object_id", "item_id"};
  return std::ranges::find(kNames, lineage::FoldWords(type)) != kNames.end() &&
         std::ranges::find(kIds, lineage::FoldWords(id)) != kIds.end();
}

bool IsServedBySelectiveIndex(const Table& table, const trace::StatementRow& statement) {
  constexpr double kFewRows = 100;
  return std::ranges::any_of(EqualityColumns(statement, table.relation->name), [&](const std::string& name) {
    const catalog::Column* column = table.Column(name);
    if (column == nullptr || !HasIndexLeadingWith(table, std::array{column->attnum})) return false;
    const double rows = RowsPerValue(table, column->attnum);
    return rows > 0 && rows < kFewRows;
  });
}

References::References(const catalog::Snapshot& snapshot) : snapshot_(snapshot) {
  for (const catalog::Relation& relation : snapshot.relations) {
    if (IsJudgedTable(relation)) rules_.AddRelation(relation.name);
  }
  for (const catalog::Index& index : snapshot.indexes) {
    const catalog::Relation* relation = index.primary ? snapshot.FindRelation(index.relation_oid) : nullptr;
    if (relation == nullptr || !IsJudgedTable(*relation) || index.keys.size() != 1) continue;
    const catalog::Column* key = catalog::FindColumn(*relation, index.keys[0].attnum);
    if (key != nullptr) targets_.push_back({relation, key, lineage::SingularForms(lineage::FoldName(relation->name))});
  }
}

Reference References::Of(const catalog::Relation& relation, const catalog::Column& column) const {
  for (const catalog::ForeignKey& key : snapshot_.foreign_keys) {
    if (key.relation_oid == relation.oid && key.columns == std::vector{column.attnum} &&
        key.referenced_columns.size() == 1)
      return {snapshot_.FindRelation(key.referenced_oid), key.referenced_columns[0], true};
  }
  const std::string folded = lineage::FoldWords(column.name);
  for (const Target& target : targets_) {
    const catalog::Column& key = *target.key;
    if (target.relation->schema != relation.schema || &key == &column) continue;
    if (std::ranges::none_of(target.stems, [&](const std::string& stem) { return folded.contains(stem); })) continue;
    if (IsInteger(key) ? !IsInteger(column) : key.type_oid != column.type_oid) continue;
    if (rules_.Judge({relation.name, column.name}, {target.relation->name, key.name}) == lineage::Relationship::kName)
      return {target.relation, key.attnum, false};
  }
  return {};
}

bool Names(const trace::StatementRow& statement, std::string_view relation) {
  return std::ranges::find(statement.facts.relations, relation, &sql::Relation::name) !=
         statement.facts.relations.end();
}

bool Compares(const trace::StatementRow& statement, std::string_view relation, std::string_view column) {
  const sql::Facts& facts = statement.facts;
  return std::ranges::any_of(facts.comparisons, [&](const sql::Comparison& comparison) {
    return Is(facts, comparison.column, relation, column);
  });
}

bool Assigns(const trace::StatementRow& statement, std::string_view relation, std::string_view column) {
  const sql::Facts& facts = statement.facts;
  return facts.target >= 0 && facts.relations[static_cast<size_t>(facts.target)].name == relation &&
         std::ranges::any_of(facts.assignments, [&](const sql::Assignment& a) { return a.column.column == column; });
}

std::set<std::string> EqualityColumns(const trace::StatementRow& statement, std::string_view relation) {
  std::set<std::string> columns;
  for (const sql::Comparison& comparison : statement.facts.comparisons) {
    if (IsSlotEquality(comparison) && RelationOf(statement.facts, comparison.column) == relation)
      columns.insert(comparison.column.column);
  }
  return columns;
}

uint64_t CallsOf(const TraceView& view, const trace::StatementRow& statement) {
  uint64_t calls = 0;
  for (const lineage::UnitStatement& row : view.unit_statements) {
    if (row.statement_id != statement.statement_id) continue;
    const lineage::Unit* unit = view.Unit(row.unit_id);
    if (unit == nullptr || IsJudged(*unit)) calls += row.calls;
  }
  return calls;
}

Use UseOfColumn(const TraceView& view, std::string_view relation, std::string_view column) {
  return UseOf(view, [&](const trace::StatementRow& statement) {
    if (!Names(statement, relation)) return false;
    const sql::Facts& facts = statement.facts;
    const auto is = [&](const sql::ColumnRef& ref) { return Is(facts, ref, relation, column); };
    return Compares(statement, relation, column) || Assigns(statement, relation, column) ||
           std::ranges::any_of(facts.joins, [&](const sql::Join& join) { return is(join.left) || is(join.right); }) ||
           std::ranges::any_of(facts.order_by, [&](const sql::SortKey& key) { return is(key.column); }) ||
           std::ranges::any_of(facts.outputs, [&](const sql::Output& output) { return is(output.column); }) ||
           std::ranges::any_of(view.Columns(statement.statement_id), [&](const trace::ColumnRow& row) {
             return row.column.relation == relation && row.column.column == column;
           });
  });
}

Finding SchemaFinding(const RuleInfo& rule, const Table& table, std::initializer_list<std::string_view> columns) {
  Finding finding;
  finding.relation = table.relation->name;
  finding.title = table.relation->name;
  std::string separator = ".";
  for (const std::string_view column : columns) {
    finding.title += separator + std::string(column);
    separator = ", ";
  }
  Identify(finding, rule.id, SchemaId(rule.id, finding.title));
  finding.wasted_ns = 0;
  if (table.schemas > 1) {
    finding.evidence.push_back({fmt::format("the table stands in {} schemas", table.schemas),
                                {{"schemas", static_cast<double>(table.schemas)}}});
  }
  return finding;
}

void FillUse(Finding& finding, const TraceView& view, const Use& use, bool show) {
  Occurrences occurrences(view);
  const trace::StatementRow* shown = nullptr;
  for (const trace::StatementRow* statement : use.statements) {
    if (shown == nullptr || statement->database_ns > shown->database_ns) shown = statement;
  }
  for (const lineage::UnitStatement& row : view.unit_statements) {
    const bool wanted = std::ranges::any_of(
        use.statements, [&](const trace::StatementRow* one) { return one->statement_id == row.statement_id; });
    const lineage::Unit* unit = view.Unit(row.unit_id);
    if (!wanted || (unit != nullptr && !IsJudged(*unit))) continue;
    occurrences.Add(row.unit_id, row.calls);
    finding.database_ns += row.database_ns;
  }
  finding.executions = use.calls;
  if (shown == nullptr) return;
  occurrences.Fill(finding, shown->statement_id);
  if (show) finding.statement = TextOf(*shown);
}

sql::Orm SenderOf(const TraceView& view, const Use& use) {
  for (const trace::StatementRow* statement : use.statements) {
    if (const sql::Orm orm = SenderOf(view, *statement); orm != sql::Orm::kUnknown) return orm;
  }
  return sql::Orm::kUnknown;
}

std::string TableName(const Table& table) { return catalog::QualifiedName(*table.relation); }

std::string AlterColumn(const Table& table, std::string_view column, std::string_view action) {
  return fmt::format("ALTER TABLE {} ALTER COLUMN {} {}", TableName(table), catalog::QuoteIdentifier(column), action);
}

}  // namespace pgassay::detectors
