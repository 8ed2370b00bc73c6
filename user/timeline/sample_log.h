// Samples of a thread's data addresses over time, and where their pages were.
//
// A thread's use of memory changes, and a sample says little: what it uses at one moment is told by the
// samples within kAroundNs of it; by the nearest kFewest where these are fewer, by the nearest kWindow where
// they are more. Of these a cache line votes once, however often it was sampled: what is used over and over
// is in the processor's caches, and where its page lies costs nothing. (A working set that this rule could
// distort has fewer lines than the window has samples: it fits the first-level cache.) A page that moves
// takes its samples with it. What is long past is kept as steps, in windows of time where there are many: the
// log is bounded.
#pragma once

#include "timeline/ids.h"
#include "timeline/weight_log.h"

#include <cstdint>
#include <vector>

namespace numadrift {

class SampleLog {
public:
    static constexpr std::uint64_t kLineBytes = 64;

    // So many at a time: a share of one half is then known to ±4.4 points (95 %).
    static constexpr std::size_t kWindow = 512;

    static constexpr std::size_t kFewest = 64;
    static constexpr std::uint64_t kAroundNs = 1'500'000'000;

    // In units of a WeightStep of samples: a base address says less than an exact one, and time spent
    // in faults says which pages are being placed, not which are used.
    static constexpr std::int64_t kExact = 4;
    static constexpr std::int64_t kWeak = 1;

    struct Span {
        std::uint64_t begin_ns = 0;
        std::uint64_t end_ns = 0;
    };

    // line: the address in cache lines. since_ns: when the page came to the node; 0: before the trace.
    // has_moved: from another one. Answers the sample's index.
    std::uint32_t add(std::uint64_t time_ns, std::uint64_t line, Node node, std::uint64_t since_ns,
                      bool has_moved, std::int64_t weight);

    // A first touch or a hint fault told of the thread's memory: it is not silent, though it is not sampled.
    void hear(std::uint64_t time_ns);

    // The page of that sample moved.
    void moved(std::uint32_t sample, std::uint64_t time_ns, Node to);

    // All memory is gone: samples so far say nothing of later.
    void clear_at(std::uint64_t time_ns) { cleared_ns_.push_back(time_ns); }

    std::size_t size() const { return base_ + samples_.size(); }

    // Too long ago to be among the nearest to any later time. Its page is not to be followed any more.
    bool is_past(std::uint32_t sample) const { return sample + kWindow < size(); }

    // At most so many are kept as they came.
    static constexpr std::size_t kMost = 1u << 13;

    // From the first that was heard of the thread's memory to the last.
    Span sampled() const { return sampled_; }

    // Pieces of that time in which nothing was heard, longer than two samples reach; the first kMostGaps.
    const std::vector<Span>& gaps() const { return gaps_; }

    // The weights at each time, of the samples nearest to it.
    std::vector<WeightStep> steps() const;

    // What the samples at the end are of, in bytes and in order: apart where nothing was sampled in between
    // for more than 2 MiB, and far more than is usual between two. One page alone is a range too.
    struct Range {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        std::size_t samples = 0;
    };
    std::vector<Range> ranges_at_end() const;

private:
    struct Sample {
        std::uint64_t time_ns = 0;
        std::uint64_t since_ns = 0;
        std::uint64_t line = 0;
        Node node = kNoNode;
        bool has_moved = false;
        std::int64_t weight = 0;
    };
    struct Move {
        std::uint32_t sample = 0;
        std::uint64_t time_ns = 0;
        Node to = kNoNode;
    };

    struct Period { // of one program's life: its samples, and what they stand for
        std::size_t first = 0;
        std::size_t last = 0;
        std::uint64_t from_ns = 0;
        std::uint64_t until_ns = UINT64_MAX;
    };

    static constexpr std::size_t kMostGaps = 1u << 12;

    void fold();
    const Sample& sample(std::size_t index) const { return samples_[index - base_]; }
    void add_steps(std::size_t until, std::vector<WeightStep>& steps) const;
    void add_period(const Period& period, std::size_t until, const std::vector<Move>& moves,
                    std::vector<WeightStep>& steps) const;
    Span votes_during(const Period& period, std::size_t index) const;

    std::size_t base_ = 0;        // index of the first of samples_
    std::vector<Sample> samples_; // in order of time
    std::vector<Move> moves_;
    Span sampled_;
    std::vector<Span> gaps_;
    std::vector<std::uint64_t> cleared_ns_;
    std::size_t told_ = 0; // samples before this one are in folded_, and those still kept are neighbours
    std::vector<WeightStep> folded_; // in order of time
    std::uint64_t merge_ns_ = WeightLog::kMergeNs;
};

} // namespace numadrift
