// Numbers as people read them, the same in evidence, summaries and reports.
// Pure; ASCII only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgassay::detectors {

uint64_t Rounded(double count);                                  // not negative, to the nearest whole
std::string Count(uint64_t count);                               // "1 284"
std::string Counted(uint64_t count, std::string_view singular);  // "1 unit", "12 units", "3 queries"
std::string Duration(int64_t ns);   // "850 ns", "61 us", "4.2 ms", "212 ms", "3.1 s", "2 min 5 s"
std::string Bytes(uint64_t bytes);  // "512 B", "48.2 MB" (decimal)
std::string Percent(double share);  // of 1: "93 %", "0.4 %", "<0.1 %"

}  // namespace pgassay::detectors
