// Rule n-plus-one: one query per row of an earlier result, proven by where each value came from.
//
//   SELECT id, email FROM users LIMIT 50        rows 1 … 50 reach the client,
//   SELECT * FROM orders WHERE user_id = $1     and each $1 is users.id of the next row
//   SELECT * FROM orders WHERE user_id = $1
//
// Reads Edge: which column fed which slot, in which order, how completely. Gates first, then a confidence
// (n_plus_one_score.h). Edges of one relation are one finding over all units; edges below another one (chains, trees)
// are its steps, under the outermost edge's id.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "analyzer/catalog/foreign_keys.h"
#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/n_plus_one_score.h"
#include "analyzer/detectors/n_plus_one_text.h"
#include "analyzer/detectors/occurrences.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

using lineage::Edge;
using lineage::Relationship;

constexpr std::array kOptions = {
    OptionInfo{"min_children", 3, "children of one parent result, each with its own value, from which it is an N+1"},
    OptionInfo{"min_nested_children", 5, "children in all of three or more parents that were themselves fed by rows"},
    OptionInfo{"min_containment", 0.95, "share of the children's values that must be in the parent's column"},
    OptionInfo{"min_small_loads", 20,
               "loads under parents of one or two rows from which a hint is given; 0 gives none"},
};

constexpr RuleInfo kInfo = {
    .id = "n-plus-one",
    .name = "N+1",
    .summary = "one query per row of an earlier result",
    .picture =
        "  users = all users       SELECT … FROM users                    1 query, N rows\n"
        "  for user in users:      SELECT … FROM orders WHERE user_id = $1  N queries,\n"
        "      user.orders         SELECT … FROM orders WHERE user_id = $1  each fed by\n"
        "                          …                                        users.id",
    .problem =
        "A result of N rows is followed by N queries, one per row, because related rows are loaded when they are "
        "touched. Each pays "
        "a round trip, and the number grows with the data: fast on ten rows, slow on ten thousand. The finding is "
        "proven when each "
        "value that was asked for had reached the client in a column of the earlier result, and the two columns are "
        "related.",
    .solution =
        "Load the related rows of all parents at once: eager loading in the ORM, or one query with column = ANY($1). "
        "In a chain "
        "or tree of relations mend the outermost first; the inner ones need the same.",
    .options = kOptions,
};

struct JudgedEdge {
  const Edge* edge = nullptr;
  EdgeJudgement judgement;
};

// All edges of one pair of columns and one child operation.
struct EdgeGroup {
  FindingId id;
  EdgeColumns columns;
  Relationship relationship = Relationship::kUnknown;
  std::vector<JudgedEdge> edges;      // over the units, the largest first
  std::vector<const Edge*> credited;  // those that belong to the finding
  DoseResponse dose;
  bool replicated = false;
  bool small = false;  // a hint: loads under parents of one or two rows
  Confidence confidence = Confidence::kHint;
  bool reported = false;
};

ScoreLimits LimitsOf(const Options& options) {
  return {.min_children = OptionValue(kInfo, options, "min_children"),
          .min_containment = OptionValue(kInfo, options, "min_containment"),
          .min_nested_children = OptionValue(kInfo, options, "min_nested_children")};
}

lineage::RelationRules LearnRules(const TraceView& view) {
  lineage::RelationRules rules;
  for (const trace::StatementRow& statement : view.statements) {
    if (statement.driver || statement.facts.catalog_only) continue;
    for (const sql::Relation& relation : statement.facts.relations) rules.AddRelation(relation.name);
    for (const sql::Join& join : statement.facts.joins) {
      rules.AddJoin({RelationOf(statement.facts, join.left), join.left.column},
                    {RelationOf(statement.facts, join.right), join.right.column});
    }
  }
  for (const catalog::Snapshot& catalog : view.catalogs) {
    for (const catalog::ColumnPair& pair : ForeignKeyColumns(catalog)) {
      rules.AddForeignKey({std::string(pair.relation), std::string(pair.column)},
                          {std::string(pair.referenced_relation), std::string(pair.referenced_column)});
    }
  }
  return rules;
}

bool MayBeChild(const trace::StatementRow& statement) {
  using enum sql::Operation;
  const sql::Operation operation = statement.facts.operation;
  return !statement.driver && !statement.facts.catalog_only &&
         (operation == kSelect || operation == kUpdate || operation == kDelete);
}

std::map<std::string, EdgeGroup> GroupEdges(const TraceView& view, const lineage::RelationRules& rules,
                                            const ScoreLimits& limits) {
  std::map<std::string, EdgeGroup> groups;
  for (const Edge& edge : view.edges) {
    const trace::StatementRow* parent = view.Statement(edge.parent_statement_id);
    const trace::StatementRow* child = view.Statement(edge.child_statement_id);
    const lineage::Unit* unit = view.Unit(edge.unit_id);
    if (parent == nullptr || child == nullptr || unit == nullptr || !IsJudged(*unit) || parent->driver ||
        !MayBeChild(*child))
      continue;
    if (edge.child_comparison < 0 || static_cast<size_t>(edge.child_comparison) >= child->facts.comparisons.size())
      continue;
    const EdgeColumns columns = ColumnsOf(edge, *child);
    const Relationship relationship = rules.Judge(columns.parent, columns.child);
    FindingId id =
        columns.parent.relation.empty() || columns.child.relation.empty()
            ? SkeletonId(kInfo.id, *child)
            : EdgeId(kInfo.id, lineage::FoldName(columns.parent.relation), columns.parent.column,
                     lineage::FoldName(columns.child.relation), columns.child.column, child->facts.operation);
    EdgeGroup& group = groups[id.text];
    if (group.edges.empty()) {
      group.id = std::move(id);
      group.columns = columns;
      group.relationship = relationship;
    }
    group.edges.push_back({&edge, JudgeEdge(edge, *unit, relationship >= Relationship::kName, limits)});
  }
  for (auto& [text, group] : groups) {
    std::ranges::stable_sort(group.edges, std::ranges::greater{},
                             [](const JudgedEdge& judged) { return judged.edge->children; });
  }
  return groups;
}

bool PassesGates(const EdgeJudgement& judgement) {
  return judgement.repeated && judgement.contained && judgement.once_each && judgement.tight && !judgement.scattered &&
         !judgement.by_request;
}

// Columns that names set apart need units that agree and grow together; where names say nothing, keys in an order that
// is no chance.
std::optional<Confidence> LimitByRelation(const EdgeGroup& group, const JudgedEdge& judged, Confidence confidence) {
  if (group.relationship >= Relationship::kName) return confidence;
  if (group.replicated && group.dose.score > 0) return confidence;
  const bool own_rows = judged.edge->parent_statement_id == judged.edge->child_statement_id;
  if (group.relationship == Relationship::kUnrelated || own_rows) return std::nullopt;
  const bool keys =
      lineage::LooksLikeKey(group.columns.parent.column) && lineage::LooksLikeKey(group.columns.child.column);
  const bool ordered = judged.edge->order_log10_p >= 1;
  if (!keys) return std::nullopt;
  return ordered || group.replicated ? std::min(confidence, Confidence::kLikely) : Confidence::kHint;
}

void JudgeLoops(EdgeGroup& group) {
  for (const JudgedEdge& judged : group.edges) {
    if (!PassesGates(judged.judgement)) continue;
    const double relation =
        group.replicated && group.relationship < Relationship::kName ? 1 : RelationScore(group.relationship);
    const double score = relation + judged.judgement.score + group.dose.score;
    Confidence confidence = ConfidenceOf(score);
    if (judged.judgement.capped) confidence = std::min(confidence, Confidence::kLikely);
    const std::optional<Confidence> limited = LimitByRelation(group, judged, confidence);
    if (!limited || score < 0) continue;
    group.confidence = group.reported ? std::max(group.confidence, *limited) : *limited;
    group.reported = true;
    group.credited.push_back(judged.edge);
  }
}

// Loads under parents of one or two rows: too small to tell in any one unit.
void JudgeSmallLoads(EdgeGroup& group, const TraceView& view, double min_loads) {
  constexpr size_t kMinUnits = 3;
  if (group.reported || group.relationship < Relationship::kName || min_loads <= 0) return;
  uint64_t loads = 0;
  std::vector<const Edge*> edges;
  for (const JudgedEdge& judged : group.edges) {
    const Edge& edge = *judged.edge;
    const trace::StatementRow* child = view.Statement(edge.child_statement_id);
    const bool small = edge.parent_executions > 0 && edge.parent_rows <= 2 * edge.parent_executions;
    if (!small || judged.judgement.by_request || !judged.judgement.contained ||
        child->facts.operation != sql::Operation::kSelect)
      continue;
    loads += edge.children;
    edges.push_back(&edge);
  }
  if (static_cast<double>(loads) < min_loads || edges.size() < kMinUnits) return;
  group.reported = group.small = true;
  group.credited = std::move(edges);
  group.confidence = group.dose.score > 0 ? Confidence::kLikely : Confidence::kHint;
}

// One credited edge, and the one above it: its children are this one's parents, in the same unit and for most of them.
struct Link {
  const EdgeGroup* group = nullptr;
  const Edge* edge = nullptr;
  const Link* outer = nullptr;
};

using LinksByChild = std::map<std::pair<int64_t, int64_t>, std::vector<const Link*>>;  // unit, child statement

const Link* FindOuter(const Link& link, const LinksByChild& links) {
  const Edge& edge = *link.edge;
  if (edge.parent_executions_claimed == 0 || edge.parent_executions_claimed * 2 < edge.parent_executions)
    return nullptr;
  const auto above = links.find({edge.unit_id, edge.parent_statement_id});
  if (above == links.end()) return nullptr;
  const Link* best = nullptr;
  for (const Link* other : above->second) {
    if (other->group == link.group) continue;  // a tree of one relation is one finding by itself
    if (best == nullptr || other->edge->children > best->edge->children) best = other;
  }
  return best;
}

// The same relation may be the outermost in one unit and a deeper level in another: each edge is judged by itself.
std::vector<Link> LinkChains(const std::map<std::string, EdgeGroup>& groups) {
  std::vector<Link> links;
  for (const auto& [text, group] : groups) {
    if (!group.reported) continue;
    for (const Edge* edge : group.credited) links.push_back({&group, edge});
  }
  LinksByChild by_child;
  for (const Link& link : links) {
    if (!link.group->small) by_child[{link.edge->unit_id, link.edge->child_statement_id}].push_back(&link);
  }
  for (Link& link : links) {
    if (link.group->small) continue;
    const Link* outer = FindOuter(link, by_child);
    // Relations that feed one another in a circle: the first one linked is the outermost.
    const Link* at = outer;
    while (at != nullptr && at != &link) at = at->outer;
    if (at == nullptr) link.outer = outer;
  }
  return links;
}

const EdgeGroup& Outermost(const Link& link) {
  const Link* at = &link;
  while (at->outer != nullptr) at = at->outer;
  return *at->group;
}

// The same order in every run, whatever the addresses are.
struct ByIdText {
  bool operator()(const EdgeGroup* a, const EdgeGroup* b) const { return a->id.text < b->id.text; }
};

// What one finding shows: the edges of its own relation that have none above them, and by relation those below.
struct Parts {
  std::vector<const Edge*> edges;
  std::map<const EdgeGroup*, std::vector<const Edge*>, ByIdText> steps;
};

std::map<const EdgeGroup*, Parts> SplitIntoFindings(const std::vector<Link>& links) {
  std::map<const EdgeGroup*, Parts> findings;
  for (const Link& link : links) {
    Parts& parts = findings[&Outermost(link)];
    if (link.outer == nullptr) {
      parts.edges.push_back(link.edge);
    } else {
      parts.steps[link.group].push_back(link.edge);
    }
  }
  return findings;
}

Finding MakeFinding(const EdgeGroup& group, const Parts& parts, const TraceView& view,
                    const lineage::RelationRules& rules) {
  const EdgeSums sums = SumEdges(parts.edges);
  const trace::StatementRow& child = *view.Statement(sums.largest->child_statement_id);
  const trace::StatementRow& parent = *view.Statement(sums.largest->parent_statement_id);
  Occurrences occurrences(view);
  for (const Edge* edge : parts.edges) occurrences.Add(edge->unit_id, edge->children);

  Finding finding;
  finding.rule = kInfo.id;
  finding.id = group.id.id;
  finding.id_text = group.id.text;
  finding.confidence = group.confidence;
  finding.relation = group.columns.child.relation;
  finding.statement = TextOf(child);
  finding.parent = FindingParent{TextOf(parent), NameOf(group.columns.parent), sums.parent_rows};
  finding.executions = sums.children;
  finding.database_ns = sums.child_ns;
  finding.round_trips_saved = sums.RoundTripsSaved();
  occurrences.Fill(finding, child.statement_id);
  for (const auto& [step, edges] : parts.steps) {
    const EdgeSums inner = SumEdges(edges);
    finding.steps.push_back({TextOf(*view.Statement(inner.largest->child_statement_id)),
                             NameOf(step->columns.child) + " <- " + NameOf(step->columns.parent), inner.children,
                             inner.child_ns});
    finding.database_ns += inner.child_ns;
    finding.round_trips_saved += inner.RoundTripsSaved();
    finding.confidence = std::max(finding.confidence, step->confidence);
  }
  FindingFacts facts{.columns = group.columns,
                     .relationship = group.relationship,
                     .joined = rules.Joined(group.columns.parent, group.columns.child),
                     .small = group.small,
                     .replicated = group.replicated,
                     .dose = group.dose,
                     .judgement = {},
                     .child = child,
                     .parent = parent,
                     .sums = sums};
  for (const JudgedEdge& judged : group.edges) {
    if (judged.edge == sums.largest) facts.judgement = judged.judgement;
  }
  WriteTexts(finding, facts, view);
  return finding;
}

std::vector<Finding> DetectNPlusOne(const TraceView& view, const Options& options) {
  const ScoreLimits limits = LimitsOf(options);
  const lineage::RelationRules rules = LearnRules(view);
  std::map<std::string, EdgeGroup> groups = GroupEdges(view, rules, limits);
  for (auto& [text, group] : groups) {
    std::vector<const Edge*> edges;
    edges.reserve(group.edges.size());
    for (const JudgedEdge& judged : group.edges) edges.push_back(judged.edge);
    group.dose = MeasureDoseResponse(edges);
    group.replicated = IsReplicated(edges, limits);
    JudgeLoops(group);
    JudgeSmallLoads(group, view, OptionValue(kInfo, options, "min_small_loads"));
  }
  const std::vector<Link> links = LinkChains(groups);
  const std::map<const EdgeGroup*, Parts> parts = SplitIntoFindings(links);
  std::vector<Finding> findings;
  for (const auto& [text, group] : groups) {
    if (const auto own = parts.find(&group); own != parts.end()) {
      findings.push_back(MakeFinding(group, own->second, view, rules));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kNPlusOne = {&kInfo, DetectNPlusOne};

}  // namespace pgassay::detectors
