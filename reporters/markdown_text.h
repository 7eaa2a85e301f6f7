// Text for GitHub's and GitLab's Markdown: whatever the text says, it stays text. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgassay::reporters {

// At most `most_bytes` and an ellipsis; never cut inside of a UTF-8 sequence.
std::string Cut(std::string_view text, size_t most_bytes);
// Escaped as for a terminal, line ends become spaces.
std::string OneLine(std::string_view text);
// Nothing in it is markup, a mention, an issue's number or a link; one line.
std::string Prose(std::string_view text);
// A code span that also stands in a table; long ones are cut.
std::string Code(std::string_view text);
// A fenced block. `text` ends with a line end.
std::string Fenced(std::string_view language, std::string_view text);

}  // namespace pgassay::reporters
