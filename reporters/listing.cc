#include "reporters/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "analyzer/detectors/words.h"
#include "reporters/finding_text.h"

namespace pgassay::reporters {
namespace {

constexpr std::string_view kNowhere = "pgassay.toml";  // where the gate's policy stands

bool LooksLikeFile(std::string_view text) {
  const std::string_view name = text.substr(text.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  return !text.empty() && text.find_first_of(" \t\n") == std::string_view::npos && !text.contains("://") &&
         dot != std::string_view::npos && dot > 0 && dot + 1 < name.size();
}

Weight WeightOf(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return Weight::kError;
    case Severity::kWarning:
      return Weight::kWarning;
    case Severity::kInfo:
      break;
  }
  return Weight::kNote;
}

Weight WeightOf(gate::Level level) {
  switch (level) {
    case gate::Level::kFailure:
      return Weight::kError;
    case gate::Level::kWarning:
      return Weight::kWarning;
    case gate::Level::kNote:
      break;
  }
  return Weight::kNote;
}

// The same for the same entry in every run: FNV-1a, as 12 hex digits like a finding's id.
std::string IdOf(const gate::Entry& entry) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::string_view part :
       {gate::EntryKindName(entry.kind), std::string_view(entry.service), std::string_view(entry.title),
        std::string_view(entry.scope), std::string_view(entry.statement)}) {
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ 0xFF) * 0x100000001b3;
  }
  return fmt::format("{:016x}", hash).substr(0, 12);
}

Item ItemOf(const Finding& finding) {
  return {.entry = nullptr,
          .finding = &finding,
          .rule = finding.rule,
          .title = WithArrows(finding.title),
          .id = finding.id,
          .message = finding.summary,
          .scope = finding.scopes.empty() ? "" : finding.scopes.front(),
          .weight = WeightOf(finding.severity),
          .known = false,
          .location = LocationOf(finding.sites, finding.scopes)};
}

Item ItemOf(const Report& report, const gate::Entry& entry) {
  const auto finding = std::ranges::find(report.findings, entry.id, &Finding::id);
  const bool found = !entry.id.empty() && finding != report.findings.end();
  Item item{.entry = &entry,
            .finding = found ? &*finding : nullptr,
            .rule = entry.rule,
            .title = WithArrows(entry.title),
            .id = entry.id.empty() ? IdOf(entry) : entry.id,
            .message = entry.sentence,
            .scope = entry.scope,
            .weight = WeightOf(entry.level),
            .known = entry.kind == gate::EntryKind::kSuppressed,
            .location = LocationOf({entry.site}, {entry.scope})};
  if (!item.location.known && found) item.location = LocationOf(finding->sites, finding->scopes);
  return item;
}

}  // namespace

Location LocationOf(std::string_view site_or_label) {
  Location unknown{.file = std::string(kNowhere), .line = 1, .known = false};
  Location location{.file = "", .line = 1, .known = true};
  std::string_view file = site_or_label.substr(0, site_or_label.find("::"));
  const size_t colon = file.rfind(':');
  const std::string_view digits = colon == std::string_view::npos ? "" : file.substr(colon + 1);
  if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), location.line).ec;
    if (error != std::errc() || location.line < 1) return unknown;
    file = file.substr(0, colon);
  }
  if (!LooksLikeFile(file)) return unknown;
  location.file = file;
  return location;
}

Location LocationOf(const std::vector<std::string>& sites, const std::vector<std::string>& labels) {
  for (const auto* texts : {&sites, &labels}) {
    for (const std::string& text : *texts) {
      if (Location location = LocationOf(text); location.known) return location;
    }
  }
  return LocationOf("");
}

std::vector<Item> ListItems(const Report& report) {
  std::vector<Item> items;
  std::set<std::string> seen;
  const auto add = [&](Item item) {
    if (seen.insert(item.id).second) items.push_back(std::move(item));
  };
  if (report.verdict) {
    for (const gate::Entry& entry : report.verdict->entries) add(ItemOf(report, entry));
  }
  for (const Finding& finding : report.findings) {
    Item item = ItemOf(finding);
    item.known = report.verdict.has_value();
    if (item.known) item.weight = Weight::kNote;
    add(std::move(item));
  }
  return items;
}

bool IsPresent(const Item& item) { return item.finding != nullptr || item.weight != Weight::kNote; }

std::string HeadlineOf(const Report& report) {
  if (report.verdict) return gate::Headline(*report.verdict);
  if (report.totals.executions == 0) return "no query was recorded";
  if (report.findings.empty()) return "nothing found";
  return FindingCounts(report.findings);
}

std::string EscapeMarkup(std::string_view text) {
  std::string shown;
  for (const char c : EscapeForTerminal(text)) {
    switch (c) {
      case '&':
        shown += "&amp;";
        break;
      case '<':
        shown += "&lt;";
        break;
      case '>':
        shown += "&gt;";
        break;
      case '"':
        shown += "&quot;";
        break;
      case '\'':
        shown += "&#39;";
        break;
      default:
        shown += c;
    }
  }
  for (const std::string_view no_character : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {  // U+FFFE, U+FFFF: no XML holds them
    for (size_t at = shown.find(no_character); at != std::string::npos; at = shown.find(no_character, at))
      shown.replace(at, no_character.size(), "\xEF\xBF\xBD");
  }
  return shown;
}

}  // namespace pgassay::reporters
