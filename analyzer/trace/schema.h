// The trace's format: the text of schema.sql, built into the library, and the two numbers by which a file is known.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgassay::trace {

inline constexpr int32_t kApplicationId = 0x70676173;  // "pgas"
inline constexpr int32_t kFormat = 8;  // PRAGMA user_version; grows with every change that a reader must know of

extern const char* const kSchemaSql;

}  // namespace pgassay::trace
