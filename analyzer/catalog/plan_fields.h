// Fields of EXPLAIN (FORMAT JSON), inside catalog/ only: a field that is missing, or of another kind, is "" or 0.
// Source: PostgreSQL manual, EXPLAIN. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace pgassay::catalog {

using PlanJson = nlohmann::ordered_json;

inline constexpr int kMaxPlanDepth = 500;  // a plan that is nested deeper is nobody's, and its readers recurse

inline std::string TextAt(const PlanJson& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : "";
}
inline double NumberAt(const PlanJson& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_number() ? found->get<double>() : 0;
}

}  // namespace pgassay::catalog
