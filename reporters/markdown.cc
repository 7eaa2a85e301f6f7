// The comment under a pull request: the verdict in the first line, a table of what is new (without a verdict: of what
// was found), each row's evidence folded, then what was mended and what could not be judged. GitHub refuses more than
// 65 536 characters, so rows and folds end before that and what is left out is counted.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>

#include "analyzer/detectors/words.h"
#include "reporters/finding_text.h"
#include "reporters/listing.h"
#include "reporters/markdown_text.h"
#include "reporters/registry.h"

namespace pgassay::reporters {
namespace {

using detectors::Counted;

constexpr size_t kMostBytes =
    56'000;                       // of 65 536 characters: what follows the folds, and a caller's words, fit as well
constexpr size_t kMostRows = 50;  // a longer table is read by nobody
constexpr size_t kMostFolds = 10;
constexpr size_t kMostSqlBytes = 1500;  // of one statement in a fold
constexpr size_t kMostSentenceBytes = 1000;
constexpr size_t kShown = 3;  // scopes, mended findings, warnings: the first of them, then a count

std::string WhatChanged(const gate::Change& change) {
  return fmt::format("{} {} → {}", Prose(change.what), FormatCount(change.from), FormatCount(change.to));
}

std::string BeforeAfter(const Item& item) {
  if (item.entry != nullptr && !item.entry->changes.empty()) return WhatChanged(item.entry->changes.front());
  if (item.finding == nullptr) return "–";
  const Finding& finding = *item.finding;
  const uint64_t executions = detectors::AllExecutions(finding);
  if (finding.round_trips_saved > 0 && finding.round_trips_saved <= executions)
    return fmt::format("{} → {} with the fix", Counted(executions, "round trip"),
                       FormatCount(executions - finding.round_trips_saved));
  if (finding.wasted_bytes > 0) return fmt::format("{} need not be sent", FormatBytes(finding.wasted_bytes));
  return "–";
}

std::string Places(const Item& item) {
  std::string text = item.scope.empty() ? "" : Code(item.scope);
  if (item.finding != nullptr && item.finding->scopes.size() > 1)
    text += fmt::format(" and {} more", item.finding->scopes.size() - 1);
  std::string site = item.entry != nullptr ? item.entry->site : "";
  if (site.empty() && item.finding != nullptr && !item.finding->sites.empty()) site = item.finding->sites.front();
  if (!site.empty() && site != item.scope) text += (text.empty() ? "" : "<br>") + Code(site);
  return text.empty() ? "–" : text;
}

std::string StatusOf(const Item& item) {
  if (item.entry == nullptr) return std::string(ConfidenceName(item.finding->confidence));
  const std::string kind(gate::EntryKindName(item.entry->kind));
  return item.weight == Weight::kWarning ? kind + " (warning)" : kind;
}

std::string LabelOf(const Item& item) { return item.finding != nullptr ? RuleLabel(*item.finding) : item.rule; }

std::string Row(const Item& item) {
  return fmt::format("| {} | {} | {} | {} | {} |\n", StatusOf(item), Prose(LabelOf(item)), Code(item.title),
                     Places(item), BeforeAfter(item));
}

// The statements of one finding, in the order in which they ran, and the one to write instead.
std::string Statements(const Finding& finding) {
  std::string sql;
  const auto add = [&](const std::string& comment, std::string_view text) {
    sql += fmt::format("-- {}\n{}\n", comment, Cut(OneLine(text), kMostSqlBytes));
  };
  if (finding.parent) add(Counted(finding.parent->rows, "row"), finding.parent->statement.sql);
  if (!finding.statement.sql.empty()) {
    const bool fed = finding.parent && !finding.parent->column.empty();
    add(fmt::format("{}{}", Counted(finding.executions, "time"),
                    fed ? ", fed by " + OneLine(finding.parent->column) : ""),
        finding.statement.sql);
  }
  for (const FindingStep& step : finding.steps) {
    add(fmt::format("then {}: {}", Counted(step.executions, "time"), OneLine(WithArrows(step.edge))),
        step.statement.sql);
  }
  if (!finding.fix.sql.empty()) add("instead", finding.fix.sql);
  return sql.empty() ? "" : Fenced("sql", sql) + '\n';
}

std::string FindingFold(const Report& report, const Finding& finding, double round_trip_ms) {
  std::string text = Statements(finding);
  for (const Evidence& evidence : finding.evidence) text += fmt::format("- {}\n", Prose(WithArrows(evidence.text)));
  if (finding.executions > 0) {
    text += fmt::format("- price: {}\n", PriceText(finding, round_trip_ms));
    text += fmt::format("- in {}\n", Prose(WhereText(finding, kShown)));
  }
  if (!finding.fix.advice.empty()) text += fmt::format("- fix: {}\n", Prose(finding.fix.advice));
  for (const auto& [orm, idiom] : finding.fix.orm) text += fmt::format("- {}: {}\n", Prose(orm), Code(idiom));
  const std::string path = TracePathOf(report, finding);
  if (!path.empty())
    text += fmt::format("- more: {}\n", Code(fmt::format("pgassay show {} {}", path, ShortId(report, finding))));
  return text;
}

std::string EntryFold(const gate::Entry& entry) {
  std::string text;
  for (const gate::Change& change : entry.changes) text += fmt::format("- {}\n", WhatChanged(change));
  for (const std::string& place : entry.new_places) text += fmt::format("- now also in {}\n", Code(place));
  for (size_t i = 0; i < std::min(kMostFolds, entry.explained.size()); ++i) {
    const gate::Explained& explained = entry.explained[i];
    text += fmt::format("- explains {}: {} in {}\n", Code(explained.statement), WhatChanged(explained.change),
                        Code(explained.scope));
  }
  return text;
}

std::string Fold(const Report& report, const Item& item, double round_trip_ms) {
  const std::string facts = item.entry != nullptr ? EntryFold(*item.entry) : "";
  const std::string finding = item.finding != nullptr ? FindingFold(report, *item.finding, round_trip_ms) : "";
  return fmt::format("<details><summary>{} <code>{}</code></summary>\n\n{}\n{}{}{}{}\n</details>\n",
                     EscapeMarkup(LabelOf(item)), EscapeMarkup(Cut(OneLine(item.title), kMostSentenceBytes)),
                     Prose(Cut(WithArrows(item.message), kMostSentenceBytes)), facts.empty() ? "" : "\n", facts,
                     finding.empty() ? "" : "\n", finding);
}

// "3 findings fixed: `a ← b`, `c ← d` and 1 more (−4 310 queries)."
std::string Mended(const gate::Verdict& verdict) {
  std::vector<std::string> titles;
  uint64_t saved = 0;
  for (const gate::Entry& entry : verdict.entries) {
    if (entry.kind != gate::EntryKind::kFixed) continue;
    titles.push_back(Code(WithArrows(entry.title)));
    for (const gate::Change& change : entry.changes) {
      if (change.what == "queries" && change.from > change.to) saved += change.from - change.to;
    }
  }
  if (titles.empty()) return "";
  const size_t count = titles.size();
  titles.resize(std::min(count, kShown));
  std::string text = fmt::format("{} fixed: {}", Counted(count, "finding"), fmt::join(titles, ", "));
  if (count > kShown) text += fmt::format(" and {} more", FormatCount(count - kShown));
  if (saved > 0) text += fmt::format(" (−{})", Counted(saved, "query"));
  return text + ".\n\n";
}

std::string NotJudged(const gate::Verdict& verdict) {
  std::string text;
  const auto count = [&](gate::EntryKind kind) {
    return static_cast<uint64_t>(std::ranges::count(verdict.entries, kind, &gate::Entry::kind));
  };
  for (const gate::Entry& entry : verdict.entries) {
    if (entry.kind == gate::EntryKind::kNotExercised)
      text += fmt::format("{}\n\n", Prose(Cut(WithArrows(entry.sentence), kMostSentenceBytes)));
    if (text.size() > kMostSentenceBytes) break;
  }
  if (const uint64_t suppressed = count(gate::EntryKind::kSuppressed); suppressed > 0)
    text += fmt::format("{} accepted by pgassay.toml.\n\n", Counted(suppressed, "finding"));
  return text;
}

// Sentences that come before anything else: why the figures are not whole.
std::string Notices(const Report& report) {
  std::vector<std::string> sentences = report.verdict ? report.verdict->reasons : std::vector<std::string>{};
  for (const std::string& warning : report.warnings) {
    if (std::ranges::find(sentences, warning) == sentences.end()) sentences.push_back(warning);
  }
  std::string text;
  for (size_t i = 0; i < std::min(sentences.size(), kMostFolds); ++i)
    text += fmt::format("- {}\n", Prose(Cut(sentences[i], kMostSentenceBytes)));
  return text.empty() ? "" : text + '\n';
}

}  // namespace

void WriteMarkdown(const Report& report, const ReportStyle& style, std::ostream& out) {
  std::string text =
      fmt::format("### pgassay: {}\n\n{}", Prose(Cut(HeadlineOf(report), kMostSentenceBytes)), Notices(report));
  std::vector<Item> items = ListItems(report);
  if (report.verdict) std::erase_if(items, [](const Item& item) { return item.weight == Weight::kNote; });

  std::string folds;
  size_t rows = 0;
  const size_t rows_wanted = std::min(items.size(), kMostRows);
  if (!items.empty()) text += "| | rule | what | where | |\n|---|---|---|---|---|\n";
  for (; rows < rows_wanted; ++rows) {
    const std::string row = Row(items[rows]);
    const std::string fold = rows < kMostFolds ? Fold(report, items[rows], style.round_trip_ms) : "";
    if (text.size() + folds.size() + row.size() + fold.size() > kMostBytes) break;
    text += row;
    folds += fold;
  }
  if (!items.empty()) text += '\n';
  if (rows < items.size()) text += fmt::format("{} more in the full report.\n\n", FormatCount(items.size() - rows));
  if (!folds.empty()) text += folds + '\n';
  if (report.verdict) text += Mended(*report.verdict) + NotJudged(*report.verdict);
  out << text << Prose(TotalsText(report.totals)) << '\n';
}

}  // namespace pgassay::reporters
