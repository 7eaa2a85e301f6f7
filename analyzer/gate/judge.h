// The verdict on a run: what it shows, against what is accepted, by the project's policy. The rules in one place:
//
//   new finding      its id is not in the baseline. What only came to light because another one on the same statement
//                    was fixed warns.
//   spread           a known id at a new route or site (a line that moved within its file is not new), or, where
//                    neither is known, in a known test that did not show it. In a new test alone it warns.
//   growth           of a known scope: executions of a statement, less what other statements on its relations lost,
//                    or of all its statements; rows and bytes likewise.
//   explained        growth of a scope that a new or spread finding accounts for is shown under it.
//   fixed            a finding of the baseline is gone, and everything that showed it ran; else it is not exercised.
//   inconclusive     nothing captured, opaque sessions, anything dropped, an unfinished recording, no scope in common.
//                    What has failed has failed nevertheless.
//
// Pure: the same values give the same verdict.
#pragma once

#include <string_view>

#include "analyzer/gate/observation.h"
#include "analyzer/gate/policy.h"
#include "analyzer/gate/verdict.h"

namespace pgassay::gate {

// `now`: warm-up left out. `today` judges suppressions that expire.
Verdict Judge(const Observation& now, const Observation& baseline, const trace::Totals& totals, const Policy& policy,
              std::string_view today);

// Several services: the worst outcome, all reasons and entries; each entry's service is named already.
Verdict Combine(std::vector<Verdict> verdicts);

}  // namespace pgassay::gate
