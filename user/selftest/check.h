// Holds what numadrift says of the drifting process against what that did. Pure: no clock, no kernel.
#pragma once

#include "selftest/recording.h"

#include <string>
#include <string_view>
#include <vector>

namespace numadrift::selftest {

enum class Unit { none, ms, percent, points };

struct Check {
    std::string who; // a thread's name, or "all"
    std::string what;
    std::string expected;
    std::string measured;
    double error = 0; // in units; moments: how far from the call that made it, at most
    Unit unit = Unit::none;
    bool passed = false;
};

std::string_view unit_name(Unit unit);

// All that can be checked in the truth's scope, thread by thread.
std::vector<Check> check(const Recording& recording);

bool all_passed(const std::vector<Check>& checks);

// The greatest of one unit.
double greatest_error(const std::vector<Check>& checks, Unit unit);

} // namespace numadrift::selftest
