#include "analyzer/lineage/order_statistics.h"

#include <algorithm>
#include <cmath>

namespace pgassay::lineage {
namespace {

// Exact distributions are kept up to this many pairs in all; beyond it the normal limit is good to the second digit.
constexpr uint64_t kMaxExactPairs = 300;

uint64_t CountInversions(std::vector<uint32_t> rows) {
  uint64_t inversions = 0;
  std::vector<uint32_t> merged(rows.size());
  for (size_t width = 1; width < rows.size(); width *= 2) {
    for (size_t from = 0; from < rows.size(); from += 2 * width) {
      const size_t middle = std::min(from + width, rows.size()), end = std::min(from + 2 * width, rows.size());
      size_t left = from, right = middle, out = from;
      while (left < middle && right < end) {
        if (rows[right] < rows[left]) {
          inversions += middle - left;
          merged[out++] = rows[right++];
        } else {
          merged[out++] = rows[left++];
        }
      }
      while (left < middle) merged[out++] = rows[left++];
      while (right < end) merged[out++] = rows[right++];
    }
    rows.swap(merged);
  }
  return inversions;
}

// Distribution of inversions over all groups: element k of a random permutation adds 0 .. k-1 of them, evenly.
double ExactTail(std::span<const std::vector<uint32_t>> groups, uint64_t inversions) {
  std::vector<double> probability{1.0};
  for (const auto& group : groups) {
    for (size_t k = 2; k <= group.size(); ++k) {
      std::vector<double> next(probability.size() + k - 1, 0.0);
      for (size_t i = 0; i < probability.size(); ++i) {
        for (size_t add = 0; add < k; ++add) next[i + add] += probability[i] / static_cast<double>(k);
      }
      probability.swap(next);
    }
  }
  double tail = 0;
  for (size_t i = 0; i <= inversions && i < probability.size(); ++i) tail += probability[i];
  return tail;
}

}  // namespace

OrderStatistics MeasureOrder(std::span<const std::vector<uint32_t>> groups) {
  OrderStatistics out;
  uint64_t pairs = 0, inversions = 0;
  double variance = 0;
  for (const auto& group : groups) {
    if (group.size() < 2) continue;
    const double n = static_cast<double>(group.size());
    out.values += group.size();
    pairs += group.size() * (group.size() - 1) / 2;
    inversions += CountInversions(group);
    variance += n * (n - 1) * (2 * n + 5) / 18;
  }
  if (pairs == 0) return out;
  const double score = static_cast<double>(pairs) - 2 * static_cast<double>(inversions);
  out.tau = score / static_cast<double>(pairs);
  const double tail =
      pairs <= kMaxExactPairs ? ExactTail(groups, inversions) : 0.5 * std::erfc((score - 1) / std::sqrt(2 * variance));
  out.log10_p = -std::log10(std::clamp(tail, 1e-300, 1.0));
  return out;
}

}  // namespace pgassay::lineage
