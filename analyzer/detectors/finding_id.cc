#include "analyzer/detectors/finding_id.h"

#include <fmt/format.h>

#include <set>

namespace pgassay::detectors {
namespace {

// FNV-1a, then a finalizer that carries every bit upwards (FNV's high bits hardly see the last bytes).
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

FindingId Make(std::string text) {
  std::string id = fmt::format("{:012x}", Hash(text) >> 16);
  return {std::move(id), std::move(text)};
}

std::string Join(const std::set<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

}  // namespace

FindingId EdgeId(std::string_view rule, std::string_view parent_relation, std::string_view parent_column,
                 std::string_view child_relation, std::string_view child_column, sql::Operation child_operation) {
  return Make(fmt::format("{}/{} {} {}.{} <- {}.{}", rule, kFindingIdVersion, sql::OperationName(child_operation),
                          child_relation, child_column, parent_relation, parent_column));
}

FindingId SchemaId(std::string_view rule, std::string_view subject) {
  return Make(fmt::format("{}/{} {}", rule, kFindingIdVersion, subject));
}

std::string Skeleton(const trace::StatementRow& statement) {
  const sql::Facts& facts = statement.facts;
  std::set<std::string> relations;
  for (const sql::Relation& relation : facts.relations) relations.insert(relation.name);
  std::set<std::string> predicates;
  for (const sql::Comparison& comparison : facts.comparisons) {
    const int relation = comparison.column.relation;
    const bool known = relation >= 0 && static_cast<size_t>(relation) < facts.relations.size();
    predicates.insert((known ? facts.relations[static_cast<size_t>(relation)].name : "") + "." +
                      comparison.column.column);
  }
  std::string text = fmt::format("{} {}", sql::OperationName(facts.operation),
                                 relations.empty() ? fmt::format("#{:016x}", statement.shape_hash) : Join(relations));
  if (!predicates.empty()) text += " where " + Join(predicates);
  return text;
}

FindingId SkeletonId(std::string_view rule, const trace::StatementRow& statement) {
  return Make(fmt::format("{}/{} {}", rule, kFindingIdVersion, Skeleton(statement)));
}

void Identify(Finding& finding, std::string_view rule, FindingId id) {
  finding.rule = rule;
  finding.id = std::move(id.id);
  finding.id_text = std::move(id.text);
}

}  // namespace pgassay::detectors
