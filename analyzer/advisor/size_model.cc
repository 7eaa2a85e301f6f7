#include "analyzer/advisor/size_model.h"

#include <algorithm>
#include <cmath>

namespace pgassay::advisor {
namespace {

constexpr double kPage = 8192, kPageHeader = 40;  // header and special space
constexpr double kLeafFill = 0.9;                 // the default fill factor, which CREATE INDEX follows
constexpr double kTupleOverhead = 12;             // line pointer and tuple header
constexpr double kPostingEntry = 6;               // one row of a deduplicated key
constexpr double kMeanPadding = 3.5;              // of an entry whose width varies, to the next 8 bytes
constexpr double kListPadding = 3;                // of a posting list
constexpr double kInnerShare = 1.005;             // inner pages above the leaves
constexpr double kEntriesOfInnerPage = 250;
// GIN, bytes a row: an entry's posting takes about two bytes, compressed.
constexpr double kPostingByte = 1.9;
constexpr double kGinFill = 0.5;  // of pages of entries, which are split in the middle
constexpr double kWordBytes = 7;  // of a document, per key or lexeme

double Align8(double bytes) { return std::ceil(bytes / 8) * 8; }

// Of an expression on one column, which `function(column)` is: that.
const catalog::Column* ColumnOf(const catalog::IndexKey& key, const catalog::Relation& relation) {
  if (key.attnum != 0) return catalog::FindColumn(relation, key.attnum);
  const auto found = std::ranges::find_if(relation.columns, [&](const catalog::Column& column) {
    return key.expression.contains("(" + catalog::QuoteIdentifier(column.name) + ")");
  });
  return found == relation.columns.end() ? nullptr : &*found;
}

// What an entry holds of columns: each its width, all together aligned.
class EntryWidth {
 public:
  void Add(const catalog::Column* column) {
    bytes_ += column == nullptr || column->average_width < 0 ? 16 : column->average_width;
    varies_ = varies_ || column == nullptr || column->storage != 'p';
  }
  double Aligned() const { return varies_ ? bytes_ + kMeanPadding : Align8(bytes_); }
  double bytes() const { return bytes_; }

 private:
  double bytes_ = 0;
  bool varies_ = false;
};

EntryWidth WidthOf(const catalog::IndexKey& key, const catalog::Relation& relation) {
  EntryWidth width;
  width.Add(ColumnOf(key, relation));
  return width;
}

double Pages(double bytes) { return std::max(1.0, std::ceil(bytes / ((kPage - kPageHeader) * kLeafFill))); }

double BtreePages(const catalog::IndexSpec& spec, const catalog::Relation& relation, double rows) {
  EntryWidth entry;
  for (const catalog::IndexKey& key : spec.keys) entry.Add(ColumnOf(key, relation));
  for (const int16_t column : spec.included) entry.Add(catalog::FindColumn(relation, column));
  const double one = kTupleOverhead + entry.Aligned();
  const double keys = std::min(DistinctKeys(spec.keys, relation, rows), rows);
  if (!spec.included.empty() || keys >= rows * 0.98) return Pages(rows * one);  // INCLUDE forbids deduplication
  // Keys that come more than once.
  const double lists = std::min(keys, rows - keys);
  return Pages(keys * one + (rows - keys + lists) * kPostingEntry + lists * kListPadding);
}

double GinBytes(const catalog::IndexSpec& spec, const catalog::Relation& relation, double rows) {
  const catalog::Column* column = catalog::FindColumn(relation, spec.keys[0].attnum);
  const double width = WidthOf(spec.keys[0], relation).bytes();
  if (spec.keys[0].operator_class == "gin_trgm_ops") return rows * width * kPostingByte;  // a trigram per character
  double keys = std::max(1.0, width / kWordBytes);
  if (column != nullptr && column->type.ends_with("[]")) keys = std::max(1.0, (width - 20) / 8);
  if (column != nullptr && column->type == "jsonb") keys = std::max(1.0, (width - 8) / 12);
  if (spec.keys[0].operator_class == "jsonb_path_ops") keys *= 0.6;  // one entry for a path and its value
  return rows * keys * (kPostingByte + 1) * (kLeafFill / kGinFill);
}

}  // namespace

double DistinctKeys(const std::vector<catalog::IndexKey>& keys, const catalog::Relation& relation, double rows) {
  double distinct = 1;
  for (const catalog::IndexKey& key : keys) {
    const catalog::Column* column = ColumnOf(key, relation);
    double values = column == nullptr || column->distinct == 0 ? rows
                    : column->distinct > 0                     ? column->distinct
                                                               : -column->distinct * rows;
    distinct *= std::max(values, 1.0);
  }
  // Of `distinct` possible combinations, those that `rows` draws hit.
  if (keys.size() > 1 && distinct > 0 && rows > 0) distinct = distinct * (1 - std::exp(-rows / distinct));
  return std::clamp(distinct, 1.0, std::max(rows, 1.0));
}

double TreeLevels(double pages) {
  if (pages <= 2) return 0;  // the metapage and the only leaf
  return std::max(1.0, std::ceil(std::log(pages) / std::log(kEntriesOfInnerPage)));
}

int64_t IndexBytes(const catalog::IndexSpec& spec, const catalog::Relation& relation, double share,
                   const catalog::Snapshot& snapshot) {
  const TableSize size = SizeOf(snapshot, relation);
  const double rows = std::max(1.0, size.rows * share);
  double pages = 0;
  if (spec.access_method == "brin") {
    const double ranges = std::ceil(size.pages / kRangePages);
    pages = 3 + std::ceil(ranges * (2 * WidthOf(spec.keys[0], relation).bytes() + 16) / (kPage - kPageHeader));
  } else if (spec.access_method == "gin") {
    pages = 2 + Pages(GinBytes(spec, relation, rows));
  } else {
    pages = 1 + std::ceil(BtreePages(spec, relation, rows) * kInnerShare);
  }
  return static_cast<int64_t>(pages * kPage);
}

}  // namespace pgassay::advisor
