#include "reporters/verdict_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyzer/detectors/words.h"
#include "reporters/finding_block.h"
#include "reporters/finding_text.h"

namespace pgassay::reporters {
namespace {

using detectors::Counted;
using gate::Entry;
using gate::EntryKind;
using gate::Level;

constexpr size_t kToolWidth = 10;
constexpr size_t kBodyIndent = 4;
constexpr size_t kShownNotes = 5;
constexpr size_t kShownPlaces = 5;
constexpr size_t kShownExplained = 5;

const Finding* FindingOf(const Report& report, const Entry& entry) {
  const auto found = std::ranges::find(report.findings, entry.id, &Finding::id);
  return entry.id.empty() || found == report.findings.end() ? nullptr : &*found;
}

// "1 → 48 queries in tests/test_orders.py::test_list (app/views.py:42)"
std::string WhereAndHowOften(const Entry& entry) {
  std::string text;
  for (const gate::Change& change : entry.changes) text += (text.empty() ? "" : ", ") + ChangeText(change);
  if (!entry.scope.empty()) text += fmt::format("{}in {}", text.empty() ? "" : " ", entry.scope);
  if (!entry.site.empty()) text += fmt::format("{}({})", text.empty() ? "" : " ", entry.site);
  return text;
}

void WritePlaces(const Entry& entry, Page& page) {
  for (size_t i = 0; i < std::min(kShownPlaces, entry.new_places.size()); ++i)
    page.WriteLabelled(kBodyIndent, i == 0 ? "at" : "", 6, entry.new_places[i]);
  if (entry.new_places.size() > kShownPlaces)
    page.WriteLabelled(kBodyIndent, "", 6, fmt::format("{} more", FormatCount(entry.new_places.size() - kShownPlaces)));
}

void WriteExplained(const Entry& entry, Page& page) {
  const size_t shown = page.style().all ? entry.explained.size() : std::min(kShownExplained, entry.explained.size());
  for (size_t i = 0; i < shown; ++i) {
    const gate::Explained& item = entry.explained[i];
    page.Write(kBodyIndent + 2, fmt::format("└ {} in {}: {}", ChangeText(item.change), item.scope, item.statement),
               Ink::kDim, 2);
  }
  if (shown < entry.explained.size()) {
    page.Write(kBodyIndent + 2, fmt::format("└ and {} more like it", FormatCount(entry.explained.size() - shown)),
               Ink::kDim, 2);
  }
}

void WriteEntry(const Report& report, const Entry& entry, Page& page) {
  const std::string head = fmt::format(" {}  ", gate::EntryKindName(entry.kind));
  const bool fails = entry.level == Level::kFailure;
  page.WriteHeading(head + WithArrows(entry.title), head.size(), fails ? "fails" : "warns",
                    fails ? Ink::kProven : Ink::kLikely);
  const Finding* finding = FindingOf(report, entry);
  if (finding != nullptr && fails) {
    if (const std::string where = WhereAndHowOften(entry); !where.empty())
      page.Write(kBodyIndent, where, Ink::kBold, 2);
    WriteFindingBody(report, *finding, page);
  } else {
    page.Write(kBodyIndent, WithArrows(entry.sentence), Ink::kPlain, 2);
  }
  if (entry.kind == EntryKind::kSpread) WritePlaces(entry, page);
  WriteExplained(entry, page);
  page.Blank();
}

// Notes of one kind: one line each, the first few of many.
void WriteNotes(const std::vector<Entry>& entries, EntryKind kind, Page& page) {
  size_t written = 0, all = 0;
  for (const Entry& entry : entries) {
    if (entry.kind != kind || entry.level != Level::kNote) continue;
    if (++all > kShownNotes && !page.style().all) continue;
    std::string text = WithArrows(entry.sentence);
    if (kind == EntryKind::kSuppressed)
      text = fmt::format("Suppressed: {} ({}; {})", WithArrows(entry.title), entry.reason, entry.owner);
    page.Write(1, text, Ink::kPlain, 2);
    ++written;
  }
  if (written < all) {
    page.Write(1, fmt::format("… and {} more {}: --all", FormatCount(all - written), gate::EntryKindName(kind)),
               Ink::kDim);
  }
}

}  // namespace

void WriteVerdict(const Report& report, Page& page) {
  const gate::Verdict& verdict = *report.verdict;
  page.WriteLabelled(0, "gate", kToolWidth, gate::Headline(verdict), Ink::kBold);
  for (const std::string& reason : verdict.reasons) {
    // An inconclusive headline has said the first already.
    if (verdict.outcome == gate::Outcome::kInconclusive && &reason == &verdict.reasons.front()) continue;
    page.WriteLabelled(kToolWidth, "!", 2, reason, Ink::kWarning);
  }
  std::string against;
  for (const std::string& path : verdict.baselines) against += (against.empty() ? "" : ", ") + path;
  page.WriteLabelled(
      0, "", kToolWidth,
      fmt::format("against {}: {} known, {} of {} ran", against, Counted(verdict.known_findings, "finding"),
                  FormatCount(verdict.scopes_run), Counted(verdict.scopes_known, "scope")));
  page.Blank();
  for (const Entry& entry : verdict.entries) {
    if (entry.level != Level::kNote) WriteEntry(report, entry, page);
  }
  for (const EntryKind kind :
       {EntryKind::kFixed, EntryKind::kSuppressed, EntryKind::kNewStatement, EntryKind::kNotExercised,
        EntryKind::kNewFinding, EntryKind::kSpread, EntryKind::kGrowth, EntryKind::kVolume, EntryKind::kBudget})
    WriteNotes(verdict.entries, kind, page);
  if (std::ranges::any_of(verdict.entries, [](const Entry& entry) { return entry.level == Level::kNote; }))
    page.Blank();
  for (const std::string& warning : report.warnings) page.WriteLabelled(1, "!", 2, warning, Ink::kWarning);
  page.Write(1, TotalsText(report.totals), Ink::kDim);
  page.Write(1, AccountingText(report), Ink::kDim);
}

}  // namespace pgassay::reporters
