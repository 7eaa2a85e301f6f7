// For what is read in many parts: each part's value goes where it belongs, and one check at the end tells the first
// error.
#pragma once

#include <utility>

#include "proxy/base/result.h"

namespace pgassay {

// Moves the value of `from` into `to`, unless something failed before; `all` keeps what failed first.
template <class T>
void Take(Result<T> from, T& to, Result<>& all) {
  if (!all) return;
  if (from)
    to = std::move(*from);
  else
    all = std::unexpected(std::move(from.error()));
}

}  // namespace pgassay
