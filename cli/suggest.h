// "Did you mean …": the known name that a mistyped one is closest to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgassay::cli {

// Edits (insert, delete, replace, swap of neighbours) that make `left` into `right`.
size_t EditDistance(std::string_view left, std::string_view right);
// The closest of `known`, or "" when none is within a third of its length (at least one edit). Ties: the first.
std::string_view Nearest(std::string_view name, const std::vector<std::string_view>& known);
// " (did you mean X?)", or "".
std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace pgassay::cli
