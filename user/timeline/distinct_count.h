// How many different things were seen, in 128 bytes a count: linear counting (Whang et al., 1990), exact to
// some per cent up to a few thousand.
#pragma once

#include <algorithm>
#include <bitset>
#include <cmath>
#include <cstdint>

namespace numadrift {

class DistinctCount {
public:
    void add(std::uint64_t thing) {
        const std::uint64_t mixed = (thing ^ thing >> 31) * 0x9e3779b97f4a7c15u;
        seen_.set(mixed >> (64 - kLog2Bits));
    }

    std::uint64_t estimate() const {
        constexpr double kBits = std::uint64_t{1} << kLog2Bits;
        const double empty = kBits - static_cast<double>(seen_.count());
        return static_cast<std::uint64_t>(std::llround(kBits * std::log(kBits / std::max(empty, 1.0))));
    }

private:
    static constexpr unsigned kLog2Bits = 10;
    std::bitset<std::size_t{1} << kLog2Bits> seen_;
};

} // namespace numadrift
