// Residency rows put together for printing: one line a mapping and policy, nodes side by side.
#pragma once

#include "event/event.h"
#include "timeline/ids.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace numadrift {

struct MappingPages {
    std::map<Node, std::uint64_t> pages;
    std::map<Node, Residency> bounds; // the row itself: low and high
};

// By mapping and policy.
std::map<std::pair<std::string, std::string>, MappingPages> by_mapping(const std::vector<Residency>& rows);

// A table of it, a line each, for text output.
std::vector<std::string> residency_lines(const std::vector<Residency>& rows);

} // namespace numadrift
