// What the advisor would make of a database's statements, before the recorder exits and their values are gone: what
// their slots held (slot_facts.h), and what the planner says of the indexes where it can be asked. Blocking.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "analyzer/catalog/connection.h"
#include "analyzer/catalog/planner.h"
#include "analyzer/ingest/samples.h"
#include "analyzer/trace/plan_row.h"
#include "analyzer/trace/slot_row.h"
#include "analyzer/trace/trial_row.h"

namespace pgassay::ingest {

struct Confirmed {
  std::vector<trace::SlotRow> slots = {};  // by statement, slot; a constant only where an index has it
  std::vector<trace::TrialRow> trials = {};
};

// `budget`: for trials of indexes, and a quarter of it for those of fewer columns.
Confirmed ConfirmAdvice(catalog::Connections& connections, catalog::Planner& planner,
                        std::span<const StatementToPlan> statements, std::span<const StatementUse> uses,
                        std::span<const trace::PlanRow> plans, std::chrono::milliseconds budget);

}  // namespace pgassay::ingest
