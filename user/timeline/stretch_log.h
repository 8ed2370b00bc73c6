// Where a thread was and how long it ran there, in pieces; a bounded number of them. Where a thread does
// more than can be kept, neighbouring pieces on one node are joined, and then nodes are told by windows.
#pragma once

#include "timeline/ids.h"

#include <cstdint>
#include <vector>

namespace numadrift {

// Between two looks at a thread it was on CPUs of one node and ran `ran_ns` in all.
struct Stretch {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    Node node = kNoNode; // of its CPU; kNoNode: not known (loss)
    std::uint64_t ran_ns = 0;

    void take_up(const Stretch& other) { ran_ns += other.ran_ns; }
};

class StretchLog {
public:
    static constexpr std::size_t kMost = 1u << 14;

    // Begins where the one before ended, or later.
    void add(Stretch stretch);

    // In order, without overlap.
    const std::vector<Stretch>& pieces() const { return pieces_; }

    // Nodes are told in windows of this length; 0: exactly.
    std::uint64_t window_ns() const { return window_ns_; }

private:
    void make_room();

    std::vector<Stretch> pieces_;
    std::uint64_t join_ns_ = 250'000; // as WeightLog merges
    std::uint64_t window_ns_ = 0;
};

} // namespace numadrift
