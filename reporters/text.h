// Text for terminals: escaped, shortened, wrapped, aligned. Untrusted text (SQL, labels, tags) goes through
// EscapeForTerminal before anything else; escape sequences for colour are added last, to whole lines or cells. Pure.
// Widths are columns as a terminal counts them.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "reporters/reporter.h"

namespace pgassay::reporters {

size_t DisplayWidth(std::string_view text);

// Lines of at most `width` columns, broken at spaces; never between a number and what follows it, nor before a "·". The
// first line starts at column 0, the others after `hanging` spaces (included). A word longer than a line is cut.
std::vector<std::string> Wrap(std::string_view text, size_t width, size_t hanging);

enum class Ink : uint8_t { kPlain, kBold, kDim, kProven, kLikely, kFix, kWarning };

// Lines on a page of style.width columns. Texts given to it are escaped by it; its own signs (· → ← × … ┐) become ASCII
// where the style asks for that.
class Page {
 public:
  Page(const ReportStyle& style, std::ostream& out) : style_(style), out_(out) {}

  // `text` wrapped behind `indent` spaces, further lines `hanging` deeper.
  void Write(size_t indent, std::string_view text, Ink ink = Ink::kPlain, size_t hanging = 0);
  // A label, then `text` wrapped in the column `indent` + `label_width`; an empty label continues the one before.
  void WriteLabelled(size_t indent, std::string_view label, size_t label_width, std::string_view text,
                     Ink ink = Ink::kPlain);
  // `left` and, at the right margin, `right`; `left` is wrapped where both do not fit. The first `bold` columns of left
  // are bold.
  void WriteHeading(std::string_view left, size_t hanging, std::string_view right, Ink right_ink);
  // Cells as they are (already aligned and escaped), in one ink.
  void WriteLine(std::string_view line, Ink ink = Ink::kPlain);
  void Blank();

  // Escaped, and in ASCII where the style asks for that.
  std::string Shown(std::string_view text) const;
  const ReportStyle& style() const { return style_; }
  size_t width() const;

 private:
  std::string Painted(std::string_view text, Ink ink) const;
  const ReportStyle& style_;
  std::ostream& out_;
};

std::string PadLeft(std::string_view text, size_t width);
std::string PadRight(std::string_view text, size_t width);

// One line of SQL that shows where `fix` differs from `sql`: false if they differ in the select list only, which
// shortening hides.
bool DiffersBeyondSelectList(std::string_view sql, std::string_view fix);

}  // namespace pgassay::reporters
