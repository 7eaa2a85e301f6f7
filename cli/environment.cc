#include "cli/environment.h"

#include <unistd.h>

#include <algorithm>

namespace pgassay::cli {

Environment Environment::OfThisProcess() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    result.variables_.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

std::optional<std::string> Environment::Get(std::string_view name) const {
  for (const auto& [known, value] : variables_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string> Environment::GetFilled(std::string_view name) const {
  std::optional<std::string> value = Get(name);
  if (value && value->empty()) value.reset();
  return value;
}

void Environment::Set(std::string_view name, std::string value) {
  for (auto& [known, old] : variables_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  variables_.emplace_back(name, std::move(value));
}

void Environment::Unset(std::string_view name) {
  std::erase_if(variables_, [name](const auto& variable) { return variable.first == name; });
}

}  // namespace pgassay::cli
