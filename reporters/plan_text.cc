#include "reporters/plan_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analyzer/catalog/plan_tree.h"
#include "analyzer/detectors/words.h"

namespace pgassay::reporters {
namespace {

using catalog::PlanNode;
using trace::PlanKind;

std::string NodeText(const PlanNode& node) {
  std::string text = node.type;
  if (!node.index.empty()) text += " " + node.index;
  if (!node.relation.empty()) text += " on " + node.relation;
  if (!node.alias.empty() && node.alias != node.relation) text += " " + node.alias;
  return text;
}

// "12 rows came, 0.31 ms", of all runs together; "" where it was not executed.
std::string ActualText(const PlanNode& node) {
  if (!node.actual) return "";
  const catalog::Actual& actual = *node.actual;
  if (actual.runs == 0) return "never reached";
  std::string text =
      fmt::format("{} came, {:.2f} ms", detectors::Counted(detectors::Rounded(actual.rows), "row"), actual.ms);
  if (actual.runs > 1) text += fmt::format(" in {}", detectors::Counted(static_cast<uint64_t>(actual.runs), "run"));
  return text;
}

void WriteNode(const PlanNode& node, size_t depth, const PlanNode& most, double whole, Page& page) {
  const size_t indent = 4 + 2 * depth;
  std::string text = (depth == 0 ? "" : "→ ") + NodeText(node);
  text +=
      fmt::format(" · cost {:.2f} · {}", node.total_cost, detectors::Counted(static_cast<uint64_t>(node.rows), "row"));
  if (const std::string actual = ActualText(node); !actual.empty()) text += " · " + actual;
  const bool expensive = &node == &most && whole > 0;
  if (expensive) text += fmt::format(" ← {} of the cost", detectors::Percent(node.own_cost / whole));
  page.Write(indent, text, expensive ? Ink::kWarning : Ink::kPlain, 4);
  for (const auto& [name, condition] : node.conditions) {
    page.Write(indent + (depth == 0 ? 2 : 4), fmt::format("{}: {}", name, condition), Ink::kDim, 2);
  }
  for (const PlanNode& child : node.children) WriteNode(child, depth + 1, most, whole, page);
}

void WriteTree(std::string_view plan_json, Page& page) {
  const auto plan = catalog::PlanTree(plan_json);
  if (!plan) return page.Write(4, plan.error().message, Ink::kDim);
  WriteNode(*plan, 0, catalog::MostExpensive(*plan), plan->total_cost, page);
}

std::string HeadOf(const trace::PlanRow& row) {
  if (row.kind == PlanKind::kNoSequentialScans) {
    return fmt::format("{}, with sequential scans switched off",
                       row.executions > 0 ? "with the values of one execution" : "generic");
  }
  std::string head = row.how;
  if (row.executions > 1)
    head += fmt::format(" · the costliest of {}, mean cost {:.2f}", row.executions, row.total_cost);
  return head;
}

Json JsonNode(const PlanNode& node, const PlanNode& most, double whole) {
  const std::string actual = ActualText(node);
  Json json = {{"text", NodeText(node) + (actual.empty() ? "" : " · " + actual)},
               {"cost", node.total_cost},
               {"rows", node.rows},
               {"share", whole > 0 ? node.own_cost / whole : 0},
               {"most", &node == &most && whole > 0}};
  json["conditions"] = node.conditions;
  json["children"] = Json::array();
  for (const PlanNode& child : node.children) json["children"].push_back(JsonNode(child, most, whole));
  return json;
}

}  // namespace

void WritePlans(const Report& report, int64_t statement_id, Page& page) {
  for (const trace::PlanRow& row : report.plans) {
    if (row.statement_id != statement_id) continue;
    page.Blank();
    if (!row.problem.empty()) {
      page.Write(1, fmt::format("plan ({}): there is none: {}", trace::PlanKindName(row.kind), row.problem), Ink::kDim);
      continue;
    }
    page.Write(1, "plan: " + HeadOf(row), Ink::kBold, 2);
    WriteTree(row.plan_json, page);
  }
}

void WritePlanChanges(const Finding& finding, Page& page) {
  if (finding.plan_changes.empty()) return;
  const PlanChange& change = finding.plan_changes.front();
  page.Blank();
  if (change.statement.statement_id != finding.statement.statement_id)
    page.WriteLabelled(1, "for", 10, change.statement.sql);
  page.Write(1, "plan before: " + change.how, Ink::kBold, 2);
  WriteTree(change.plan_before, page);
  page.Write(1, "plan after", Ink::kBold);
  WriteTree(change.plan_after, page);
}

Json JsonPlanChanges(const Finding& finding) {
  Json changes = Json::array();
  for (const PlanChange& change : finding.plan_changes) {
    const Json before = Json::parse(change.plan_before, nullptr, false);
    const Json after = Json::parse(change.plan_after, nullptr, false);
    changes.push_back({{"statement_id", fmt::format("s{}", change.statement.statement_id)},
                       {"how", change.how},
                       {"cost_before", change.cost_before},
                       {"cost_after", change.cost_after},
                       {"plan_before", before.is_discarded() ? Json() : before},
                       {"plan_after", after.is_discarded() ? Json() : after}});
  }
  return changes;
}

Json JsonPlans(const Report& report, int64_t statement_id) {
  Json plans = Json::array();
  for (const trace::PlanRow& row : report.plans) {
    if (row.statement_id != statement_id) continue;
    const Json plan = Json::parse(row.plan_json, nullptr, false);
    plans.push_back({{"kind", trace::PlanKindName(row.kind)},
                     {"how", row.how},
                     {"executions", row.executions},
                     {"total_cost", row.total_cost},
                     {"rows", row.rows},
                     {"indexes", row.indexes},
                     {"sequential_scans", row.sequential_scans},
                     {"plan", plan.is_discarded() ? Json() : plan},
                     {"problem", row.problem}});
  }
  return plans;
}

Json JsonPlanTrees(const Report& report, int64_t statement_id) {
  Json plans = Json::array();
  for (const trace::PlanRow& row : report.plans) {
    if (row.statement_id != statement_id) continue;
    const std::string head = row.problem.empty() ? HeadOf(row) : std::string(trace::PlanKindName(row.kind));
    Json json = {{"head", head}, {"problem", row.problem}, {"root", nullptr}};
    if (row.problem.empty()) {
      if (const auto plan = catalog::PlanTree(row.plan_json)) {
        json["root"] = JsonNode(*plan, catalog::MostExpensive(*plan), plan->total_cost);
      } else {
        json["problem"] = plan.error().message;
      }
    }
    plans.push_back(std::move(json));
  }
  return plans;
}

}  // namespace pgassay::reporters
