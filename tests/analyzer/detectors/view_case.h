// A TraceView from a case file of tests/detectors/<rule>/: only what the case is about, the rest has sensible defaults.
// Times in ms.
//   catalogs         snapshots as the trace stores them
//   statements       with "facts": "sql" are read from their SQL, and need nothing but id, sql, calls, rows,
//   database_ms;
//                    else {id, sql, op, relations, equals, ranges, contains, nulls, sets, joins, sorts, outputs,
//                    target, function, flags}; columns as "relation.column"
//   columns          {"<statement id>": [[relation, name, attnum, bytes, cells, nulls], …]}
//   units            {id, kind, label, scope, phase, joined_to, database_ms, flags}
//   unit_statements, repeats, edges: the rows' own names; statement ids as "statement", "parent", "child"
//   answers          series: {statement, count, every_s, ms, rows, values: one or one each, results: the last goes on,
//                    unit: the first, which are made, one each; same_unit, scope, phase, flags: of these units}
//   tables           catalog_case.h
//   trials           {statement, columns, index, kind, how, before, after: costs}, of "tables"
//   slots            {statement, slot, executions, top, literals, named, share, constant}
//   plans            {statement, kind, how, plan: EXPLAIN's JSON, without the array and "Plan" around it}, of "tables"
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "analyzer/detectors/detector.h"
#include "tests/analyzer/detectors/catalog_case.h"

namespace pgassay::tests {

using Json = nlohmann::json;
using detectors::TraceView;

class ViewCase {
 public:
  explicit ViewCase(const Json& json) {
    for (const Json& item : json.value("statements", Json::array())) view_.statements.push_back(StatementOf(item));
    const Json columns = json.value("columns", Json::object());
    for (const auto& [id, rows] : columns.items()) AddColumns(std::stoll(id), rows);
    for (const Json& item : json.value("tags", Json::array())) {
      view_.tags.push_back(
          {item.at(0).get<int64_t>(), item.at(1).get<std::string>(), item.at(2).get<std::string>(), 1});
    }
    for (const Json& item : json.value("units", Json::array())) view_.units.push_back(UnitOf(item));
    for (const Json& item : json.value("unit_statements", Json::array()))
      view_.unit_statements.push_back(UnitStatementOf(item));
    for (const Json& item : json.value("repeats", Json::array())) view_.repeats.push_back(RepeatOf(item));
    for (const Json& item : json.value("edges", Json::array())) view_.edges.push_back(EdgeOf(item));
    if (json.contains("tables")) view_.catalogs.push_back(CatalogCase(json["tables"]).snapshot());
    for (const Json& item : json.value("catalogs", Json::array())) {
      auto snapshot = catalog::SnapshotFromJson(item.dump());
      if (!snapshot) throw std::invalid_argument(snapshot.error().message);
      view_.catalogs.push_back(std::move(*snapshot));
    }
    for (const Json& item : json.value("plans", Json::array())) view_.plans.push_back(PlanOf(item));
    for (const Json& item : json.value("trials", Json::array())) view_.trials.push_back(TrialOf(item));
    for (const Json& item : json.value("answers", Json::array())) AddAnswers(item);
    for (const Json& item : json.value("slots", Json::array())) view_.slots.push_back(SlotOf(item));
    detectors::ResolveJoinedUnits(view_);
  }
  const TraceView& view() const { return view_; }

 private:
  static uint64_t Count(const Json& json, const char* key, uint64_t missing = 0) { return json.value(key, missing); }
  static int64_t Ns(const Json& json, const char* key) { return std::llround(json.value(key, 0.0) * 1e6); }
  static bool Has(const Json& json, std::string_view flag) {
    const Json flags = json.value("flags", Json::array());
    return std::ranges::any_of(flags, [&](const Json& item) { return item.get<std::string>() == flag; });
  }

  static sql::ColumnRef ColumnOf(const sql::Facts& facts, const std::string& name) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos) return {-1, name};
    const auto relation = std::ranges::find(facts.relations, name.substr(0, dot), &sql::Relation::name);
    return {relation == facts.relations.end() ? -1 : static_cast<int>(relation - facts.relations.begin()),
            name.substr(dot + 1)};
  }

  static trace::StatementRow StatementOf(const Json& json) {
    trace::StatementRow row;
    row.statement_id = json.at("id").get<int64_t>();
    row.shape_hash = static_cast<uint64_t>(row.statement_id) * 1000;
    row.sql = json.at("sql").get<std::string>();
    row.driver = Has(json, "driver");
    sql::Facts& facts = row.facts;
    row.calls = Count(json, "calls");
    row.rows = Count(json, "rows");
    row.database_ns = Ns(json, "database_ms");
    if (json.value("facts", "") == "sql") {
      static sql::Analyzer analyzer;
      const auto scanned = sql::Scan(HashKey::ForTests(1), row.sql);
      facts = analyzer.Analyze(row.sql, scanned.at(0));
      row.sql = scanned.at(0).sql;
      return row;
    }
    facts.parsed = true;
    facts.operation = sql::OperationFromName(json.value("op", "SELECT"));
    facts.writes = facts.operation != sql::Operation::kSelect;
    facts.locking = Has(json, "locking");
    facts.volatile_functions = Has(json, "volatile");
    facts.catalog_only = Has(json, "catalog");
    for (const Json& name : json.value("relations", Json::array()))
      facts.relations.push_back({"", name.get<std::string>(), ""});
    int slot = 0;
    const auto compare = [&](const char* key, sql::Comparator comparator) {
      for (const Json& name : json.value(key, Json::array())) {
        sql::Comparison comparison;
        comparison.column = ColumnOf(facts, name.get<std::string>());
        comparison.comparator = comparator;
        comparison.slot = slot++;
        comparison.conjunct = true;
        facts.comparisons.push_back(std::move(comparison));
      }
    };
    compare("equals", sql::Comparator::kEqual);
    compare("ranges", sql::Comparator::kRange);
    compare("contains", sql::Comparator::kContains);
    compare("nulls", sql::Comparator::kIsNull);
    for (sql::Comparison& comparison : facts.comparisons) {
      if (comparison.comparator == sql::Comparator::kIsNull) comparison.slot = -1;
      comparison.operator_name = comparison.comparator == sql::Comparator::kContains ? "@>" : "=";
      comparison.function = json.value("function", "");
    }
    for (const Json& name : json.value("sets", Json::array()))
      facts.assignments.push_back({ColumnOf(facts, name.get<std::string>()), slot++, false});
    for (const Json& pair : json.value("joins", Json::array())) {
      facts.joins.push_back(
          {ColumnOf(facts, pair.at(0).get<std::string>()), ColumnOf(facts, pair.at(1).get<std::string>())});
    }
    for (const Json& name : json.value("sorts", Json::array()))
      facts.order_by.push_back({ColumnOf(facts, name.get<std::string>()), false, false, false});
    for (const Json& item : json.value("outputs", Json::array())) {
      const auto name = item.get<std::string>();
      sql::Output output;
      output.kind = name == "*" ? sql::Output::Kind::kStar : sql::Output::Kind::kColumn;
      facts.has_star = facts.has_star || name == "*";
      if (name != "*") output.column = ColumnOf(facts, name);
      facts.outputs.push_back(std::move(output));
    }
    if (json.contains("target")) facts.target = ColumnOf(facts, json["target"].get<std::string>() + ".x").relation;
    return row;
  }

  static trace::PlanRow PlanOf(const Json& json) {
    trace::PlanRow row{.upstream = "127.0.0.1:5432", .database = "shop"};
    row.statement_id = json.at("statement").get<int64_t>();
    const std::string kind = json.value("kind", "values");
    for (const auto known : {trace::PlanKind::kValues, trace::PlanKind::kGeneric, trace::PlanKind::kNoSequentialScans,
                             trace::PlanKind::kExecuted}) {
      if (trace::PlanKindName(known) == kind) row.kind = known;
    }
    row.how = json.value("how", "planned with the values of one execution");
    row.executions = json.value("executions", row.executions);
    row.total_cost = json.at("plan").value("Total Cost", 0.0);
    row.plan_json = Json::array({{{"Plan", json.at("plan")}}}).dump();
    return row;
  }

  void AddAnswers(const Json& json) {
    const auto at = [](const Json& list, uint64_t i) { return list.at(std::min<size_t>(i, list.size() - 1)); };
    const Json values = json.value("values", Json::array({7})), results = json.value("results", Json::array({9}));
    const bool same_unit = json.value("same_unit", false);
    auto unit = json.value("unit", int64_t{1000} * json.at("statement").get<int64_t>());
    for (uint64_t i = 0; i < json.at("count").get<uint64_t>(); ++i) {
      if (i == 0 || !same_unit) {
        Json of_unit = json;
        of_unit["id"] = unit;
        view_.units.push_back(UnitOf(of_unit));
      }
      view_.answers.push_back({.statement_id = json.at("statement").get<int64_t>(),
                               .execution_no = unit * 100 + static_cast<int64_t>(i),
                               .recording_id = 1,
                               .database_id = 1,
                               .unit_id = unit,
                               .sent_ns = std::llround(json.value("every_s", 300.0) * 1e9) * static_cast<int64_t>(i),
                               .busy_ns = Ns(json, "ms"),
                               .rows = Count(json, "rows", 1),
                               .parameters_hash = at(values, i).get<uint64_t>(),
                               .result_hash = at(results, i).get<uint64_t>()});
      unit += same_unit ? 0 : 1;
    }
    std::ranges::stable_sort(view_.answers, {}, &trace::AnswerRow::statement_id);
  }

  static trace::TrialRow TrialOf(const Json& json) {
    trace::TrialRow row{.upstream = "127.0.0.1:5432", .database = "shop"};
    row.statement_id = json.at("statement").get<int64_t>();
    row.index = json.value("index", "");
    row.columns = json.value("columns", "");
    row.how = json.value("how", "planned with the values of one execution");
    row.used = true;
    row.cost_before = json.at("before").get<double>();
    row.cost_after = json.at("after").get<double>();
    return row;
  }

  static trace::SlotRow SlotOf(const Json& json) {
    trace::SlotRow row;
    row.statement_id = json.at("statement").get<int64_t>();
    row.slot = json.at("slot").get<int>();
    row.executions = Count(json, "executions");
    row.top_executions = Count(json, "top", row.executions);
    row.literals = Count(json, "literals");
    row.named = Count(json, "named");
    row.share = json.value("share", -1.0);
    row.constant = json.value("constant", "");
    return row;
  }

  void AddColumns(int64_t statement_id, const Json& rows) {
    for (const Json& item : rows) {
      trace::ColumnRow row;
      row.statement_id = statement_id;
      row.position = static_cast<int>(&item - &rows[0]);
      row.column.relation = item.at(0).get<std::string>();
      row.name = item.at(1).get<std::string>();
      row.column.column = row.name;
      row.column.attnum = item.at(2).get<int16_t>();
      row.bytes = item.at(3).get<uint64_t>();
      row.cells = item.at(4).get<uint64_t>();
      row.nulls = item.size() > 5 ? item.at(5).get<uint64_t>() : 0;
      view_.columns.push_back(std::move(row));
    }
    std::ranges::stable_sort(view_.columns, {}, &trace::ColumnRow::statement_id);
  }

  static lineage::Unit UnitOf(const Json& json) {
    static const std::vector<std::pair<std::string, lineage::UnitKind>> kKinds = {
        {"scope", lineage::UnitKind::kScope},
        {"traceparent", lineage::UnitKind::kTraceparent},
        {"transaction", lineage::UnitKind::kTransaction},
        {"tag", lineage::UnitKind::kTag},
        {"pool", lineage::UnitKind::kPool},
        {"gap", lineage::UnitKind::kGap}};
    lineage::Unit unit;
    unit.unit_id = json.at("id").get<int64_t>();
    unit.joined_to = json.value("joined_to", int64_t{0});
    const auto kind =
        std::ranges::find(kKinds, json.value("kind", "transaction"), &std::pair<std::string, lineage::UnitKind>::first);
    unit.kind = kind->second;
    unit.label = json.value("label", "");
    unit.scope = json.value("scope", "");
    unit.scope_id = unit.scope.empty() ? 0 : unit.unit_id;
    const std::string phase = json.value("phase", unit.scope.empty() ? "none" : "call");
    for (const auto known : {lineage::ScopePhase::kSetup, lineage::ScopePhase::kCall, lineage::ScopePhase::kTeardown,
                             lineage::ScopePhase::kBetween}) {
      if (lineage::ScopePhaseName(known) == phase) unit.phase = known;
    }
    if (unit.scope_id != 0) unit.scope_file = "tests/test_shop.py", unit.scope_line = 12;
    unit.shared_connection = Has(json, "shared");
    unit.schema_change = Has(json, "schema_change");
    unit.database_ns = Ns(json, "database_ms");
    return unit;
  }

  static lineage::UnitStatement UnitStatementOf(const Json& json) {
    lineage::UnitStatement row;
    row.unit_id = json.value("unit", int64_t{1});
    row.statement_id = json.at("statement").get<int64_t>();
    row.calls = Count(json, "calls", 1);
    row.errors = Count(json, "errors");
    row.rows = Count(json, "rows", row.calls);
    row.bytes = Count(json, "bytes");
    row.batches = Count(json, "batches");
    row.unclaimed = Count(json, "unclaimed");
    row.unclaimed_distinct = Count(json, "unclaimed_distinct", row.unclaimed);
    row.unclaimed_max_repeat = Count(json, "unclaimed_max_repeat", 1);
    row.database_ns = Ns(json, "database_ms");
    row.gap_p90_ns = Ns(json, "gap_p90_ms");
    row.median_ns = Ns(json, "median_ms");
    row.first_no = json.value("first_no", int64_t{0});
    row.last_no = json.value("last_no", row.first_no);
    return row;
  }

  static lineage::Repeat RepeatOf(const Json& json) {
    lineage::Repeat row;
    row.unit_id = json.value("unit", int64_t{1});
    row.statement_id = json.at("statement").get<int64_t>();
    row.parameters_hash = Count(json, "values", 1);
    row.executions = Count(json, "executions");
    row.rows = Count(json, "rows");
    row.bytes = Count(json, "bytes");
    row.repeat_ns = Ns(json, "repeat_ms");
    row.gap_median_ns = Ns(json, "gap_median_ms");
    row.regular_interval = json.value("regular", false);
    return row;
  }

  static lineage::Edge EdgeOf(const Json& json) {
    lineage::Edge row;
    row.unit_id = json.value("unit", int64_t{1});
    row.parent_statement_id = json.at("parent").get<int64_t>();
    row.parent_position = json.value("parent_position", 0);
    row.child_statement_id = json.at("child").get<int64_t>();
    row.children = Count(json, "children", 1);
    row.distinct_values = Count(json, "distinct", row.children);
    row.parent_distinct = Count(json, "parent_distinct", row.distinct_values);
    row.parent_column.relation = json.value("relation", "");
    row.parent_column.column = json.value("column", "");
    return row;
  }

  TraceView view_;
};

}  // namespace pgassay::tests
