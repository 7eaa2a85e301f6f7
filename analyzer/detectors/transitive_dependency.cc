// Rule transitive-dependency (third normal form): a column that another column decides, not the key.
//
//   orders  (id)  user_id   user_email       one user, one address: on every order again
//                 └─────────┘
//
// Measured on the live database: see copies.h for the formula. Guards: the deliberate copy. A column whose comment or
// name says snapshot is left alone; dated lines that nobody updates are a hint; a warning only where the trace shows
// that the copies are updated when the original is.
#include "analyzer/detectors/copies.h"
#include "analyzer/detectors/registry.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_groups", 200, "values of the reference with two rows and more that agreement is taken over"},
    OptionInfo{"min_agreement", 0.999, "pair agreement, corrected for chance"},
    OptionInfo{"min_equal", 0.99, "of the joined rows in which copy and original are equal"},
};

constexpr RuleInfo kInfo = {
    .id = "transitive-dependency",
    .name = "3NF",
    .summary = "a column that a reference decides, not the key (third normal form)",
    .picture =
        "  orders  (id)  user_id  user_email\n"
        "                └──────────┘ one user, one address",
    .problem =
        "The column repeats what the row that a reference points at says: by its name, by its values, and because rows "
        "of equal reference agree in it. When the original changes, every copy has to change with it, and one that is "
        "missed contradicts it.",
    .solution =
        "Read it from the referenced table by a join. If it is meant as a snapshot of the day (the address that an "
        "invoice was sent to), say so in a comment on the column or in its name.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
    .enabled_by_default = false,
};

std::vector<Finding> DetectTransitiveDependency(const TraceView& view, const Options& options) {
  const CopyOptions copy_options{.min_groups = OptionValue(kInfo, options, "min_groups"),
                                 .min_agreement = OptionValue(kInfo, options, "min_agreement"),
                                 .min_equal = OptionValue(kInfo, options, "min_equal")};
  return DetectCopies(kInfo, view, copy_options, [](const CopyCandidate& candidate) {
    return !candidate.part_of_key && candidate.original != nullptr;
  });
}

}  // namespace

constinit const Detector kTransitiveDependency = {&kInfo, DetectTransitiveDependency};

}  // namespace pgassay::detectors
