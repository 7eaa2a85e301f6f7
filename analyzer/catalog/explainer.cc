#include "analyzer/catalog/explainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "analyzer/catalog/executable.h"
#include "analyzer/catalog/hypothetical.h"
#include "analyzer/catalog/plan_json.h"
#include "analyzer/catalog/session_context.h"
#include "analyzer/sql/statement.h"

namespace pgassay::catalog {
namespace {

constexpr int kGenericPlanOption = 160000;  // server version with EXPLAIN (GENERIC_PLAN)

constexpr const char* kTypeNames = R"(
SELECT coalesce(string_agg(CASE WHEN o = 0 THEN 'unknown' ELSE format_type(o, NULL) END, ', ' ORDER BY n), '')
FROM unnest($1::oid[]) WITH ORDINALITY u (o, n))";

constexpr const char* kCountParameters =
    "SELECT coalesce(pg_catalog.cardinality(parameter_types), 0) FROM pg_catalog.pg_prepared_statements "
    "WHERE name OPERATOR(pg_catalog.=) 'pgassay'";

bool MayBePlanned(sql::Operation operation) {
  using enum sql::Operation;
  return operation == kSelect || operation == kInsert || operation == kUpdate || operation == kDelete ||
         operation == kMerge;
}

std::vector<Parameter> ParametersOf(const Sample& sample) {
  std::vector<Parameter> parameters;
  parameters.reserve(sample.binds.size());
  for (const BindValue& bind : sample.binds) {
    parameters.push_back({.value = bind.null ? std::nullopt : std::optional(bind.value),
                          .binary = bind.binary,
                          .type_oid = bind.type_oid});
  }
  return parameters;
}

// "(integer, unknown)"; "" without parameters.
Result<std::string> TypeNames(Connection& connection, std::span<const Parameter> parameters) {
  if (parameters.empty()) return "";
  std::string oids;
  for (const Parameter& parameter : parameters) {
    oids += fmt::format("{}{}", oids.empty() ? "{" : ",", parameter.type_oid);
  }
  const Parameter list{.value = oids + "}"};
  const auto rows = connection.Run(kTypeNames, {&list, 1});
  if (!rows) return std::unexpected(rows.error());
  return "(" + std::string(rows->Text(0, 0)) + ")";
}

Result<Rows> ExplainPrepared(Connection& connection) {
  const auto counted = connection.Run(kCountParameters);
  if (!counted) return std::unexpected(counted.error());
  std::string arguments;
  for (int64_t i = 0; i < counted->Int(0, 0); ++i) arguments += i == 0 ? "(NULL" : ", NULL";
  if (!arguments.empty()) arguments += ")";
  // Without the option, NULL would rule out partitions.
  const bool option = connection.server_version() >= kGenericPlanOption;
  return TryRun(connection, fmt::format("EXPLAIN (FORMAT JSON, VERBOSE{}) EXECUTE pgassay{}",
                                        option ? ", GENERIC_PLAN" : "", arguments));
}

// What EXPLAIN ANALYZE says, if the plan before it shows that the statement may run.
Result<Rows> Execute(Connection& connection, const std::string& sql, std::span<const Parameter> parameters,
                     const Rows& plan) {
  if (plan.size() == 0) return Fail("the server made no plan");
  if (auto may = MayBeExecuted(connection, sql, plan.Text(0, 0)); !may) return std::unexpected(may.error());
  return connection.Run("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, VERBOSE) " + sql, parameters);
}

// By PREPARE on every version: only so the types that the application declared hold. Its grammar takes nothing but a
// single statement of those that are planned.
Result<Rows> ExplainGeneric(Connection& connection, const std::string& sql, const std::string& types) {
  if (!SetLocal(connection, "plan_cache_mode", "force_generic_plan")) return Fail("plan_cache_mode could not be set");
  if (auto prepared = connection.Run("PREPARE pgassay" + types + " AS " + sql); !prepared) return prepared;
  auto rows = ExplainPrepared(connection);
  // It would outlive the transaction.
  if (auto gone = connection.Run("DEALLOCATE pgassay"); !gone) return gone;
  return rows;
}

class Explainer : public Planner {
 public:
  Explainer(Target target, Snapshot snapshot, ExplainerOptions options, const std::atomic<bool>* give_up)
      : connections_(std::move(target), give_up), snapshot_(std::move(snapshot)), options_(options) {
    has_hypopg_ = std::ranges::find(snapshot_.extensions, "hypopg") != snapshot_.extensions.end();
  }

  const Snapshot& snapshot() const override { return snapshot_; }
  uint64_t calls() const override { return calls_; }

  Hypothetical CanTry(const IndexSpec& index) const override {
    if (snapshot_.FindRelation(index.relation_oid) == nullptr) return Hypothetical::kNone;
    if (has_hypopg_ && HypoPgKnows(index)) return Hypothetical::kHypoPg;
    return options_.sandbox ? Hypothetical::kSandbox : Hypothetical::kNone;
  }

  Result<PlannedCost> Plan(const Sample& sample, std::span<const IndexSpec> hypothetical,
                           PlanOptions options) override {
    const auto takes_parameters = Check(sample.sql, options.execute);
    if (!takes_parameters) return std::unexpected(takes_parameters.error());
    const bool generic = options.values == Values::kGeneric || (*takes_parameters && sample.binds.empty());
    if (options.execute && (generic || !hypothetical.empty())) return Fail("it is not executed without its values");
    return Question<PlannedCost>(
        hypothetical, [&](Connection& connection, std::span<const MadeIndex> made) -> Result<PlannedCost> {
          const auto parameters = ParametersOf(sample);
          const auto types = TypeNames(connection, parameters);
          if (!types) return std::unexpected(types.error());
          const std::string missing = TakeOn(connection, sample.context.get());
          if (!options.sequential_scans && !SetLocal(connection, "enable_seqscan", "off")) {
            return Fail("enable_seqscan could not be set");
          }
          ++calls_;
          auto rows = generic ? ExplainGeneric(connection, sample.sql, *types)
                              : connection.Run("EXPLAIN (FORMAT JSON, VERBOSE) " + sample.sql, parameters);
          if (rows && options.execute) rows = Execute(connection, sample.sql, parameters, *rows);
          if (!rows) return std::unexpected(rows.error());
          auto cost = CostOf(*rows, hypothetical, made, generic);
          if (cost && options.execute) cost->how = "executed once more with the values of one execution";
          if (cost && !missing.empty()) cost->how += (generic ? ", made " : ", ") + missing;
          return cost;
        });
  }

 private:
  // Whether it takes parameters; an error if it is none of the statements that are planned, or executed.
  Result<bool> Check(const std::string& sql, bool execute) {
    static constexpr HashKey kNoKey{};  // nothing is compared
    const auto statements = sql::Scan(kNoKey, sql);
    if (statements.size() != 1) return Fail("it is not a single statement");
    const auto facts = analyzer_.Analyze(sql, statements.front());
    if (!facts.parsed || !MayBePlanned(facts.operation)) {
      return Fail("only SELECT, INSERT, UPDATE, DELETE and MERGE are planned");
    }
    if (execute) {
      if (auto may = MayBeExecuted(facts, snapshot_); !may) return std::unexpected(may.error());
    }
    return std::ranges::any_of(statements.front().values, [](const auto& value) { return value.parameter > 0; });
  }

  static Result<PlannedCost> CostOf(const Rows& rows, std::span<const IndexSpec> specs, std::span<const MadeIndex> made,
                                    bool generic) {
    std::map<std::string, size_t> positions;
    std::map<std::string, std::string> shown;
    for (size_t i = 0; i < made.size(); ++i) {
      for (const std::string& name : made[i].names) {
        positions[name] = i;
        shown[name] = specs[i].name;
      }
    }
    if (rows.size() == 0) return Fail("the server made no plan");
    auto plan = PlanFromJson(rows.Text(0, 0), shown);
    if (!plan) return std::unexpected(plan.error());
    PlannedCost cost{.total_cost = plan->total_cost,
                     .rows = plan->rows,
                     .sequential_scans = std::move(plan->sequential_scans),
                     .plan_json = std::move(plan->json),
                     .how = generic ? "generic plan" : "planned with the values of one execution"};
    for (const MadeIndex& index : made) cost.hypothetical_bytes.push_back(index.bytes);
    if (generic && plan->partitions_removed) cost.how += " that does not show all partitions";
    for (const std::string& name : plan->indexes) {
      UsedIndex used{.name = name};
      if (const auto at = positions.find(name); at != positions.end()) {
        used = {.name = specs[at->second].name, .hypothetical = static_cast<int>(at->second)};
      }
      if (std::ranges::find(cost.indexes_used, used) == cost.indexes_used.end()) {
        cost.indexes_used.push_back(std::move(used));
      }
    }
    return cost;
  }

  // Asks where the indexes are, in a transaction that is rolled back.
  template <class Answer, class Ask>
  Result<Answer> Question(std::span<const IndexSpec> indexes, Ask ask) {
    bool build = false;
    for (const IndexSpec& index : indexes) {
      const Hypothetical how = CanTry(index);
      if (how == Hypothetical::kNone) return Fail("an index of this kind cannot be tried on this server");
      build = build || how == Hypothetical::kSandbox;
    }
    const auto got = connections_.Get();
    if (!got) return std::unexpected(got.error());
    Connection& connection = **got;
    if (indexes.empty() || build) return AskWith<Answer>(connection, indexes, "", build, ask);
    const auto schema = HypoPgSchema(connection);
    if (!schema) return std::unexpected(schema.error());
    if (schema->empty()) return Fail("HypoPG is gone");
    auto answer = AskWith<Answer>(connection, indexes, *schema, false, ask);
    // Where that fails the connection is not used again, nor are they.
    if (auto forgotten = ForgetSupposed(connection, *schema); !forgotten) connections_.Close();
    return answer;
  }

  template <class Answer, class Ask>
  Result<Answer> AskWith(Connection& connection, std::span<const IndexSpec> indexes, const std::string& hypopg_schema,
                         bool build, Ask ask) {
    if (auto begun = connection.Begin(!build); !begun) return std::unexpected(begun.error());
    auto answer = [&]() -> Result<Answer> {
      std::vector<MadeIndex> made;
      for (const IndexSpec& index : indexes) {
        const Relation& relation = *snapshot_.FindRelation(index.relation_oid);
        auto one = build ? Build(connection, index, relation, made.size())
                         : Suppose(connection, hypopg_schema, index, relation);
        if (!one) return std::unexpected(one.error());
        made.push_back(std::move(*one));
      }
      return ask(connection, made);
    }();
    connection.End();
    return answer;
  }

  Connections connections_;
  Snapshot snapshot_;
  ExplainerOptions options_;
  bool has_hypopg_ = false;
  sql::Analyzer analyzer_;
  uint64_t calls_ = 0;
};

}  // namespace

std::unique_ptr<Planner> MakeExplainer(Target target, Snapshot snapshot, ExplainerOptions options,
                                       const std::atomic<bool>* give_up) {
  return std::make_unique<Explainer>(std::move(target), std::move(snapshot), options, give_up);
}

}  // namespace pgassay::catalog
