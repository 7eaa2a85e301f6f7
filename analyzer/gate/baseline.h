// The accepted state of a project, as JSON to be committed and reviewed by people. It says which findings are known
// (likely and proven, so that a promotion is not new), where, and what each scope asks. Sorted, one entry per line
// where two branches may add one; no time, no machine's name, no line of a test, no select list is in it. Bytes are
// there from 64 kB on, as a power of two: a serial's digits must not change a file.
//
// Pure: text in, text out. Errors are sentences that name what is wrong, without the file's name.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/gate/observation.h"

namespace pgassay::gate {

inline constexpr int kBaselineFormat = 1;

// What a baseline keeps of a scope's bytes: 0 below 64 kB, else the next power of two.
uint64_t CoarseBytes(uint64_t bytes);

// REQUIRES: warm-up was left out.
std::string BaselineText(const Observation& observation);
Result<Observation> ParseBaseline(std::string_view text);

}  // namespace pgassay::gate
