#include "analyzer/detectors/occurrences.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace pgassay::detectors {
namespace {

// Tags "file" and "line" are stored apart; they are put together only where that cannot pair the wrong ones.
std::vector<std::string> SitesOf(const TraceView& view, int64_t statement_id) {
  std::vector<std::string> files, lines;
  for (const trace::TagRow& tag : std::ranges::equal_range(view.tags, statement_id, {}, &trace::TagRow::statement_id)) {
    if (tag.key == "file") files.push_back(tag.value);
    if (tag.key == "line") lines.push_back(tag.value);
  }
  if (files.size() == 1 && lines.size() == 1) files[0] += ":" + lines[0];
  return files;
}

std::vector<std::string> Ranked(const std::map<std::string, uint64_t>& weights) {
  std::vector<std::pair<std::string, uint64_t>> ranked(weights.begin(), weights.end());
  std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> names;
  names.reserve(ranked.size());
  for (auto& [name, weight] : ranked) names.push_back(std::move(name));
  return names;
}

}  // namespace

bool IsApplicationRead(const trace::StatementRow& statement) {
  const sql::Facts& facts = statement.facts;
  return facts.operation == sql::Operation::kSelect && !statement.driver && !facts.catalog_only &&
         !facts.relations.empty() && !facts.locking && !facts.writes;
}

bool IsAggregate(const sql::Facts& facts) {
  const auto is_aggregate = [](const sql::Output& output) { return output.kind == sql::Output::Kind::kAggregate; };
  return !facts.group_by.empty() || std::ranges::any_of(facts.outputs, is_aggregate) ||
         (facts.aggregate_only && !facts.has_subquery);  // EXISTS is none
}

bool IsJudged(const lineage::Unit& unit) {
  using enum lineage::ScopePhase;
  return !unit.schema_change && (unit.phase == kNone || unit.phase == kCall);
}

bool IsCutByTime(const lineage::Unit& unit) { return unit.kind == lineage::UnitKind::kGap; }

std::vector<trace::StatementRow> JudgedStatements(const TraceView& view) {
  std::map<int64_t, uint64_t> calls;
  for (const lineage::UnitStatement& row : view.unit_statements) {
    const lineage::Unit* unit = view.Unit(row.unit_id);
    if (unit == nullptr || IsJudged(*unit)) calls[row.statement_id] += row.calls;
  }
  std::vector<trace::StatementRow> statements;
  for (const trace::StatementRow& statement : view.statements) {
    const auto judged = calls.find(statement.statement_id);
    if (judged == calls.end() || judged->second == 0) continue;
    statements.push_back(statement);
    trace::StatementRow& row = statements.back();
    if (row.calls <= judged->second) continue;
    const double share = static_cast<double>(judged->second) / static_cast<double>(row.calls);
    row.calls = judged->second;
    row.rows = static_cast<uint64_t>(static_cast<double>(row.rows) * share);
    row.errors = static_cast<uint64_t>(static_cast<double>(row.errors) * share);
  }
  return statements;
}

std::string RelationsText(const sql::Facts& facts) {
  std::vector<std::string> names;
  for (const sql::Relation& relation : facts.relations) {
    if (std::ranges::find(names, relation.name) == names.end()) names.push_back(relation.name);
  }
  if (names.empty()) return "no relation";
  std::string text = names.front();
  for (size_t i = 1; i < names.size(); ++i) text += ", " + names[i];
  return text;
}

std::string RelationOf(const sql::Facts& facts, const sql::ColumnRef& column) {
  if (column.relation >= 0 && static_cast<size_t>(column.relation) < facts.relations.size()) {
    return facts.relations[static_cast<size_t>(column.relation)].name;
  }
  return facts.relations.size() == 1 ? facts.relations.front().name : "";
}

StatementText TextOf(const trace::StatementRow& statement) {
  return {statement.statement_id, statement.sql, statement.fingerprint};
}

sql::Orm SenderOf(const TraceView& view, const trace::StatementRow& statement) {
  std::vector<sql::Tag> tags;
  for (const trace::TagRow& tag :
       std::ranges::equal_range(view.tags, statement.statement_id, {}, &trace::TagRow::statement_id)) {
    tags.push_back({tag.key, tag.value});
  }
  return sql::GuessOrm(statement.sql, tags);
}

void AddIdiom(Fix& fix, sql::Orm orm, FixFamily family, const IdiomNames& names) {
  std::string idiom = OrmIdiom(orm, family, names);
  if (!idiom.empty()) fix.orm.emplace_back(sql::OrmName(orm), std::move(idiom));
}

void Occurrences::Add(int64_t unit_id, uint64_t weight) {
  const lineage::Unit* unit = view_.Unit(unit_id);
  if (unit != nullptr) {
    const std::string& scope = unit->scope.empty() ? unit->label : unit->scope;
    if (!scope.empty()) scopes_[scope] += weight;
    if (!unit->label.empty()) routes_[unit->label] += weight;
    if (!unit->scope_file.empty()) scope_sites_[scope] = fmt::format("{}:{}", unit->scope_file, unit->scope_line);
  }
  if (seen_.insert(unit_id).second && unit != nullptr) unit_database_ns_ += unit->database_ns;
  if (weight > exemplar_weight_) {
    exemplar_ = unit_id;
    exemplar_weight_ = weight;
  }
}

void Occurrences::Fill(Finding& finding, int64_t statement_id) const {
  finding.units = seen_.size();
  finding.unit_database_ns = unit_database_ns_;
  finding.exemplar_unit_id = exemplar_;
  finding.scopes = Ranked(scopes_);
  finding.routes = Ranked(routes_);
  for (const std::string& scope : finding.scopes) {
    const auto site = scope_sites_.find(scope);
    if (site != scope_sites_.end()) finding.scope_sites.push_back(site->second);
  }
  finding.sites = SitesOf(view_, statement_id);
}

}  // namespace pgassay::detectors
