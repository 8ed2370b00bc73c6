// The memory profile of a thread at one moment: weights per node, fused from all evidence. This is
// the one place where the rules of fusion are written down; README.md tells them to users.
//
// Each source says a distribution over nodes, and speaks with a voice counted in samples:
//   sampled   as many cache lines as were sampled around the moment (timeline/sample_log.h); where only a
//             base address is known, a page of its mapping counts a quarter. They measure what the thread's
//             instructions use, and outweigh all else once there are some dozens.
//   pages     first touches and hint faults, followed through page migrations: what the thread
//             has used, not how much. 64 P / (P + 64) for P pages, fading with the square of the samples:
//             halved by 32 of them, a seventeenth beside 128. Where few samples leave open on which side of a
//             limit a share is, 32 pages or more that agree with them decide it.
//   kernel    numa_faults: 16 K / (K + 512) for K counted pages, fading fast: the counts do not
//             follow pages that migrate.
//   process   residency of the whole process: 8, fading fast. A prior: alone it gives a home only
//             where nearly all of the process' memory is on one node, and it never makes a thread away.
// Weights are the mean of the distributions by voice. Sources that contradict each other are told,
// not averaged away.
#pragma once

#include "analysis/thresholds.h"
#include "timeline/ids.h"
#include "timeline/weight_log.h"

#include <array>
#include <map>
#include <optional>
#include <string>

namespace numadrift {

enum class Standing { unknown, spread, home, away };

std::string_view evidence_name(Evidence evidence);
std::string_view standing_name(Standing standing);

struct Bounds {
    double low = 0;
    double high = 1;
};

class Profile {
public:
    void add(Evidence evidence, Node node, std::int64_t amount);

    // Pages, samples (exact ones; a base address is a quarter), faults.
    double amount(Evidence evidence) const;
    // What one source alone says; empty where it says nothing.
    std::map<Node, double> shares(Evidence evidence) const;

    // How much of the weights a source decides: the shares of all are 1 together.
    double voice(Evidence evidence) const;

    // Fused. 0 where nothing is known.
    double weight(Node node) const;
    const std::map<Node, double>& weights() const;
    Bounds bounds(Node node) const; // 95 %
    double confidence() const;      // 1: the greatest weight is known exactly; 0: nothing is

    // The node that holds enough of it; none if it is spread or too little is known.
    std::optional<Node> home(const Thresholds& thresholds) const;
    Standing standing(Node on, const Thresholds& thresholds) const;

    // Two sources that each know enough, and disagree; empty if all agree.
    std::string contradiction() const;

private:
    struct Fused {
        std::map<Node, double> weights;
        std::array<double, kEvidences> voices{};
        double voice = 0;
    };
    const Fused& fused() const;
    bool is_enough_of_its_own(const Thresholds& thresholds) const;
    bool is_enough(const Thresholds& thresholds) const;
    bool is_decided(Node node, double limit, const Thresholds& thresholds) const;
    bool is_spread(const Thresholds& thresholds) const;

    std::array<std::map<Node, std::int64_t>, kEvidences> amounts_;
    mutable std::optional<Fused> fused_;
};

} // namespace numadrift
