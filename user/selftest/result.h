// The answer of the selftest, as text and as JSON.
#pragma once

#include "selftest/check.h"
#include "selftest/cost.h"

#include <string>
#include <vector>

namespace numadrift::selftest {

struct Answer {
    std::string host;
    std::string kernel;
    Plan plan;
    std::vector<Check> checks;
    std::uint64_t attach_ns = 0;
    std::uint64_t length_ns = 0;
    Cost cost;
    std::vector<SourceState> sources;
};

// "moves two of its threads between node 0 and node 1".
std::string intent_of(const Plan& plan);

// At most 80 columns.
std::string text_of(const Answer& answer);

// Schema numadrift.selftest/1.
std::string json_of(const Answer& answer);

} // namespace numadrift::selftest
