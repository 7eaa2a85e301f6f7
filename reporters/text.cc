#include "reporters/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>
#include <utility>

#include "analyzer/detectors/words.h"
#include "analyzer/sql/select_list.h"

namespace pgassay::reporters {
namespace {

constexpr char32_t kBadByte = 0xFFFFFFFF;

// The code point at text[at] and its length; kBadByte and 1 for what is no UTF-8 (overlong forms and surrogates
// included).
std::pair<char32_t, size_t> CodePointAt(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return {kBadByte, 1};
  char32_t code = lead & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {kBadByte, 1};
    code = (code << 6) | (byte(at + i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {kBadByte, 1};
  return {code, length};
}

struct CodeRange {
  char32_t first, last;
};

template <size_t N>
bool IsIn(char32_t code, const std::array<CodeRange, N>& ranges) {
  return std::ranges::any_of(ranges, [&](const CodeRange& range) { return code >= range.first && code <= range.last; });
}

// C0 (but newline and tab), DEL, C1, bidi controls, and the separators that some terminals take for a new line.
constexpr std::array<CodeRange, 9> kEscaped = {{{0x00, 0x08},
                                                {0x0B, 0x1F},
                                                {0x7F, 0x9F},
                                                {0x061C, 0x061C},
                                                {0x200E, 0x200F},
                                                {0x2028, 0x202E},
                                                {0x2066, 0x2069},
                                                {0xFEFF, 0xFEFF},
                                                {0xE0000, 0xE007F}}};
constexpr std::array<CodeRange, 4> kZeroWidth = {
    {{0x0300, 0x036F}, {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}}};
constexpr std::array<CodeRange, 8> kDoubleWidth = {{{0x1100, 0x115F},
                                                    {0x2E80, 0xA4CF},
                                                    {0xAC00, 0xD7A3},
                                                    {0xF900, 0xFAFF},
                                                    {0xFE30, 0xFE6F},
                                                    {0xFF00, 0xFF60},
                                                    {0x1F300, 0x1FAFF},
                                                    {0x20000, 0x3FFFD}}};

size_t WidthOf(char32_t code) {
  if (code < 0x300) return 1;
  if (IsIn(code, kZeroWidth)) return 0;
  return IsIn(code, kDoubleWidth) ? 2 : 1;
}

// The signs that pgassay's own texts use, and what they are in ASCII.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kSigns = {{{" · ", ", "},
                                                                                   {"→", "->"},
                                                                                   {"←", "<-"},
                                                                                   {"×", "x"},
                                                                                   {"…", "..."},
                                                                                   {"└", "+-"},
                                                                                   {"│", "|"},
                                                                                   {"┐", "|"},
                                                                                   {"┘", "|"},
                                                                                   {"─", "-"}}};

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t found = text.find(from, at);
    result += text.substr(at, found - at);
    if (found == std::string_view::npos) break;
    result += to;
    at = found + from.size();
  }
  return result;
}

bool IsNumber(std::string_view word) {
  return !word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) != 0 &&
         std::isdigit(static_cast<unsigned char>(word.back())) != 0;
}

bool StaysWithTheOneBefore(std::string_view word) { return word == "·" || word == "→" || word == "×" || word == "->"; }

// Words that are never parted: a number and what follows it, a sign and what precedes it.
std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  bool glue = false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of(" \n\t", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!words.empty() && (glue || StaysWithTheOneBefore(word))) {
      words.back() += ' ';
      words.back() += word;
    } else {
      words.emplace_back(word);
    }
    glue = IsNumber(word);
  }
  return words;
}

// Where to cut a word of more than `width` columns: before the dot of a chained call, else after a comma, bracket or
// slash or before a dot, if there is one in the second half, else at the last column. At least one code point.
size_t CutOf(std::string_view text, size_t width) {
  size_t end = 0, columns = 0;
  while (end < text.size()) {
    const auto [code, length] = CodePointAt(text, end);
    columns += WidthOf(code);
    if (columns > width && end > 0) break;
    end += length;
  }
  const auto last = [&](auto fits) {
    size_t cut = end;
    while (cut > end / 2 && !(cut < text.size() && fits(text[cut - 1], text[cut]))) --cut;
    return cut;
  };
  const size_t least = end / 2;
  if (const size_t cut = last([](char before, char at) { return before == ')' && at == '.'; }); cut > least) return cut;
  if (const size_t cut =
          last([](char before, char at) { return std::string_view(",(/").contains(before) || at == '.'; });
      cut > least)
    return cut;
  return end;
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const auto [code, length] = CodePointAt(text, at);
    width += WidthOf(code);
    at += length;
  }
  return width;
}

std::string EscapeForTerminal(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const auto [code, length] = CodePointAt(text, at);
    if (code == kBadByte) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if (!IsIn(code, kEscaped)) {
      shown += text.substr(at, length);
    } else if (code < 0x80) {
      shown += fmt::format("\\x{:02x}", static_cast<uint32_t>(code));
    } else {
      shown += fmt::format("\\u{:04x}", static_cast<uint32_t>(code));
    }
    at += length;
  }
  return shown;
}

std::string ShortenSql(std::string_view sql, size_t width) {
  if (DisplayWidth(sql) <= width) return std::string(sql);
  const auto list = sql::FindSelectList(sql);
  if (!list) return std::string(sql);
  std::string best = sql::WithSelectList(sql, *list, "…");
  if (DisplayWidth(best) >= DisplayWidth(sql)) return std::string(sql);
  std::string kept;
  for (size_t i = 0; i + 1 < list->items.size(); ++i) {
    kept += std::string(list->items[i]) + ", ";
    std::string longer = sql::WithSelectList(sql, *list, kept + "…");
    if (DisplayWidth(longer) > width) break;
    best = std::move(longer);
  }
  return best;
}

bool DiffersBeyondSelectList(std::string_view sql, std::string_view fix) {
  const auto list = sql::FindSelectList(sql), fixed = sql::FindSelectList(fix);
  if (!list || !fixed) return sql != fix;
  return sql::WithSelectList(sql, *list, "") != sql::WithSelectList(fix, *fixed, "");
}

std::string FormatCount(uint64_t count) { return detectors::Count(count); }
std::string FormatDuration(int64_t ns) { return detectors::Duration(ns); }
std::string FormatBytes(uint64_t bytes) { return detectors::Bytes(bytes); }

std::string PadLeft(std::string_view text, size_t width) {
  const size_t taken = DisplayWidth(text);
  return std::string(width > taken ? width - taken : 0, ' ') + std::string(text);
}

std::string PadRight(std::string_view text, size_t width) {
  const size_t taken = DisplayWidth(text);
  return std::string(text) + std::string(width > taken ? width - taken : 0, ' ');
}

std::vector<std::string> Wrap(std::string_view text, size_t width, size_t hanging) {
  std::vector<std::string> lines;
  std::string line;
  size_t taken = 0;   // columns in `line`
  bool fresh = true;  // nothing but indentation in `line`
  const auto next_line = [&] {
    lines.push_back(std::move(line));
    line.assign(hanging, ' ');
    taken = hanging;
    fresh = true;
  };
  width = std::max(width, hanging + 8);
  for (const std::string& word : Words(text)) {
    std::string_view rest = word;
    const size_t word_width = DisplayWidth(rest);
    if (!fresh && taken + 1 + word_width > width) next_line();
    while (taken + DisplayWidth(rest) > width && fresh) {  // longer than a line
      const size_t cut = CutOf(rest, width - taken);
      line += rest.substr(0, cut);
      rest.remove_prefix(cut);
      next_line();
    }
    if (!fresh) {
      line += ' ';
      ++taken;
    }
    line += rest;
    taken += DisplayWidth(rest);
    fresh = false;
  }
  if (!fresh || lines.empty()) lines.push_back(std::move(line));
  return lines;
}

size_t Page::width() const { return static_cast<size_t>(std::clamp(style_.width, 40, 160)); }

std::string Page::Shown(std::string_view text) const {
  std::string shown = EscapeForTerminal(text);
  if (style_.unicode) return shown;
  for (const auto& [sign, ascii] : kSigns) shown = Replaced(shown, sign, ascii);
  return shown;
}

std::string Page::Painted(std::string_view text, Ink ink) const {
  constexpr std::array<std::string_view, 7> kCodes = {"", "1", "2", "1;35", "33", "32", "1;33"};
  const std::string_view code = kCodes[static_cast<size_t>(ink)];
  if (!style_.color || code.empty() || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void Page::WriteLine(std::string_view line, Ink ink) {
  while (line.ends_with(' ')) line.remove_suffix(1);
  out_ << Painted(line, ink) << '\n';
}

void Page::Blank() { out_ << '\n'; }

void Page::Write(size_t indent, std::string_view text, Ink ink, size_t hanging) {
  for (const std::string& line : Wrap(Shown(text), width() - indent, hanging)) {
    out_ << std::string(indent, ' ') << Painted(line, ink) << '\n';
  }
}

void Page::WriteLabelled(size_t indent, std::string_view label, size_t label_width, std::string_view text, Ink ink) {
  bool first = true;
  for (const std::string& line : Wrap(Shown(text), width() - indent - label_width, 0)) {
    out_ << std::string(indent, ' ') << Painted(PadRight(first ? label : "", label_width), Ink::kDim)
         << Painted(line, ink) << '\n';
    first = false;
  }
}

void Page::WriteHeading(std::string_view left, size_t hanging, std::string_view right, Ink right_ink) {
  const std::string shown_right = Shown(right);
  const size_t room = width() - DisplayWidth(shown_right) - 2;
  // A heading begins with a padded number and label: Wrap would fold their spaces, so they are kept apart.
  const std::string shown = Shown(left);
  const size_t head = std::min(hanging, shown.size());
  bool first = true;
  for (const std::string& line : Wrap(shown.substr(head), room - hanging, 0)) {
    out_ << (first ? Painted(shown.substr(0, head), Ink::kBold) : std::string(hanging, ' '))
         << Painted(line, Ink::kBold);
    if (first && !shown_right.empty()) {
      out_ << std::string(width() - hanging - DisplayWidth(line) - DisplayWidth(shown_right), ' ')
           << Painted(shown_right, right_ink);
    }
    out_ << '\n';
    first = false;
  }
}

}  // namespace pgassay::reporters
