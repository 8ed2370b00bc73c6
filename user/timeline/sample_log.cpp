#include "timeline/sample_log.h"

#include "util/kernel_words.h"

#include "numadrift/recipe.h"

#include <algorithm>
#include <unordered_map>

namespace numadrift {

std::uint32_t SampleLog::add(std::uint64_t time_ns, std::uint64_t line, Node node, std::uint64_t since_ns,
                             bool has_moved, std::int64_t weight) {
    if (samples_.size() >= kMost) fold();
    time_ns = std::max(time_ns, sampled_.end_ns);
    hear(time_ns);
    samples_.push_back({time_ns, since_ns, line, node, has_moved, weight});
    return static_cast<std::uint32_t>(size() - 1);
}

void SampleLog::hear(std::uint64_t time_ns) {
    if (sampled_.end_ns == 0) sampled_ = {time_ns, time_ns};
    time_ns = std::max(time_ns, sampled_.end_ns);
    if (time_ns - sampled_.end_ns > 2 * kAroundNs && gaps_.size() < kMostGaps)
        gaps_.push_back({sampled_.end_ns, time_ns});
    sampled_.end_ns = time_ns;
}

void SampleLog::moved(std::uint32_t sample, std::uint64_t time_ns, Node to) {
    if (sample >= told_) moves_.push_back({sample, time_ns, to});
}

// Of the nearest n samples, sample i is one from the time of sample i - n/2 to that of i + n/2. Those that
// vote at the time of the first and of the last sample of a period stand for what lies beyond.
SampleLog::Span SampleLog::votes_during(const Period& period, std::size_t index) const {
    const auto nearest = [&](std::size_t count) {
        const bool from_begin = index < period.first + count;
        const bool to_end = index + count >= period.last;
        const std::size_t before = std::max(index - std::min(index, count / 2), base_);
        return Span{from_begin ? period.from_ns : sample(before).time_ns,
                    to_end ? period.until_ns : sample(index + count / 2).time_ns};
    };
    const Span few = nearest(kFewest);
    const Span many = nearest(kWindow);
    const std::uint64_t time_ns = sample(index).time_ns;
    Span span{std::max(many.begin_ns, std::min(few.begin_ns, time_ns - std::min(time_ns, kAroundNs))),
              std::min(many.end_ns, std::max(few.end_ns, time_ns + kAroundNs))};
    const std::size_t first = std::max(period.first, base_);
    if (first == period.first && span.begin_ns <= sample(first).time_ns) span.begin_ns = period.from_ns;
    if (span.end_ns >= sample(period.last - 1).time_ns) span.end_ns = period.until_ns;
    return span;
}

void SampleLog::add_period(const Period& period, std::size_t until, const std::vector<Move>& moves,
                           std::vector<WeightStep>& steps) const {
    const std::size_t begin = std::max(period.first, told_);
    auto move = std::ranges::lower_bound(moves, begin, {}, &Move::sample);
    std::unordered_map<std::uint64_t, std::uint64_t> voted_until_ns; // by line
    for (std::size_t i = period.first; i < std::min(period.last, until); ++i) {
        const Sample& one = sample(i);
        auto [begin_ns, end_ns] = votes_during(period, i);
        std::uint64_t& voted_ns = voted_until_ns[one.line];
        begin_ns = std::max({begin_ns, one.since_ns, voted_ns});
        voted_ns = std::max(voted_ns, end_ns);
        if (i < told_) continue;
        Node node = one.node;
        const auto step = [&](std::uint64_t time_ns, Node on, std::int64_t weight, bool by_move) {
            steps.push_back({time_ns, on, weight, by_move, Evidence::sampled});
        };
        bool is_in = false;
        for (; move != moves.end() && move->sample == i; ++move) {
            if (move->time_ns >= end_ns || begin_ns >= end_ns) continue;
            if (move->time_ns > begin_ns) {
                if (!is_in) step(begin_ns, node, one.weight, false);
                is_in = true;
                step(move->time_ns, node, -one.weight, true);
                step(move->time_ns, move->to, one.weight, true);
            }
            node = move->to;
        }
        if (!is_in && begin_ns < end_ns)
            step(begin_ns, node, one.weight, one.has_moved && one.since_ns == begin_ns);
        if (begin_ns < end_ns && end_ns != UINT64_MAX) step(end_ns, node, -one.weight, false);
    }
}

// The steps of samples [told_, until).
void SampleLog::add_steps(std::size_t until, std::vector<WeightStep>& steps) const {
    std::vector<Move> moves = moves_;
    std::ranges::stable_sort(moves, {}, &Move::sample);
    Period period{base_, base_, 0, 0};
    for (std::size_t i = 0; i <= cleared_ns_.size(); ++i) {
        period.until_ns = i < cleared_ns_.size() ? cleared_ns_[i] : UINT64_MAX;
        const auto end = std::ranges::lower_bound(samples_, period.until_ns, {}, &Sample::time_ns);
        period.last = std::max(period.first, base_ + static_cast<std::size_t>(end - samples_.begin()));
        add_period(period, until, moves, steps);
        period.first = period.last;
        period.from_ns = period.until_ns;
    }
}

// Of the last 2 kWindow samples some are among the nearest to times to come.
void SampleLog::fold() {
    const std::size_t until = size() - 2 * kWindow;
    add_steps(until, folded_);
    std::ranges::stable_sort(folded_, {}, &WeightStep::time_ns);
    for (;; merge_ns_ *= 2) { // a window of all time has two steps for each node at most
        folded_ = merge_steps(folded_, merge_ns_);
        std::erase_if(folded_, [](const WeightStep& step) { return step.pages == 0; });
        if (folded_.size() <= kMost || merge_ns_ > UINT64_MAX / 4) break;
    }
    told_ = until;
    std::erase_if(moves_, [this](const Move& move) { return move.sample < told_; });
    const std::size_t kept_from = until - kWindow; // neighbours of those that come next
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(kept_from - base_));
    base_ = kept_from;
    // A period without samples left is told; the time it ended is where the next one begins.
    const auto over = std::ranges::upper_bound(cleared_ns_, samples_.front().time_ns);
    if (over - cleared_ns_.begin() > 1) cleared_ns_.erase(cleared_ns_.begin(), over - 1);
}

std::vector<WeightStep> SampleLog::steps() const {
    std::vector<WeightStep> steps = folded_;
    add_steps(size(), steps);
    // Many samples leave and enter at one time: a step for each node is enough.
    std::ranges::stable_sort(steps, {}, &WeightStep::time_ns);
    return merge_steps(steps, WeightLog::kMergeNs);
}

std::vector<SampleLog::Range> SampleLog::ranges_at_end() const {
    constexpr std::uint64_t kPage = 4096;
    constexpr std::uint64_t kLeastGap = std::uint64_t{2} << 20;
    constexpr std::uint64_t kUnusual = 16; // of random places one in 60,000 gaps is as long
    std::vector<std::uint64_t> pages;
    for (std::size_t i = samples_.size() - std::min(samples_.size(), kWindow); i < samples_.size(); ++i) {
        const std::uint64_t address = samples_[i].line * kLineBytes;
        const bool is_over = !cleared_ns_.empty() && samples_[i].time_ns < cleared_ns_.back();
        if (!is_over && nd_is_user(address)) pages.push_back(address / kPage * kPage);
    }
    std::ranges::sort(pages);
    std::vector<std::uint64_t> gaps;
    for (std::size_t i = 1; i < pages.size(); ++i) gaps.push_back(pages[i] - pages[i - 1]);
    const auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
    std::ranges::nth_element(gaps, middle);
    const std::uint64_t longest = gaps.empty() ? 0 : std::max(kLeastGap, kUnusual * *middle);
    std::vector<Range> ranges;
    for (const std::uint64_t page : pages) {
        if (ranges.empty() || page > ranges.back().end + longest) ranges.push_back({page, 0, 0});
        ranges.back().end = page + kPage;
        ++ranges.back().samples;
    }
    return ranges;
}

} // namespace numadrift
