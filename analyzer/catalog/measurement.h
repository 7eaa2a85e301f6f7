// Figures that were counted on the live database for a rule, because the catalogue cannot say them: fractions and
// counts, never a value of a row. Which ones are wanted is the rules' business (detectors/measurements.h), how they are
// counted is measure.h's. Plain values; stored with the snapshot that their OIDs belong to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgassay::catalog {

// In the order in which they are taken: the cheap and grave ones first.
enum class MeasureKind : uint8_t {
  kUnknown,
  kKeyRange,     // of an integer key: used_share, of its type's positive range
  kContainment,  // of a would-be foreign key: sampled, contained
  kAgreement,    // of two columns (a, b), does a decide b: rows, groups, agreement, chance, corrected
  kCopy,         // of (reference, copy) against (key, original): rows, equal
  kMidnight,     // of a timestamp column: sampled, midnight
  kTextValues,   // of a text column: sampled, distinct, case_variants, lists, id_lists, min_items, max_items
};
std::string_view MeasureKindName(MeasureKind kind);  // "key range", "containment", …
MeasureKind MeasureKindFromName(std::string_view name);

struct MeasureTask {
  MeasureKind kind = MeasureKind::kUnknown;
  uint32_t relation_oid = 0;
  std::vector<int16_t> columns = {};
  uint32_t referenced_oid = 0;  // of kContainment and kCopy
  std::vector<int16_t> referenced_columns = {};
  friend bool operator==(const MeasureTask&, const MeasureTask&) = default;
};

struct Figure {
  std::string name = {};
  double value = 0;
  friend bool operator==(const Figure&, const Figure&) = default;
};

struct Measurement {
  MeasureTask task = {};
  std::vector<Figure> figures = {};        // named as above
  double Of(std::string_view name) const;  // 0 if it is not there
  friend bool operator==(const Measurement&, const Measurement&) = default;
};

}  // namespace pgassay::catalog
