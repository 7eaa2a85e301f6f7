// The built page (reporters/web/page.html) as CMake puts it into the binary. It holds its mark for the data once.
#pragma once

#include <string_view>

namespace pgassay::reporters {

std::string_view PageText();

}  // namespace pgassay::reporters
