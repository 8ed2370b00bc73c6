#include "timeline/sample_log.h"

#include <algorithm>

namespace numadrift {

std::uint32_t SampleLog::add(std::uint64_t time_ns, Node node, std::uint64_t since_ns, bool has_moved,
                             std::int64_t weight) {
    if (!samples_.empty()) time_ns = std::max(time_ns, samples_.back().time_ns);
    samples_.push_back({time_ns, since_ns, node, has_moved, weight});
    return static_cast<std::uint32_t>(samples_.size() - 1);
}

void SampleLog::moved(std::uint32_t sample, std::uint64_t time_ns, Node to) {
    moves_.push_back({sample, time_ns, to});
}

// Samples [first, last) of one program's life, from_ns to until_ns. Sample i is among the nearest
// from the time of sample i - kWindow/2 to that of i + kWindow/2; the first and the last of them
// stand for what lies beyond.
void SampleLog::add_period(std::size_t first, std::size_t last, std::uint64_t from_ns, std::uint64_t until_ns,
                           const std::vector<Move>& moves, std::vector<WeightStep>& steps) const {
    constexpr std::size_t kHalf = kWindow / 2;
    auto move = std::ranges::lower_bound(moves, first, {}, &Move::sample);
    for (std::size_t i = first; i < last; ++i) {
        const Sample& sample = samples_[i];
        const bool from_begin = i < first + kWindow;
        const bool to_end = i + kWindow >= last;
        std::uint64_t begin_ns = from_begin ? from_ns : samples_[i - kHalf].time_ns;
        const std::uint64_t end_ns = to_end ? until_ns : samples_[i + kHalf].time_ns;
        begin_ns = std::max(begin_ns, sample.since_ns);
        Node node = sample.node;
        const auto step = [&](std::uint64_t time_ns, Node on, std::int64_t weight, bool by_move) {
            steps.push_back({time_ns, on, weight, by_move, Evidence::sampled});
        };
        bool is_in = false;
        for (; move != moves.end() && move->sample == i; ++move) {
            if (move->time_ns >= end_ns) continue;
            if (move->time_ns > begin_ns) {
                if (!is_in) step(begin_ns, node, sample.weight, false);
                is_in = true;
                step(move->time_ns, node, -sample.weight, true);
                step(move->time_ns, move->to, sample.weight, true);
            }
            node = move->to;
        }
        if (!is_in && begin_ns < end_ns)
            step(begin_ns, node, sample.weight, sample.has_moved && sample.since_ns == begin_ns);
        if (begin_ns < end_ns && end_ns != UINT64_MAX) step(end_ns, node, -sample.weight, false);
    }
}

std::vector<WeightStep> SampleLog::steps() const {
    std::vector<Move> moves = moves_;
    std::ranges::stable_sort(moves, {}, &Move::sample);
    std::vector<WeightStep> steps;
    std::size_t first = 0;
    std::uint64_t from_ns = 0;
    for (std::size_t period = 0; period <= cleared_ns_.size(); ++period) {
        const std::uint64_t until_ns = period < cleared_ns_.size() ? cleared_ns_[period] : UINT64_MAX;
        const auto last = static_cast<std::size_t>(
            std::ranges::lower_bound(samples_, until_ns, {}, &Sample::time_ns) - samples_.begin());
        if (last > first) add_period(first, last, from_ns, until_ns, moves, steps);
        first = std::max(first, last);
        from_ns = until_ns;
    }
    // Many samples leave and enter at one time: a step for each node is enough.
    std::ranges::stable_sort(steps, {}, &WeightStep::time_ns);
    return merge_steps(steps, WeightLog::kMergeNs);
}

} // namespace numadrift
