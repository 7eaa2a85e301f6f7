// Errors are values: every call that can fail on input returns Result<T>; nothing below cli/ throws across a folder,
// prints, exits or aborts. An Error is one sentence for a person: it names the thing and, where there is one, the mend.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace pgassay {

struct Error {
  std::string message;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(std::string message) { return std::unexpected(Error{std::move(message)}); }

}  // namespace pgassay
