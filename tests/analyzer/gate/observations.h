// Observations made by hand: what a few tests of a small project ask.
#pragma once

#include <string>
#include <utility>

#include "analyzer/gate/observation.h"

namespace pgassay::gate::tests {

inline constexpr const char* kUsers = "SELECT users";
inline constexpr const char* kOrdersOfUser = "SELECT orders where orders.user_id";
inline constexpr const char* kList = "tests/test_users.py::test_list";

inline void Count(Observation& to, const std::string& scope, const std::string& skeleton, uint64_t queries) {
  to.scopes[scope].statements[skeleton] = {.queries = {queries, queries}};
  to.statements.insert(skeleton);
  to.executions += queries;
  to.judged_executions += queries;
}

// A test that lists users and asks nothing twice.
inline Observation Clean() {
  Observation observation;
  Count(observation, kList, kUsers, 2);
  return observation;
}

inline FindingFacts OrdersOfUsers() {
  FindingFacts facts;
  facts.rule = "n-plus-one";
  facts.id = "85bb98d5ceb7";
  facts.pattern = "SELECT orders.user_id <- users.id";
  facts.title = "orders.user_id <- users.id";
  facts.statement = kOrdersOfUser;
  facts.skeletons = {kOrdersOfUser};
  facts.parent = "users.id";
  facts.confidence = Confidence::kProven;
  facts.tests = {kList};
  return facts;
}

// The same with the orders of each user loaded on their own.
inline Observation Lazy() {
  Observation observation = Clean();
  Count(observation, kList, kOrdersOfUser, 48);
  const FindingFacts facts = OrdersOfUsers();
  observation.findings.emplace(facts.id, facts);
  return observation;
}

}  // namespace pgassay::gate::tests
