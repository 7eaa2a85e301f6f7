// What the formats for machines list, with its weight and the place where a reviewer would look: without a verdict one
// item per finding, with one its entries first and then the findings that it knows already. The same in annotations,
// SARIF, JUnit, code quality and the comment. Pure; texts are unescaped: each format escapes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/report.h"

namespace pgassay::reporters {

// `file` is never empty: a format that demands a place gets pgassay.toml where nothing better is known.
struct Location {
  std::string file;
  int line = 1;
  bool known = false;  // from a tag or a test's label
};
// "shop/views.py:42", "tests/test_users.py::test_list", else unknown.
Location LocationOf(std::string_view site_or_label);
// The first site, else the first label that names a file, else unknown.
Location LocationOf(const std::vector<std::string>& sites, const std::vector<std::string>& labels);

enum class Weight : uint8_t { kNote, kWarning, kError };

struct Item {
  const gate::Entry* entry = nullptr;  // null without a verdict, and for what it knows already
  const Finding* finding = nullptr;    // null where the run has none: a budget, a fixed finding
  std::string rule, title;
  std::string id;       // the finding's, else a hash of what the entry is about
  std::string message;  // one paragraph
  std::string scope;    // the test or route first concerned, "" if unknown
  Weight weight = Weight::kNote;
  bool known = false;  // the baseline has it
  Location location;
};

// Most costly first, those of a verdict in its order; each id once.
std::vector<Item> ListItems(const Report& report);
// Whether it is about this run: not what was mended, nor what did not run.
bool IsPresent(const Item& item);

// The verdict in one line; without one "2 findings: 1 proven, 1 hint", "nothing found", "no query was recorded".
std::string HeadlineOf(const Report& report);

// As XML and HTML texts and attributes take it: markup, quotes, control characters, bidi controls and what is no
// character escaped.
std::string EscapeMarkup(std::string_view text);

}  // namespace pgassay::reporters
