// Declares every Detector of detectors.def. A rule's file includes this and defines its own: `constinit const Detector
// kMyRule{…}`.
#pragma once

#include "analyzer/detectors/detector.h"

namespace pgassay::detectors {

#define PGASSAY_DETECTOR(constant) extern const Detector constant;
#include "analyzer/detectors/detectors.def"
#undef PGASSAY_DETECTOR

}  // namespace pgassay::detectors
