#include "analyzer/catalog/measurement.h"

#include <algorithm>
#include <array>

namespace pgassay::catalog {
namespace {

constexpr std::array<std::string_view, 7> kNames = {"unknown", "key range", "containment", "agreement",
                                                    "copy",    "midnight",  "text values"};

}  // namespace

std::string_view MeasureKindName(MeasureKind kind) { return kNames.at(static_cast<size_t>(kind)); }

MeasureKind MeasureKindFromName(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  return found == kNames.end() ? MeasureKind::kUnknown : static_cast<MeasureKind>(found - kNames.begin());
}

double Measurement::Of(std::string_view name) const {
  const auto found = std::ranges::find(figures, name, &Figure::name);
  return found == figures.end() ? 0 : found->value;
}

}  // namespace pgassay::catalog
