// Advice for processes whose threads use memory of many nodes: nothing they run on is right, only less wrong.
#pragma once

#include "report/advice_facts.h"
#include "report/report.h"

#include <vector>

namespace numadrift {

std::vector<Advice> advise_spread(const Report& report, const AdviceFacts& facts);

} // namespace numadrift
