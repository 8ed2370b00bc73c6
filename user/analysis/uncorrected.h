// Why nothing brought a thread and its memory together again while it was away: what NUMA
// balancing was told or did, and what limits and policies forbid.
#pragma once

#include "analysis/locality.h"

#include <string>
#include <vector>

namespace numadrift {

class Uncorrected {
public:
    Uncorrected(const ThreadTrack& track, const Timeline& timeline);

    // A sentence each, most telling first; empty where nothing is known to have stood in the way.
    std::vector<std::string> reasons(const AwayInterval& interval);

private:
    void add_limits(const AwayInterval& interval, const Limits& limits, std::vector<std::string>& reasons);

    const ThreadTrack& track_;
    const Timeline& timeline_;
    const Limits* parsed_ = nullptr; // whose lists these are
    std::vector<std::uint32_t> cpus_;
    std::vector<std::uint32_t> mems_;
    std::vector<std::uint32_t> named_;
};

} // namespace numadrift
