// Rules duplicate-index and unused-index: indexes that every write pays for and no read needs.
//
//   ix_orders_user_id          (user_id)                 the second one does all that the first one does
//   ix_orders_user_id_status   (user_id, status)
//
// Never one that keeps a promise: unique, primary, of a constraint, the replica identity, part of a partitioned index.
#include <fmt/format.h>

#include <algorithm>

#include "analyzer/advisor/ddl.h"
#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr RuleInfo kDuplicateInfo = {
    .id = "duplicate-index",
    .name = "Duplicate",
    .summary = "an index that another one stands in for",
    .picture =
        "  ix_orders_user_id          (user_id)\n"
        "  ix_orders_user_id_status   (user_id, status)      begins with the same",
    .problem =
        "Another index of the table has the same keys, or begins with them, on the same rows and with the same "
        "operator "
        "classes, collations and directions. Every insert and every update that is not heap-only writes to both.",
    .solution = "Drop the one that is named, unless it is kept for its smaller size.",
    .options = {},
    .max_severity = Severity::kWarning,
    .schema = true,
};

constexpr RuleInfo kUnusedInfo = {
    .id = "unused-index",
    .name = "Unused",
    .summary = "an index that no scan has used and no statement could use",
    .picture = "  ix_orders_total      0 scans in 41 days, and nothing asks by total",
    .problem =
        "The server has counted no scan of the index since its statistics were reset, two weeks ago or more, and no "
        "statement of the recording compares, joins or sorts by its first key. Standbys count for themselves: an index "
        "that only a standby uses looks unused here.",
    .solution = "Look at the standbys and at what runs once a quarter; then drop it.",
    .options = {},
    .max_severity = Severity::kInfo,
    .schema = true,
};

Finding FindingOf(const advisor::Drop& drop, const catalog::Snapshot& snapshot, const RuleInfo& info) {
  Finding finding;
  const std::string& name = drop.index->name;
  Identify(finding, info.id, SchemaId(info.id, drop.relation->name + "." + name));
  finding.relation = drop.relation->name;
  finding.wasted_ns = 0;
  if (drop.reason == advisor::DropReason::kUnused) {
    const int64_t days =
        (snapshot.taken_unix_ns - snapshot.statistics_reset_unix_ns) / (int64_t{86'400} * 1'000'000'000);
    finding.confidence = Confidence::kHint;
    finding.severity = Severity::kInfo;
    finding.title = name;
    finding.summary = fmt::format(
        "No scan used {} on {} in {} days, and no statement of the recording could. Drop it if "
        "no standby needs it.",
        name, drop.relation->name, days);
    finding.evidence.push_back(
        {fmt::format("0 scans in {} days; {}", days, Bytes(static_cast<uint64_t>(drop.index->bytes))), {}});
  } else {
    const bool same = drop.reason == advisor::DropReason::kDuplicate;
    finding.confidence = Confidence::kLikely;
    finding.severity = Severity::kWarning;
    finding.title = fmt::format("{} {} {}", name, same ? "=" : "within", drop.other->name);
    finding.summary = fmt::format("{} on {} {} {}. Drop it.", name, drop.relation->name,
                                  same ? "is the same index as" : "is the beginning of", drop.other->name);
    finding.evidence.push_back({fmt::format("{}; the other is {}", Bytes(static_cast<uint64_t>(drop.index->bytes)),
                                            Bytes(static_cast<uint64_t>(drop.other->bytes))),
                                {{"bytes", static_cast<double>(drop.index->bytes)}}});
    finding.evidence.push_back({drop.index->definition, {}});
    finding.evidence.push_back({drop.other->definition, {}});
  }
  for (const std::string& statement : advisor::DropStatements(*drop.index, *drop.relation))
    finding.fix.sql += statement;
  finding.fix.advice = fmt::format("Drop the index {}.", name);
  return finding;
}

std::vector<Finding> Detect(const TraceView& view, const RuleInfo& info, bool unused) {
  std::vector<Finding> findings;
  for (const catalog::Snapshot& snapshot : view.catalogs) {
    const advisor::Workload workload = advisor::MakeWorkload(view.statements, view.slots, snapshot);
    if (unused && workload.queries.empty()) continue;  // nobody knows what is asked
    for (const advisor::Drop& drop : advisor::FindDrops(workload)) {
      if ((drop.reason == advisor::DropReason::kUnused) == unused) findings.push_back(FindingOf(drop, snapshot, info));
    }
  }
  return findings;
}

std::vector<Finding> DetectDuplicate(const TraceView& view, const Options&) {
  return Detect(view, kDuplicateInfo, false);
}
std::vector<Finding> DetectUnused(const TraceView& view, const Options&) { return Detect(view, kUnusedInfo, true); }

}  // namespace

constinit const Detector kDuplicateIndex = {&kDuplicateInfo, DetectDuplicate};
constinit const Detector kUnusedIndex = {&kUnusedInfo, DetectUnused};

}  // namespace pgassay::detectors
