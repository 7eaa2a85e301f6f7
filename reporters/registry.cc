#include "reporters/registry.h"

#include <algorithm>
#include <array>

namespace pgassay::reporters {

std::span<const Reporter> AllReporters() {
#define PGASSAY_REPORTER(format, function, summary) Reporter{#format, summary, function},
  static constexpr std::array kReporters = {
#include "reporters/reporters.def"
  };
#undef PGASSAY_REPORTER
  return kReporters;
}

const Reporter* FindReporter(std::string_view format) {
  const auto all = AllReporters();
  const auto found = std::ranges::find(all, format, &Reporter::format);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace pgassay::reporters
