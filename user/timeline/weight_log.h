// How much of the memory a thread uses is on which node, over time: a step function of pages.
//
// Evidence may be dated back: a page found on a node, that nobody saw coming there, was there
// before. So steps are kept and put into order at the end, not summed up as they come.
#pragma once

#include "timeline/ids.h"

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace numadrift {

// What a weight is known from.
enum class Evidence {
    pages,   // 4 KiB pages the thread touched first or took hint faults on
    sampled, // samples of its data addresses, in SampleLog's units
    kernel,  // task_struct::numa_faults, pages that fade
    process, // residency of the whole process, pages
};
inline constexpr std::array kAllEvidence = {Evidence::pages, Evidence::sampled, Evidence::kernel,
                                            Evidence::process};
inline constexpr std::size_t kEvidences = kAllEvidence.size();

struct WeightStep {
    std::uint64_t time_ns = 0;
    Node node = kNoNode;
    std::int64_t pages = 0;    // or what its evidence counts
    bool by_page_move = false; // pages moved, as against: became known or were freed
    Evidence evidence = Evidence::pages;
};

// Steps in the order of time, those of one node and kind within `window_ns` made one.
std::vector<WeightStep> merge_steps(const std::vector<WeightStep>& sorted, std::uint64_t window_ns);

class WeightLog {
public:
    // Steps within this time of each other are one: it bounds the log, and away intervals are
    // told to the millisecond.
    static constexpr std::uint64_t kMergeNs = 250'000;

    explicit WeightLog(Evidence evidence = Evidence::pages) : evidence_(evidence) {}

    void add(std::uint64_t time_ns, Node node, std::int64_t pages, bool by_page_move = false);

    // All memory is gone at this time: another program was started.
    void clear_at(std::uint64_t time_ns);

    // In the order of time, those dated back first.
    std::vector<WeightStep> steps() const;

    // The sum of a node's steps so far.
    std::int64_t sum(Node node) const;

private:
    static constexpr std::size_t kMost = 1u << 13;

    void make_room();

    Evidence evidence_;
    std::uint64_t merge_ns_ = kMergeNs; // longer where more happens than can be kept
    std::vector<WeightStep> steps_;
    std::map<Node, std::int64_t> sums_;
};

} // namespace numadrift
