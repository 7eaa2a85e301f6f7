// Rule unindexed-foreign-key: deleting a referenced row reads the whole referencing table.
//
//   orders.user_id → users.id        no index begins with orders.user_id
//   DELETE FROM users WHERE id = 7   └ the server looks for orders of user 7 row by row, under lock
//
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "analyzer/advisor/ddl.h"
#include "analyzer/advisor/drops.h"
#include "analyzer/advisor/size_model.h"
#include "analyzer/detectors/finding_id.h"
#include "analyzer/detectors/index_fix.h"
#include "analyzer/detectors/registry.h"
#include "analyzer/detectors/words.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_rows", 100, "referencing tables with fewer rows are left alone"},
};

constexpr RuleInfo kInfo = {
    .id = "unindexed-foreign-key",
    .name = "Foreign key",
    .summary = "a foreign key whose columns no index begins with",
    .picture =
        "  orders.user_id → users.id       no index begins with orders.user_id\n"
        "  DELETE FROM users WHERE id = 7  └ reads all of orders, under lock",
    .problem =
        "PostgreSQL makes no index for the referencing side of a foreign key. When a referenced row is deleted or its "
        "key "
        "changes, the server looks for referencing rows, and without an index it reads the whole table for each; joins "
        "and look-ups along the key do the same.",
    .solution = "Create an index on the columns of the key, unless referenced rows are never deleted or joined.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
};

std::string ColumnsText(const catalog::Relation& relation, const std::vector<int16_t>& columns) {
  std::string text;
  for (const int16_t number : columns) {
    const catalog::Column* column = catalog::FindColumn(relation, number);
    text += (text.empty() ? "" : ", ") + (column == nullptr ? std::string("?") : column->name);
  }
  return text;
}

Finding FindingOf(const advisor::BareForeignKey& bare, const catalog::IndexSpec& spec,
                  const catalog::Snapshot& snapshot) {
  Finding finding;
  const std::string columns = ColumnsText(*bare.relation, bare.key->columns);
  Identify(finding, kInfo.id, SchemaId(kInfo.id, bare.relation->name + "." + columns));
  finding.relation = bare.relation->name;
  finding.title = fmt::format("{}.{} -> {}.{}", bare.relation->name, columns, bare.referenced->name,
                              ColumnsText(*bare.referenced, bare.key->referenced_columns));
  // A table that was never analysed may have ten rows or a billion.
  const bool known = advisor::SizeOf(snapshot, *bare.relation).known;
  const bool used = bare.deletes > 0 || bare.joins > 0;
  const bool pays = used && known;
  finding.confidence = pays ? Confidence::kLikely : Confidence::kHint;
  finding.severity = pays ? Severity::kWarning : Severity::kInfo;
  finding.wasted_ns = 0;
  finding.summary = fmt::format(
      "No index on {} begins with {}, its reference to {}: deleting from {} reads all of {}. "
      "Create one.",
      bare.relation->name, columns, bare.referenced->name, bare.referenced->name, bare.relation->name);
  if (bare.deletes > 0)
    finding.evidence.push_back({fmt::format("{} of {} in the recording, each of which looks for its {}",
                                            Counted(static_cast<uint64_t>(bare.deletes), "deleted or rekeyed row"),
                                            bare.referenced->name, bare.relation->name),
                                {{"deletes", bare.deletes}}});
  if (bare.joins > 0)
    finding.evidence.push_back(
        {fmt::format("{} compare or join by it", Counted(static_cast<uint64_t>(bare.joins), "execution")),
         {{"joins", bare.joins}}});
  if (!used) finding.evidence.push_back({"the recording neither deletes from there nor joins by it", {}});
  if (bare.key->on_delete == 'c' || bare.key->on_delete == 'n')
    finding.evidence.push_back(
        {bare.key->on_delete == 'c' ? "ON DELETE CASCADE deletes along it" : "ON DELETE SET NULL updates along it",
         {}});
  const int64_t bytes = advisor::IndexBytes(spec, *bare.relation, 1, snapshot);
  finding.evidence.push_back(
      {known ? fmt::format("the index would take about {}", Bytes(static_cast<uint64_t>(bytes)))
             : fmt::format("{} was never analysed: how many rows it has is not known", bare.relation->name),
       {}});
  finding.fix = IndexFix(snapshot, *bare.relation, spec, sql::Orm::kUnknown);
  finding.fix.advice = fmt::format("Create an index on {} ({}).", bare.relation->name, columns);
  return finding;
}

std::vector<Finding> DetectUnindexedForeignKey(const TraceView& view, const Options& options) {
  std::vector<Finding> findings;
  for (const catalog::Snapshot& snapshot : view.catalogs) {
    const advisor::Workload workload = advisor::MakeWorkload(view.statements, view.slots, snapshot);
    std::set<std::string> taken = advisor::TakenNames(snapshot);
    for (const advisor::BareForeignKey& bare : advisor::FindBareForeignKeys(workload)) {
      const advisor::TableSize size = advisor::SizeOf(snapshot, *bare.relation);
      if (size.known && size.rows < OptionValue(kInfo, options, "min_rows")) continue;
      catalog::IndexSpec spec = bare.spec;
      spec.name = advisor::IndexName(spec, *bare.relation, taken);
      findings.push_back(FindingOf(bare, spec, snapshot));
    }
  }
  return findings;
}

}  // namespace

constinit const Detector kUnindexedForeignKey = {&kInfo, DetectUnindexedForeignKey};

}  // namespace pgassay::detectors
