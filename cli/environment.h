// A process environment as a value: NAME=VALUE in order, the first of a repeated name wins as in getenv.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgassay::cli {

class Environment {
 public:
  Environment() = default;
  Environment(std::initializer_list<std::pair<std::string, std::string>> variables) : variables_(variables) {}
  static Environment OfThisProcess();

  std::optional<std::string> Get(std::string_view name) const;
  // Get, with a set but empty variable taken for unset, as libpq does.
  std::optional<std::string> GetFilled(std::string_view name) const;
  void Set(std::string_view name, std::string value);
  void Unset(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& variables() const { return variables_; }

 private:
  std::vector<std::pair<std::string, std::string>> variables_;
};

}  // namespace pgassay::cli
