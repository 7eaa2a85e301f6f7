// What EXPLAIN (FORMAT JSON, VERBOSE) said, without values: node types, relations and indexes stay as they are,
// conditions and keys pass the redactor, text of any other key is "…"; output lists are left out. Source: PostgreSQL
// manual, EXPLAIN; explain.c of 14 to 18.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace pgassay::catalog {

struct ReadPlan {
  double total_cost = 0, rows = 0;                 // of several plans (rules): the sum of costs, the last one's rows
  std::vector<std::string> indexes = {};           // in the order of the plan, each once
  std::vector<std::string> sequential_scans = {};  // "schema.relation", quoted where needed, each once
  std::string json = {};                           // redacted, compact
  bool partitions_removed = false;                 // by values that were known at planning only
};

// `shown`: in place of index names, in the JSON only.
Result<ReadPlan> PlanFromJson(std::string_view json, const std::map<std::string, std::string>& shown = {});

}  // namespace pgassay::catalog
