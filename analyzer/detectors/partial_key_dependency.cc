// Rule partial-key-dependency (second normal form): a column that half of the key decides.
//
//   order_items  (order_id, product_id)  product_name      one product, one name: on every line again
//                           └──────────────────┘
//
// Measured on the live database: see copies.h for the formula. Guards: the deliberate copy. A column whose comment or
// name says snapshot is left alone; dated lines that nobody updates are a hint; a warning only where the trace shows
// that the copies are updated when the original is.
#include "analyzer/detectors/copies.h"
#include "analyzer/detectors/registry.h"

namespace pgassay::detectors {
namespace {

constexpr std::array kOptions = {
    OptionInfo{"min_groups", 200, "values of the key's part with two rows and more that agreement is taken over"},
    OptionInfo{"min_agreement", 0.999, "pair agreement, corrected for chance"},
    OptionInfo{"min_equal", 0.99, "of the joined rows in which copy and original are equal, if there is an original"},
};

constexpr RuleInfo kInfo = {
    .id = "partial-key-dependency",
    .name = "2NF",
    .summary = "a column that a part of the composite key decides (second normal form)",
    .picture =
        "  order_items  (order_id, product_id)  product_name\n"
        "                          └─────────────────┘ one product, one name",
    .problem =
        "The table's key has two columns and more, and one of them alone decides this column: the same fact stands in "
        "every row of it. When it changes, all of them have to change together, and one that is missed contradicts the "
        "others.",
    .solution =
        "Keep it in the table that the part of the key names, and join. If it is meant as a snapshot of the day (a "
        "price, a name on an invoice), say so in a comment on the column or in its name.",
    .options = kOptions,
    .max_severity = Severity::kWarning,
    .schema = true,
    .enabled_by_default = false,
};

std::vector<Finding> DetectPartialKeyDependency(const TraceView& view, const Options& options) {
  const CopyOptions copy_options{.min_groups = OptionValue(kInfo, options, "min_groups"),
                                 .min_agreement = OptionValue(kInfo, options, "min_agreement"),
                                 .min_equal = OptionValue(kInfo, options, "min_equal")};
  return DetectCopies(kInfo, view, copy_options, [](const CopyCandidate& candidate) { return candidate.part_of_key; });
}

}  // namespace

constinit const Detector kPartialKeyDependency = {&kInfo, DetectPartialKeyDependency};

}  // namespace pgassay::detectors
