#include "analyzer/detectors/words.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace pgassay::detectors {
namespace {

// One digit after the point below `limit`, and none that says nothing: "4.2", "4", "61".
std::string Short(double number, double limit) {
  std::string digits = fmt::format("{:.{}f}", number, number < limit ? 1 : 0);
  if (digits.ends_with(".0")) digits.resize(digits.size() - 2);
  return digits;
}

}  // namespace

uint64_t Rounded(double count) { return static_cast<uint64_t>(std::llround(count)); }

std::string Count(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, 1, ' ');
  return digits;
}

std::string Counted(uint64_t count, std::string_view singular) {
  if (count == 1) return fmt::format("1 {}", singular);
  if (singular.ends_with("ry")) return fmt::format("{} {}ies", Count(count), singular.substr(0, singular.size() - 1));
  return fmt::format("{} {}s", Count(count), singular);
}

std::string Duration(int64_t ns) {
  if (ns < 0) return "-" + Duration(-ns);
  const auto time = static_cast<double>(ns);
  if (ns == 0) return "0 ms";
  if (ns < 1000) return fmt::format("{} ns", ns);
  if (time < 999.5e3) return fmt::format("{:.0f} us", time / 1e3);
  if (time < 999.5e6) return Short(time / 1e6, 9.95) + " ms";
  if (time < 119.5e9) return Short(time / 1e9, 9.95) + " s";
  const uint64_t seconds = Rounded(time / 1e9);
  if (seconds < 7200) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string Bytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  auto amount = static_cast<double>(bytes) / 1e3;
  size_t unit = 0;
  for (; amount >= 999.5 && unit + 1 < kUnits.size(); ++unit) amount /= 1e3;
  return fmt::format("{} {}", Short(amount, 99.95), kUnits[unit]);
}

std::string Percent(double share) {
  const double percent = share * 100;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  if (percent < 0.95 && percent > 0) return fmt::format("{:.1f} %", percent);
  if (percent > 99 && percent < 100) return "99 %";  // "100 %" is said of all only
  return fmt::format("{:.0f} %", percent);
}

}  // namespace pgassay::detectors
