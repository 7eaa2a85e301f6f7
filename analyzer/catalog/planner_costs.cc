#include "analyzer/catalog/planner_costs.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace pgassay::catalog {
namespace {

void Set(const Setting& setting, std::string_view name, double& price) {
  if (setting.name == name) std::from_chars(setting.value.data(), setting.value.data() + setting.value.size(), price);
}

}  // namespace

Prices::Prices(const Snapshot& snapshot) {
  for (const Setting& setting : snapshot.settings) {
    Set(setting, "seq_page_cost", sequential_page);
    Set(setting, "random_page_cost", random_page);
    Set(setting, "cpu_tuple_cost", tuple);
    Set(setting, "cpu_index_tuple_cost", index_tuple);
    Set(setting, "cpu_operator_cost", operation);
  }
}

double PagesFetched(double tuples, double pages) { return std::min(pages, 2 * pages * tuples / (2 * pages + tuples)); }

}  // namespace pgassay::catalog
