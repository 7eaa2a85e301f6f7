#include "analyzer/detectors/copies.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyzer/detectors/words.h"
#include "analyzer/lineage/relation_rules.h"
#include "proxy/base/lower_case.h"

namespace pgassay::detectors {
namespace {

// "product" of product_id; "" if it is no reference by name.
std::string StemOf(std::string_view reference) {
  const std::string folded = lineage::FoldWords(reference);
  for (const std::string_view suffix : {"_id", "_uuid", "_key"}) {
    if (folded.ends_with(suffix)) return folded.substr(0, folded.size() - suffix.size());
  }
  return "";
}

// Too plain to be a copy when two tables both have it.
bool IsCommonName(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kNames = {"id",      "name",  "title",    "status", "state",
                                                              "type",    "kind",  "version",  "code",   "description",
                                                              "comment", "notes", "position", "active"};
  return std::ranges::find(kNames, name) != kNames.end();
}

bool IsMember(const catalog::Index& index, int16_t attnum) {
  return std::ranges::find(index.keys, attnum, &catalog::IndexKey::attnum) != index.keys.end();
}

bool IsPartOfCompositeKey(const Table& table, int16_t attnum) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid), [&](const catalog::Index* index) {
    return index->unique && index->predicate.empty() && index->keys.size() >= 2 && IsMember(*index, attnum);
  });
}

bool IsPartOfAnyKey(const Table& table, int16_t attnum) {
  return std::ranges::any_of(table.snapshot->IndexesOf(table.relation->oid),
                             [&](const catalog::Index* index) { return index->unique && IsMember(*index, attnum); });
}

bool MayBeCopy(const Table& table, const catalog::Column& column) {
  constexpr uint32_t kBool = 16, kDate = 1082;
  return column.type_oid != kBool && column.type_oid != kDate && !IsMoment(column) && !column.generated &&
         !IsPartOfAnyKey(table, column.attnum) && !IsInForeignKey(table, column.attnum) && StemOf(column.name).empty();
}

const catalog::Column* OriginalOf(const Reference& target, const std::string& stem, const catalog::Column& copy) {
  if (target.relation == nullptr) return nullptr;
  const std::string name = lineage::FoldWords(copy.name);
  for (const catalog::Column& column : target.relation->columns) {
    if (column.attnum == target.key || column.type_category != copy.type_category) continue;
    const std::string other = lineage::FoldWords(column.name);
    if (name == fmt::format("{}_{}", stem, other) || (name == other && !IsCommonName(name))) return &column;
  }
  return nullptr;
}

// 1 < values of the copy <= 1.05 x values of the reference, where both are known.
bool MayDepend(const Table& table, const catalog::Column& reference, const catalog::Column& copy) {
  const double of_copy = catalog::DistinctValues(*table.relation, copy);
  const double of_reference = catalog::DistinctValues(*table.relation, reference);
  if (of_copy > 0 && of_copy <= 1) return false;
  return of_copy <= 0 || of_reference <= 0 || of_copy <= 1.05 * of_reference;
}

bool IsDeliberate(const Table& table, const catalog::Column& copy) {
  if (HasWord(copy.name, {"snapshot", "original", "frozen", "historic", "historical", "cached", "denormalized"}) ||
      copy.name.contains("_at_"))
    return true;
  for (const std::string& said : {copy.comment, table.relation->comment}) {
    const std::string comment = LowerCase(said);
    for (const char* word : {"snapshot", "denormal", "deliberate", "copied on purpose", "at the time"}) {
      if (comment.contains(word)) return true;
    }
  }
  return false;
}

bool UpdatesIn(const trace::StatementRow& statement, std::string_view relation, std::string_view column) {
  return statement.facts.operation == sql::Operation::kUpdate && Assigns(statement, relation, column);
}

// Lines, ledgers and events: they belong to something dated, and what is written stays.
bool LooksLikeSnapshot(const TraceView& view, const Table& table, const catalog::Column& copy) {
  if (!HasWord(copy.name, {"price", "cost", "name", "title", "rate", "tax", "address", "street", "city", "email",
                           "phone", "currency", "sku", "label", "description"}))
    return false;
  const bool changed =
      table.relation->updated > 0 || std::ranges::any_of(view.statements, [&](const auto& statement) {
        return statement.facts.operation == sql::Operation::kUpdate && statement.facts.target >= 0 &&
               statement.facts.relations[static_cast<size_t>(statement.facts.target)].name == table.relation->name;
      });
  if (changed) return false;
  return std::ranges::any_of(table.snapshot->foreign_keys, [&](const catalog::ForeignKey& key) {
    const catalog::Relation* parent = table.snapshot->FindRelation(key.referenced_oid);
    return key.relation_oid == table.relation->oid && parent != nullptr && parent->oid != table.relation->oid &&
           std::ranges::any_of(parent->columns, IsMoment);
  });
}

// In one unit: first the original, then the copies of it.
uint64_t LockStepUpdates(const TraceView& view, const Table& table, const CopyCandidate& candidate) {
  if (candidate.original == nullptr) return 0;
  uint64_t updates = 0;
  for (const lineage::UnitStatement& copy : view.unit_statements) {
    const trace::StatementRow* statement = view.Statement(copy.statement_id);
    const lineage::Unit* unit = view.Unit(copy.unit_id);
    if (statement == nullptr || copy.rows == 0 || (unit != nullptr && unit->schema_change)) continue;
    if (!UpdatesIn(*statement, table.relation->name, candidate.copy->name)) continue;
    if (!Compares(*statement, table.relation->name, candidate.reference->name)) continue;
    const bool follows = std::ranges::any_of(view.unit_statements, [&](const lineage::UnitStatement& row) {
      const trace::StatementRow* other = row.unit_id == copy.unit_id ? view.Statement(row.statement_id) : nullptr;
      return other != nullptr && row.first_no < copy.last_no &&
             UpdatesIn(*other, candidate.target.relation->name, candidate.original->name);
    });
    if (follows) updates += copy.calls;
  }
  return updates;
}

std::string OriginalName(const CopyCandidate& candidate) {
  if (candidate.original == nullptr) return candidate.reference->name;
  return candidate.target.relation->name + "." + candidate.original->name;
}

Finding CopyFinding(const RuleInfo& rule, const TraceView& view, const Table& table, const CopyCandidate& candidate,
                    const CopyJudgement& judgement) {
  const std::string& relation = table.relation->name;
  Finding finding = SchemaFinding(rule, table, {candidate.copy->name});
  FillUse(finding, view, judgement.use, false);
  finding.title = fmt::format("{}.{} <- {}", relation, candidate.copy->name, OriginalName(candidate));
  finding.summary = fmt::format(
      "{}.{} says again what {} decides. Read it from {}.", relation, candidate.copy->name, candidate.reference->name,
      candidate.target.relation == nullptr ? "a table of its own" : candidate.target.relation->name);
  finding.evidence.push_back(
      {fmt::format("{} decides {}: rows of equal {} agree in {} of pairs beyond chance, over {}",
                   candidate.reference->name, candidate.copy->name, candidate.reference->name,
                   Percent(judgement.agreement), Counted(static_cast<uint64_t>(judgement.groups), "value")),
       {{"agreement", judgement.agreement}, {"groups", judgement.groups}}});
  if (judgement.rows > 0) {
    finding.evidence.push_back(
        {fmt::format("equal to {} in {} of {}", OriginalName(candidate), Count(static_cast<uint64_t>(judgement.equal)),
                     Counted(static_cast<uint64_t>(judgement.rows), "joined row")),
         {{"equal_rows", judgement.equal}, {"joined_rows", judgement.rows}}});
  }
  const std::string drop =
      fmt::format("ALTER TABLE {} DROP COLUMN {}", TableName(table), catalog::QuoteIdentifier(candidate.copy->name));
  finding.fix.advice =
      fmt::format("Join {} instead, or say in a comment on the column that it is a snapshot.",
                  candidate.target.relation == nullptr ? "its own table" : candidate.target.relation->name);
  switch (judgement.verdict) {
    case CopyVerdict::kLockStep:
      finding.confidence = Confidence::kProven;
      finding.severity = Severity::kWarning;
      finding.evidence.push_back({fmt::format("{} updated the copies after the original, in one unit",
                                              Counted(judgement.updates, "execution")),
                                  {{"updates", static_cast<double>(judgement.updates)}}});
      finding.fix.sql = drop;
      break;
    case CopyVerdict::kSnapshot:
      finding.confidence = Confidence::kHint;
      finding.evidence.push_back({"looks like a deliberate snapshot: the rows are dated and never updated", {}});
      finding.fix.advice = "If it is a snapshot, say so in a comment on the column, or name it so (…_at_order).";
      finding.fix.sql = fmt::format("COMMENT ON COLUMN {}.{} IS 'snapshot at the time of writing'", TableName(table),
                                    catalog::QuoteIdentifier(candidate.copy->name));
      break;
    default:
      finding.confidence = Confidence::kLikely;
      finding.evidence.push_back({"no update of copies was seen, so it has not hurt yet", {}});
      finding.fix.sql = drop;
  }
  return finding;
}

}  // namespace

std::vector<CopyCandidate> CopyCandidates(const Table& table, const References& references) {
  std::vector<CopyCandidate> candidates;
  for (const catalog::Column& reference : table.relation->columns) {
    const std::string stem = StemOf(reference.name);
    if (stem.empty() || IsUniqueAlone(table, reference.attnum)) continue;
    CopyCandidate candidate{
        .reference = &reference, .copy = nullptr, .target = references.Of(*table.relation, reference)};
    candidate.part_of_key = IsPartOfCompositeKey(table, reference.attnum);
    if (candidate.target.relation == table.relation) continue;  // a tree's parent
    for (const catalog::Column& copy : table.relation->columns) {
      if (!MayBeCopy(table, copy) || !MayDepend(table, reference, copy)) continue;
      candidate.original = OriginalOf(candidate.target, stem, copy);
      const bool by_stem = candidate.part_of_key && lineage::FoldWords(copy.name).starts_with(stem + "_");
      if (candidate.original == nullptr && !by_stem) continue;
      candidate.copy = &copy;
      candidates.push_back(candidate);
    }
  }
  return candidates;
}

CopyJudgement Judge(const TraceView& view, const Table& table, const CopyCandidate& candidate,
                    const CopyOptions& options) {
  using enum catalog::MeasureKind;
  CopyJudgement judgement;
  const std::initializer_list<int16_t> columns = {candidate.reference->attnum, candidate.copy->attnum};
  const catalog::Measurement* agreement = table.Measured(kAgreement, columns);
  if (agreement == nullptr || IsDeliberate(table, *candidate.copy)) return judgement;
  judgement.agreement = agreement->Of("corrected");
  judgement.groups = agreement->Of("groups");
  if (judgement.groups < options.min_groups || judgement.agreement < options.min_agreement) return judgement;
  if (candidate.original != nullptr) {
    const catalog::Measurement* copied = table.Measured(kCopy, columns);
    if (copied == nullptr || copied->Of("rows") <= 0) return judgement;
    judgement.rows = copied->Of("rows");
    judgement.equal = copied->Of("equal");
    if (judgement.equal < options.min_equal * judgement.rows)
      return judgement;  // it was copied and has drifted: history
  }
  judgement.use = UseOfColumn(view, table.relation->name, candidate.copy->name);
  judgement.updates = LockStepUpdates(view, table, candidate);
  judgement.verdict = judgement.updates > 0                             ? CopyVerdict::kLockStep
                      : LooksLikeSnapshot(view, table, *candidate.copy) ? CopyVerdict::kSnapshot
                                                                        : CopyVerdict::kDependency;
  return judgement;
}

std::vector<Finding> DetectCopies(const RuleInfo& rule, const TraceView& view, const CopyOptions& options,
                                  bool (*wanted)(const CopyCandidate& candidate)) {
  std::vector<Finding> findings;
  std::map<const catalog::Snapshot*, References> references;
  for (const Table& table : JudgedTables(view)) {
    const References& of_database = references.try_emplace(table.snapshot, *table.snapshot).first->second;
    for (const CopyCandidate& candidate : CopyCandidates(table, of_database)) {
      if (!wanted(candidate)) continue;
      const CopyJudgement judgement = Judge(view, table, candidate, options);
      if (judgement.verdict != CopyVerdict::kNone)
        findings.push_back(CopyFinding(rule, view, table, candidate, judgement));
    }
  }
  return findings;
}

}  // namespace pgassay::detectors
